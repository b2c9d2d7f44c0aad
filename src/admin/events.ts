import type { PodioEvent } from '../core/event.ts';
import { type StepJson, stepToJson } from '../core/run.ts';
import type { EventWithRuns } from '../store/contract.ts';

/** An event as `events --json` and `/api/events` tell it. */
export interface EventJson extends PodioEvent {
  readonly runs: readonly (Omit<EventWithRuns['runs'][number], 'error' | 'steps'> & {
    readonly steps: readonly StepJson[];
    readonly error: string | null;
  })[];
  /** Rules that have begun with it, or are to, and wait; only where it is asked for. */
  readonly waiting?: readonly Wait[];
}

/** What a rule waits for with an event. */
export interface Wait {
  readonly rule: string;
  readonly why: string;
  /** ISO 8601, UTC; null: that is not known, or it ends otherwise. */
  readonly until: string | null;
}

export const eventToJson = ({ event, runs }: EventWithRuns, waiting: readonly Wait[] = []): EventJson => ({
  ...event,
  runs: runs.map(({ rule, replay, outcome, steps, error, shadow }) => ({
    rule,
    ...(replay !== undefined && { replay }),
    outcome,
    steps: steps.map(stepToJson),
    error: error ?? null,
    ...(shadow && { shadow }),
  })),
  ...(waiting.length > 0 && { waiting }),
});
