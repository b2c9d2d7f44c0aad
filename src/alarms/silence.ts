/** When something last came for the rules that expect it, from the journal: so a restart forgets nothing. */
import type { Clock } from '../core/clock.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Rule } from '../core/rule.ts';
import { timeOn } from '../core/weekdays.ts';
import type { Store } from '../store/contract.ts';

/** A rule for which nothing came for longer than it expects. */
export interface Silence {
  readonly rule: string;
  /** When something last came, or the rule was first loaded. UTC milliseconds. */
  readonly since: number;
  readonly everyMs: number;
  /** Whose time alone counts, 0 is Sunday. */
  readonly days?: readonly number[];
}

export interface SilenceDeps {
  /** As the config is now. */
  readonly rules: () => readonly Rule[];
  readonly store: {
    readonly journal: Pick<Store['journal'], 'head' | 'list' | 'read'>;
    readonly lanes: Pick<Store['lanes'], 'status'>;
    readonly settings: Pick<Store['settings'], 'get' | 'set' | 'delete'>;
    readonly now: Store['now'];
  };
  /** Whether the rule's triggers fit the event, or may. */
  readonly wants: (rule: Rule, event: PodioEvent) => boolean;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** How far Podio's clock is ahead of this one, milliseconds. */
  readonly podioAheadMs: () => number;
}

/** What is known of a rule since it was last looked for in the store. */
interface Known {
  /** Of what came last, by the store's clock, which goes one way while the process runs. */
  readonly stamp: number;
  readonly seq: number;
  /** The journal has been looked through up to here. */
  readonly upTo: number;
  readonly quietMs: number;
  /** When that was so, by the clock's monotonic time. */
  readonly askedAt: number;
}

/** That something had come by then: it bears a time that is not yet. */
interface Noticed {
  readonly seq: number;
  readonly at: number;
}

/** How many entries that a rule has not got to are read at a time. */
const PAGE = 500;

/** Times that are this much ahead are of a clock that was. */
const APART_MS = 60_000;

const keyOf = (rule: string): string => `quiet/${rule}`;

/**
 * What a rule has a record of came, whatever it made of it; and so did what waits for it in the journal. The store is asked
 * only when a rule's time is over by what is known: hardly ever where something comes.
 *
 * While the process runs its own clock counts, so that setting the wall clock neither makes silence nor hides it. Across a
 * start the times in the journal do, compared with Podio's clock. What came while the clock was ahead is taken to have come
 * when that was noticed, and this is kept.
 */
export function makeSilence({
  rules,
  store,
  wants,
  clock,
  podioAheadMs,
}: SilenceDeps): () => Promise<readonly Silence[]> {
  /** By rule. */
  const known = new Map<string, Known>();
  /** The store's clock less measured time, at the last look: what it grows by is what the wall clock was set ahead. */
  let offset = store.now() - clock.monotonic();

  /** Undefined for a rule that waits for its first start: its lane was never taken over. */
  const lastCame = async (rule: Rule, before: Known | undefined) => {
    const lane = (await store.lanes.status()).find(one => one.rule === rule.name);
    if (lane === undefined) return undefined;
    const [recorded] = await store.journal.list({ rule: rule.name, last: 1 });
    let last = recorded?.event;
    let upTo = Math.max(lane.cursor, before?.upTo ?? 0);
    while (upTo < store.journal.head()) {
      const page = await store.journal.read({ after: upTo, limit: PAGE });
      for (const { event } of page.entries) {
        if (event.seq > (last?.seq ?? 0) && wants(rule, event)) last = event;
      }
      if (page.upTo <= upTo) break;
      upTo = page.upTo;
    }
    const cameAt = last === undefined ? 0 : Date.parse(last.receivedAt);
    // What waits to be run with others has no record yet.
    return { seq: last?.seq ?? 0, cameAt, gatheredAt: lane.gatheredAt ?? 0, loadedAt: lane.loadedAt, upTo };
  };
  type Last = NonNullable<Awaited<ReturnType<typeof lastCame>>>;

  /** By the journal, which may be of a clock that was ahead. */
  const quietAtFirst = async (rule: string, last: Last): Promise<number> => {
    const now = store.now() + podioAheadMs();
    const { seq, cameAt, gatheredAt, loadedAt } = last;
    const isKnown = (at: number): boolean => at > 0 && at <= now + APART_MS;
    const times = [cameAt, gatheredAt, loadedAt].filter(isKnown);
    const key = keyOf(rule);
    const noticed = (await store.settings.get(key)) as Noticed | undefined;
    if (cameAt <= now + APART_MS && times.length > 0) {
      if (noticed !== undefined) await store.settings.delete(key);
      return Math.max(0, now - Math.max(...times));
    }
    if (noticed?.seq === seq && noticed.at <= now) return now - noticed.at;
    await store.settings.set(key, { seq, at: now } satisfies Noticed);
    return 0;
  };

  /** @param setAheadMs how far the store's clock has jumped since the last look */
  const quietOf = async (rule: Rule, everyMs: number, setAheadMs: number): Promise<number> => {
    const { name } = rule;
    const askedAt = clock.monotonic();
    const before = known.get(name);
    const passed = before === undefined ? 0 : askedAt - before.askedAt;
    const quietByThat = (before?.quietMs ?? 0) + passed;
    // What came before the clock was set bears a time of the clock as it was, and by that alone its age can be told.
    const wasSet = setAheadMs > APART_MS;
    if (before !== undefined && quietByThat < everyMs && !wasSet) return quietByThat;

    const last = await lastCame(rule, before);
    if (last === undefined) return 0;
    const { seq, cameAt, gatheredAt, upTo } = last;
    if (before === undefined) {
      const quietMs = await quietAtFirst(name, last);
      // What has come by now is no news, whatever time it bears.
      const stamp = Math.min(store.now(), Math.max(cameAt, gatheredAt));
      known.set(name, { stamp, seq, upTo, quietMs, askedAt });
      return quietMs;
    }
    const now = store.now() - (wasSet ? setAheadMs : 0);
    const newest = Math.max(seq > before.seq ? cameAt : 0, gatheredAt);
    const isNew = newest > before.stamp;
    // It came after the last look, whatever the clock was set to meanwhile.
    const quietMs = isNew ? Math.min(passed, Math.max(0, now - newest)) : quietByThat;
    const stamp = Math.max(before.stamp, newest);
    known.set(name, { stamp, seq: Math.max(seq, before.seq), upTo, quietMs, askedAt });
    return quietMs;
  };

  return async () => {
    const silent: Silence[] = [];
    const expecting = rules().flatMap(rule => (rule.expect ? [{ rule, ...rule.expect }] : []));
    const offsetNow = store.now() - clock.monotonic();
    const setAheadMs = offsetNow - offset;
    for (const { rule, everyMs, days } of expecting) {
      const quietMs = await quietOf(rule, everyMs, setAheadMs);
      if (quietMs < everyMs) continue;
      const now = clock.now() + podioAheadMs();
      if (days && timeOn(days, rule.timezone, now - quietMs, now, everyMs) < everyMs) continue;
      const since = Math.round(clock.now() - quietMs);
      silent.push({ rule: rule.name, since, everyMs, ...(days && { days }) });
    }
    offset = offsetNow;
    for (const name of known.keys())
      if (!expecting.some(({ rule }) => rule.name === name)) known.delete(name);
    return silent;
  };
}
