import type { RunKey, Unclean } from '../store/contract.ts';

/** A run as far as suspicion goes. */
export interface Suspected {
  readonly key: RunKey;
}

/** An event that was alone in hand at so many unclean ends is what ends the process. */
export const POISON_ENDS = 3;

/**
 * How long a lane has to be up before it tries again what was alone in hand when the process ended, by how often that
 * was: processes that are killed in quick succession, by whomever, never come to it, and so find no innocent guilty.
 */
const QUARANTINE_MS: readonly number[] = [0, 2000, 5000];

/**
 * Finds out after an unclean end which event, if any, ended the process (architecture 5). What may have been in hand then
 * is run one at a time; who was alone in hand when it happened again comes after all others. Pure.
 */
export class Caution {
  /** Entries up to here may have been in hand. */
  readonly #reach: number;
  readonly #ends = new Map<string, number>();
  /** May have been in hand, and have not proved harmless yet. */
  readonly #open = new Set<Suspected>();

  /** @param head the journal's when the lane was taken over: what came later was in nobody's hand */
  constructor({ reach, suspects }: Unclean, head: number) {
    this.#reach = Math.min(reach, head);
    for (const { key, ends } of suspects) this.#ends.set(idOf(key), ends);
  }

  /** An entry that comes first of its chain, and does not wait for its next try, is taken in. */
  take(run: Suspected): void {
    if (run.key.seq <= this.#reach && this.#endsOf(run) === 0) this.#open.add(run);
  }

  /** Whether the run has to be alone in hand. @param position how far the journal has been looked at */
  wantsAlone(run: Suspected, position: number): boolean {
    return this.#isStrict(position) || this.#ends.has(idOf(run.key));
  }

  /** One end more would find it guilty: then nothing else may be in hand in the whole process, whatever the rule. */
  wantsProcess(run: Suspected): boolean {
    return this.#endsOf(run) === POISON_ENDS - 1;
  }

  /** How long after the takeover the run may be tried at the earliest. */
  quarantineMs(run: Suspected): number {
    return QUARANTINE_MS[this.#endsOf(run)] ?? 0;
  }

  isPoison(run: Suspected): boolean {
    return this.#endsOf(run) >= POISON_ENDS;
  }

  /** The run has come to an end or to a wait, and the process lives. */
  acquit(run: Suspected): void {
    this.#open.delete(run);
    this.#ends.delete(idOf(run.key));
  }

  isSuspect(key: RunKey): boolean {
    return this.#ends.has(idOf(key));
  }

  /** Nothing is left to find out. */
  isOver(position: number): boolean {
    return this.#ends.size === 0 && !this.#isStrict(position);
  }

  #isStrict(position: number): boolean {
    return this.#open.size > 0 || position < this.#reach;
  }

  #endsOf(run: Suspected): number {
    return this.#ends.get(idOf(run.key)) ?? 0;
  }
}

const idOf = ({ seq, replay }: RunKey): string => `${seq}/${replay}`;
