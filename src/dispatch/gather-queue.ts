import type { Gathered } from '../store/contract.ts';

/** A place in the order in which events are gathered. */
export interface Ticket {
  gathered?: Gathered;
  /** Told when it is on disk: until its group is due; or that the lane was let go. */
  done?: (written: { readonly waitMs: number | undefined } | undefined) => void;
  isDropped?: boolean;
}

export interface GatherQueueDeps {
  /** Undefined: the lane was let go. */
  readonly write: (gathered: readonly Gathered[]) => Promise<readonly (number | undefined)[] | undefined>;
}

/** So many are written at once. */
const MAX_WRITE = 256;

/**
 * Puts events on disk in the order of their tickets, whatever becomes known of which first: one write at a time, and one that
 * the store refuses is tried again before any that comes after it.
 */
export class GatherQueue {
  readonly #deps: GatherQueueDeps;
  readonly #tickets: Ticket[] = [];
  #isWriting = false;

  constructor(deps: GatherQueueDeps) {
    this.#deps = deps;
  }

  take(): Ticket {
    const ticket: Ticket = {};
    this.#tickets.push(ticket);
    return ticket;
  }

  fill(ticket: Ticket, gathered: Gathered): Promise<{ readonly waitMs: number | undefined } | undefined> {
    return new Promise(resolve => {
      ticket.gathered = gathered;
      ticket.done = resolve;
      void this.#write();
    });
  }

  /** It is not gathered after all. */
  drop(ticket: Ticket): void {
    ticket.isDropped = true;
    void this.#write();
  }

  async #write(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    for (;;) {
      const ready = this.#ready();
      if (ready.length === 0) break;
      const answers = await this.#deps.write(ready.map(({ gathered }) => gathered as Gathered));
      for (const [at, { done }] of ready.entries()) done?.(answers && { waitMs: answers[at] });
    }
    this.#isWriting = false;
  }

  /** Those that nothing before them is waited for. */
  #ready(): readonly Ticket[] {
    const ready: Ticket[] = [];
    let [next] = this.#tickets;
    while (next !== undefined && ready.length < MAX_WRITE && (next.isDropped || next.gathered)) {
      this.#tickets.shift();
      if (!next.isDropped) ready.push(next);
      [next] = this.#tickets;
    }
    return ready;
  }
}
