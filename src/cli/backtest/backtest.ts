/** Runs a rule over what has happened: how often would it have fired, for which items, and what would it have sent? */
import type { Config } from '../../config/model.ts';
import type { PodioEvent } from '../../core/event.ts';
import { silentLog } from '../../core/log.ts';
import { causeOf, type OwnLookup } from '../../core/own.ts';
import { isTimed, type Rule, type Trigger } from '../../core/rule.ts';
import { type Outcome, type RunRecord, type StepJson, stepToJson, unknownFieldsOf } from '../../core/run.ts';
import { makeMatcher } from '../../dispatch/match.ts';
import type { PluginLoader } from '../../plugin/load.ts';
import {
  type Identities,
  type Identity,
  identityKey,
  type Names,
  type PodioClient,
} from '../../podio/contract.ts';
import { knowsField, type LearningFieldDirectory } from '../../podio/fields.ts';
import { makeItemReader } from '../../podio/index.ts';
import type { Seen } from '../../recover/missed.ts';
import { editedSince, PAGE_LIMIT } from '../../recover/pages.ts';
import type { Journal, Lanes, StoreReader } from '../../store/contract.ts';
import { makeMemoryStore } from '../../store/memory.ts';
import { makeTurnedClock } from '../stage/clock.ts';
import { asTried, isRunWithOthers, openStage } from '../stage/stage.ts';
import {
  type Change,
  changesOf,
  inOrder,
  journaled,
  listing,
  outlookOf,
  type Past,
  type Span,
  ticksOf,
  type WatchedApp,
} from './history.ts';
import { madeLastBy, readerOfThePast } from './past.ts';

export interface BacktestDeps {
  readonly config: Config;
  readonly rule: Rule;
  readonly span: Span;
  /** Its end is the present: all that came after a change is looked at as well. */
  readonly untilNow: boolean;
  readonly loader: PluginLoader;
  /** Reads as background work, and waits as long as it has to. */
  readonly podio: PodioClient;
  readonly identities: Identities;
  readonly names: Names;
  readonly fields: LearningFieldDirectory;
  /** Undefined where no daemon has run yet. */
  readonly store: (Pick<StoreReader, 'own'> & { readonly journal: Pick<Journal, 'list'> }) | undefined;
  /** Nothing but the journal: items as they are now. */
  readonly journalOnly: boolean;
  /** Calls under way. */
  readonly inFlight: () => number;
  readonly signal: AbortSignal;
  /** How many runs are told of one by one. */
  readonly limit: number;
  readonly onProgress: (words: string) => void;
}

/**
 * Calls that are needed yet: so many at least, and no more than. Counted is what is read of the app's items and their
 * history; what steps look up by themselves comes on top. `limited`: of the class that Podio allows few of.
 */
export interface Cost {
  readonly general: readonly [least: number, most: number];
  readonly limited: number;
  /** Every item was looked at. Else there are too many, and the rest is taken to be like the busiest page. */
  readonly isExact: boolean;
}

export interface AppPlan {
  readonly app: string;
  /** Who asks, and whose budget it is. */
  readonly as: string;
  /** Edited within the time. */
  readonly items: number;
  readonly cost: Cost;
  /** At what podiod leaves to background work, ms. */
  readonly leastMs: number;
  readonly mostMs: number;
}

export interface Hit {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly event: string;
  readonly type: string;
  readonly app?: string;
  readonly itemId?: number;
  readonly title?: string;
  readonly outcome: Outcome;
  readonly error?: string;
  readonly steps: readonly StepJson[];
}

export interface BacktestResult {
  readonly rule: string;
  readonly since: string;
  readonly until: string;
  /** Asked to stop before it was through: what is told is of what was run. */
  readonly interrupted: boolean;
  /** False: nobody knows the events that it is for, so that none were found says nothing. */
  readonly canTell: boolean;
  readonly events: number;
  /** How many of them were run. */
  readonly ran: number;
  /** Runs that were not filtered out, and the items they were about. */
  readonly fired: number;
  readonly items: number;
  readonly failed: number;
  readonly filtered: number;
  /** Runs that were filtered out, by what stopped them: `where`, `fields`, `own` (podiod's own change), a step. */
  readonly stoppedBy: Readonly<Record<string, number>>;
  /** Fields that the rule names and the app of an item does not have: they were taken for empty. */
  readonly unknownFields: readonly string[];
  /** Changes that Podio no longer tells of. */
  readonly unprovable: number;
  readonly notes: readonly string[];
  readonly hits: readonly Hit[];
}

export interface Backtest {
  readonly apps: readonly AppPlan[];
  run(): Promise<BacktestResult>;
}

const HOUR_MS = 3_600_000;

/** Lists what there is, and what fields there are. All of it is needed to run as well, and answers are kept. */
export async function planBacktest(deps: BacktestDeps): Promise<Backtest> {
  const { config, rule, podio, identities, fields } = deps;
  const past: Past = { items: new Map(), revisions: new Map() };
  const asks = asksFor(rule);
  const apps = deps.journalOnly ? [] : watchedApps(config, rule, identities);
  const plans: AppPlan[] = [];
  for (const app of apps) {
    await fields.take(await podio.apps.get(app.as, app.id));
    plans.push(await planApp(app, deps, past, asks));
  }
  return { apps: plans, run: () => run(deps, apps, past) };
}

/** Whether what a change has changed is read for every one of them. */
const asksFor = ({ triggers }: Rule): boolean =>
  triggers.some(trigger => trigger.kind === 'app' && trigger.fields !== undefined);

function watchedApps({ apps }: Config, { triggers }: Rule, identities: Identities): readonly WatchedApp[] {
  const wanted = new Map<string, Set<string>>();
  for (const trigger of triggers) {
    if (trigger.kind !== 'app') continue;
    const items = trigger.events.filter(type => type === 'item.create' || type === 'item.update');
    for (const name of items.length > 0 ? trigger.apps : []) {
      const types = wanted.get(name) ?? new Set();
      for (const type of items) types.add(type);
      wanted.set(name, types);
    }
  }
  return [...wanted].flatMap(([name, wants]) => {
    const app = apps.get(name);
    const as: Identity | undefined = identities.forApp(name);
    return app && as ? [{ name, id: app.id, as, wants }] : [];
  });
}

/** So many are listed before it is asked whether to go on: 20,000 items, for half an hour's share of what Podio allows. */
const MOST_PAGES = 40;

/** In the words of listing, so that it begins with the same pages: what is asked for is kept. */
async function planApp(
  app: WatchedApp,
  { podio, span, untilNow, signal, onProgress }: BacktestDeps,
  past: Past,
  asks: boolean,
): Promise<AppPlan> {
  const pages = listing(app, podio, past, span);
  let items = 0;
  const seen = new Map<number, Seen>();
  /** Calls for one item of the busiest page. */
  const busiest = { histories: 0, looks: 0 };
  let isExact = true;
  let count = 0;
  const onPage = (filtered: number) => {
    items = Math.max(items, filtered);
  };
  for await (const page of editedSince({ ...pages, items: { filter: counting(pages.items, onPage) } })) {
    signal.throwIfAborted();
    for (const one of page) seen.set(one.itemId, one);
    const { histories, looks } = looksAt(page, app, span, past, { asks, untilNow });
    busiest.histories = Math.max(busiest.histories, histories / page.length);
    busiest.looks = Math.max(busiest.looks, looks / page.length);
    onProgress(`${app.name}: ${seen.size} of ${items} items`);
    if (++count === MOST_PAGES && seen.size < items) {
      isExact = false;
      break;
    }
  }
  const rest = isExact ? 0 : items - seen.size;
  const { histories, looks } = looksAt([...seen.values()], app, span, past, { asks, untilNow });
  const least = histories;
  const most = histories + looks + Math.ceil(rest * (busiest.histories + busiest.looks));
  const limited = Math.ceil(rest / (PAGE_LIMIT - 1));
  const share = podio.share(app.as);
  const msFor = (general: number): number =>
    Math.max(general / Math.max(share.general, 1), limited / Math.max(share.limited, 1)) * HOUR_MS;
  return {
    app: app.name,
    as: identityKey(app.as),
    items: isExact ? seen.size : items,
    cost: { general: [least, most], limited, isExact },
    leastMs: msFor(least),
    mostMs: msFor(most),
  };
}

type Filter = PodioClient['items']['filter'];

const counting =
  (items: { filter: Filter }, onPage: (filtered: number) => void): Filter =>
  async (...given) => {
    const page = await items.filter(...given);
    onPage(page.filtered);
    return page;
  };

/** At most: what each update has changed, where that is asked for; the item as it was; and who made what no history tells of. */
function looksAt(
  page: readonly Seen[],
  app: WatchedApp,
  span: Span,
  { items }: Past,
  { asks, untilNow }: { readonly asks: boolean; readonly untilNow: boolean },
): { readonly histories: number; readonly looks: number } {
  let histories = 0;
  let looks = 0;
  for (const seen of page) {
    const { needsHistory, updates, outdated } = outlookOf(seen, app, span);
    if (needsHistory) histories++;
    // Led back step by step, an item as it was takes no call that what its updates have changed does not take.
    const steps = untilNow ? Math.max(updates, outdated > 0 ? seen.revision : 0) : updates + outdated;
    looks += asks ? steps : outdated;
    if (!needsHistory && updates > 0 && madeLastBy(items.get(seen.itemId), seen.revision) === undefined)
      looks += ACTOR_CALLS;
  }
  return { histories, looks };
}

/** The item, and where it does not tell, its history. */
const ACTOR_CALLS = 2;

async function run(deps: BacktestDeps, apps: readonly WatchedApp[], past: Past): Promise<BacktestResult> {
  const { config, rule, podio, identities, fields, span, signal, onProgress } = deps;
  const journal = deps.store?.journal;
  const notes: string[] = [];
  const changes: Change[] = [];
  let unprovable = 0;
  let interrupted = false;
  try {
    for (const app of apps) {
      const onItem = (count: number) => onProgress(`${app.name}: the history of ${count} items`);
      const found = await changesOf(app, { podio, past, span, signal, onItem });
      for (const change of found.changes) changes.push(change);
      unprovable += found.unprovable;
      if (found.unsure) notes.push(`items of ${app.name} moved while they were listed: some may be left out`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    interrupted = true;
  }
  const known = { apps: config.apps, spaces: config.spaces, fields };
  const { match } = makeMatcher(rule, known);
  const read = new Set(apps.map(({ name }) => name));
  const isTold = ({ app, type, revision }: PodioEvent): boolean =>
    app !== undefined &&
    read.has(app) &&
    revision !== undefined &&
    (type === 'item.create' || type === 'item.update');
  const isTick = ({ type }: PodioEvent): boolean => type === 'schedule.fire';
  if (journal && !interrupted)
    changes.push(
      ...(await journaled(journal, event => match(event) !== 'no' && !isTick(event), isTold, span)),
    );
  const { ticks, most } = ticksOf(rule, span);
  changes.push(...ticks);
  if (most !== undefined)
    notes.push(`of the schedule’s ticks the first ${most} were looked at, and no later ones`);
  notes.push(...notesOn(rule, deps, apps));

  const clock = makeTurnedClock(span.since);
  const store = makeMemoryStore({ clock });
  const counts = { ran: 0, fired: 0, failed: 0, filtered: 0 };
  const fired = new Set<number>();
  const stoppedBy: Record<string, number> = {};
  const unknownFields = new Set<string>();
  const hits: Hit[] = [];
  const events = new Map(changes.map(change => [change.event.id, change]));
  const onRun = (record: RunRecord): void => {
    // What was cut off says nothing.
    if (signal.aborted) return;
    for (const field of unknownFieldsOf(record.steps)) unknownFields.add(field);
    if (isRunWithOthers(record)) return;
    if (record.outcome === 'filtered') {
      counts.filtered++;
      const by = stopperOf(record);
      stoppedBy[by] = (stoppedBy[by] ?? 0) + 1;
      return;
    }
    counts.fired++;
    if (record.outcome === 'parked') counts.failed++;
    const change = events.get(record.eventId);
    if (change?.event.itemId !== undefined) fired.add(change.event.itemId);
    if (hits.length < deps.limit) hits.push(hitOf(record, change, past, clock.now()));
  };
  const own = deps.store && ownIn(deps.store);
  const reader = makeItemReader({ client: podio, identities, log: silentLog, ...(own && { own }) });
  {
    await using stage = await openStage({
      ...deps,
      rules: [asTried(rule)],
      reader: readerOfThePast(reader, { past, podio, identities, stepwise: asksFor(rule) && deps.untilNow }),
      hasField: (app, field) => knowsField(fields, app, field),
      appOfItem: itemId => past.items.get(itemId)?.app?.app_id ?? reader.appOfItem(itemId),
      store,
      ...(own && { own }),
      clock,
      isBusy: () => deps.inFlight() > 0,
      onRun,
    });
    try {
      for (const { at, event } of interrupted ? [] : inOrder(changes)) {
        if (signal.aborted) break;
        await stage.goTo(at);
        await stage.append([event]);
        if (signal.aborted) break;
        counts.ran++;
        if (counts.ran % 50 === 0)
          onProgress(`${counts.ran} of ${changes.length} events, ${counts.fired} fired`);
      }
      if (!signal.aborted) await stage.goTo(span.until);
      const waiting = signal.aborted ? 0 : await gatheredIn(store.lanes, rule.name);
      if (waiting > 0)
        notes.push(
          `at the end ${waiting === 1 ? '1 event waits' : `${waiting} events wait`} to be run, as the rule's mode says`,
        );
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
  return {
    rule: rule.name,
    since: iso(span.since),
    until: iso(span.until),
    interrupted: interrupted || signal.aborted,
    canTell: changes.length > 0 || !rule.triggers.every(isMadeForRule),
    events: changes.length,
    ...counts,
    items: fired.size,
    stoppedBy,
    unknownFields: [...unknownFields].sort(),
    unprovable,
    notes,
    hits,
  };
}

const gatheredIn = async (lanes: Pick<Lanes, 'status'>, rule: string): Promise<number> =>
  (await lanes.status()).find(lane => lane.rule === rule)?.gathered ?? 0;

/** Its events are made for the rule alone, while a daemon runs it. */
const isMadeForRule = (trigger: Trigger): boolean =>
  isTimed(trigger) || (trigger.kind === 'schedule' && trigger.items !== undefined);

/** What can't be told, whatever is read. */
function notesOn(
  rule: Rule,
  { store, journalOnly }: BacktestDeps,
  apps: readonly WatchedApp[],
): readonly string[] {
  const types = new Set(rule.triggers.flatMap(trigger => ('events' in trigger ? trigger.events : [])));
  const others = [...types].filter(type => type !== 'item.create' && type !== 'item.update');
  const notes: string[] = [];
  if (others.length > 0) {
    const from = store ? 'are those that the journal has' : 'are not known: no daemon has run here yet';
    notes.push(`events of ${others.join(', ')} ${from}`);
  }
  if (rule.triggers.some(isTimed))
    notes.push(
      'states that last and dates that come are known from when a daemon has run this rule, and from no time before; podiod test plays them',
    );
  if (rule.triggers.some(trigger => trigger.kind === 'schedule' && trigger.items !== undefined))
    notes.push('which items a schedule would have found is not known; podiod test plays it');
  if (!journalOnly && apps.length > 0) notes.push('items that were deleted since are not seen');
  return notes;
}

/** What the daemon made itself, as it has kept it. */
const ownIn = ({ own }: Pick<StoreReader, 'own'>): OwnLookup => ({
  maybe: event => causeOf(event) !== undefined,
  find: async event => own.find(causeOf(event) ?? ''),
});

const CALLED: Readonly<Record<string, string>> = {
  'rule.where': 'where',
  'rule.own': 'own',
  'on.fields': 'fields',
};

function stopperOf({ steps }: RunRecord): string {
  const last = steps.at(-1)?.step ?? 'on.fields';
  return CALLED[last] ?? last;
}

function hitOf(
  { eventId, outcome, error, steps }: RunRecord,
  change: Change | undefined,
  past: Past,
  now: number,
): Hit {
  const { type = '', app, itemId } = change?.event ?? {};
  const title = itemId === undefined ? undefined : past.items.get(itemId)?.title;
  return {
    at: iso(change?.at ?? now),
    event: eventId,
    type,
    ...(app !== undefined && { app }),
    ...(itemId !== undefined && { itemId }),
    ...(title !== undefined && { title }),
    outcome,
    ...(error !== undefined && { error }),
    steps: steps.map(stepToJson),
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();
