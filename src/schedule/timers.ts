/**
 * Rules that wait for what time brings. Whatever may concern such a rule (an event of the journal, a write of podiod's own, an
 * item that a look at the app has found) becomes a timer that is due now; a timer that is due means that its item is read
 * and looked at. So nothing is decided by what an event said, and a missed one can't make anything wrong: what is told is
 * what Podio has.
 */
import type { AppConfig, Config } from '../config/model.ts';
import { abortWith } from '../core/abort.ts';
import { type Cancel, type Clock, sleep } from '../core/clock.ts';
import { coerceError, isPodiodError, PodioError, StoreError } from '../core/errors.ts';
import type { NewEvent, PodioEvent } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import type { Item } from '../core/podio.ts';
import { stampOf } from '../core/podio-time.ts';
import type { Rule } from '../core/rule.ts';
import { filtersFor } from '../language/podio-filter.ts';
import {
  type CallOptions,
  type FieldDirectory,
  type Identities,
  type Identity,
  identityKey,
  type PodioClient,
} from '../podio/contract.ts';
import { isGone } from '../podio/errors.ts';
import { stretch } from '../podio/pace.ts';
import type { Journal, Settings, Singleton, Store, Timer, TimerSetting } from '../store/contract.ts';
import { FIRST_PLACE, PAGE_LIMIT, readPage } from './item-pages.ts';
import { lookAt, type Note } from './look.ts';
import { lookKey, ruleKeyOf, timerKey, type Watch, watchesOf } from './watches.ts';

export interface RuleTimersDeps {
  readonly rules: readonly Rule[];
  readonly config: () => Pick<Config, 'apps' | 'catchUp'>;
  readonly store: Pick<Store, 'timers' | 'changes$' | 'now'> & {
    readonly journal: Pick<Journal, 'append' | 'read' | 'head'>;
    readonly settings: Pick<Settings, 'get' | 'set' | 'delete' | 'list'>;
    readonly singleton: (name: string) => Promise<Singleton>;
  };
  readonly podio: {
    readonly items: Pick<PodioClient['items'], 'filter' | 'get' | 'revisions' | 'difference'>;
    readonly apps: Pick<PodioClient['apps'], 'get'>;
    readonly share: PodioClient['share'];
  };
  readonly identities: Identities;
  readonly fields: Pick<FieldDirectory, 'byId'>;
  /** Keeps an item for the run of this event. */
  readonly learn: (event: NewEvent, item: Item) => void;
  /** How far Podio's clock is ahead of this one, milliseconds. */
  readonly podioAheadMs: () => number;
  /** From the one before it in this process, and to the one after it. Left out: there is none. */
  readonly late?: LateTimers;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is due and could not be looked at, by rule and timer: since when, wall time. */
export type LateTimers = Map<string, { readonly rule: string; readonly since: number }>;

export interface TimersStatus {
  readonly rule: string;
  /** What stands for the rule in the store. */
  readonly key: string;
  readonly app: string;
  /** When the app was last looked at for what nobody has told of; ISO 8601, UTC. */
  readonly lastSweepAt?: string;
  /** Why the last look did not end well. */
  readonly error?: string;
  /** Since when the rule waits for an item of its that is due and could not be read yet; ISO 8601, UTC. */
  readonly lateSince?: string;
}

export interface RuleTimers {
  /** `goesOn`: one before it has run until just now, so nothing was missed. Rejects with a StoreError. */
  start(goesOn?: boolean): Promise<void>;
  stop(): Promise<void>;
  /** podiod has written an item itself, of which no hook tells. */
  wrote(itemId: number, appId: number | undefined): void;
  status(): readonly TimersStatus[];
}

/** What is kept under `timers/{rule key}`, by watch. */
interface KeptWatch {
  /** When the rule began to wait for it, UTC milliseconds. */
  readonly since: number;
  /** Everything edited up to here has been looked at; Podio's time. */
  readonly swept?: number;
}
type KeptRule = Readonly<Record<string, KeptWatch>>;

/** An item that a rule has to look at. */
interface LookNote {
  readonly item: number;
  readonly app: string;
  readonly tries?: number;
}

const TIMERS_PREFIX = 'timers/';
/** Up to where the journal has been gone through. */
const TIMERS_CURSOR = 'timers-cursor';

const READ_LIMIT = 500;
/** So many events that concern nobody are read again after a crash, at most. */
const KEEP_AFTER = 5000;
/** Timers that are seen to together, and items that are asked for in one call. */
const BATCH = 100;
/** Fewer than these are read one by one: such calls are four times as many in an hour. */
const WORTH_A_LIST = 4;
/** Items looked at at the same time. */
const AT_ONCE = 4;
/** The wall clock can jump and a machine can sleep: it is looked at this often. */
const LONGEST_WAIT_MS = 60_000;
const RETRY = { fromMs: 15_000, toMs: 900_000 };
/** After a call that had to wait, where no longer time is stated. */
const SOONEST_MS = 100;
const STORE_RETRY = { fromMs: 500, toMs: 30_000 };
/** Something made a moment ago may not be readable yet. */
const TRIES_OF_GONE = 3;
/** What became due so shortly before the start was not missed. */
const LATE_MS = 60_000;

const backoff = (tries: number, { fromMs, toMs } = RETRY): number => Math.min(fromMs * 2 ** tries, toMs);
const isRateLimited = (error: unknown): boolean =>
  isPodiodError(error) && error.code === 'PODIO_RATE_LIMITED';
const statedMs = (error: unknown): number =>
  isPodiodError(error) && typeof error.retry === 'object' ? error.retry.afterMs : 0;

export function makeRuleTimers(deps: RuleTimersDeps): RuleTimers {
  const { store, podio, identities, clock } = deps;
  const { timers, journal, settings } = store;
  const log = deps.log.child({ module: 'schedule' });
  const watches = watchesOf(deps.rules, deps.config().apps);
  const byRule = Map.groupBy(watches, ruleKeyOf);
  const byId = new Map(watches.map(watch => [`${ruleKeyOf(watch)} ${watch.id}`, watch]));
  const ruleKeys = [...byRule.keys()];
  const appIds = new Set(watches.map(({ app }) => app.id));
  const kept = new Map<string, KeptRule>();
  const sweeps = new Map<Watch, { lastSweepAt?: string; error?: string }>(watches.map(one => [one, {}]));
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  /** Rules and items that are being looked at: one look at a time. */
  const chains = new Map<string, Promise<unknown>>();
  const { late = new Map() as LateTimers } = deps;
  let upSince = 0;
  let signal: AbortSignal = stopping.signal;
  const dueWake = makeWaking(clock);
  const journalWake = makeWaking(clock);

  /** By the store's clock, as everything that a change's time is compared with. */
  const localTime = (podioMs: number): number => podioMs - deps.podioAheadMs() + store.now() - clock.now();
  const podioTime = (localMs: number): number => localMs + deps.podioAheadMs() + clock.now() - store.now();

  const keptOf = (watch: Watch): KeptWatch =>
    kept.get(ruleKeyOf(watch))?.[watch.id] ?? { since: store.now() };
  const keep = async (watch: Watch, change: Partial<KeptWatch>): Promise<void> => {
    const key = ruleKeyOf(watch);
    kept.set(key, { ...kept.get(key), [watch.id]: { ...keptOf(watch), ...change } });
    await settings.set(TIMERS_PREFIX + key, kept.get(key));
  };

  const identityOf = (app: string): Identity => {
    const as = identities.forApp(app);
    if (as) return as;
    throw new PodioError('PODIO_NO_IDENTITY', `no token or login reaches app ${app}`, { retry: 'never' });
  };

  /** Does it until it is done or stopped; what only the store or the budget holds up is tried again. */
  const loop = (name: string, work: () => Promise<void>): void => {
    const run = async (): Promise<void> => {
      for (let failures = 0; !signal.aborted; ) {
        try {
          await work();
          failures = 0;
        } catch (thrown) {
          if (signal.aborted) return;
          const error = coerceError(thrown);
          const limits = error instanceof StoreError ? STORE_RETRY : RETRY;
          const waitMs = Math.max(
            statedMs(error),
            isRateLimited(error) ? SOONEST_MS : backoff(failures, limits),
          );
          if (!isRateLimited(error)) failures += 1;
          log[failures === 1 ? 'warn' : 'debug'](`${name} failed, trying again`, { waitMs, error });
          await sleep(clock, waitMs, signal).catch(() => {});
        }
      }
    };
    const promise = run();
    running.add(promise);
    void promise.finally(() => running.delete(promise));
  };

  // ------------------------------------------------------------------------------------------ what may concern a rule

  const rulesFor = (appId: number): readonly string[] =>
    ruleKeys.filter(key => byRule.get(key)?.some(({ app }) => app.id === appId));

  const looks = (itemId: number, app: AppConfig): readonly TimerSetting[] =>
    rulesFor(app.id).map(rule => {
      const value: LookNote = { item: itemId, app: app.name };
      return { rule, key: lookKey(itemId), inMs: 0, value };
    });

  const appById = (id: number | undefined): AppConfig | undefined =>
    id === undefined || !appIds.has(id) ? undefined : watches.find(({ app }) => app.id === id)?.app;

  /** The app whose rules an event may concern. What an app's own hook tells, the hooks of its fields tell as well. */
  const concerned = (event: PodioEvent): AppConfig | undefined => {
    if (event.itemId === undefined) return undefined;
    if (!['item.create', 'item.update', 'item.delete'].includes(event.type)) return undefined;
    if (event.ref.type === 'app_field') {
      const id = Number(event.ref.id);
      return appById(
        deps.fields.byId(id)?.appId ?? watches.find(({ app }) => app.name === event.app)?.app.id,
      );
    }
    const isTold = event.source === 'recovered' || event.type === 'item.delete';
    return event.ref.type === 'app' && isTold ? appById(Number(event.ref.id)) : undefined;
  };

  /** Where the journal was left, and what of that is on disk: behind by events that concern nobody here. */
  const cursor = { at: 0, kept: 0 };
  const keepCursor = async (): Promise<void> => {
    if (cursor.at === cursor.kept) return;
    const { at } = cursor;
    await settings.set(TIMERS_CURSOR, at);
    cursor.kept = at;
  };

  const readJournal = async (): Promise<void> => {
    const after = cursor.at;
    const { entries, upTo } = await journal.read({ after, limit: READ_LIMIT });
    const found = new Map<string, TimerSetting>();
    for (const { event } of entries) {
      const app = concerned(event);
      if (app === undefined || event.itemId === undefined) continue;
      for (const timer of looks(event.itemId, app)) found.set(`${timer.rule} ${timer.key}`, timer);
    }
    // The timers first: a crash between the two sets them again.
    await timers.set([...found.values()]);
    if (found.size > 0) dueWake.wake();
    cursor.at = upTo;
    if (found.size > 0 || upTo - cursor.kept >= KEEP_AFTER) await keepCursor();
    if (upTo >= journal.head()) await journalWake.rest(LONGEST_WAIT_MS, signal);
  };

  // ------------------------------------------------------------------------------------------ what is due

  const seeToDue = async (): Promise<void> => {
    const due = await timers.due(ruleKeys, BATCH);
    if (due.length === 0) {
      const next = (await timers.next(ruleKeys)) ?? LONGEST_WAIT_MS;
      if (next > 0) await dueWake.rest(Math.min(next, LONGEST_WAIT_MS), signal);
      return;
    }
    const now = store.now();
    const byApp = Map.groupBy(due, appOf);
    // Whatever the rule does not wait for any more.
    const unwanted = byApp.get(undefined) ?? [];
    await timers.clear(unwanted);
    notLate(unwanted);
    for (const [app, some] of byApp) if (app !== undefined) await seeTo(app, some, now);
  };

  /** Timers of one app. What can't be read now is put off, so that it holds up nothing else. */
  const seeTo = async (app: string, some: readonly Timer[], now: number): Promise<void> => {
    const itemsWanted = [...new Set(some.map(({ value }) => (value as Note).item))];
    let found: ReadonlyMap<number, Item | 'gone' | Error>;
    try {
      found = await readItems(app, itemsWanted);
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      found = new Map(itemsWanted.map(id => [id, coerceError(thrown)]));
    }
    const pairs = [...Map.groupBy(some, ({ rule, value }) => `${rule} ${(value as Note).item}`).values()];
    await inTurn(pairs, AT_ONCE, async group => {
      const [{ rule, value } = { rule: '', value: undefined }] = group;
      const { item: itemId } = value as Note;
      const item = found.get(itemId);
      if (item === undefined || item === 'gone') return whereGone(group);
      if (item instanceof Error) return putOff(group, item);
      try {
        await oneByOne(`${rule} ${itemId}`, () => look(rule, app, item, now));
        await timers.clear(group.filter(({ key }) => key === lookKey(itemId)));
        notLate(group);
      } catch (thrown) {
        const error = coerceError(thrown);
        if (error instanceof StoreError || signal.aborted) throw error;
        if (isGone(error)) await whereGone(group);
        else await putOff(group, error);
      }
    });
  };

  /** The app may be called otherwise than it was. */
  const appOf = ({ rule, key, value }: Timer): string | undefined => {
    const { item, app } = value as Note;
    if (key !== lookKey(item)) return byId.get(`${rule} ${key.split('/')[0]}`)?.app.name;
    return byRule.get(rule)?.some(watch => watch.app.name === app) ? app : undefined;
  };

  const putOff = async (group: readonly Timer[], error: Error): Promise<void> => {
    for (const { rule, key } of group) {
      const place = `${rule} ${key}`;
      if (!late.has(place)) late.set(place, { rule, since: clock.now() });
    }
    // One identity's budget says nothing of another's, and that it is used up nothing of the item.
    if (isRateLimited(error)) {
      const inMs = Math.max(statedMs(error), SOONEST_MS);
      await timers.set(group.map(({ rule, key, value }) => ({ rule, key, inMs, value })));
      return;
    }
    await timers.set(
      group.map(({ rule, key, value }) => {
        const tries = (value as Note).tries ?? 0;
        if (tries === 0) log.warn('an item that is due can not be read, trying again', { rule, key, error });
        const inMs = Math.max(statedMs(error), backoff(tries));
        return { rule, key, inMs, value: { ...(value as Note), tries: tries + 1 } };
      }),
    );
  };

  /** It may only be too new to be read; else nothing of it is due any more. */
  const whereGone = async (group: readonly Timer[]): Promise<void> => {
    const isOver = group.some(({ value }) => ((value as Note).tries ?? 0) + 1 >= TRIES_OF_GONE);
    if (!isOver) return putOff(group, new Error('the item is not there'));
    const [{ rule, value } = { rule: '', value: undefined }] = group;
    const itemId = (value as Note).item;
    const all = (byRule.get(rule) ?? []).map(watch => timerKey(watch, itemId));
    await timers.clear([...group, ...(await timers.get(rule, all))]);
    notLate([...group, ...all.map(key => ({ rule, key }))]);
  };

  /** One call for many, one for each of a few. What a list leaves out is asked for by itself. */
  const readItems = async (
    app: string,
    ids: readonly number[],
  ): Promise<ReadonlyMap<number, Item | 'gone' | Error>> => {
    const as = identityOf(app);
    const appId = deps.config().apps.get(app)?.id ?? appIdNamed(app);
    const call: CallOptions = { priority: 'recovery', signal };
    const found = new Map<number, Item | 'gone' | Error>();
    if (appId === undefined) return found;
    if (ids.length >= WORTH_A_LIST) {
      const filters = { item_id: ids };
      const body = {
        filters,
        limit: ids.length,
        offset: 0,
        remember: false,
        sort_by: 'item_id',
        sort_desc: false,
      };
      const { items } = await podio.items.filter(as, appId, body, { ...call, whole: true });
      for (const item of items)
        if (ids.includes(item.item_id))
          found.set(item.item_id, { ...item, app: item.app ?? { app_id: appId } });
    }
    for (const id of ids.filter(one => !found.has(one))) {
      try {
        found.set(id, await podio.items.get(as, id, call));
      } catch (thrown) {
        found.set(id, isGone(thrown) ? 'gone' : coerceError(thrown));
      }
    }
    return found;
  };

  const notLate = (seenTo: readonly Pick<Timer, 'rule' | 'key'>[]): void => {
    for (const { rule, key } of seenTo) late.delete(`${rule} ${key}`);
  };

  const lateOf = (key: string): Pick<TimersStatus, 'lateSince'> => {
    const times = [...late.values()].filter(({ rule }) => rule === key).map(({ since }) => since);
    return times.length === 0 ? {} : { lateSince: new Date(Math.min(...times)).toISOString() };
  };

  const appIdNamed = (name: string): number | undefined =>
    watches.find(({ app }) => app.name === name)?.app.id;

  const oneByOne = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const before = chains.get(key) ?? Promise.resolve();
    const result = before.then(work, work);
    chains.set(key, result);
    const end = (): void => {
      if (chains.get(key) === result) chains.delete(key);
    };
    result.then(end, end);
    return result;
  };

  /** Tells what an item, as it was read at or after `now`, means to a rule. Its events come first, then what is kept of it. */
  const look = async (
    rule: string,
    app: string,
    item: Item,
    now: number,
    only?: Watch,
    priority: CallOptions['priority'] = 'recovery',
  ): Promise<void> => {
    const itemId = item.item_id;
    const own = (byRule.get(rule) ?? []).filter(
      watch => watch.app.name === app && (only === undefined || watch === only),
    );
    const notes = new Map(
      (
        await timers.get(
          rule,
          own.map(watch => timerKey(watch, itemId)),
        )
      ).map(timer => [timer.key, timer]),
    );
    for (const watch of own) {
      const key = timerKey(watch, itemId);
      const before = notes.get(key);
      const { events, note, due } = await lookAt(
        {
          items: podio.items,
          as: identityOf(app),
          call: { priority, signal },
          localTime,
          since: keptOf(watch).since,
          now,
          upSince,
        },
        watch,
        item,
        before?.value as Note | undefined,
      );
      for (const event of events)
        if (Array.isArray(item.files) && Array.isArray(item.tags)) deps.learn(event, item);
      if (events.length > 0) await journal.append(events);
      if (note === undefined) {
        if (before) await timers.clear([before]);
        notLate([{ rule, key }]);
        continue;
      }
      const inMs = due === undefined ? undefined : due - store.now();
      const isSame =
        before !== undefined &&
        (before.inMs === undefined) === (inMs === undefined) &&
        JSON.stringify(before.value) === JSON.stringify(note);
      if (!isSame) await timers.set([{ rule, key, inMs, value: note }]);
      notLate([{ rule, key }]);
      if (inMs !== undefined) dueWake.wake();
    }
  };

  // ------------------------------------------------------------------------------------------ what nobody has told of

  /** A look at the app takes a call or more, and all of an identity share its background budget. */
  const everyMs = (watch: Watch): number => {
    const { catchUp } = deps.config();
    const as = identities.forApp(watch.app.name);
    if (as === undefined) return catchUp.everyMs;
    const sharing = watches.filter(({ app }) => {
      const other = identities.forApp(app.name);
      return other !== undefined && identityKey(other) === identityKey(as);
    });
    return stretch(catchUp.everyMs, sharing.length, podio.share(as).limited);
  };

  const sweep = async (watch: Watch): Promise<void> => {
    const { rule, app, trigger, field } = watch;
    const as = identityOf(app.name);
    const call: CallOptions = { priority: 'background', signal };
    const { since, swept } = keptOf(watch);
    const begunAt = podioTime(store.now());
    const lastEdit = (from: number) => ({ last_edit_on: { from: stampOf(from) } });
    const filters = await (async () => {
      if (swept !== undefined) return lastEdit(swept - deps.config().catchUp.overlapMs);
      const { fields } = await podio.apps.get(as, app.id, call);
      const named = () =>
        fields.find(({ external_id: id, field_id }) => id === field || String(field_id) === field);
      const ask = (operator: string, value: unknown) =>
        filtersFor([{ path: ['fields', field], operator, value }], named, {
          now: clock.now(),
          zone: rule.timezone,
        });
      // The first time: only what can be due from now on.
      if (trigger.kind === 'lasted')
        return { ...ask('in', trigger.to), ...lastEdit(podioTime(since - trigger.forMs) - 1000) };
      const { days, ms } = trigger.at;
      const day = new Date(since - days * 86_400_000 - ms - 2 * 86_400_000).toISOString().slice(0, 10);
      return ask('gte', day);
    })();
    const given = new Set<number>();
    for (let place = FIRST_PLACE, last = false; !last; ) {
      signal.throwIfAborted();
      const now = store.now();
      const page = await readPage(
        (offset, limit) =>
          podio.items.filter(
            as,
            app.id,
            { sort_by: 'item_id', sort_desc: false, limit, offset, remember: false, filters },
            { ...call, whole: true },
          ),
        place,
        given,
        PAGE_LIMIT,
      );
      await inTurn(page.items, AT_ONCE, async listed => {
        const item = { ...listed, app: listed.app ?? { app_id: app.id } };
        // Where it is known already it costs nothing, else calls: as many as the budget has.
        for (let isSeen = false; !isSeen; ) {
          try {
            await oneByOne(`${ruleKeyOf(watch)} ${item.item_id}`, () =>
              look(ruleKeyOf(watch), app.name, item, now, watch, 'background'),
            );
            isSeen = true;
          } catch (error) {
            // Deleted meanwhile.
            isSeen = isGone(error);
            if (!isSeen && !isRateLimited(error)) throw error;
            if (!isSeen) await sleep(clock, Math.max(100, statedMs(error)), signal);
          }
        }
      });
      place = page.next;
      last = page.last;
    }
    await keep(watch, { swept: begunAt });
  };

  const sweepAgain = (watch: Watch, isFirst: { yes: boolean }) => async (): Promise<void> => {
    const state = sweeps.get(watch) ?? {};
    const mayWait = isFirst.yes && !deps.config().catchUp.onStart && keptOf(watch).swept !== undefined;
    if (!mayWait) {
      try {
        await sweep(watch);
        sweeps.set(watch, { lastSweepAt: new Date(clock.now()).toISOString() });
      } catch (error) {
        if (!isRateLimited(error)) sweeps.set(watch, { ...state, error: coerceError(error).message });
        throw error;
      }
    }
    isFirst.yes = false;
    await sleep(clock, everyMs(watch), signal);
  };

  return {
    async start(goesOn = false) {
      for (const rule of await timers.rules()) {
        // Of a rule that waits for nothing any more, or is gone.
        if (!byRule.has(rule)) await timers.drop(rule);
      }
      for (const [place, { rule }] of late) if (!byRule.has(rule)) late.delete(place);
      for (const key of (await settings.list(TIMERS_PREFIX)).keys())
        if (!byRule.has(key.slice(TIMERS_PREFIX.length))) await settings.delete(key);
      if (watches.length === 0 || stopping.signal.aborted) return;
      const lease = await store.singleton('timers');
      signal = AbortSignal.any([lease.signal, stopping.signal]);
      upSince = goesOn ? Number.NEGATIVE_INFINITY : store.now() - LATE_MS;
      for (const [rule, own] of byRule) {
        const before = ((await settings.get(TIMERS_PREFIX + rule)) ?? {}) as KeptRule;
        // In what is now the future: the clock was ahead when it was first loaded, and would keep all until then from being told.
        const sinceOf = (id: string): number => Math.min(before[id]?.since ?? store.now(), store.now());
        const now: KeptRule = Object.fromEntries(
          own.map(({ id }): [string, KeptWatch] => [id, { ...before[id], since: sinceOf(id) }]),
        );
        kept.set(rule, now);
        await settings.set(TIMERS_PREFIX + rule, now);
      }
      const known = await settings.get(TIMERS_CURSOR);
      cursor.kept = typeof known === 'number' ? known : -1;
      cursor.at = typeof known === 'number' ? known : journal.head();
      await keepCursor();
      const pulses = store.changes$.subscribe(pulse => {
        if (pulse === 'journal') journalWake.wake();
      });
      signal.addEventListener('abort', () => pulses.unsubscribe());
      loop('reading what has happened', readJournal);
      loop('seeing to what is due', seeToDue);
      for (const watch of watches) loop(`looking at ${watch.app.name}`, sweepAgain(watch, { yes: true }));
    },
    async stop() {
      abortWith(stopping, new Error('podiod is stopping'));
      await Promise.all(running);
      // What it costs to leave this out is reading some events again.
      if (watches.length > 0) await keepCursor().catch(() => {});
    },
    wrote(itemId, appId) {
      const app = appById(appId);
      if (app === undefined || stopping.signal.aborted) return;
      timers.set(looks(itemId, app)).then(
        () => dueWake.wake(),
        // The next look at the app finds it.
        error => log.debug('own write not looked at', { itemId, error: coerceError(error) }),
      );
    },
    status: () =>
      watches.map(watch => ({
        rule: watch.rule.name,
        key: ruleKeyOf(watch),
        app: watch.app.name,
        ...sweeps.get(watch),
        ...lateOf(ruleKeyOf(watch)),
      })),
  };
}

/** A wake-up that comes before anybody rests is not lost. */
function makeWaking(clock: Clock) {
  let isDue = false;
  let end = (): void => {};
  return {
    wake(): void {
      isDue = true;
      end();
    },
    /** Until it is woken, a stop or the time is over. */
    rest: (ms: number, signal: AbortSignal): Promise<void> =>
      new Promise(resolve => {
        let cancel: Cancel = () => {};
        end = () => {
          cancel();
          signal.removeEventListener('abort', end);
          isDue = false;
          end = () => {};
          resolve();
        };
        if (isDue || signal.aborted) return end();
        cancel = clock.after(ms, end);
        signal.addEventListener('abort', end);
      }),
  };
}

async function inTurn<T>(all: readonly T[], atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const entries = all.values();
  const worker = async (): Promise<void> => {
    for (const one of entries) await work(one);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, all.length) }, worker));
}
