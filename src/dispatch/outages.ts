import type { Clock } from '../core/clock.ts';
import type { Log, LogFields } from '../core/log.ts';
import { isAway } from './failure.ts';

/** Failures in a row of what several rules may use, a plugin or Podio: told of once, whichever rules meet it. */
export class Row {
  /** By the clock's monotonic time. */
  readonly since: number;
  readonly #told = new Set<string>();
  /** Somebody else tells of its end. */
  isTakenOver = false;

  constructor(since: number) {
    this.since = since;
  }

  /** Whether this has not been told of it yet. Whoever asks tells it. */
  isNews(message: string): boolean {
    const isNews = !this.#told.has(message);
    this.#told.add(message);
    return isNews;
  }
}

/** Podio or the store being away, which steps of all rules may meet. */
export interface Away {
  row?: Row | undefined;
}

interface Outage {
  readonly since: number;
  /** Runs that the step has failed and that are to try it again. */
  readonly waiting: Set<object>;
  failures: number;
  parked: number;
  /** What was going on when this was told of, or undefined where it is a fault of its own. */
  toldIn?: { readonly row: Row | undefined };
  hasMetAway?: boolean;
}

/**
 * Tells of the failures of one rule's steps: one line when a step begins to fail, one when the first run has to be given
 * up, one when it works again. What happens in between goes to debug, and so does what another rule has told of already:
 * what they both need fails. A step works again when it succeeds and no run waits for it any more: a single event that
 * keeps failing while others pass does not make a new outage each time.
 */
export class Outages {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #away: Away;
  readonly #open = new Map<string, Outage>();

  constructor(log: Log, clock: Clock, away: Away) {
    this.#log = log;
    this.#clock = clock;
    this.#away = away;
  }

  /**
   * A try failed and another one will follow.
   * @param row of the plugin's failures, where this is one of them
   */
  failed(step: string, run: object, fields: LogFields, row?: Row): void {
    const outage = this.#outage(step);
    outage.waiting.add(run);
    outage.failures++;
    this.#tell(outage, outage.toldIn === undefined, 'step failed', { step, ...fields }, row);
  }

  /** A try failed and no other one will follow. */
  gaveUp(step: string, run: object, fields: LogFields, row?: Row): void {
    const outage = this.#outage(step);
    outage.waiting.delete(run);
    outage.failures++;
    this.#tell(outage, outage.parked++ === 0, 'step gave up', { step, ...fields }, row);
  }

  succeeded(step: string, run: object): void {
    // The way nearly every call goes.
    if (this.#open.size === 0) return;
    const outage = this.#open.get(step);
    if (outage === undefined) return;
    const isFree = outage.waiting.delete(run);
    const isOver = outage.waiting.size === 0;
    // One that has met it, if there is one left: others may have got through just before.
    if (outage.hasMetAway && (isFree || isOver)) this.#away.row = undefined;
    if (!isOver) return;
    this.#open.delete(step);
    const { since, failures, parked, toldIn } = outage;
    const isNews = toldIn !== undefined && !toldIn.row?.isTakenOver;
    const ms = Math.round(this.#clock.monotonic() - since);
    this.#log[isNews ? 'info' : 'debug']('step works again', { step, failures, parked, ms });
  }

  #outage(step: string): Outage {
    let outage = this.#open.get(step);
    if (outage === undefined) {
      outage = { since: this.#clock.monotonic(), waiting: new Set(), failures: 0, parked: 0 };
      this.#open.set(step, outage);
    }
    return outage;
  }

  #tell(outage: Outage, isFirst: boolean, message: string, fields: LogFields, plugin: Row | undefined): void {
    let row = plugin;
    if (row === undefined && isAway(fields.error)) {
      outage.hasMetAway = true;
      row = this.#away.row ??= new Row(this.#clock.monotonic());
    }
    const isNews = isFirst && (row?.isNews(message) ?? true);
    if (isNews) outage.toldIn = { row };
    this.#log[isNews ? 'warn' : 'debug'](message, fields);
  }
}
