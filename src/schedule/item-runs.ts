/**
 * A tick of a rule with `items` becomes an event for each item. That takes many calls, so a tick is kept as a wish on disk until
 * its last item is journaled; identities make it safe to begin a page again.
 */
import type { AppConfig } from '../config/model.ts';
import { abortWith } from '../core/abort.ts';
import { backoffMs, isRateLimited, statedWaitMs } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import type { Judgement } from '../core/condition.ts';
import { coerceError, isPodiodError, PodioError, StoreError } from '../core/errors.ts';
import type { NewEvent } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import type { Item } from '../core/podio.ts';
import type { ItemSelection, Rule, ScheduleTrigger } from '../core/rule.ts';
import { keyOf } from '../core/rule-key.ts';
import { filtersFor } from '../language/podio-filter.ts';
import { itemView } from '../plugin/item-condition.ts';
import type { CallOptions, Identities, Identity, PodioClient } from '../podio/contract.ts';
import type { Journal, Settings, Singleton } from '../store/contract.ts';
import { type Cron, makeCron } from './cron.ts';
import { endEvent, itemEvent, minuteOf, tickEvent } from './events.ts';
import { FIRST_PLACE, type ItemPlace, PAGE_LIMIT, readPage } from './item-pages.ts';

export interface ItemRunsDeps {
  readonly rules: readonly Rule[];
  readonly apps: () => ReadonlyMap<string, AppConfig>;
  readonly journal: Pick<Journal, 'append'>;
  readonly settings: Pick<Settings, 'get' | 'set' | 'delete' | 'list'>;
  readonly singleton: (name: string) => Promise<Singleton>;
  readonly podio: {
    readonly items: Pick<PodioClient['items'], 'filter' | 'get'>;
    readonly apps: Pick<PodioClient['apps'], 'get'>;
  };
  readonly identities: Identities;
  /** Keeps an item for the run of this event, so that it need not be read again. */
  readonly learn: (event: NewEvent, item: Item) => void;
  /** How many events the rule has before it; undefined where nobody knows. */
  readonly lag: (rule: string) => Promise<number | undefined>;
  /** Takes secrets out of what conditions have seen, before it is kept. */
  readonly mask?: ((text: string) => string) | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Items a page; default: as many as Podio gives. */
  readonly pageLimit?: number;
}

export interface ItemRunStatus {
  readonly rule: string;
  readonly app: string;
  /** The tick; ISO 8601, UTC. */
  readonly scheduledFor: string;
  /** Items journaled so far, of those looked at. */
  readonly items: number;
  readonly looked: number;
  /** Why the last page could not be read; absent while all is well. */
  readonly error?: string;
  /** When it is tried again; ISO 8601, UTC. */
  readonly nextTryAt?: string;
}

export interface ItemRuns {
  /** Puts on disk that the items of this tick are wanted. Done again for the same tick it changes nothing. */
  wish(rule: Rule, tick: number): Promise<void>;
  /** Begins with what is wished; to be called once the tick is in the journal. */
  go(rule: Rule): void;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Of those that are under way. */
  status(): readonly ItemRunStatus[];
}

/** How far the items of a tick have been read. */
interface Progress {
  readonly tick: number;
  /** The triggers it was begun with: with others the places mean nothing. */
  readonly triggers: string;
  /** Which of the triggers that the tick fits. */
  readonly part: number;
  readonly place: ItemPlace;
  readonly items: number;
  readonly looked: number;
  readonly unsure: boolean;
}

/** What is kept of a rule under `schedule-items/{its key}`. */
interface Kept {
  readonly current?: Progress | undefined;
  /** A tick that came meanwhile. */
  readonly next?: number | undefined;
  /** The last one whose items are all journaled. */
  readonly done?: number | undefined;
}

interface Reading {
  readonly rule: Rule;
  readonly triggers: readonly (ScheduleTrigger & { readonly items: ItemSelection })[];
  readonly crons: readonly Cron[];
  readonly fingerprint: string;
  kept: Kept;
  working: boolean;
  failures: number;
  error: string | undefined;
  nextTryAt: number | undefined;
  pageLimit: number;
}

const ITEM_RUNS_PREFIX = 'schedule-items/';

/** Waits after a page that failed, unless the error states one. */
const RETRY = { fromMs: 15_000, toMs: 900_000 };
const STORE_RETRY = { fromMs: 500, toMs: 30_000 };

/** A page that Podio can't bring together in time, or finds too large, is asked for in smaller parts, down to these. */
const SMALLEST_PAGE = 20;

/** Events that are journaled at a time: short enough for the others that wait for the disk. */
const CHUNK = 100;

/** A rule that has so many before it gets no more for now: items are kept in memory only so long. */
const MAX_LAG = 400;
const LOOK_MS = 1000;
/** A rule that does not get on (it is paused, or gathers a batch) is not waited for. */
const PATIENCE_MS = 30_000;

/** Of an item by itself, which lists leave out. */
const NOT_LISTED: ReadonlySet<string> = new Set([
  'tags',
  'files',
  'comments',
  'tasks',
  'refs',
  'participants',
]);

export function makeItemRuns(deps: ItemRunsDeps): ItemRuns {
  const { journal, settings, clock, mask = text => text } = deps;
  const log = deps.log.child({ module: 'schedule' });
  const stopping = new AbortController();
  const readings = new Map(deps.rules.flatMap(rule => readingOf(rule, deps.pageLimit ?? PAGE_LIMIT)));
  const running = new Set<Promise<void>>();
  let lease: Singleton | undefined;

  const keep = async (reading: Reading, kept: Kept): Promise<void> => {
    reading.kept = kept;
    await settings.set(ITEM_RUNS_PREFIX + keyOf(reading.rule), kept);
  };

  const freshOf = (reading: Reading, tick: number): Progress => ({
    tick,
    triggers: reading.fingerprint,
    part: 0,
    place: FIRST_PLACE,
    items: 0,
    looked: 0,
    unsure: false,
  });

  /** Every wait in here ends with the lease and with a stop. */
  const waitFor = (ms: number, signal: AbortSignal) => sleep(clock, ms, signal);

  /** Does it again until it succeeds. What has failed is told in `status`. */
  const insist = async <T>(
    reading: Reading,
    what: string,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T> => {
    for (;;) {
      signal.throwIfAborted();
      try {
        const result = await work();
        reading.failures = 0;
        reading.error = undefined;
        reading.nextTryAt = undefined;
        return result;
      } catch (thrown) {
        signal.throwIfAborted();
        const error = coerceError(thrown);
        const waitMs = waitAfter(reading, error);
        reading.nextTryAt = clock.now() + waitMs;
        const level = isRateLimited(error) || reading.failures > 1 ? 'debug' : 'warn';
        log[level](`${what}, trying again`, { rule: reading.rule.name, waitMs, error });
        await waitFor(waitMs, signal);
      }
    }
  };

  const run = async (reading: Reading, begun: Progress, signal: AbortSignal): Promise<void> => {
    const { rule } = reading;
    const fitting = reading.triggers.filter((_, n) => reading.crons[n]?.latest(begun.tick) === begun.tick);
    let progress = begun.triggers === reading.fingerprint ? begun : freshOf(reading, begun.tick);
    // Before its items, also where the end of the process came between the wish and the tick.
    await insist(reading, 'tick not stored', signal, () => journal.append([tickEvent(rule, begun.tick)]));
    for (let { part } = progress; part < fitting.length; part++) {
      const { items: selection } = fitting[part] as ScheduleTrigger & { items: ItemSelection };
      const source = sourceOf(reading, selection, begun.tick, signal);
      let given: ReadonlySet<number> = new Set();
      for (let isLast = false; !isLast; ) {
        const at = progress;
        progress = await insist(reading, 'items not read', signal, async () => {
          const page = await source.page(at.place, given);
          for (let n = 0; n < page.events.length; n += CHUNK) {
            signal.throwIfAborted();
            await journal.append(page.events.slice(n, n + CHUNK));
          }
          const next: Progress = {
            ...at,
            ...(page.last ? { part: part + 1, place: FIRST_PLACE } : { place: page.next }),
            items: at.items + page.events.length,
            looked: at.looked + page.items.length,
            unsure: at.unsure || page.unsure,
          };
          await keep(reading, { ...reading.kept, current: next });
          isLast = page.last;
          given = page.given;
          return next;
        });
        // A batch is run when it is full or all have come: nothing is worked off before.
        if (!isLast && rule.mode?.kind !== 'batch') await pace(rule.name, signal);
      }
    }
    const { tick, items, looked, unsure } = progress;
    if (unsure) log.warn('the list of items kept changing: some may be left out', { rule: rule.name });
    log.info('items of a tick are in the journal', { rule: rule.name, tick: minuteOf(tick), items, looked });
    await insist(reading, 'end not stored', signal, async () => {
      await journal.append([endEvent(rule, tick, { items, looked, complete: !unsure })]);
      const { next } = reading.kept;
      await keep(reading, { done: tick, ...(next !== undefined && { current: freshOf(reading, next) }) });
    });
  };

  /** Reads and judges the items of one trigger at a tick. What `today` is in its condition, the tick says. */
  const sourceOf = (
    reading: Reading,
    { app: name, where, view }: ItemSelection,
    tick: number,
    signal: AbortSignal,
  ) => {
    const { rule } = reading;
    const call: CallOptions = { priority: 'recovery', signal };
    let asked: ReturnType<typeof filtersFor> | undefined;

    /** What of the condition Podio can answer. Fields and options are those the app has now. */
    const filters = async (app: AppConfig, as: Identity) => {
      // A view has filters of its own, and what becomes of others beside them is not documented.
      if (where === undefined || where.certain.length === 0 || view !== undefined) return {};
      const { fields } = await deps.podio.apps.get(as, app.id, call);
      const fieldNamed = (written: string) => {
        const wanted = Object.hasOwn(app.fields, written) ? app.fields[written] : written;
        return fields.find(
          ({ status, external_id: externalId, field_id: id }) =>
            status === 'active' && (externalId === wanted || String(id) === wanted),
        );
      };
      return filtersFor(where.certain, fieldNamed, { now: tick, zone: rule.timezone });
    };

    const judge = async (event: NewEvent, item: Item, app: AppConfig, as: Identity): Promise<Judgement> => {
      if (where === undefined) return { holds: true, checks: [] };
      const whole = lacks(item, where.paths) ? await deps.podio.items.get(as, item.item_id, call) : item;
      const view = itemView(whole, {
        event: { ...event, seq: 0, receivedAt: new Date(tick).toISOString() },
        app,
        timezone: rule.timezone,
        rule: rule.name,
        now: () => tick,
      });
      return where.judge(view);
    };

    return {
      /** @param given what was given before; the answer has those of this page too */
      async page(place: ItemPlace, given: ReadonlySet<number>) {
        const app = deps.apps().get(name);
        const as = deps.identities.forApp(name);
        if (!app || !as) {
          throw new PodioError('PODIO_NO_IDENTITY', `no token or login reaches app ${name}`, {
            retry: 'never',
          });
        }
        asked ??= await filters(app, as);
        const seen = new Set(given);
        const page = await readPage(
          (offset, limit) =>
            deps.podio.items.filter(
              as,
              app.id,
              { sort_by: 'item_id', sort_desc: false, limit, offset, remember: false, filters: asked },
              { ...call, whole: true, ...(view !== undefined && { view }) },
            ),
          place,
          seen,
          reading.pageLimit,
        );
        const events: NewEvent[] = [];
        for (const listed of page.items) {
          const item: Item = { ...listed, app: listed.app ?? { app_id: app.id } };
          const { holds, checks } = await judge(itemEvent(rule, tick, app, listed), item, app, as);
          if (!holds) continue;
          const masked = checks.map(check => ({ ...check, test: mask(check.test), seen: mask(check.seen) }));
          const event = itemEvent(rule, tick, app, listed, masked);
          events.push(event);
          // Without these it is not what reading it by itself would bring.
          if (Array.isArray(item.files) && Array.isArray(item.tags)) deps.learn(event, item);
        }
        return { ...page, events, given: seen };
      },
    };
  };

  const waitAfter = (reading: Reading, error: Error): number => {
    const statedMs = statedWaitMs(error) ?? 0;
    if (isRateLimited(error)) return Math.max(statedMs, 100);
    if (isPodiodError(error) && (error.code === 'PODIO_UNAVAILABLE' || error.code === 'PODIO_INVALID')) {
      reading.pageLimit = Math.max(
        Math.min(SMALLEST_PAGE, reading.pageLimit),
        Math.floor(reading.pageLimit / 2),
      );
    }
    reading.failures += 1;
    reading.error = error.message;
    return Math.max(statedMs, backoffMs(reading.failures, error instanceof StoreError ? STORE_RETRY : RETRY));
  };

  /** Waits until the rule has worked off most of what it got. */
  const pace = async (rule: string, signal: AbortSignal): Promise<void> => {
    let least = Number.POSITIVE_INFINITY;
    let since = clock.monotonic();
    for (;;) {
      const lag = await deps.lag(rule).catch(() => undefined);
      if (lag === undefined || lag <= MAX_LAG) return;
      if (lag < least) {
        least = lag;
        since = clock.monotonic();
      }
      if (clock.monotonic() - since >= PATIENCE_MS) return;
      await waitFor(LOOK_MS, signal);
    }
  };

  const work = async (reading: Reading): Promise<void> => {
    if (lease === undefined) return;
    const signal = AbortSignal.any([lease.signal, stopping.signal]);
    reading.working = true;
    try {
      for (let { current } = reading.kept; current; { current } = reading.kept)
        await run(reading, current, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      reading.working = false;
    }
  };

  const go = (reading: Reading): void => {
    if (reading.working || stopping.signal.aborted || lease === undefined) return;
    const working = work(reading).catch(error =>
      log.error('reading items has ended', { rule: reading.rule.name, error: coerceError(error) }),
    );
    running.add(working);
    void working.finally(() => running.delete(working));
  };

  return {
    async wish(rule, tick) {
      const reading = readings.get(keyOf(rule));
      if (reading === undefined) return;
      const { current, next, done } = reading.kept;
      if (tick <= (done ?? 0) || tick <= (current?.tick ?? 0) || tick <= (next ?? 0)) return;
      if (next !== undefined)
        log.warn('a tick is passed over: the items of the one before are still being read', {
          rule: rule.name,
          tick: minuteOf(next),
        });
      await keep(
        reading,
        current === undefined ? { done, current: freshOf(reading, tick) } : { done, current, next: tick },
      );
    },
    go(rule) {
      const reading = readings.get(keyOf(rule));
      if (reading) go(reading);
    },
    async start() {
      for (const [key, kept] of await settings.list(ITEM_RUNS_PREFIX)) {
        const reading = readings.get(key.slice(ITEM_RUNS_PREFIX.length));
        // A rule that is gone, or reads no items any more, has none to go on with.
        if (reading === undefined) await settings.delete(key);
        else reading.kept = kept as Kept;
      }
      if (readings.size === 0 || stopping.signal.aborted) return;
      lease = await deps.singleton('schedule-items');
      for (const reading of readings.values()) go(reading);
    },
    async stop() {
      abortWith(stopping, new Error('podiod is stopping'));
      await Promise.all(running);
    },
    status: () =>
      [...readings.values()].flatMap(({ rule, triggers, kept: { current }, error, nextTryAt }) =>
        current === undefined
          ? []
          : [
              {
                rule: rule.name,
                app: triggers[Math.min(current.part, triggers.length - 1)]?.items.app ?? '',
                scheduledFor: new Date(current.tick).toISOString(),
                items: current.items,
                looked: current.looked,
                ...(error !== undefined && { error }),
                ...(nextTryAt !== undefined && { nextTryAt: new Date(nextTryAt).toISOString() }),
              },
            ],
      ),
  };
}

/** Whether the condition looks at something that the list has left out. */
const lacks = (item: Item, paths: readonly (readonly string[])[]): boolean =>
  paths.some(([root, key = '']) => root === 'item' && NOT_LISTED.has(key) && !(key in item));

function readingOf(rule: Rule, pageLimit: number): readonly (readonly [string, Reading])[] {
  const triggers = rule.triggers.flatMap(trigger =>
    trigger.kind === 'schedule' && trigger.items ? [{ ...trigger, items: trigger.items }] : [],
  );
  if (triggers.length === 0) return [];
  const reading: Reading = {
    rule,
    triggers,
    crons: triggers.map(makeCron),
    // A condition is code by now; what it asks shows well enough in what is certain of it.
    fingerprint: JSON.stringify(
      triggers.map(({ cron, timezone, items: { app, view, where } }) => [
        cron,
        timezone,
        app,
        view,
        where?.paths,
        where?.certain,
      ]),
    ),
    kept: {},
    working: false,
    failures: 0,
    error: undefined,
    nextTryAt: undefined,
    pageLimit,
  };
  return [[keyOf(rule), reading]];
}
