import type { PodioEvent } from '../core/event.ts';
import type { Member, RunKey, Together } from '../store/contract.ts';
import type { Delivery, Only, Resume } from './deliver.ts';
import type { Ticket } from './gather-queue.ts';

/** One event, or events together, on the way through a rule. */
export interface Run {
  /** Of several: the last. */
  readonly event: PodioEvent;
  readonly key: RunKey;
  /** The rule may have run for this change already, on account of another hook. */
  readonly twin: boolean;
  /** Whether it stands in the lane's way through the journal. */
  readonly live: boolean;
  readonly asks: boolean;
  readonly unwanted: boolean;
  readonly resume: Resume | undefined;
  /** Set when a person asked for a parked run to be tried again. */
  readonly parkedId: string | undefined;
  /** The branch that it is about, where that was parked by itself. */
  readonly only: Only | undefined;
  /** Set where events that were gathered are run under this one. */
  readonly together: Together | undefined;
  /** These events, once they have been read. */
  members: readonly Member[] | undefined;
  /** Its place among what is gathered in the order of the journal. */
  ticket: Ticket | undefined;
  delivery: Delivery | undefined;
}
