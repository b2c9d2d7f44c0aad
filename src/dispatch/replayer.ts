import type { PodioEvent } from '../core/event.ts';
import type { Entry, Journal, LaneReplay, RunKey, SeqRange } from '../store/contract.ts';
import type { Reliably } from './reliably.ts';
import { makeWake } from './wake.ts';

/** An old event whose turn has come to be run again. */
export interface Replayed {
  readonly event: PodioEvent;
  readonly key: RunKey;
  /** The same change stands at a lower seq too, which may have been replayed already. */
  readonly twin: boolean;
}

export interface ReplayerDeps {
  readonly journal: Pick<Journal, 'read'>;
  readonly reliably: Reliably;
  readonly signal: AbortSignal;
  /** Whether the rule wants the event, as it is now. */
  readonly wants: (event: PodioEvent) => boolean;
  /** Undefined: the lane was let go. */
  readonly asked: () => Promise<readonly LaneReplay[] | undefined>;
  readonly recorded: (eventIds: readonly string[]) => Promise<readonly RunKey[] | undefined>;
  readonly replayed: (replayId: string, cursor: number) => Promise<boolean>;
  readonly add: (run: Replayed) => void;
}

/** So many runs lie ready at most, and so many entries are read at a time. */
const PAGE = 256;

interface Work {
  readonly replay: LaneReplay;
  /** How far the journal has been read. */
  position: number;
  /** Not finished yet, ascending by seq. */
  readonly open: Set<number>;
}

/**
 * Feeds a lane what operators want run again, one replay after the other and page by page. Its place is on disk; above
 * it run records say what is done, so a restart repeats nothing.
 */
export class Replayer {
  readonly #deps: ReplayerDeps;
  #work: Work | undefined;
  /** There may be something to do. */
  readonly look = makeWake(() => this.#feed());

  constructor(deps: ReplayerDeps) {
    this.#deps = deps;
  }

  /** The replay has no run to make for this event, or has made it. */
  settle({ key }: Pick<Replayed, 'key'>): void {
    const work = this.#work;
    if (work === undefined) return;
    work.open.delete(key.seq);
    if (work.open.size <= PAGE / 2) this.look();
  }

  /** Whether a twin of the event has been run by the replay at hand. Undefined: the lane was let go. */
  async hasRun({ key }: Pick<Replayed, 'key'>): Promise<boolean | undefined> {
    const replay = this.#work?.replay;
    const records = await this.#deps.recorded([key.eventId]);
    if (replay === undefined || records === undefined) return undefined;
    return records.some(
      ({ seq, replay: n }) => seq !== key.seq && covers(replay, seq) && n === numberOf(replay, seq),
    );
  }

  async #feed(): Promise<void> {
    while (!this.#deps.signal.aborted) {
      this.#work ??= await this.#begin();
      const work = this.#work;
      if (work === undefined) return;
      if (work.position >= work.replay.to) {
        if (work.open.size > 0) return;
        if (!(await this.#deps.replayed(work.replay.id, work.replay.to))) return;
        this.#work = undefined;
      } else if (work.open.size > PAGE / 2 || !(await this.#read(work))) {
        return;
      }
    }
  }

  async #begin(): Promise<Work | undefined> {
    const [replay] = (await this.#deps.asked()) ?? [];
    return replay && { replay, position: replay.cursor, open: new Set() };
  }

  /** False when the lane was let go. */
  async #read(work: Work): Promise<boolean> {
    const { journal, reliably, signal, wants, recorded, replayed, add } = this.#deps;
    const { replay, position } = work;
    const read = await reliably(() => journal.read({ after: position, limit: PAGE }), signal);
    if (read === undefined) return false;
    const { entries, upTo } = read.value;
    const wanted = entries.filter(({ event }) => event.seq <= replay.to && wants(event));
    const records = await recorded(wanted.map(({ event }) => event.id));
    if (records === undefined) return false;
    const done = new Set(records.map(({ seq, replay: n }) => `${seq}/${n}`));
    const runs = wanted
      .map(entry => toRun(entry, replay))
      .filter(({ key }) => !done.has(`${key.seq}/${key.replay}`));
    for (const { key } of runs) work.open.add(key.seq);
    // The journal ends before the replay does only where it was shortened.
    work.position = upTo > position ? Math.min(upTo, replay.to) : replay.to;
    for (const run of runs) add(run);
    const [lowest] = work.open;
    const cursor = lowest === undefined ? work.position : lowest - 1;
    // The end of a replay is told when it is reached, and then all of it.
    return cursor >= replay.to || cursor < replay.from || (await replayed(replay.id, cursor));
  }
}

const covers = ({ from, to }: SeqRange, seq: number): boolean => from <= seq && seq <= to;

/** Which replay of the event at `seq` this one is, from 1. */
const numberOf = ({ before }: LaneReplay, seq: number): number =>
  1 + before.filter(range => covers(range, seq)).length;

const toRun = ({ event, twin }: Entry, replay: LaneReplay): Replayed => ({
  event,
  key: { seq: event.seq, eventId: event.id, replay: numberOf(replay, event.seq) },
  twin,
});
