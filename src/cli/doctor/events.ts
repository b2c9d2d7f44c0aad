/**
 * Whether what happens at Podio arrives: a quiet app is told from a dead hook, by comparing the newest thing that Podio shows
 * with the journal. What Podio shows nothing of is said to be like that.
 */
import type { AppConfig, Config } from '../../config/model.ts';
import { isRateLimited } from '../../core/backoff.ts';
import { showDuration } from '../../core/duration.ts';
import { coerceError } from '../../core/errors.ts';
import { type PodioEvent, refKey } from '../../core/event.ts';
import type { HookRef } from '../../core/hook.ts';
import { madeComment, madeItem, madeRevision } from '../../core/own.ts';
import type { Item } from '../../core/podio.ts';
import { msOf } from '../../core/podio-time.ts';
import type { OfflineHooks } from '../../daemon/index.ts';
import { type Identity, identityKey } from '../../podio/contract.ts';
import { makeFirstAlone } from '../../podio/first-alone.ts';
import { isWatermark, WATERMARK_PREFIX } from '../../recover/sweep.ts';
import type { StoreReader } from '../../store/contract.ts';
import { openReader } from '../../store/index.ts';
import { type Finding, fail, ok, type Tell, warn } from './findings.ts';

/** A delivery takes seconds. */
const ON_ITS_WAY_MS = 120_000;

/** Among so many of an app's newest items something is looked for that its hooks tell of. */
const NEWEST = 10;

/** So many lists of items are asked for with one login or token: Podio allows 250 an hour, and the daemon needs some. */
const LISTS = 40;

/** So many events back the journal is looked through for what came last of each hook. */
const LATEST = 20_000;

const BACKGROUND = { priority: 'background' } as const;

/** So many apps are asked about at once. */
const AT_ONCE = 6;

const TYPES = new Intl.ListFormat('en', { type: 'conjunction' });

export interface EventsDeps {
  readonly config: Pick<Config, 'apps' | 'dataDir' | 'retention'>;
  readonly hooks: Pick<OfflineHooks, 'podio' | 'identities' | 'fields'>;
  /** Those that are active and needed. */
  readonly active: readonly { readonly ref: HookRef; readonly type: string }[];
  readonly nameOf: (ref: HookRef) => string | undefined;
  readonly tell: Tell;
  /** Wall time. */
  readonly now: () => number;
}

/** A ref, and what its hooks tell of. */
interface HookedRef {
  readonly ref: HookRef;
  readonly name: string;
  readonly types: ReadonlySet<string>;
}

/** Tells of each ref, in the order of the apps, spaces last. */
export async function lookAtEvents(deps: EventsDeps): Promise<void> {
  const refs = hookedRefs(deps);
  if (refs.length === 0) return;
  const reader = tryReader(deps.config.dataDir);
  try {
    const latest = await latestOf(reader);
    const apps = [...deps.config.apps.values()].flatMap((app): AppParts[] => {
      const own = refs.find(({ ref }) => ref.type === 'app' && ref.id === app.id);
      const fields = refs.filter(
        ({ ref }) => ref.type === 'app_field' && deps.hooks.fields.byId(ref.id)?.appId === app.id,
      );
      return own === undefined && fields.length === 0 ? [] : [{ app, own, fields }];
    });
    const memory = await memoryOf(reader);
    const world: World = { ...deps, reader, latest, memory, asker: makeAsker(deps) };
    // Those that nothing has come of for longest are asked about first: there may not be calls for all.
    const quietest = apps.toSorted((one, other) => lastSeqOf(one, latest) - lastSeqOf(other, latest));
    const found = new Map<AppParts, readonly Finding[]>();
    for (let at = 0; at < quietest.length; at += AT_ONCE) {
      await Promise.all(
        quietest.slice(at, at + AT_ONCE).map(async app => found.set(app, await lookAtApp(app, world))),
      );
    }
    for (const app of apps) for (const finding of found.get(app) ?? []) deps.tell(finding);
    const compared = new Set(apps.flatMap(({ own, fields }) => [own, ...fields]));
    for (const one of refs) if (!compared.has(one)) deps.tell(notCompared(one, [...one.types], world));
  } finally {
    await reader?.close();
  }
}

function hookedRefs({ active, nameOf }: EventsDeps): readonly HookedRef[] {
  return [...Map.groupBy(active, ({ ref }) => refKey(ref))].flatMap(([key, hooks]) => {
    const ref = hooks[0]?.ref;
    if (ref === undefined) return [];
    return [{ ref, name: nameOf(ref) ?? key, types: new Set(hooks.map(({ type }) => type)) }];
  });
}

/** What came last of each hook, by `refKey` and type. */
type Latest = ReadonlyMap<string, PodioEvent>;
const placeOf = (ref: PodioEvent['ref'], type: string): string => `${refKey(ref)} ${type}`;

async function latestOf(reader: StoreReader | undefined): Promise<Latest> {
  const latest = new Map<string, PodioEvent>();
  const [newest] = (await reader?.journal.list({ last: 1 })) ?? [];
  if (reader === undefined || newest === undefined) return latest;
  const { entries } = await reader.journal.read({
    after: Math.max(0, newest.event.seq - LATEST),
    limit: LATEST,
  });
  for (const { event } of entries) {
    if (event.source === 'webhook') latest.set(placeOf(event.ref, event.type), event);
  }
  return latest;
}

/** How far back podiod may know of something; UTC milliseconds. */
interface Memory {
  /** When each app was first met, by its id, and by Podio's clock. */
  readonly metAt: ReadonlyMap<number, number>;
  /** What came before this may have been removed. By this machine's clock. */
  readonly keptSince: number;
}

async function memoryOf(reader: StoreReader | undefined): Promise<Memory> {
  const watermarks = (await reader?.settings.list(WATERMARK_PREFIX)) ?? [];
  const usage = await reader?.retention.usage();
  return {
    metAt: new Map(
      [...watermarks].flatMap(([key, value]) =>
        isWatermark(value) ? [[Number(key.slice(WATERMARK_PREFIX.length)), value.origin] as const] : [],
      ),
    ),
    keptSince: (usage && usage.removed.events > 0 && usage.oldest?.receivedAt) || 0,
  };
}

/** Why podiod may well know nothing of it though its hooks work; undefined: it should know. */
function whyUnknown(shown: Shown, ago: number, { memory, config, now }: World): string | undefined {
  const { at, appId, revision } = shown;
  const metAt = memory.metAt.get(appId);
  // Changes of items are looked for in every app that rules want them of, sooner or later. Nothing else makes it meet an app.
  if (metAt === undefined && revision !== undefined) return 'podiod has not met the app yet';
  if (at !== undefined && metAt !== undefined && at <= metAt) return 'before podiod met the app';
  const isOver = ago > config.retention.eventsMs || now() - ago < memory.keptSince;
  return isOver ? 'longer ago than events are kept' : undefined;
}

const lastSeqOf = ({ own, fields }: AppParts, latest: Latest): number =>
  Math.max(
    0,
    ...[own, ...fields].flatMap(one =>
      one ? [...one.types].map(type => latest.get(placeOf(one.ref, type))?.seq ?? 0) : [],
    ),
  );

type Newest = { readonly items: readonly Item[] } | { readonly spared: true };
type Asker = (as: Identity, app: number, sortBy: string) => Promise<Newest>;

/** Lists the newest items of an app, as long as the calls of its identity allow for it. */
function makeAsker({ hooks: { podio } }: EventsDeps): Asker {
  const asked = new Map<string, number>();
  const firstAlone = makeFirstAlone();
  const answers = new Map<string, Promise<Newest>>();
  const ask = async (as: Identity, app: number, sortBy: string): Promise<Newest> => {
    const key = identityKey(as);
    const before = asked.get(key) ?? 0;
    if (before >= LISTS) return { spared: true };
    asked.set(key, before + 1);
    const newest = {
      sort_by: sortBy,
      sort_desc: true,
      limit: NEWEST,
      offset: 0,
      remember: false,
      filters: {},
    };
    try {
      const { items } = await firstAlone(as, () => podio.items.filter(as, app, newest, BACKGROUND));
      return { items };
    } catch (error) {
      if (!isRateLimited(error)) throw error;
      asked.set(key, LISTS);
      return { spared: true };
    }
  };
  return (as, app, sortBy) => {
    const place = `${app} ${sortBy}`;
    const answer = answers.get(place) ?? ask(as, app, sortBy);
    answers.set(place, answer);
    return answer;
  };
}

/** Of all else Podio has no list by which the newest could be found. */
const COMPARABLE: ReadonlySet<string> = new Set(['item.create', 'item.update', 'comment.create']);

/** Something that Podio shows, which must have been delivered. */
interface Shown {
  /** `item 12 was edited last` */
  readonly what: string;
  readonly at: number | undefined;
  /** As the event is called that tells of it. */
  readonly id: string;
  readonly appId: number;
  readonly itemId: number;
  /** Where it is a change of the item. */
  readonly revision?: number;
}

interface AppParts {
  readonly app: AppConfig;
  readonly own: HookedRef | undefined;
  readonly fields: readonly HookedRef[];
}

interface World extends EventsDeps {
  readonly reader: StoreReader | undefined;
  readonly latest: Latest;
  readonly asker: Asker;
  readonly memory: Memory;
}

async function lookAtApp({ app, own, fields }: AppParts, world: World): Promise<readonly Finding[]> {
  const as = world.hooks.identities.forApp(app.name);
  const found: Finding[] = [];
  if (own) found.push(...(await lookAtOwn(app, own, as, world)));
  if (fields.length > 0) found.push(...(await lookAtFields(app, fields, as, world)));
  return found;
}

/** What is asked of Podio about some refs; what can't be had is told of each. */
async function asking(
  refs: readonly HookedRef[],
  world: World,
  ask: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await ask();
  } catch (thrown) {
    if (isRateLimited(thrown)) return refs.map(one => spared(one, world));
    const message = `what is newest can't be looked at: ${coerceError(thrown).message}`;
    return refs.map(({ name }) => fail(`events, ${name}`, message, null));
  }
}

/** Hooks of the app itself. */
async function lookAtOwn(
  app: AppConfig,
  own: HookedRef,
  as: Identity | undefined,
  world: World,
): Promise<readonly Finding[]> {
  const { types } = own;
  if (![...types].some(type => COMPARABLE.has(type))) return [notCompared(own, [...types], world)];
  const found: Finding[] = [];
  if (as && (types.has('item.create') || types.has('item.update'))) {
    found.push(...(await asking([own], world, () => lookAtItems(app, own, as, world))));
  }
  if (as && types.has('comment.create')) {
    found.push(...(await asking([own], world, () => lookAtComments(app, own, as, world))));
  }
  return found;
}

async function lookAtItems(app: AppConfig, own: HookedRef, as: Identity, world: World): Promise<Finding[]> {
  const { types } = own;
  const updates = types.has('item.update');
  const newest = await world.asker(as, app.id, updates ? 'last_edit_on' : 'created_on');
  if ('spared' in newest) return [spared(own, world)];
  if (newest.items.length === 0) return [ok(`events, ${own.name}`, 'the app is empty')];
  // An app of which only updates are told says nothing of an item that was only made.
  const item = newest.items.find(({ revision = 0 }) =>
    types.has(updates && revision > 0 ? 'item.update' : 'item.create'),
  );
  if (item === undefined) {
    const message =
      'of its newest items none was edited, and its hooks tell of edits only: nothing to compare';
    return [ok(`events, ${own.name}`, message)];
  }
  const revision = updates ? (item.revision ?? 0) : 0;
  return [await compared(own, changeOf(app.id, item, revision), world)];
}

const changeOf = (appId: number, item: Item, revision: number): Shown => ({
  what: `item ${item.item_id} was ${revision === 0 ? 'made' : 'edited'} last`,
  at: msOf(revision === 0 ? item.created_on : item.last_edit_on) ?? msOf(item.last_event_on),
  id: revision === 0 ? madeItem(item.item_id) : madeRevision(item.item_id, revision),
  appId,
  itemId: item.item_id,
  revision,
});

/** Comments are listed by item: the newest of the item that anything has happened to last. */
async function lookAtComments(
  app: AppConfig,
  own: HookedRef,
  as: Identity,
  world: World,
): Promise<Finding[]> {
  const newest = await world.asker(as, app.id, 'activity');
  if ('spared' in newest) return [spared(own, world)];
  const item = newest.items.find(({ comment_count: count }) => count !== 0);
  const comments = item && (await world.hooks.podio.comments.list(as, 'item', item.item_id, BACKGROUND));
  const comment = comments?.toSorted((a, b) => a.comment_id - b.comment_id).at(-1);
  if (item === undefined || comment === undefined) {
    const message = 'nobody has commented on what was active last in the app: nothing to compare';
    return [ok(`events, ${own.name}`, message)];
  }
  const shown: Shown = {
    what: `item ${item.item_id} was commented on`,
    at: msOf(comment.created_on),
    id: madeComment(comment.comment_id),
    appId: app.id,
    itemId: item.item_id,
  };
  return [await compared(own, shown, world)];
}

/** A field's hook tells of changes of that field alone, so what the app's newest change has touched is asked for: one call for all. */
async function lookAtFields(
  app: AppConfig,
  fields: readonly HookedRef[],
  as: Identity | undefined,
  world: World,
): Promise<readonly Finding[]> {
  if (!as) return [];
  return asking(fields, world, async () => {
    const newest = await world.asker(as, app.id, 'last_edit_on');
    if ('spared' in newest) return fields.map(field => spared(field, world));
    const touched = await touchedBy(app, newest.items, as, world);
    return Promise.all(fields.map(field => lookAtField(field, touched, world)));
  });
}

/** Changes of the newest items of which it is known which fields they touched: creations say so themselves. */
async function touchedBy(
  app: AppConfig,
  items: readonly Item[],
  as: Identity,
  { hooks: { podio } }: World,
): Promise<
  readonly { readonly change: Shown; readonly type: string; readonly fields: ReadonlySet<number> }[]
> {
  let hasAsked = false;
  const touched = [];
  for (const item of items) {
    const { revision = 0, item_id } = item;
    if (revision > 0 && hasAsked) continue;
    const changed =
      revision === 0
        ? item.fields
        : await podio.items.difference(as, item_id, revision - 1, revision, BACKGROUND);
    if (revision > 0) hasAsked = true;
    touched.push({
      change: changeOf(app.id, item, revision),
      type: revision === 0 ? 'item.create' : 'item.update',
      fields: new Set(changed.map(({ field_id }) => field_id)),
    });
  }
  return touched;
}

async function lookAtField(
  field: HookedRef,
  touched: Awaited<ReturnType<typeof touchedBy>>,
  world: World,
): Promise<Finding> {
  const { id } = field.ref;
  const last = touched.find(({ type, fields }) => field.types.has(type) && fields.has(Number(id)));
  if (last) return compared(field, last.change, world);
  const message = `the newest changes of its app are of other fields: nothing to compare. ${cameLast(field, [...field.types], world)}`;
  return ok(`events, ${field.name}`, message);
}

/** What Podio shows against what the journal has of this ref. */
async function compared({ ref, name }: HookedRef, shown: Shown, world: World): Promise<Finding> {
  const { reader, now, hooks } = world;
  const check = `events, ${name}`;
  const { what, at, id, itemId, revision } = shown;
  const ago = at === undefined ? undefined : now() + hooks.podio.clock.aheadMs() - at;
  const when = ago === undefined ? 'at some time' : `${showDuration(Math.max(0, ago))} ago`;
  const entries = (await reader?.journal.trace(id)) ?? [];
  const told = entries.filter(({ event }) => refKey(event.ref) === refKey(ref));
  if (told.some(({ event: { source } }) => source !== 'recovered')) {
    return ok(check, `quiet, and not deaf: ${what}, ${when}, and podiod has it`);
  }
  if (entries.some(({ event: { source } }) => source === 'recovered')) {
    return warn(
      check,
      `${what}, ${when}, and podiod had to look for it: no delivery came`,
      'Right where podiod was down then, a backup from before that was restored, or an API client without hooks has done it. Else deliveries get lost: see the handshake.',
    );
  }
  const own = await reader?.own.find(id);
  if (own) return ok(check, `${what}, ${when}, by podiod itself (rule ${own.rule})`);
  if (ago !== undefined && ago < ON_ITS_WAY_MS) {
    return ok(check, `${what}, ${when}; its delivery may be on the way`);
  }
  const why = ago === undefined ? undefined : whyUnknown(shown, ago, world);
  if (why !== undefined) return ok(check, `${what}, ${when}: ${why}, so there is nothing to compare`);
  const has = await whatItHas(ref, itemId, revision, reader);
  return warn(
    check,
    `${what}, ${when}, and podiod has ${has}`,
    'Right where the hook is newer than that, or an API client without hooks has done it. Else the hook is dead: see the handshake.',
  );
}

async function whatItHas(
  ref: HookRef,
  itemId: number,
  revision: number | undefined,
  reader: StoreReader | undefined,
): Promise<string> {
  if (revision === undefined) return 'nothing of it';
  const events = (await reader?.journal.list({ itemId, last: NEWEST })) ?? [];
  const known = events
    .filter(({ event }) => refKey(event.ref) === refKey(ref) && event.type !== 'item.delete')
    .flatMap(({ event }) => event.revision ?? (event.type === 'item.create' ? 0 : []));
  return known.length === 0 ? 'nothing of it' : `its revision ${Math.max(...known)} and not ${revision}`;
}

/** Calls that the daemon may need are not spent on it. */
const spared = (one: HookedRef, world: World): Finding =>
  ok(
    `events, ${one.name}`,
    `not compared, to leave calls for the daemon. ${cameLast(one, [...one.types], world)}`,
  );

const notCompared = (
  one: HookedRef,
  types: readonly string[],
  world: Pick<World, 'latest' | 'now'>,
): Finding =>
  ok(
    `events, ${one.name}`,
    `of ${TYPES.format(types)} Podio has no list to compare with; --every-hook pings the hooks. ${cameLast(one, types, world)}`,
  );

/** What is known without Podio. */
function cameLast(
  { ref }: HookedRef,
  types: readonly string[],
  { latest, now }: Pick<World, 'latest' | 'now'>,
): string {
  const came = types
    .flatMap(type => latest.get(placeOf(ref, type)) ?? [])
    .sort((a, b) => a.seq - b.seq)
    .at(-1);
  if (came === undefined) return 'None has come lately';
  const ago = showDuration(Math.max(0, now() - Date.parse(came.receivedAt)));
  return `${came.type} came last, ${ago} ago`;
}

function tryReader(dataDir: string): StoreReader | undefined {
  try {
    return openReader(dataDir);
  } catch {
    return undefined;
  }
}
