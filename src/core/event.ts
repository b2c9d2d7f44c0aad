/** What a hook hangs on, or what else an event can come from. */
export type RefType = 'app' | 'app_field' | 'space' | 'schedule' | 'daemon';

/** `id` is Podio's id; for `schedule` the rule's name. */
export interface Ref {
  readonly type: RefType;
  readonly id: number | string;
}

/** `app/101`: the form used in logs, keys and URLs. */
export const refKey = (ref: Ref): string => `${ref.type}/${ref.id}`;

export type EventSource = 'webhook' | 'recovered' | 'schedule' | 'daemon';

/** One change at Podio (or a tick, or news of the daemon itself) as it stands in the journal. */
export interface PodioEvent {
  /** Position in the journal. */
  readonly seq: number;
  /** Identity of the change, the same over all hooks and repeats that deliver it. */
  readonly id: string;
  /** `item.update`, `schedule.fire`, ... */
  readonly type: string;
  /** A replayed message says `replay`. */
  readonly source: EventSource | 'replay';
  readonly ref: Ref;
  /** Names from the config. */
  readonly app?: string;
  readonly space?: string;
  readonly itemId?: number;
  /** The item's running revision number: 0 at creation. */
  readonly revision?: number;
  readonly externalId?: string;
  /** The delivery, verbatim. */
  readonly params: Readonly<Record<string, string>>;
  /** ISO 8601, UTC; stamped by the store's clock. */
  readonly receivedAt: string;
}

/** An event before the journal has given it a place and a time. */
export type NewEvent = Omit<PodioEvent, 'seq' | 'receivedAt' | 'source'> & {
  readonly source: EventSource;
  /** What its revision means to the ledger (`Candidate` in decide.ts). Default: loose. Not kept. */
  readonly following?: 'jumps' | 'beside' | 'loose';
  /** False while changes from before may still be found in its app. Not kept. */
  readonly baseline?: false;
};

/** The running number of the revision that an event is, undefined for all that is none. Creation is 0. */
export function revisionOf({ type, revision }: Pick<PodioEvent, 'type' | 'revision'>): number | undefined {
  switch (type) {
    case 'item.create':
      return 0;
    case 'item.update':
    case 'item.delete':
      return revision;
    default:
      return undefined;
  }
}

/** What podiod makes for one rule alone, which its `params.rule` names. No delivery can be one: hooks are of other types. */
const FOR_ONE_RULE: ReadonlySet<string> = new Set([
  'item.fire',
  'item.date',
  'item.lasted',
  'schedule.item',
  'schedule.end',
]);

/** Types of events that no hook delivers: podiod makes them. */
export const MADE_TYPES: readonly string[] = ['schedule.fire', ...FOR_ONE_RULE];

/** The rule that an event was made for; undefined for what any rule may want. */
export const onlyFor = ({ type, params }: Pick<PodioEvent, 'type' | 'params'>): string | undefined =>
  FOR_ONE_RULE.has(type) ? (params.rule ?? '') : undefined;

/** Parameters that a type of event needs besides `type` and `hook_id`, by the kind of object its hook hangs on. */
export const HOOK_EVENTS: Readonly<
  Record<'app' | 'app_field' | 'space', Readonly<Record<string, readonly string[]>>>
> = {
  app: {
    'item.create': ['item_id'],
    'item.update': ['item_id'],
    'item.delete': ['item_id'],
    'comment.create': ['item_id', 'comment_id'],
    'comment.delete': ['item_id', 'comment_id'],
    'file.change': ['item_id'],
    'app.update': ['app_id'],
    'app.delete': ['app_id'],
    'form.create': ['form_id', 'app_id'],
    'form.update': ['form_id', 'app_id'],
    'form.delete': ['form_id', 'app_id'],
  },
  app_field: { 'item.create': ['item_id'], 'item.update': ['item_id'], 'item.delete': ['item_id'] },
  space: {
    'app.create': ['app_id'],
    'task.create': ['task_id'],
    'task.update': ['task_id'],
    'task.delete': ['task_id'],
    'member.add': ['user_id'],
    'member.remove': ['user_id'],
  },
};

/** The kinds of object that Podio hangs hooks on. */
export type HookRefType = keyof typeof HOOK_EVENTS;

export const isHookRefType = (type: string): type is HookRefType => Object.hasOwn(HOOK_EVENTS, type);

/** An id as Podio writes it: `0077` is 77. */
const plainId = (id: string): string => (id.startsWith('0') ? id.replace(/^0+(?=\d)/, '') : id);

/** In the order of the numbers; longer ones may be more than a JavaScript number holds. */
const fileIds = (list: string): string =>
  list
    .split(',')
    .map(id => plainId(id.trim()))
    .sort((a, b) => a.length - b.length || (a < b ? -1 : Number(a > b)))
    .join(',');

const filesOf = (item: string, action: string, files: string): string =>
  `file.change:${plainId(item)}:${action}:${fileIds(files)}`;

/** The same file can be replaced again and again. */
const REPLACED = 'file_replaced';

/**
 * The identity of the change that a delivery tells of, or undefined where it has none: such an event is
 * given an id of its own and is never taken for a repeat, since a repeat is cheaper than a loss. The parameters have
 * been checked: ids are decimal digits.
 */
export function identityOf(type: string, params: Readonly<Record<string, string>>): string | undefined {
  const id = (name: string): string | undefined => {
    const value = params[name];
    return value ? plainId(value) : undefined;
  };
  const item = id('item_id');
  const revision = id('item_revision_id');
  switch (type) {
    case 'item.create':
      return item && `item.create:${item}:0`;
    case 'item.update':
      return item && revision && `item.update:${item}:${revision}`;
    case 'item.delete':
      return item && (revision ? `item.delete:${item}:${revision}` : `item.delete:${item}`);
    case 'comment.create':
    case 'comment.delete': {
      const comment = id('comment_id');
      return comment && `${type}:${comment}`;
    }
    case 'file.change': {
      const { action_type: action, file_ids: files } = params;
      if (!item || !action || !files || action === REPLACED) return undefined;
      return filesOf(item, action, files);
    }
    case 'app.create':
    case 'app.delete': {
      const app = id('app_id');
      return app && `${type}:${app}`;
    }
    case 'task.create':
    case 'task.delete': {
      const task = id('task_id');
      return task && `${type}:${task}`;
    }
    default:
      return undefined;
  }
}

/** What the id of an event without an identity begins with; a part that is never the same twice follows. */
export function idPrefixOf(type: string, params: Readonly<Record<string, string>>): string {
  const { item_id: item, action_type: action, file_ids: files } = params;
  return type === 'file.change' && item && action === REPLACED && files ? filesOf(item, action, files) : type;
}

/** The {@link orderKey} of all that is about an item. */
export const itemKey = (itemId: number): string => `item:${itemId}`;

/** Events with the same key are handled one after another: the item, else task, app, schedule's rule, ref. */
export function orderKey(event: Pick<PodioEvent, 'itemId' | 'params' | 'ref'>): string {
  if (event.itemId !== undefined) return itemKey(event.itemId);
  const { task_id: task, app_id: app } = event.params;
  if (task) return `task:${plainId(task)}`;
  if (app) return `app:${plainId(app)}`;
  return refKey(event.ref);
}

/** How many parts the order keys are spread over. Part numbers are stored, so this never changes. */
export const PARTS = 64;

function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** The part of an order key, 0 to 63: 32-bit FNV-1a over its UTF-8 bytes, modulo 64. A file format: never change it. */
export function partOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) {
    const code = key.charCodeAt(at);
    // In ASCII, which nearly all keys are, a byte is a character: every event is hashed, and a Buffer would cost most of it.
    if (code > 0x7f) return hashOf(Buffer.from(key, 'utf8')) % PARTS;
    hash = Math.imul(hash ^ code, 0x01000193);
  }
  return (hash >>> 0) % PARTS;
}
