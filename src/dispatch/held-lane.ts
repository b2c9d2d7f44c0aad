import type { Cancel, Clock } from '../core/clock.ts';
import { isPodiodError } from '../core/errors.ts';
import type {
  Asked,
  Checkpoint,
  Closable,
  ClosedGroup,
  Closing,
  Finished,
  Gathered,
  Lanes,
  Lease,
  Member,
  ParkRequest,
  Reached,
  RecordedRun,
  RequestedRun,
  RunKey,
  Tries,
} from '../store/contract.ts';
import type { Reliably } from './reliably.ts';

export interface HeldLaneDeps {
  readonly lanes: Lanes;
  readonly lease: Lease;
  /** The rule's now. */
  readonly fingerprint: string;
  readonly reliably: Reliably;
  readonly clock: Clock;
  /** Aborted when the work in hand is let go: calls that wait for the store end with that. */
  readonly signal: AbortSignal;
  /** Where the cursor stands in the store. */
  readonly savedCursor: number;
  /** How far it could go by now. */
  readonly cursor: () => number;
  /** How far the journal has been looked at. */
  readonly position: () => number;
  readonly reached: () => Reached;
  /** How far ahead of that runs are announced. */
  readonly reachAhead: number;
  /** Someone else has the lane. */
  readonly onLost: () => void;
}

/** The cursor is only a lower bound, so it may be late: entries nobody wants cost one small write a second. */
const ADVANCE_MS = 1000;

/**
 * The store's side of a lane, while its lease is held. Each call is tried until it succeeds; one that answers undefined
 * or false was let go, and then nothing more is to be done for the lane.
 */
export class HeldLane {
  readonly #deps: HeldLaneDeps;
  #savedCursor: number;
  /** Runs of entries up to here are announced on disk. */
  #reach = 0;
  #reaching: Promise<boolean> | undefined;
  #timer: Cancel | undefined;
  #isReleased = false;
  #waiting = 0;
  #answered = 0;

  constructor(deps: HeldLaneDeps) {
    this.#deps = deps;
    this.#savedCursor = deps.savedCursor;
    const { signal } = deps.lease;
    if (signal.aborted) deps.onLost();
    else signal.addEventListener('abort', deps.onLost, { once: true });
  }

  /** Whether work may be started: false when another owner may have the lane. */
  usable(): boolean {
    return this.#deps.lease.usable();
  }

  /** Calls that the store has not answered yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** How many it has answered, failures included. */
  get answered(): number {
    return this.#answered;
  }

  /** True when a run of this entry may be started without `announce`. */
  isAnnounced(seq: number): boolean {
    if (seq > this.#reach) return false;
    this.#announceAhead(seq);
    return true;
  }

  /** Makes known on disk that a run of this entry is to be started, and with it those of many that follow. */
  async announce(seq: number): Promise<boolean> {
    const { lanes, lease, position, reachAhead } = this.#deps;
    while (seq > this.#reach) {
      if (this.#reaching === undefined) {
        const reach = Math.max(seq, position()) + reachAhead;
        this.#reaching = this.#write(() => lanes.reach(lease, reach)).then(written => {
          this.#reaching = undefined;
          if (written) this.#reach = reach;
          return written;
        });
      }
      if (!(await this.#reaching)) return false;
    }
    return true;
  }

  /** In good time, so that no run has to wait for it. */
  #announceAhead(position: number): void {
    if (this.#reaching || position <= this.#reach - this.#deps.reachAhead / 2) return;
    void this.announce(Math.max(position, this.#reach + 1));
  }

  mark(run: RunKey, alone: boolean): Promise<boolean> {
    const { lanes, lease } = this.#deps;
    return this.#write(() => lanes.mark(lease, run, alone));
  }

  checkpoint(run: RunKey, checkpoint: Checkpoint): Promise<boolean> {
    const { lanes, lease, fingerprint } = this.#deps;
    return this.#write(() => lanes.checkpoint(lease, run, fingerprint, checkpoint));
  }

  tried(run: RunKey, tries: Tries): Promise<boolean> {
    const { lanes, lease, fingerprint } = this.#deps;
    return this.#write(() => lanes.tried(lease, run, fingerprint, tries));
  }

  park(run: RunKey, park: ParkRequest): Promise<boolean> {
    const { lanes, lease, fingerprint } = this.#deps;
    return this.#write(() => lanes.park(lease, run, fingerprint, park));
  }

  async finish(finished: Finished, cursor: number): Promise<boolean> {
    const { lanes, lease } = this.#deps;
    const written = await this.#do(() => lanes.finish(lease, finished, cursor));
    if (written === undefined) return false;
    this.#savedCursor = Math.max(this.#savedCursor, cursor);
    return true;
  }

  /** Of each, until its group is due. Undefined: the lane was let go. */
  async gather(
    gathered: readonly Gathered[],
    cursor: number,
  ): Promise<readonly (number | undefined)[] | undefined> {
    const { lanes, lease } = this.#deps;
    const written = await this.#do(() => lanes.gather(lease, gathered, cursor));
    if (written) this.#savedCursor = Math.max(this.#savedCursor, cursor);
    return written?.value;
  }

  async close(query: Closable & { limit: number }): Promise<Closing | undefined> {
    const { lanes, lease } = this.#deps;
    return (await this.#do(() => lanes.close(lease, query)))?.value;
  }

  async closed(page: { after: number; limit: number }): Promise<readonly ClosedGroup[] | undefined> {
    const { lanes, lease } = this.#deps;
    return (await this.#do(() => lanes.closed(lease, page)))?.value;
  }

  async members(lead: RunKey): Promise<readonly Member[] | undefined> {
    const { lanes, lease } = this.#deps;
    return (await this.#do(() => lanes.members(lease, lead)))?.value;
  }

  /** Milliseconds to wait, 0: a run may begin. */
  async admit(throttle: { max: number; perMs: number }): Promise<number | undefined> {
    const { lanes, lease } = this.#deps;
    return (await this.#do(() => lanes.admit(lease, throttle)))?.value;
  }

  /** Whether the rule has a record of a run for this change. */
  async hasRun(eventId: string): Promise<boolean | undefined> {
    const { lanes, lease } = this.#deps;
    return (await this.#do(() => lanes.settled(lease, [eventId])))?.value.has(eventId);
  }

  async requested(page: { after?: string; limit: number }): Promise<readonly RequestedRun[] | undefined> {
    const { lanes, lease } = this.#deps;
    return (await this.#do(() => lanes.requested(lease, page)))?.value;
  }

  async asked(): Promise<Asked | undefined> {
    const { lanes, lease } = this.#deps;
    return (await this.#do(() => lanes.asked(lease)))?.value;
  }

  async recorded(eventIds: readonly string[]): Promise<readonly RecordedRun[] | undefined> {
    const { lanes, lease } = this.#deps;
    return (await this.#do(() => lanes.recorded(lease, eventIds)))?.value;
  }

  replayed(replayId: string, cursor: number): Promise<boolean> {
    const { lanes, lease } = this.#deps;
    return this.#write(() => lanes.replayed(lease, replayId, cursor));
  }

  /** Sees to it that the cursor is saved before long, if it has moved. */
  advanceSoon(): void {
    const { clock, cursor, signal } = this.#deps;
    if (this.#timer || signal.aborted || cursor() <= this.#savedCursor) return;
    this.#timer = clock.after(ADVANCE_MS, () => void this.#advance());
  }

  /** No cursor is saved any more but by `release`. */
  end(): void {
    this.#timer?.();
    this.#timer = undefined;
  }

  /** The clean end: nothing is in hand any more. Rejects with a StoreError, and may be called again then. */
  async release(): Promise<void> {
    const { lanes, lease, cursor, reached } = this.#deps;
    if (this.#isReleased || !lease.usable()) return;
    await lanes.release(lease, cursor(), reached());
    this.#isReleased = true;
  }

  async #advance(): Promise<void> {
    const { lanes, lease } = this.#deps;
    const cursor = this.#deps.cursor();
    // Rides on the same flush: a rule with few events then need not wait for it when one comes.
    if (this.#reach > 0) this.#announceAhead(this.#deps.position());
    if (cursor > this.#savedCursor && (await this.#write(() => lanes.advance(lease, cursor)))) {
      this.#savedCursor = Math.max(this.#savedCursor, cursor);
    }
    this.#timer = undefined;
    this.advanceSoon();
  }

  async #write(work: () => Promise<void>): Promise<boolean> {
    return (await this.#do(work)) !== undefined;
  }

  async #do<T>(work: () => Promise<T>): Promise<{ readonly value: T } | undefined> {
    this.#waiting++;
    try {
      return await this.#deps.reliably(work, this.#deps.signal);
    } catch (error) {
      if (!isPodiodError(error) || error.code !== 'STORE_STALE_LEASE') throw error;
      this.#deps.onLost();
      return undefined;
    } finally {
      this.#waiting--;
      this.#answered++;
    }
  }
}
