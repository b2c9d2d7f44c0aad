import type { Cancel, Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Pausable, Paused } from '../store/contract.ts';

/** Whether one rule or plugin is paused, as far as this process knows by now. */
export class Hold {
  #since: number | undefined;
  readonly #watchers = new Set<() => void>();

  /** UTC milliseconds; undefined: it is not. */
  get since(): number | undefined {
    return this.#since;
  }

  get isOn(): boolean {
    return this.#since !== undefined;
  }

  /** For `status`, ISO 8601. */
  get told(): { readonly pausedSince?: string } {
    return this.#since === undefined ? {} : { pausedSince: new Date(this.#since).toISOString() };
  }

  /** True: that is news. */
  set(since: number | undefined): boolean {
    const isNews = this.isOn !== (since !== undefined);
    this.#since = since;
    if (isNews) for (const changed of [...this.#watchers]) changed();
    return isNews;
  }

  /** `changed` is called when it goes on or off. */
  watch(changed: () => void): Cancel {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }
}

/** Monotonic time that stands still while any of the holds is on: a pause is none of the time that something may take. */
export class StillTime {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #holds: readonly Hold[];
  readonly #leave: readonly Cancel[];
  #lost = 0;
  #stoppedAt: number | undefined;

  constructor(clock: Pick<Clock, 'monotonic'>, holds: readonly Hold[]) {
    this.#clock = clock;
    this.#holds = holds;
    this.#leave = holds.map(hold => hold.watch(() => this.#look()));
    this.#look();
  }

  monotonic(): number {
    return (this.#stoppedAt ?? this.#clock.monotonic()) - this.#lost;
  }

  end(): void {
    for (const leave of this.#leave) leave();
  }

  #look(): void {
    const isHeld = this.#holds.some(({ isOn }) => isOn);
    if (isHeld === (this.#stoppedAt !== undefined)) return;
    const now = this.#clock.monotonic();
    if (this.#stoppedAt !== undefined) this.#lost += now - this.#stoppedAt;
    this.#stoppedAt = isHeld ? now : undefined;
  }
}

/** The holds of all rules and plugins that this process runs. */
export class Holds {
  readonly #log: Log;
  readonly #all = new Map<string, Pausable & { readonly hold: Hold }>();

  constructor(log: Log) {
    this.#log = log;
  }

  of(kind: Pausable['kind'], name: string): Hold {
    const key = `${kind} ${name}`;
    let found = this.#all.get(key);
    if (found === undefined) {
      found = { kind, name, hold: new Hold() };
      this.#all.set(key, found);
    }
    return found.hold;
  }

  /** There is none of that name any more. */
  forget(kind: Pausable['kind'], name: string): void {
    this.#all.delete(`${kind} ${name}`);
  }

  /** Makes it as the store has it. What is paused and not run here is none of this process's. */
  apply(paused: readonly Paused[]): void {
    for (const { kind, name, hold } of this.#all.values()) {
      const since = paused.find(one => one.kind === kind && one.name === name)?.since;
      if (!hold.set(since)) continue;
      this.#log.info(hold.isOn ? `${kind} paused` : `${kind} resumed`, { [kind]: name, ...hold.told });
    }
  }
}

/**
 * Makes one look after the other of `look`: whoever asks gets the end of one that began after asking, and those who ask
 * meanwhile share it. `look` must not reject.
 */
export function oneByOne(look: () => Promise<void>): () => Promise<void> {
  let current: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= current.then(() => {
      next = undefined;
      current = look();
      return current;
    });
    return next;
  };
}
