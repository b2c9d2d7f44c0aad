import type { WhyRequest } from '../admin/requests.ts';
import type { Config } from '../config/model.ts';
import { UsageError } from '../core/errors.ts';
import { onlyFor, type PodioEvent, revisionOf } from '../core/event.ts';
import type { HookRef } from '../core/hook.ts';
import { isIn, type Range } from '../core/ledger.ts';
import { madeItem, madeRevision } from '../core/own.ts';
import { appsOf, type Rule } from '../core/rule.ts';
import { keyOf } from '../core/rule-key.ts';
import { suggestion } from '../core/suggest.ts';
import { type ChangeWhy, type RulesWorld, silentRevisions, whyChange } from '../dispatch/why.ts';
import { makeFieldDirectory } from '../podio/index.ts';
import type { ReconcileStatus } from '../reconcile/status.ts';
import type { Note } from '../schedule/look.ts';
import { timerKey, watchesOf } from '../schedule/watches.ts';
import type { EventQuery, StoreReader, TracedEntry } from '../store/contract.ts';
import { findItem, parseItemName } from './find-item.ts';

export interface WhyQuery {
  readonly itemId?: number;
  /** By its name: where nothing of the item is there, this is where it should have come from. */
  readonly app?: string;
  /** A seq, the id of an event, or a delivery key. */
  readonly event?: string;
  readonly rule?: string;
  /** So many changes, the newest. */
  readonly last?: number;
}

/** Changes that no event tells of, or not yet. */
export interface Absent {
  /**
   * `never`: nothing is known of it. `removed`: it was there, and retention has taken it. `held`: it waits for missed
   * changes. `missing`: it is known to have been missed. `own`: podiod made it itself. `silent`: own, left out, or past
   * finding out.
   */
  readonly kind: 'never' | 'removed' | 'held' | 'missing' | 'own' | 'silent';
  readonly why: string;
  readonly revisions?: readonly Range[];
}

/** What is seen of an app. */
export interface AppSight {
  readonly app: string;
  readonly lastEvent: Pick<PodioEvent, 'seq' | 'type' | 'receivedAt'> | null;
  /** As last seen at Podio; null where no daemon runs, which alone knows. */
  readonly hooks: {
    readonly active: number;
    readonly inactive: number;
    /** Of what they tell: what else happens there nobody hears of. */
    readonly types: readonly string[];
    /** When Podio was last asked for them, ISO 8601; null: not yet. */
    readonly seenAt: string | null;
  } | null;
  /** Why Podio could not be asked about it. */
  readonly degraded: string | null;
}

/** What a rule waits for of an item: a date that comes, a state that lasts. Times are ISO 8601, UTC. */
export interface Armed {
  readonly rule: string;
  readonly kind: 'date' | 'lasted';
  readonly app: string;
  /** As the rule names it. */
  readonly field: string;
  /** When it is due; null: it has been told, or it was over when the rule began to wait. */
  readonly due: string | null;
  /** Of a state: since when it lasts, and the revision at which it began. */
  readonly since?: string;
  readonly revision?: number;
  /** How often looking at it has failed since it is due. */
  readonly tries?: number;
}

export interface WhyAnswer {
  /** Oldest first. */
  readonly changes: readonly ChangeWhy[];
  readonly absent: readonly Absent[];
  /** Of the item that was asked for, or that the event is about. */
  readonly armed: readonly Armed[];
  /** Where what was asked for could have come from; empty where it has come. */
  readonly apps: readonly AppSight[];
}

export interface WhyWorld {
  readonly config: Pick<Config, 'apps' | 'spaces' | 'rules' | 'disabledRules' | 'catchUp'>;
  readonly fields: RulesWorld['known']['fields'];
  readonly store: Pick<StoreReader, 'journal' | 'gaps' | 'lanes' | 'own' | 'pauses' | 'rules' | 'timers'> & {
    readonly retention: Pick<StoreReader['retention'], 'usage'>;
  };
  /** Undefined where no daemon runs. */
  readonly running?: {
    rules(): RulesWorld['running'];
    inHand(): NonNullable<RulesWorld['inHand']>;
    reconcile(): Pick<ReconcileStatus, 'hooks' | 'degraded' | 'lastRunAt'>;
  };
}

/** Where nobody says how many. */
const DEFAULT_CHANGES = 5;

/** So many events of the item are looked at for what a rule is not done with: the oldest that some rule has yet to settle. */
const MAX_AHEAD = 100;

/** An item with more events than this has its oldest left out of account. */
const ITEM_EVENTS = 1000;

/** Rejects with USAGE for a rule or an app that is nowhere known. */
export async function why(world: WhyWorld, { event, ...given }: WhyQuery): Promise<WhyAnswer> {
  const query: WhyQuery = { ...given, ...(event !== undefined && { event: eventIn(event) }) };
  const lanes = await world.store.lanes.status();
  const { apps, disabledRules = [], rules, spaces } = world.config;
  const { rule } = query;
  const names = [...rules.map(({ name }) => name), ...disabledRules];
  if (rule !== undefined && !names.includes(rule) && !lanes.some(lane => lane.rule === rule)) {
    throw new UsageError(`there is no rule ${rule}`, suggestion(rule, names, 'There are'));
  }
  if (query.app !== undefined && !apps.has(query.app)) {
    throw new UsageError(
      `there is no app ${query.app} in the config`,
      suggestion(query.app, apps.keys(), 'Its apps'),
    );
  }
  const rulesWorld: RulesWorld = {
    rules,
    disabled: disabledRules,
    known: { apps, spaces, fields: world.fields },
    lanes,
    paused: await world.store.pauses.list(),
    running: world.running?.rules() ?? [],
    inHand: world.running?.inHand() ?? [],
  };
  const { ids, revisions } = await find(
    world.store.journal,
    query,
    rules.find(({ name }) => name === rule),
  );
  const changes: ChangeWhy[] = [];
  for (const id of ids) {
    const entries = await world.store.journal.trace(id);
    // Retention may have been quicker.
    if (entries.length === 0) continue;
    const ahead = await aheadOf(world.store.journal, rulesWorld, entries);
    changes.push(whyChange({ ...rulesWorld, ahead }, entries, rule));
  }
  const absent = await missingOf(world, query, revisions, changes.length > 0);
  const sights = changes.length > 0 ? [] : await sightsOf(world, query.app);
  const itemId = query.itemId ?? (query.event === undefined ? undefined : changes[0]?.event.itemId);
  return { changes, absent, armed: await armedOf(world, itemId, rule), apps: sights };
}

/** By rule: what it has begun with and is not done with, of the same item and from before. */
async function aheadOf(
  journal: WhyWorld['store']['journal'],
  { lanes, inHand = [] }: RulesWorld,
  [entry]: readonly TracedEntry[],
): Promise<ReadonlyMap<string, number>> {
  const ahead = new Map<string, number>();
  const { itemId, seq = 0 } = entry?.event ?? {};
  const behind = lanes.filter(({ cursor }) => cursor < seq);
  if (itemId === undefined || behind.length === 0) return ahead;
  const after = Math.min(...behind.map(({ cursor }) => cursor));
  const earlier = await journal.list({ itemId, after, limit: MAX_AHEAD });
  for (const { event } of earlier) {
    if (event.seq >= seq) break;
    for (const { rule, seqs } of inHand)
      if (seqs.includes(event.seq) && !ahead.has(rule)) ahead.set(rule, event.seq);
    const entries = await journal.trace(event.id);
    for (const { rule, outcome } of entries.flatMap(({ runs }) => runs))
      if (outcome === 'open' && !ahead.has(rule)) ahead.set(rule, event.seq);
  }
  return ahead;
}

async function armedOf(
  { config, store }: WhyWorld,
  itemId: number | undefined,
  rule: string | undefined,
): Promise<readonly Armed[]> {
  if (itemId === undefined) return [];
  const keys = await store.rules.keys();
  const armed: Armed[] = [];
  for (const watch of watchesOf(config.rules, config.apps)) {
    const { name } = watch.rule;
    if (rule !== undefined && name !== rule) continue;
    const [timer] = await store.timers.get(keys.get(name) ?? name, [timerKey(watch, itemId)]);
    if (timer === undefined) continue;
    const { at, began, due, tries, told } = timer.value as Note;
    const dueAt =
      watch.trigger.kind === 'date' ? due : at === undefined ? undefined : at + watch.trigger.forMs;
    // A state that is over leaves only how far it was looked at.
    if (dueAt === undefined) continue;
    armed.push({
      rule: name,
      kind: watch.trigger.kind,
      app: watch.app.name,
      field: watch.trigger.field,
      due: told ? null : new Date(dueAt).toISOString(),
      ...(at !== undefined && { since: new Date(at).toISOString() }),
      ...(began !== undefined && { revision: began }),
      ...(tries !== undefined && { tries }),
    });
  }
  return armed;
}

/** In a running daemon, which asks Podio for an item that is not named by its id. */
export async function whyInDaemon(
  connection: Parameters<typeof findItem>[0],
  world: WhyWorld & { readonly config: Pick<Config, 'apps'> },
  { item, ...query }: WhyRequest,
): Promise<WhyAnswer> {
  if (item === undefined) return why(world, query);
  const name = parseItemName(item);
  const itemId = await findItem(connection, world.config, name);
  return why(world, { ...query, itemId, ...('app' in name && { app: name.app }) });
}

/** Beside no daemon: what the store alone can tell. */
export async function whyOffline(
  config: WhyWorld['config'],
  reader: StoreReader,
  query: WhyQuery,
): Promise<WhyAnswer> {
  const fields = await makeFieldDirectory({
    settings: { list: reader.settings.list, set: async () => {} },
    apps: {
      get: async () => {
        throw new UsageError('no daemon is running that could ask Podio');
      },
    },
  });
  return why({ config, fields, store: reader }, query);
}

/** The changes that are asked for, oldest first, and the item's revisions that there are events of. */
async function find(
  journal: WhyWorld['store']['journal'],
  { event, itemId, last = DEFAULT_CHANGES }: WhyQuery,
  rule: Rule | undefined,
): Promise<{ readonly ids: readonly string[]; readonly revisions: ReadonlySet<number> }> {
  if (event !== undefined) {
    if (!isSeq(event)) return { ids: [event], revisions: new Set() };
    const [entry] = await journal.list({ after: Number(event) - 1, limit: 1 });
    return { ids: entry?.event.seq === Number(event) ? [entry.event.id] : [], revisions: new Set() };
  }
  const events =
    itemId === undefined
      ? // A change has an entry for each hook that told of it.
        await latest(journal, Math.min(ITEM_EVENTS, 10 * last), rule)
      : await listed(journal, { itemId, last: ITEM_EVENTS });
  const revisions = new Set(events.flatMap(event => revisionOf(event) ?? []));
  return { ids: [...new Set(events.map(({ id }) => id))].slice(-last), revisions };
}

const listed = async (
  journal: WhyWorld['store']['journal'],
  query: EventQuery,
): Promise<readonly PodioEvent[]> => (await journal.list(query)).map(({ event }) => event);

/** A rule of more apps than this is asked about as one of all. */
const MAX_APPS = 20;

/** What happened last: for a rule where its triggers look, since with 200 apps nearly all else is of others. */
async function latest(
  journal: WhyWorld['store']['journal'],
  last: number,
  rule: Rule | undefined,
): Promise<readonly PodioEvent[]> {
  const apps = appsOf(rule?.triggers ?? []);
  const isAnywhere = rule?.triggers.some(({ kind }) => kind === 'space' || kind === 'podiod') ?? true;
  if (rule === undefined || isAnywhere || apps.length > MAX_APPS) return listed(journal, { last });
  const queries = [
    ...apps.map(app => ({ app, last })),
    { rule: rule.name, last },
    { type: 'schedule.fire', last },
  ];
  const found = (await Promise.all(queries.map(query => listed(journal, query)))).flat();
  const isOfOthers = (event: PodioEvent): boolean =>
    (onlyFor(event) ?? keyOf(rule)) !== keyOf(rule) ||
    (event.ref.type === 'schedule' && event.ref.id !== keyOf(rule));
  const own = found.filter(event => !isOfOthers(event)).sort((a, b) => a.seq - b.seq);
  return own.length > 0 ? own : listed(journal, { last });
}

/** A delivery key names it behind the rule; that of a batch from its first seq to its last, which is what it was run as. */
function eventIn(text: string): string {
  const [, about] = text.split('/');
  return /^\d+-(\d+)$/.exec(about ?? '')?.[1] ?? about ?? text;
}

const isSeq = (event: string): boolean => /^[0-9]{1,15}$/.test(event);

async function missingOf(
  { config, store }: WhyWorld,
  { app, event, itemId }: WhyQuery,
  revisions: ReadonlySet<number>,
  found: boolean,
): Promise<readonly Absent[]> {
  if (event !== undefined) return found ? [] : absentEvent(config, store, event);
  if (itemId === undefined) return found ? [] : [await nothing(store, 'the journal is empty')];
  const absent = await absentOf(config, store, itemId, revisions);
  if (found || absent.length > 0) return absent;
  const meant = app === undefined ? numberHint(itemId, config.apps.keys()) : '';
  return [await nothing(store, `no event of item ${itemId} has arrived`, meant)];
}

/** What is known of an item's changes that no event tells of. */
async function absentOf(
  config: WhyWorld['config'],
  { gaps, own }: WhyWorld['store'],
  itemId: number,
  seen: ReadonlySet<number>,
): Promise<readonly Absent[]> {
  const absent: Absent[] = [];
  const held = (await gaps.held()).find(item => item.itemId === itemId);
  if (held) {
    const seconds = Math.round(held.heldMs / 1000);
    const waits = `${count(held.events, 'change')} of the item ${held.events === 1 ? 'waits' : 'wait'}`;
    const why = `${waits} for what was missed (${showRevisions(held.missing)}), for ${seconds} s so far`;
    absent.push({ kind: 'held', why, revisions: held.missing });
  }
  const gap = (await gaps.open()).find(item => item.itemId === itemId);
  if (gap) {
    const why = `${showRevisions(gap.missing)} was missed and could not be read yet: ${gap.why}`;
    absent.push({ kind: 'missing', why, revisions: gap.missing });
  }
  const ledger = (await gaps.ledger([itemId])).get(itemId);
  if (ledger === undefined) return absent;
  if (seen.size === 0 && ledger.upTo !== undefined && ledger.upTo >= 0 && !held) {
    // What podiod makes without hooks never has an event.
    const made = await own.find(ledger.upTo === 0 ? madeItem(itemId) : madeRevision(itemId, ledger.upTo));
    absent.push(
      made
        ? {
            kind: 'own',
            why: `revision ${ledger.upTo} has no event: podiod made it itself, by rule ${made.rule}`,
            revisions: [[ledger.upTo, ledger.upTo]],
          }
        : {
            kind: 'removed',
            why: `changes of the item up to revision ${ledger.upTo} are accounted for, and no event of it is in the journal any more`,
          },
    );
  }
  const silent = silentRevisions(seen, ledger);
  if (silent.length > 0) {
    const counts = await gaps.completeness();
    const skips = config.catchUp.unhooked === 'skip';
    const unprovable = counts.some(app => app.unprovable.length > 0);
    const certain = !skips && !unprovable;
    const reasons = [
      'podiod made it itself',
      ...(skips ? ['`catchUp.unhooked: skip` left it out'] : []),
      ...(unprovable ? ['it could not be read any more'] : []),
    ];
    const why = `${showRevisions(silent)} has no event: ${reasons.join(', or ')}`;
    absent.push({ kind: certain ? 'own' : 'silent', why, revisions: silent });
  }
  return absent;
}

async function absentEvent(
  config: WhyWorld['config'],
  store: WhyWorld['store'],
  event: string,
): Promise<readonly Absent[]> {
  if (isSeq(event)) {
    const [newest] = await store.journal.list({ last: 1 });
    const head = newest?.event.seq ?? 0;
    if (Number(event) === 0) return [{ kind: 'never', why: 'there is no event 0: they count from 1' }];
    return Number(event) > head
      ? [{ kind: 'never', why: `there is no event ${event} yet: the newest is ${head}` }]
      : [{ kind: 'removed', why: `event ${event} is no longer in the journal: retention has removed it` }];
  }
  const [, item, at] = /^item\.[a-z]+:(\d{1,15}):(\d{1,15})$/.exec(event) ?? [];
  if (item !== undefined && at !== undefined) {
    const of = (await store.journal.list({ itemId: Number(item), last: ITEM_EVENTS })).map(one => one.event);
    const seen = new Set(of.flatMap(one => revisionOf(one) ?? []));
    const absent = await absentOf(config, store, Number(item), seen);
    const revision = Number(at);
    const about = absent.filter(({ kind, revisions = [] }) =>
      // What is held comes after what is missing.
      kind === 'held' ? revisions.some(([from]) => from <= revision) : isIn(revisions, revision),
    );
    if (about.length > 0) return about;
  }
  return [await nothing(store, `no event ${event} has arrived`)];
}

/** Of what is not there, with how far back one can tell. */
async function nothing(store: WhyWorld['store'], why: string, hint = ''): Promise<Absent> {
  const { oldest } = await store.retention.usage();
  const back = oldest ? `; the journal goes back to ${new Date(oldest.receivedAt).toISOString()}` : '';
  return { kind: 'never', why: `${why}${back}${hint}` };
}

/** What Podio calls item_id has many digits: a short one is the number that people see, which each app counts by itself. */
function numberHint(itemId: number, apps: Iterable<string>): string {
  const names = [...apps].slice(0, 3).map(app => `${app}/${itemId}`);
  return itemId < 1_000_000 && names.length > 0
    ? `; if it is the item's number in its app, write ${names.join(' or ')}`
    : '';
}

async function sightsOf(
  { config, fields, running, store }: WhyWorld,
  only: string | undefined,
): Promise<readonly AppSight[]> {
  const apps = [...config.apps.values()].filter(({ name }) => only === undefined || name === only);
  const reconcile = running?.reconcile();
  const sights: AppSight[] = [];
  for (const { name, id } of apps) {
    const [last] = await store.journal.list({ app: name, last: 1 });
    const ofApp = (ref: HookRef): boolean =>
      ref.type === 'app' ? ref.id === id : ref.type === 'app_field' && fields.byId(ref.id)?.appId === id;
    const mine = (reconcile?.hooks ?? []).filter(({ ref, owner }) => owner === 'ours' && ofApp(ref));
    const active = mine.filter(({ status }) => status === 'active').length;
    const degraded = reconcile?.degraded.find(({ ref }) => ref === `app/${id}`);
    sights.push({
      app: name,
      lastEvent: last
        ? { seq: last.event.seq, type: last.event.type, receivedAt: last.event.receivedAt }
        : null,
      hooks: reconcile
        ? {
            active,
            inactive: mine.length - active,
            types: typesOf(mine),
            seenAt: reconcile.lastRunAt ?? null,
          }
        : null,
      degraded: degraded?.error ?? null,
    });
  }
  return sights;
}

const typesOf = (hooks: readonly { readonly type: string }[]): readonly string[] =>
  [...new Set(hooks.map(({ type }) => type))].sort();

const showRevisions = (ranges: readonly Range[]): string =>
  `revision ${ranges.map(([first, last]) => (first === last ? first : `${first} to ${last}`)).join(', ')}`;

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
