/**
 * Rules that wait for what time brings. Whatever may concern such a rule (an event of the journal, a write of podiod's own, an
 * item that a look at the app has found) becomes a timer that is due now; a timer that is due means that its item is read
 * and looked at. So nothing is decided by what an event said, and a missed one can't make anything wrong: what is told is
 * what Podio has.
 */
import type { Config } from '../config/model.ts';
import { abortWith } from '../core/abort.ts';
import { type Backoff, backoffMs, isRateLimited, statedWaitMs } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { coerceError, PodioError, StoreError } from '../core/errors.ts';
import type { NewEvent } from '../core/event.ts';
import { inTurn } from '../core/in-turn.ts';
import type { Log } from '../core/log.ts';
import type { Item } from '../core/podio.ts';
import type { Rule } from '../core/rule.ts';
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
import { lookAt, type Note } from './look.ts';
import { editedSince, firstFilters, type LookThroughDeps, lookThrough } from './look-through.ts';
import { readItems } from './read-items.ts';
import { makeWaking } from './waking.ts';
import { WatchList } from './watch-list.ts';
import { LOOK_KEYS, lookKey, ruleKeyOf, timerKey, timerKeys, type Watch, watchesOf } from './watches.ts';

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
  /** podiod has written an item itself, of which no hook tells. `findApp`, which never rejects: where its app is not known. */
  wrote(itemId: number, appId: number | undefined, findApp?: () => Promise<number | undefined>): void;
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

const TIMERS_PREFIX = 'timers/';
/** Up to where the journal has been gone through. */
const TIMERS_CURSOR = 'timers-cursor';

const READ_LIMIT = 500;
/** So many events that concern nobody are read again after a crash, at most. */
const KEEP_AFTER = 5000;
/** Timers that are seen to together, and items that are asked for in one call. */
const BATCH = 100;
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
/** What can't be read now is put off by no more: no longer wait is taken from Podio. */
const LONGEST_PUT_OFF_MS = 24 * 60 * 60_000;
/** What became due so shortly before the start was not missed. */
const LATE_MS = 60_000;

/** How long to wait after a failure, or until the budget allows the call. */
const waitAfter = (error: Error, failures: number, limits: Backoff = RETRY): number =>
  Math.max(statedWaitMs(error) ?? 0, isRateLimited(error) ? SOONEST_MS : backoffMs(failures, limits));

const isDue = ({ inMs }: Timer): boolean => inMs !== undefined && inMs <= 0;

export function makeRuleTimers(deps: RuleTimersDeps): RuleTimers {
  const { store, podio, identities, clock } = deps;
  const { timers, journal, settings } = store;
  const log = deps.log.child({ module: 'schedule' });
  const watches = new WatchList(watchesOf(deps.rules, deps.config().apps));
  const kept = new Map<string, KeptRule>();
  const sweeps = new Map<Watch, { lastSweepAt?: string; error?: string }>(watches.all.map(one => [one, {}]));
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
          const waitMs = waitAfter(error, failures + 1, error instanceof StoreError ? STORE_RETRY : RETRY);
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
      const app = watches.concerned(event, deps.fields);
      if (app === undefined || event.itemId === undefined) continue;
      for (const timer of watches.looks(event.itemId, app)) found.set(`${timer.rule} ${timer.key}`, timer);
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
    const due = await timers.due(watches.ruleKeys, BATCH);
    if (due.length === 0) {
      const next = (await timers.next(watches.ruleKeys)) ?? LONGEST_WAIT_MS;
      if (next > 0) await dueWake.rest(Math.min(next, LONGEST_WAIT_MS), signal);
      return;
    }
    const now = store.now();
    const byApp = Map.groupBy(due, timer => watches.appOf(timer));
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
      const appId = deps.config().apps.get(app)?.id ?? watches.appNamed(app)?.id;
      found =
        appId === undefined
          ? new Map()
          : await readItems(podio.items, identityOf(app), appId, itemsWanted, {
              priority: 'recovery',
              signal,
            });
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

  const putOff = async (group: readonly Timer[], error: Error): Promise<void> => {
    for (const { rule, key } of group) {
      const place = `${rule} ${key}`;
      if (!late.has(place)) late.set(place, { rule, since: clock.now() });
    }
    // One identity's budget says nothing of another's, and that it is used up nothing of the item.
    if (isRateLimited(error)) {
      const inMs = waitAfter(error, 0);
      await timers.set(group.map(({ rule, key, value }) => ({ rule, key, inMs, value })));
      return;
    }
    await timers.set(
      group.map(({ rule, key, value }) => {
        const tries = (value as Note).tries ?? 0;
        if (tries === 0) log.warn('an item that is due can not be read, trying again', { rule, key, error });
        const inMs = waitAfter(error, tries + 1);
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
    const all = watches.of(rule).map(watch => timerKey(watch, itemId));
    await timers.clear([...group, ...(await timers.get(rule, all))]);
    notLate([...group, ...all.map(key => ({ rule, key }))]);
  };

  const notLate = (seenTo: readonly Pick<Timer, 'rule' | 'key'>[]): void => {
    for (const { rule, key } of seenTo) late.delete(`${rule} ${key}`);
  };

  const lateOf = (key: string): Pick<TimersStatus, 'lateSince'> => {
    const times = [...late.values()].filter(({ rule }) => rule === key).map(({ since }) => since);
    return times.length === 0 ? {} : { lateSince: new Date(Math.min(...times)).toISOString() };
  };

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
    const own = watches
      .of(rule)
      .filter(watch => watch.app.name === app && (only === undefined || watch === only));
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
        // What was brought back would be looked at again at once, and again.
        !(isDue(before) && inMs !== undefined && inMs > 0) &&
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
    const sharing = watches.all.filter(({ app }) => {
      const other = identities.forApp(app.name);
      return other !== undefined && identityKey(other) === identityKey(as);
    });
    return stretch(catchUp.everyMs, sharing.length, podio.share(as).limited);
  };

  const sweep = async (watch: Watch): Promise<void> => {
    const { app } = watch;
    const { since, swept } = keptOf(watch);
    const begunAt = podioTime(store.now());
    const through: LookThroughDeps = {
      ...podio,
      as: identityOf(app.name),
      call: { priority: 'background', signal },
      clock,
      now: () => store.now(),
    };
    const filters =
      swept === undefined
        ? await firstFilters(through, watch, since, podioTime)
        : editedSince(swept - deps.config().catchUp.overlapMs);
    const rule = ruleKeyOf(watch);
    await lookThrough(through, app.id, filters, (item, askedAt) =>
      oneByOne(`${rule} ${item.item_id}`, () => look(rule, app.name, item, askedAt, watch, 'background')),
    );
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
        if (!watches.byRule.has(rule)) await timers.drop(rule);
      }
      for (const [place, { rule }] of late) if (!watches.byRule.has(rule)) late.delete(place);
      for (const key of (await settings.list(TIMERS_PREFIX)).keys())
        if (!watches.byRule.has(key.slice(TIMERS_PREFIX.length))) await settings.delete(key);
      if (watches.all.length === 0 || stopping.signal.aborted) return;
      const lease = await store.singleton('timers');
      signal = AbortSignal.any([lease.signal, stopping.signal]);
      upSince = goesOn ? Number.NEGATIVE_INFINITY : store.now() - LATE_MS;
      for (const [rule, own] of watches.byRule) {
        const before = ((await settings.get(TIMERS_PREFIX + rule)) ?? {}) as KeptRule;
        // In what is now the future: the clock was ahead when it was first loaded, and would keep all until then from being told.
        const sinceOf = (id: string): number => Math.min(before[id]?.since ?? store.now(), store.now());
        const now: KeptRule = Object.fromEntries(
          own.map(({ id }): [string, KeptWatch] => [id, { ...before[id], since: sinceOf(id) }]),
        );
        kept.set(rule, now);
        await settings.set(TIMERS_PREFIX + rule, now);
      }
      for (const [rule, own] of watches.byRule) {
        await timers.bringBack(rule, LOOK_KEYS, LONGEST_PUT_OFF_MS);
        for (const watch of own) {
          const lastsMs = watch.trigger.kind === 'lasted' ? watch.trigger.forMs : 0;
          await timers.bringBack(rule, timerKeys(watch), Math.max(lastsMs, LONGEST_PUT_OFF_MS));
        }
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
      for (const watch of watches.all) loop(`looking at ${watch.app.name}`, sweepAgain(watch, { yes: true }));
    },
    async stop() {
      abortWith(stopping, new Error('podiod is stopping'));
      await Promise.all(running);
      // What it costs to leave this out is reading some events again.
      if (watches.all.length > 0) await keepCursor().catch(() => {});
    },
    async wrote(itemId, appId, findApp) {
      if (watches.all.length === 0) return;
      const app = watches.appById(appId ?? (await findApp?.()));
      if (app === undefined || stopping.signal.aborted) return;
      timers.set(watches.looks(itemId, app)).then(
        () => dueWake.wake(),
        // The next look at the app finds it.
        error => log.debug('own write not looked at', { itemId, error: coerceError(error) }),
      );
    },
    status: () =>
      watches.all.map(watch => ({
        rule: watch.rule.name,
        key: ruleKeyOf(watch),
        app: watch.app.name,
        ...sweeps.get(watch),
        ...lateOf(ruleKeyOf(watch)),
      })),
  };
}
