import { isDeepStrictEqual } from 'node:util';
import { PodioError } from '../core/errors.ts';
import { isHookRefType, type PodioEvent, refKey, revisionOf } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import { madeRevision, type OwnLookup } from '../core/own.ts';
import type { FieldDifference, Item, ItemField, Revision } from '../core/podio.ts';
import type { Changes, FieldChanged } from '../plugin/contract.ts';
import {
  type CallOptions,
  type Identities,
  type Identity,
  type ItemReader,
  type PodioClient,
  type PodioObject,
  STEP_PATIENCE_MS,
} from './contract.ts';
import { isDeleted, isGone } from './errors.ts';
import { isRecord } from './json.ts';
import { makeRecent, type Recent } from './recent.ts';

/** Items and differences kept; with app references embedded an item can be some 50 kB. */
const KEPT = 500;

/** Items that lists of them have brought, kept for the runs that are to come. */
const KEPT_LISTED = 1000;

/** So many differences are asked for at most, to leave out what lies between them. */
const MOST_PARTS = 100;

/** An {@link ItemReader} that also tells what it has learned on the way. */
export interface LearningItemReader extends ItemReader {
  /** This is the item that the event is about, as a list has brought it: nobody has to ask for it again. */
  learn(event: Pick<PodioEvent, 'id'>, item: Item): void;
  /** The app that an item was last seen in. */
  appOfItem(itemId: number): number | undefined;
  /** The number that people see of it (app_item_id), of one that was read lately. */
  numberOfItem(itemId: number): number | undefined;
}

/**
 * Reads what events are about, once per item and revision: rules that ask at the same time share one call, later ones
 * what is kept. An item that is gone is no error; anything else rejects, is not kept, and so is tried again by the step.
 */
export function makeItemReader(options: {
  readonly client: {
    readonly items: Pick<PodioClient['items'], 'get' | 'difference' | 'revisions'>;
    readonly comments: Pick<PodioClient['comments'], 'get'>;
    readonly tasks: Pick<PodioClient['tasks'], 'get'>;
    readonly files: Pick<PodioClient['files'], 'get'>;
  };
  readonly identities: Identities;
  readonly log: Log;
  /** Told when Podio says that the event's item is not there. Must not throw. */
  readonly onGone?: (event: PodioEvent, itemId: number) => void;
  /** What podiod made itself. */
  readonly own?: OwnLookup;
}): LearningItemReader {
  const { client, identities } = options;
  const { items } = client;
  const log = options.log.child({ module: 'podio' });
  const read = makeRecent<string, Promise<Item>>(KEPT);
  const listed = makeRecent<string, Item>(KEPT_LISTED);
  const changed = makeRecent<string, Promise<Changes>>(KEPT);
  const spans = makeRecent<string, Promise<Changes | undefined>>(KEPT);
  const newest = makeRecent<number, Item>(KEPT);
  const bylines = makeRecent<string, Promise<PodioObject | undefined>>(KEPT);
  const things = makeRecent<string, Promise<PodioObject | undefined>>(KEPT);

  const callerFor = (event: PodioEvent): Identity => {
    const { ref } = event;
    const identity =
      (event.app !== undefined && identities.forApp(event.app)) ||
      (isHookRefType(ref.type) && identities.forRef({ type: ref.type, id: Number(ref.id) }));
    if (identity) return identity;
    throw new PodioError(
      'PODIO_NO_IDENTITY',
      `no token or login reaches ${refKey(ref)}, whose event this is`,
      {
        retry: 'never',
        hint: 'Put its app or space back into the config.',
      },
    );
  };

  const fetchItem = async (event: PodioEvent, itemId: number): Promise<Item> => {
    try {
      const item = await items.get(callerFor(event), itemId, urgency(event));
      if ((newest.get(itemId)?.revision ?? -1) <= (item.revision ?? 0)) newest.set(itemId, item);
      return item;
    } catch (error) {
      if (!isGone(error)) throw error;
      log.debug('item is gone', { itemId, error });
      // A refusal proves nothing: the item may just not be seen any more.
      if (isDeleted(error)) options.onGone?.(event, itemId);
      return newest.get(itemId) ?? emptyItem(itemId);
    }
  };

  const item = async (event: PodioEvent): Promise<Item> => {
    const { itemId, revision } = event;
    if (itemId === undefined) return emptyItem(0);
    const fromList = listed.get(event.id);
    if (fromList !== undefined && event.source !== 'replay') return fromList;
    // Comments and files leave the revision as it is, so for them each event has a reading of its own.
    const known = revision === undefined ? undefined : newest.get(itemId);
    if (known?.revision !== undefined && revision !== undefined && known.revision >= revision) return known;
    return once(read, `${itemId}/${revision ?? event.id}`, () => fetchItem(event, itemId));
  };

  const difference = async (event: PodioEvent, itemId: number, from: number, to: number) => {
    try {
      return await items.difference(callerFor(event), itemId, from, to, urgency(event));
    } catch (error) {
      // Podio forgets old revisions, and what it answers then is not documented.
      if (!isGone(error) && !isRefused(error)) throw error;
      log.info('revision difference is gone', { itemId, from, to, error });
      return undefined;
    }
  };

  const updated = async (event: PodioEvent, itemId: number, revision: number): Promise<Changes> => {
    const differences = (await difference(event, itemId, revision - 1, revision)) ?? [];
    return new Map(differences.map(each => [each.external_id, toChanged(each, each.from, each.to)]));
  };

  /**
   * From empty to what the item was at a revision. It may have gone on since: the difference from there to now leads back.
   * Undefined where Podio can't tell it any more.
   */
  const filled = async (
    event: PodioEvent,
    itemId: number,
    revision: number,
  ): Promise<Changes | undefined> => {
    const now = await item(event);
    const then = new Map<string, ItemField>(now.fields.map(field => [field.external_id, field]));
    const isPast = now.revision !== undefined && now.revision > revision;
    const since = isPast ? await difference(event, itemId, revision, now.revision) : [];
    for (const each of since ?? []) then.set(each.external_id, { ...each, values: each.from });
    const fields = Array.from(then.values()).filter(({ values }) => values.length > 0);
    const changes = new Map(fields.map(field => [field.external_id, toChanged(field, [], field.values)]));
    return since === undefined && revision > 0 ? undefined : changes;
  };

  const created = async (event: PodioEvent, itemId: number): Promise<Changes> =>
    (await filled(event, itemId, 0)) ?? new Map();

  /** From one revision to another. What is the same at both ends has not changed, whether Podio lists it or not. */
  const between = async (event: PodioEvent, itemId: number, from: number, to: number) => {
    const differences = await difference(event, itemId, from, to);
    const different = differences?.filter(each => !isDeepStrictEqual(each.from, each.to));
    return (
      different && new Map(different.map(each => [each.external_id, toChanged(each, each.from, each.to)]))
    );
  };

  const changes = async (event: PodioEvent): Promise<Changes> => {
    const { itemId, revision } = event;
    if (itemId === undefined) return new Map();
    if (event.type === 'item.create') return once(changed, `${itemId}/0`, () => created(event, itemId));
    if (event.type !== 'item.update' || revision === undefined || revision < 1) return new Map();
    return once(changed, `${itemId}/${revision}`, () => updated(event, itemId, revision));
  };

  /** From one revision, -1 for before its creation, to another. */
  const stretch = (event: PodioEvent, itemId: number, from: number, to: number) =>
    once(spans, `${itemId}/${from}-${to}`, () =>
      from < 0 ? filled(event, itemId, to) : between(event, itemId, from, to),
    );

  /** Revisions of podiod's own that lie among others, ascending. */
  const ownAmong = async ({ last, itemId, revisions }: Span): Promise<readonly number[]> => {
    const { own } = options;
    const told = new Set(revisions);
    const others: number[] = [];
    for (let n = (revisions[0] ?? 0) + 1; n < (revisions.at(-1) ?? 0); n++) if (!told.has(n)) others.push(n);
    if (own === undefined || others.length === 0 || !own.maybe(last)) return [];
    const found = await Promise.all(
      others.map(revision => own.find({ ...last, id: madeRevision(itemId, revision), revision })),
    );
    return others.filter((_, n) => found[n] !== undefined);
  };

  /** Undefined when it is gone. Comments and tasks change without a revision, so each event has a reading of its own. */
  const thing = (event: PodioEvent, kind: 'comments' | 'files' | 'tasks', id: string) =>
    once(things, `${kind}/${id}/${event.id}`, async (): Promise<PodioObject | undefined> => {
      try {
        return await client[kind].get(callerFor(event), Number(id), urgency(event));
      } catch (error) {
        if (!isGone(error)) throw error;
        log.debug('what the event is about is gone', { kind, id, error });
        return undefined;
      }
    });

  const named = async (event: PodioEvent, kind: 'comment' | 'task') => {
    const id = event.params[`${kind}_id`];
    return id && !event.type.endsWith('.delete') ? thing(event, `${kind}s`, id) : undefined;
  };

  const files = async (event: PodioEvent): Promise<readonly PodioObject[]> => {
    const ids = idsIn(event.params.file_ids);
    if (event.type === 'file.change' && event.params.action_type === 'file_deleted') {
      return ids.map(id => ({ file_id: Number(id) }));
    }
    const { files: attached } = await item(event);
    const known = Array.isArray(attached) ? attached.filter(isRecord) : [];
    if (event.type !== 'file.change') return known;
    return Promise.all(
      ids.map(
        async id =>
          known.find(file => String(file.file_id) === id) ??
          (await thing(event, 'files', id)) ?? { file_id: Number(id) },
      ),
    );
  };

  const madeBy = async (event: PodioEvent): Promise<unknown> => {
    switch (event.type) {
      case 'item.create':
        return (await item(event)).created_by;
      case 'item.update': {
        const { itemId, revision } = event;
        if (itemId === undefined || revision === undefined) return undefined;
        const { current_revision: current, revisions } = await item(event);
        // What the item itself says of its latest revisions saves a call.
        const told = [current, ...(Array.isArray(revisions) ? revisions : [])].filter(isRecord);
        const found = told.find(one => one.revision === revision);
        if (found) return found.created_by;
        return (await history(event, itemId)).find(one => one.revision === revision)?.created_by;
      }
      case 'comment.create':
        return (await named(event, 'comment'))?.created_by;
      case 'task.create':
        return (await named(event, 'task'))?.created_by;
      case 'file.change':
        return (await files(event)).at(-1)?.created_by;
      default:
        return undefined;
    }
  };

  const history = async (event: PodioEvent, itemId: number): Promise<readonly Revision[]> => {
    try {
      return await items.revisions(callerFor(event), itemId, urgency(event));
    } catch (error) {
      if (!isGone(error)) throw error;
      return [];
    }
  };

  return {
    item,
    files,
    comment: event => named(event, 'comment'),
    task: event => named(event, 'task'),
    actor: event =>
      once(bylines, event.id, async () => {
        const byline = await madeBy(event);
        return isRecord(byline) ? byline : undefined;
      }),
    changes,
    async spanned(events, { includeOwn }) {
      const span = spanOf(events);
      if (span === undefined) return new Map();
      const { last, itemId, revisions } = span;
      const [first = 0] = revisions;
      const to = revisions.at(-1) ?? first;
      if (first === to) return changes(last);
      const own = includeOwn ? [] : await ownAmong(span);
      const stretches: Changes[] = [];
      for (const [from, upTo] of partsOf(first - 1, to, own)) {
        const changed = await stretch(last, itemId, from, upTo);
        if (changed === undefined) return undefined;
        stretches.push(changed);
      }
      return joined(stretches);
    },
    learn: ({ id }, found) => listed.set(id, found),
    appOfItem: itemId => newest.get(itemId)?.app?.app_id,
    numberOfItem: itemId => newest.get(itemId)?.app_item_id,
  };
}

/**
 * From one revision to another without these of podiod's own. Each part costs a call: where somebody else's automation and
 * podiod have answered each other again and again, it is all one.
 */
function partsOf(from: number, to: number, own: readonly number[]): readonly (readonly [number, number])[] {
  const parts = [...own, to + 1]
    .map((end, n) => [own[n - 1] ?? from, end - 1] as const)
    .filter(([first, last]) => last > first);
  return parts.length > MOST_PARTS ? [[from, to]] : parts;
}

/** The work in hand or its kept result. A failure is not kept. */
function once<T>(kept: Recent<string, Promise<T>>, key: string, work: () => Promise<T>): Promise<T> {
  const known = kept.get(key);
  if (known) return known;
  const result = work();
  kept.set(key, result);
  result.catch(() => kept.delete(key));
  return result;
}

/** What edits of an item lead through. */
interface Span {
  /** That of the highest revision. */
  readonly last: PodioEvent;
  readonly itemId: number;
  /** Theirs, ascending; 0 for the creation. */
  readonly revisions: readonly number[];
}

function spanOf(events: readonly PodioEvent[]): Span | undefined {
  const revised = events
    .filter(({ type }) => type !== 'item.delete')
    .flatMap(event => {
      const revision = revisionOf(event);
      return revision === undefined ? [] : [{ event, revision }];
    })
    .sort((a, b) => a.revision - b.revision);
  const last = revised.at(-1)?.event;
  if (last?.itemId === undefined) return undefined;
  return { last, itemId: last.itemId, revisions: revised.map(({ revision }) => revision) };
}

/** Of a field that several stretches have changed: from before the first to after the last, unless that is the same. */
function joined(stretches: readonly Changes[]): Changes {
  if (stretches.length === 1) return stretches[0] as Changes;
  const all = new Map<string, FieldChanged>();
  for (const [name, change] of stretches.flatMap(changes => [...changes])) {
    const before = all.get(name);
    all.set(name, before ? { ...change, from: before.from } : change);
  }
  return new Map([...all].filter(([, { from, to }]) => !isDeepStrictEqual(from, to)));
}

/** What was missed gives way to what happens now. */
const urgency = (event: PodioEvent): CallOptions => ({
  event,
  priority: event.source === 'recovered' ? 'recovery' : 'live',
  patienceMs: STEP_PATIENCE_MS,
});

const isRefused = (error: unknown): boolean => error instanceof PodioError && error.code === 'PODIO_INVALID';

const idsIn = (list: string | undefined): readonly string[] =>
  (list ?? '').split(',').filter(id => /^\d+$/.test(id));

const emptyItem = (itemId: number): Item => ({ item_id: itemId, title: '', fields: [] });

function toChanged(
  field: ItemField | FieldDifference,
  from: FieldChanged['from'],
  to: FieldChanged['to'],
): FieldChanged {
  const { field_id: fieldId, type, label, config } = field;
  return { fieldId, type, label, from, to, ...(config && { config }) };
}
