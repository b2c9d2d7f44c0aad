/** What events wait for that no run record tells of yet. */
import type { AdminClient } from '../admin/client.ts';
import type { Wait } from '../admin/events.ts';
import type { PodioEvent } from '../core/event.ts';
import type { WhyAnswer } from '../daemon/index.ts';
import { sentenceOf } from '../dispatch/why.ts';
import type { EventWithRuns, LaneStatus, StoreReader, TracedRun } from '../store/contract.ts';

/** How old what is known of the lanes may be. */
const FRESH_MS = 250;
/** So many events the daemon is asked about: behind a rule that stands still there may be any number. */
const MOST_ASKED = 100;

export type Waits = (entry: EventWithRuns) => Promise<readonly Wait[]>;

/** @param daemon knows more than the store: what waits for its turn, and why a rule stands still */
export function makeWaits(
  reader: Pick<StoreReader, 'journal' | 'lanes'>,
  daemon: Pick<AdminClient, 'why'>,
): Waits {
  let lanes: readonly LaneStatus[] = [];
  let readAt = Number.NEGATIVE_INFINITY;
  let asksLeft = MOST_ASKED;

  const onDisk = async ({ id, seq }: PodioEvent): Promise<readonly Wait[]> => {
    const entry = (await reader.journal.trace(id)).find(({ event }) => event.seq === seq);
    return (entry?.runs ?? []).filter(({ outcome }) => outcome === 'open').map(waitOf);
  };

  const inDaemon = async (seq: number): Promise<readonly Wait[]> => {
    if (asksLeft <= 0) return [];
    asksLeft--;
    try {
      const { changes } = (await daemon.why({ event: String(seq) })) as WhyAnswer;
      return (
        changes
          // Of a change that several hooks told of, once.
          .flatMap(({ seqs, rules }) => (seqs[0] === seq ? rules : []))
          .filter(({ verdict }) => verdict === 'waiting' || verdict === 'paused')
          .map(({ rule, why }) => ({ rule, why, until: null }))
      );
    } catch {
      // None runs, or it is busy ending: then the disk has said what there is to say.
      asksLeft = 0;
      return [];
    }
  };

  return async ({ event, runs }) => {
    if (performance.now() - readAt > FRESH_MS) {
      lanes = await reader.lanes.status();
      readAt = performance.now();
    }
    const came = Date.parse(event.receivedAt);
    const behind = lanes.filter(
      ({ rule, cursor }) => cursor < event.seq && !runs.some(run => run.rule === rule),
    );
    const mayGather = lanes.some(({ gatheredSince = Number.POSITIVE_INFINITY }) => gatheredSince <= came);
    if (behind.length === 0 && !mayGather) return [];
    const known = await onDisk(event);
    const unknown = behind.filter(({ rule }) => !known.some(wait => wait.rule === rule));
    if (unknown.length === 0) return known;
    const told = await inDaemon(event.seq);
    return [...known, ...told.filter(({ rule }) => unknown.some(lane => lane.rule === rule))];
  };
}

function waitOf(run: TracedRun): Wait {
  const waitMs = run.tries?.at(-1)?.waitMs ?? run.gathered?.waitMs;
  const until = waitMs === undefined || waitMs <= 0 ? null : new Date(Date.now() + waitMs).toISOString();
  return { rule: run.rule, why: sentenceOf(run), until };
}
