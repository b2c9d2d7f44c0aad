import type { PodioEvent } from '../core/event.ts';
import type { Rule } from '../core/rule.ts';
import type { Journal, Replays, SeqRange } from '../store/contract.ts';
import type { Matcher } from './match.ts';
import { modeOfReplay } from './would-wait.ts';

/** A place in the journal, as people name it: a seq, or a time in UTC milliseconds. */
export type Place = { readonly seq: number } | { readonly time: number };

export interface ReplayWish {
  readonly rule: string;
  /** Both ends included; without `to` up to what stands in the journal now. */
  readonly from: Place;
  readonly to?: Place;
  /** Only tell how many it would be. */
  readonly dryRun: boolean;
}

export interface ReplayAnswer extends SeqRange {
  readonly rule: string;
  /** How many events the rule's triggers fit. Those that ask what changed are counted, and may be filtered out. */
  readonly events: number;
  /** What the rule's run mode means for it; absent where it has none. */
  readonly mode?: string;
  /** Of the replay, where one was asked for. */
  readonly id?: string;
}

/** What of a running rule a replay goes by. */
export interface Replayed {
  readonly rule: Pick<Rule, 'mode'>;
  readonly matcher: Matcher;
}

/** Entries looked at in a turn. */
const PAGE = 1000;

/** Where replays are asked for. It writes the wish down; the rule's lane finds it there. */
export class ReplayDesk {
  readonly #laneOf: (rule: string) => Replayed | undefined;
  readonly #journal: Pick<Journal, 'read' | 'list' | 'head'>;
  readonly #replays: Pick<Replays, 'request'>;

  constructor(
    /** Undefined for a rule that is not running. */
    laneOf: (rule: string) => Replayed | undefined,
    journal: Pick<Journal, 'read' | 'list' | 'head'>,
    replays: Pick<Replays, 'request'>,
  ) {
    this.#laneOf = laneOf;
    this.#journal = journal;
    this.#replays = replays;
  }

  /** Undefined for a rule that is not running. Rejects with a StoreError. */
  async ask({ rule, from, to, dryRun }: ReplayWish): Promise<ReplayAnswer | undefined> {
    const lane = this.#laneOf(rule);
    if (lane === undefined) return undefined;
    const { matcher } = lane;
    const range = { from: await this.#firstAt(from), to: await this.#lastAt(to) };
    const events = await this.#count(range, event => matcher.match(event) !== 'no');
    const mode = modeOfReplay(lane.rule, events);
    const answer = { rule, ...range, events, ...(mode !== undefined && { mode }) };
    return dryRun || events === 0 ? answer : { ...answer, id: await this.#replays.request(rule, range) };
  }

  async #firstAt(place: Place): Promise<number> {
    if ('seq' in place) return Math.max(1, place.seq);
    const [first] = await this.#journal.list({ since: place.time, limit: 1 });
    return first?.event.seq ?? this.#journal.head() + 1;
  }

  async #lastAt(place: Place | undefined): Promise<number> {
    const head = this.#journal.head();
    if (place === undefined) return head;
    if ('seq' in place) return Math.min(head, place.seq);
    const [after] = await this.#journal.list({ since: place.time + 1, limit: 1 });
    return after === undefined ? head : after.event.seq - 1;
  }

  async #count({ from, to }: SeqRange, wants: (event: PodioEvent) => boolean): Promise<number> {
    let count = 0;
    for (let after = from - 1; after < to; ) {
      const { entries, upTo } = await this.#journal.read({ after, limit: PAGE });
      for (const { event } of entries) if (event.seq <= to && wants(event)) count++;
      if (upTo <= after) break;
      after = upTo;
    }
    return count;
  }
}
