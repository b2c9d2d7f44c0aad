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
  };
  /** Whether the rule's triggers fit the event, or may. */
  readonly wants: (rule: Rule, event: PodioEvent) => boolean;
  readonly clock: Pick<Clock, 'now'>;
}

/** How many entries that a rule has not got to are read at a time. */
const PAGE = 500;

/**
 * What a rule has a record of came, whatever it made of it; and so did what waits for it in the journal. The store is asked
 * only when a rule's time is over by what is known: hardly ever where something comes.
 */
export function makeSilence({ rules, store, wants, clock }: SilenceDeps): () => Promise<readonly Silence[]> {
  /** By rule. */
  const known = new Map<string, number>();

  const lastCame = async (rule: Rule, atLeast: number): Promise<number | undefined> => {
    const lane = (await store.lanes.status()).find(one => one.rule === rule.name);
    // A lane that was never taken over: its rule waits for its first start.
    if (lane === undefined) return undefined;
    const [last] = await store.journal.list({ rule: rule.name, last: 1 });
    const recorded = last === undefined ? 0 : Date.parse(last.event.receivedAt);
    // What waits to be run with others has no record yet.
    let newest = Math.max(recorded, lane.loadedAt, lane.gatheredAt ?? 0);
    for (let after = lane.cursor; newest < atLeast && after < store.journal.head(); ) {
      const { entries, upTo } = await store.journal.read({ after, limit: PAGE });
      for (const { event } of entries) {
        if (wants(rule, event)) newest = Math.max(newest, Date.parse(event.receivedAt));
      }
      if (upTo <= after) break;
      after = upTo;
    }
    return newest;
  };

  return async () => {
    const silent: Silence[] = [];
    const expecting = rules().flatMap(rule => (rule.expect ? [{ rule, ...rule.expect }] : []));
    for (const { rule, everyMs, days } of expecting) {
      const now = clock.now();
      const { name } = rule;
      if (now - (known.get(name) ?? 0) < everyMs) continue;
      const since = await lastCame(rule, now - everyMs);
      if (since === undefined) continue;
      known.set(name, since);
      const quietMs = days === undefined ? now - since : timeOn(days, rule.timezone, since, now, everyMs);
      if (quietMs >= everyMs) silent.push({ rule: name, since, everyMs, ...(days && { days }) });
    }
    for (const name of known.keys())
      if (!expecting.some(({ rule }) => rule.name === name)) known.delete(name);
    return silent;
  };
}
