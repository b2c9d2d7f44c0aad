/** What conditions and templates may name at their start. One list for both. */
import type { PodioEvent } from '../core/event.ts';
import { isIdOf } from '../core/field-parts.ts';
import { nearest, suggestion } from '../core/suggest.ts';
import type { FieldView } from './field-view.ts';

/** What earlier steps added, under their names. Plain JSON. */
export type Data = Readonly<Record<string, unknown>>;

/** Who made the change, as far as Podio tells: empty for a tick of a schedule and for what was deleted. */
export interface Actor {
  /** `user`, `app` ... */
  readonly type?: string;
  readonly id?: number;
  readonly name?: string;
  /** Only where Podio tells it. */
  readonly mail?: string;
  readonly [key: string]: unknown;
}

/** Both sides of a change; a side that is empty is left out. */
export interface ChangeView {
  readonly from?: FieldView;
  readonly to?: FieldView;
}

export interface RunView {
  readonly rule: string;
  /** When the event came that this rule last settled a run for. Undefined for the first one. */
  readonly previous: Date | undefined;
  readonly replay: boolean;
}

type Things = Readonly<Record<string, unknown>>;

/** The values behind the names, each worked out when asked for. Only what is asked for is fetched. */
export interface View {
  event(): PodioEvent;
  item(): Promise<Things>;
  /** By alias and by external id. Fields without a value are left out, as Podio does. */
  fields(): Promise<Readonly<Record<string, FieldView>>>;
  changes(): Promise<Readonly<Record<string, ChangeView>>>;
  actor(): Promise<Actor>;
  /** Of events about a comment; `text` is plain. */
  comment(): Promise<Things>;
  /** Those the event names, else those of the item. */
  files(): Promise<readonly Things[]>;
  task(): Promise<Things>;
  data(): Data;
  run(): Promise<RunView>;
  app(): Readonly<{ name: string | undefined; id: number | undefined }>;
  /** Of events with which podiod tells of itself: `name`, `state`, `text` ...; empty for all others. */
  alarm(): Things;
  now(): Date;
  /** One view for each event of the message. */
  batch(): readonly View[];
  /** IANA name: the rule's time zone. Not a name to write, but what dates are shown in. */
  timezone(): string;
  /** Whether the event's item was not there when it was read: deleted, or out of sight. Asked once the item was. */
  isGone?(): Promise<boolean>;
  /** Told the name of every field that is looked at, so that one nobody knows does not go unnoticed. */
  mentions?(name: string): void;
  /** Told every path that asks a field for what values of its type do not have: `fields.client.titel`. */
  lacks?(path: string): void;
}

export const NAMES = [
  'event',
  'item',
  'fields',
  'changes',
  'actor',
  'comment',
  'files',
  'task',
  'data',
  'run',
  'app',
  'alarm',
  'now',
  'batch',
] as const satisfies readonly (keyof View)[];

export type Name = (typeof NAMES)[number];

export const isName = (name: string): name is Name => (NAMES as readonly string[]).includes(name);

const CHANGE_PARTS = ['from', 'to'];

const PODIO_OWN = [
  'created_on',
  'created_by',
  'created_via',
  'external_id',
  'space_id',
  'ref',
  'files',
  'rights',
  'like_count',
  'is_liked',
  'push',
  'presence',
  'link',
];

/** What people look for in what Podio tells, and more of what it tells: there is whatever Podio says, so only what is near one of these is a slip. */
const USUAL_PARTS: Partial<
  Readonly<Record<Name, { readonly main: readonly string[]; readonly more: readonly string[] }>>
> = {
  item: {
    main: [
      'id',
      'title',
      'link',
      'number',
      'tags',
      'externalId',
      'createdOn',
      'createdBy',
      'editedOn',
      'revision',
    ],
    more: [
      ...PODIO_OWN,
      ...[
        'item_id',
        'app_item_id',
        'app_item_id_formatted',
        'app',
        'space',
        'fields',
        'comments',
        'tasks',
        'refs',
      ],
      ...[
        'initial_revision',
        'current_revision',
        'revisions',
        'last_event_on',
        'last_edit_on',
        'last_edit_by',
      ],
      ...[
        'comment_count',
        'file_count',
        'task_count',
        'participants',
        'reminder',
        'recurrence',
        'excerpt',
        'priority',
      ],
      ...[
        'references',
        'linked_account_id',
        'linked_account_data',
        'invite',
        'grant',
        'grant_count',
        'subscribed',
      ],
      ...[
        'subscribed_count',
        'pinned',
        'ratings',
        'user_ratings',
        'votes',
        'values',
        'item_name',
        'last_edit_via',
      ],
    ],
  },
  comment: {
    main: ['id', 'text', 'author', 'createdOn'],
    more: [
      ...PODIO_OWN,
      'comment_id',
      'value',
      'rich_value',
      'embed',
      'embed_file',
      'questions',
      'user',
      'granted',
    ],
  },
  task: {
    main: ['id', 'text', 'status', 'responsible', 'description', 'due_date', 'due_time', 'due_on'],
    more: [
      ...PODIO_OWN,
      ...[
        'task_id',
        'private',
        'completed_on',
        'completed_by',
        'completed_via',
        'deleted_on',
        'deleted_by',
        'labels',
      ],
      ...[
        'reminder',
        'recurrence',
        'group',
        'ref_type',
        'ref_id',
        'assigned_to',
        'responsibles',
        'files',
        'comments',
      ],
    ],
  },
  files: {
    main: ['id', 'name', 'mimetype', 'size', 'link'],
    more: [
      ...PODIO_OWN,
      ...[
        'file_id',
        'description',
        'perma_link',
        'thumbnail_link',
        'link_target',
        'hosted_by',
        'context',
        'replaces',
      ],
      ...[
        'hosted_by_humanized_name',
        'attached',
        'external_file_id',
        'first',
        'last',
        'original_name',
        'url',
      ],
    ],
  },
};

const OF_LIST: ReadonlySet<string> = new Set(['size', 'first', 'last']);

/** What was meant by a part that there may be, but hardly is: `item.titel`. */
function slipIn(root: Name, [part]: readonly unknown[]): string | undefined {
  const usual = USUAL_PARTS[root];
  if (usual === undefined || typeof part !== 'string') return undefined;
  if (usual.main.includes(part) || usual.more.includes(part) || /^\d+$/.test(part)) return undefined;
  const near = nearest(part, [...usual.main, ...usual.more]);
  return near === undefined || isIdOf(part, near) ? undefined : `did you mean \`${near}\`?`;
}

/** What some names have, and nothing else. Of the others it depends on Podio. */
const KNOWN_PARTS: Partial<Readonly<Record<Name, readonly string[]>>> = {
  event: [
    'seq',
    'id',
    'type',
    'source',
    'ref',
    'app',
    'space',
    'itemId',
    'revision',
    'externalId',
    'params',
    'receivedAt',
  ],
  actor: ['type', 'id', 'name', 'mail', 'link'],
  run: ['rule', 'previous', 'replay'],
  app: ['name', 'id'],
  alarm: ['name', 'state', 'subject', 'rule', 'count', 'since', 'text'],
};

/** What is wrong with a part of a name, such as `actor.email`: told where it would be empty for ever. */
export function partProblem(
  path: readonly unknown[],
): { message: string; hint?: string | undefined } | undefined {
  const [root, ...rest] = path;
  if (typeof root !== 'string' || !isName(root)) return undefined;
  // What Liquid reads of anything leads on to whatever that is.
  if (root === 'changes' && OF_LIST.has(String(rest[0]))) return undefined;
  // In a loop each is a pair: the field's name, and the change.
  if (root === 'changes' && typeof rest[0] === 'number') return undefined;
  const parts = root === 'changes' ? CHANGE_PARTS : KNOWN_PARTS[root];
  // Of files each has its own.
  const asked =
    root === 'files'
      ? rest.filter(step => typeof step === 'string' && !/^(?:\d+|first|last)$/.test(step))
      : rest;
  const slip = slipIn(root, asked);
  if (slip !== undefined)
    return {
      message: `\`${root}\` has no \`${asked[0]}\`, so \`${path.join('.')}\` is always empty`,
      hint: slip,
    };
  const part = rest[root === 'changes' ? 1 : 0];
  if (parts === undefined || typeof part !== 'string' || parts.includes(part)) return undefined;
  return {
    message: `\`${root}\` has no \`${part}\`, so \`${path.join('.')}\` is always empty`,
    hint: suggestion(part, parts, 'known are'),
  };
}
