import type { Check } from '../core/condition.ts';
import { coerceError } from '../core/errors.ts';
import type { Step } from '../core/rule.ts';
import type { StepVerdict } from '../core/run.ts';
import type { Tries } from '../store/contract.ts';

type Time = { monotonic(): number };

type Seen = Pick<StepVerdict, 'startedAt' | 'checks' | 'unknownFields'>;

/** How far one step, or condition, has come with one message. */
export class Trying {
  attempts = 0;
  /** By the time of the step, which stands still while it is paused. */
  firstTryAt: number | undefined;
  /** Whether it had a try that was not on behalf of others. */
  wasTried = false;
  /** When the try began that is under way, or was the last one; UTC milliseconds. */
  startedAt: number | undefined;
  /** What its `when` has looked at, once it is known to hold. */
  held: readonly Check[] | undefined;
  #unknownFields: Set<string> | undefined;

  /** To be told of each field that was named and that the app does not have. */
  get noField(): (name: string) => void {
    return name => {
      this.#unknownFields ??= new Set();
      this.#unknownFields.add(name);
    };
  }

  /** For its verdict: when it was tried, what its `when` has looked at, and the unknown fields that were named so far. */
  get seen(): Seen {
    return {
      ...(this.startedAt !== undefined && { startedAt: this.startedAt }),
      ...(this.held && { checks: this.held }),
      ...(this.#unknownFields && { unknownFields: [...this.#unknownFields].sort() }),
    };
  }

  /** From the first try until now; counts from now on where there was none. */
  since(time: Time): number {
    const now = time.monotonic();
    this.firstTryAt ??= now;
    return now - this.firstTryAt;
  }

  /** Takes up the tries of an earlier life, read at `readAt`. */
  restore(tries: Tries, readAt: number, time: Time): void {
    this.attempts = tries.attempts;
    // Where a pause has held time back since, it was read in what is this one's future.
    this.firstTryAt = Math.min(readAt, time.monotonic()) - tries.sinceFirstMs;
    this.wasTried = true;
  }
}

/** Contract 6: the same over retries and restarts, another one for each replay. */
export function deliveryKey(rule: string, eventId: string, step: string, branch: string, replay = 0): string {
  const key = branch ? `${rule}/${eventId}/${step}/${branch}` : `${rule}/${eventId}/${step}`;
  return replay > 0 ? `${key}/${replay}` : key;
}

export function verdictOf(
  step: Pick<Step, 'name'>,
  branch: string,
  outcome: StepVerdict['outcome'],
  rest: Omit<StepVerdict, 'step' | 'branch' | 'outcome' | 'would'>,
): StepVerdict {
  const { attempts, error, checks, unknownFields, startedAt } = rest;
  const ms = Math.round(rest.ms);
  // One for each step of each run: nearly all are made of no more than this.
  if (!branch && error === undefined && !checks && !unknownFields && startedAt !== undefined)
    return { step: step.name, outcome, attempts, ms, startedAt };
  return { step: step.name, ...(branch && { branch }), outcome, ...rest, ms };
}

/** Long enough for people; some errors carry the whole answer of a server. */
const MAX_MESSAGE = 2000;

export function messageOf(error: unknown): string {
  const { message, name } = coerceError(error);
  const text = message || name;
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 3)}...` : text;
}
