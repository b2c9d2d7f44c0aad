import type { Pausable, Paused, Pauses, Tries } from './contract.ts';
import { standsAt } from './time.ts';

/** A try of a run of a rule; when its times were told is moved on. */
export interface StoredTries {
  readonly tries: Tries;
  at: number;
}

const keyOf = ({ kind, name }: Pausable): string => `${kind} ${name}`;

/** What is paused, for the store in memory. */
export class MemoryPauses {
  readonly #paused: Map<string, Paused>;
  readonly #triesOf: (what: Pausable) => Iterable<{ readonly rule: string; readonly stored: StoredTries }>;
  readonly #now: () => number;

  constructor(
    paused: Map<string, Paused>,
    triesOf: (what: Pausable) => Iterable<{ readonly rule: string; readonly stored: StoredTries }>,
    now: () => number,
  ) {
    this.#paused = paused;
    this.#triesOf = triesOf;
    this.#now = now;
  }

  /** Where the time of a try stands. */
  standing(rule: string, plugin: string | undefined): number {
    return standsAt(
      this.#now(),
      this.#since({ kind: 'rule', name: rule }),
      plugin === undefined ? undefined : this.#since({ kind: 'plugin', name: plugin }),
    );
  }

  /** @param changed called when something else is paused than before */
  api(call: <T>(work: () => T) => Promise<T>, changed: () => void): Pauses {
    const told = (is: boolean): boolean => {
      if (is) changed();
      return is;
    };
    return {
      pause: what => call(() => told(this.#pause(what))),
      resume: what => call(() => told(this.#resume(what))),
      list: () =>
        call(() => [...this.#paused.values()].sort((a, b) => (a.kind + a.name < b.kind + b.name ? -1 : 1))),
    };
  }

  #since(what: Pausable): number | undefined {
    return this.#paused.get(keyOf(what))?.since;
  }

  #pause({ kind, name }: Pausable): boolean {
    const key = keyOf({ kind, name });
    if (this.#paused.has(key)) return false;
    this.#paused.set(key, { kind, name, since: this.#now() });
    return true;
  }

  #resume(what: Pausable): boolean {
    const tries = [...this.#triesOf(what)].map(({ rule, stored }) => {
      const standing = () => this.standing(rule, stored.tries.plugin);
      return { stored, standing, passed: Math.max(0, standing() - stored.at) };
    });
    if (!this.#paused.delete(keyOf(what))) return false;
    // As much has passed as had when it stopped, also where the other one is paused still.
    for (const { stored, standing, passed } of tries) stored.at = standing() - passed;
    return true;
  }
}
