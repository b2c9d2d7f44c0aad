import type { Clock } from '../core/clock.ts';
import type { Log, LogFields } from '../core/log.ts';

interface Outage {
  readonly since: number;
  /** Runs that the step has failed and that are to try it again. */
  readonly waiting: Set<object>;
  failures: number;
  parked: number;
}

/**
 * Tells of the failures of one rule's steps: one line when a step begins to fail, one when the first run has to be given
 * up, one when it works again. What happens in between goes to debug. A step works again when it succeeds and no run
 * waits for it any more: a single event that keeps failing while others pass does not make a new outage each time.
 */
export class Outages {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #open = new Map<string, Outage>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** A try failed and another one will follow. */
  failed(step: string, run: object, fields: LogFields): void {
    const outage = this.#outage(step);
    outage.waiting.add(run);
    this.#tell(outage.failures++ === 0 ? 'warn' : 'debug', 'step failed', { step, ...fields });
  }

  /** A try failed and no other one will follow. */
  gaveUp(step: string, run: object, fields: LogFields): void {
    const outage = this.#outage(step);
    outage.waiting.delete(run);
    outage.failures++;
    this.#tell(outage.parked++ === 0 ? 'warn' : 'debug', 'step gave up', { step, ...fields });
  }

  succeeded(step: string, run: object): void {
    // The way nearly every call goes.
    if (this.#open.size === 0) return;
    const outage = this.#open.get(step);
    if (outage === undefined) return;
    outage.waiting.delete(run);
    if (outage.waiting.size > 0) return;
    this.#open.delete(step);
    const ms = Math.round(this.#clock.monotonic() - outage.since);
    this.#log.info('step works again', { step, failures: outage.failures, parked: outage.parked, ms });
  }

  #outage(step: string): Outage {
    let outage = this.#open.get(step);
    if (outage === undefined) {
      outage = { since: this.#clock.monotonic(), waiting: new Set(), failures: 0, parked: 0 };
      this.#open.set(step, outage);
    }
    return outage;
  }

  #tell(level: 'warn' | 'debug', message: string, fields: LogFields): void {
    this.#log[level](message, fields);
  }
}
