/** What events wait for that no run record tells of yet. */
import type { AdminClient } from '../admin/client.ts';
import type { Wait } from '../admin/events.ts';
import type { PodioEvent } from '../core/event.ts';
import type { WhyAnswer } from '../daemon/index.ts';
import { sentenceOf } from '../dispatch/why.ts';
import type { EventQuery, EventWithRuns, LaneStatus, StoreReader, TracedRun } from '../store/contract.ts';
import { pages } from './follow.ts';

/** How old what is known of the lanes may be. */
const FRESH_MS = 250;
/** So many events the daemon is asked about: behind a rule that stands still there may be any number. */
export const MOST_ASKED = 100;

/** What the disk tells of a run that is open. */
interface Known {
  readonly wait: Wait;
  readonly isUnderWay: boolean;
}

export interface Waits {
  of(entry: EventWithRuns): Promise<readonly Wait[]>;
  /** There are events that the daemon was not asked about, because they are too many. */
  isPartial: boolean;
}

/** @param daemon knows more than the store: what waits for its turn, and why a rule stands still */
export function makeWaits(
  reader: Pick<StoreReader, 'journal' | 'lanes'>,
  daemon: Pick<AdminClient, 'why'>,
): Waits {
  let lanes: readonly LaneStatus[] = [];
  let readAt = Number.NEGATIVE_INFINITY;
  let asksLeft = MOST_ASKED;
  let isDaemonThere = true;

  const onDisk = async ({ id, seq }: PodioEvent): Promise<readonly Known[]> => {
    const entry = (await reader.journal.trace(id)).find(({ event }) => event.seq === seq);
    const left = new Set(lanes.flatMap(one => (one.left ? [one.rule] : [])));
    return (entry?.runs ?? [])
      .filter(({ outcome }) => outcome === 'open')
      .map(run =>
        left.has(run.rule)
          ? { wait: leftWaitOf(run), isUnderWay: false }
          : { wait: waitOf(run), isUnderWay: isUnderWay(run) },
      );
  };

  const inDaemon = async (seq: number): Promise<readonly Wait[]> => {
    if (!isDaemonThere) return [];
    if (asksLeft <= 0) {
      waits.isPartial = true;
      return [];
    }
    asksLeft--;
    try {
      const { changes } = (await daemon.why({ event: String(seq) })) as WhyAnswer;
      return (
        changes
          // Of a change that several hooks told of, once.
          .flatMap(({ seqs, rules }) => (seqs[0] === seq ? rules : []))
          .filter(({ verdict }) => verdict === 'open' || verdict === 'waiting' || verdict === 'paused')
          .map(({ rule, why }) => ({ rule, why, until: null }))
      );
    } catch {
      // None runs, or it is busy ending: then the disk has said what there is to say.
      isDaemonThere = false;
      return [];
    }
  };

  const look = async ({ event, runs }: EventWithRuns): Promise<readonly Wait[]> => {
    if (performance.now() - readAt > FRESH_MS) {
      lanes = await reader.lanes.status();
      readAt = performance.now();
    }
    const came = Date.parse(event.receivedAt);
    const open = lanes.filter(
      ({ rule, cursor }) => cursor < event.seq && !runs.some(run => run.rule === rule),
    );
    // Whether one that left would want it nobody knows: what of it has begun stands on the disk.
    const behind = open.filter(({ left }) => left === undefined);
    const mayBe = open.some(({ left }) => left !== undefined && event.seq <= left.at);
    const mayGather = lanes.some(({ gatheredSince = Number.POSITIVE_INFINITY }) => gatheredSince <= came);
    if (behind.length === 0 && !mayBe && !mayGather) return [];
    const known = await onDisk(event);
    const unknown = behind.filter(({ rule }) => known.every(({ wait }) => wait.rule !== rule));
    if (unknown.length === 0 && known.every(one => !one.isUnderWay)) return known.map(({ wait }) => wait);
    const told = await inDaemon(event.seq);
    return [
      ...known.map(
        ({ wait, isUnderWay }) => (isUnderWay && told.find(({ rule }) => rule === wait.rule)) || wait,
      ),
      ...told.filter(({ rule }) => unknown.some(lane => lane.rule === rule)),
    ];
  };
  const looked = new WeakMap<EventWithRuns, Promise<readonly Wait[]>>();
  const waits: Waits = {
    isPartial: false,
    of(entry) {
      const found = looked.get(entry) ?? look(entry);
      looked.set(entry, found);
      return found;
    },
  };
  return waits;
}

/**
 * The journal; of one rule the events that it has runs of and those that wait for it, in the order of the journal. Which wait and
 * have not begun only a running daemon knows, of {@link MOST_ASKED}: of the newest where the last so many are wanted.
 */
export async function* withWaiting(
  reader: Pick<StoreReader, 'journal' | 'lanes'>,
  query: EventQuery,
  waits: Waits,
): AsyncGenerator<EventWithRuns> {
  const { rule, last, ...filter } = query;
  const lane = (await reader.lanes.status()).find(one => one.rule === rule);
  const ran = pages(reader, query);
  if (lane === undefined || (lane.lag === 0 && lane.gathered === undefined)) return yield* ran;
  const [next] = await reader.journal.list({ after: lane.cursor, limit: 1 });
  const came = next === undefined ? Number.POSITIVE_INFINITY : Date.parse(next.event.receivedAt);
  const since = Math.max(filter.since ?? 0, Math.min(came, lane.gatheredSince ?? came));
  const behind = { ...filter, since };
  if (last === undefined) return yield* inOrder(ran, waitingFor(lane.rule, pages(reader, behind), waits));
  const lately = await reader.journal.list({ ...behind, last: MOST_ASKED });
  const waiting: EventWithRuns[] = [];
  for await (const entry of waitingFor(lane.rule, lately.toReversed(), waits)) {
    if (waiting.push(entry) === last) break;
  }
  if (waiting.length < last && lately.length === MOST_ASKED) waits.isPartial = true;
  const all: EventWithRuns[] = [];
  for await (const entry of inOrder(ran, each(waiting.toReversed()))) all.push(entry);
  yield* all.slice(-last);
}

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

async function* waitingFor(
  rule: string,
  entries: AsyncIterable<EventWithRuns> | Iterable<EventWithRuns>,
  waits: Waits,
): AsyncGenerator<EventWithRuns> {
  for await (const entry of entries) {
    if (entry.runs.some(run => run.rule === rule)) continue;
    if ((await waits.of(entry)).some(wait => wait.rule === rule)) yield entry;
  }
}

/** Both are by seq. What is in both has ended while it was looked at. */
async function* inOrder(
  some: AsyncGenerator<EventWithRuns>,
  others: AsyncGenerator<EventWithRuns>,
): AsyncGenerator<EventWithRuns> {
  let [one, other] = await Promise.all([some.next(), others.next()]);
  while (!one.done || !other.done) {
    if (other.done || (!one.done && one.value.event.seq <= other.value.event.seq)) {
      if (!other.done && !one.done && one.value.event.seq === other.value.event.seq)
        other = await others.next();
      if (!one.done) yield one.value;
      one = await some.next();
    } else {
      yield other.value;
      other = await others.next();
    }
  }
}

/** Which of its steps is running only the daemon knows. */
const isUnderWay = ({ tries, gathered }: TracedRun): boolean =>
  gathered === undefined && (tries?.at(-1)?.waitMs ?? 0) <= 0;

const leftWaitOf = (run: TracedRun): Wait => ({
  rule: run.rule,
  why: `${sentenceOf(run, true)}; the rule is not in the config, or disabled: podiod parked says what to do`,
  until: null,
});

function waitOf(run: TracedRun): Wait {
  const waitMs = run.tries?.at(-1)?.waitMs ?? run.gathered?.waitMs;
  const until = waitMs === undefined || waitMs <= 0 ? null : new Date(Date.now() + waitMs).toISOString();
  return { rule: run.rule, why: sentenceOf(run), until };
}
