import type { PodioEvent } from '../core/event.ts';
import type { EventWithRuns } from '../store/contract.ts';

/** An event as `events --json` and `/api/events` tell it (contract 3). */
export interface EventJson extends PodioEvent {
  readonly runs: readonly (Omit<EventWithRuns['runs'][number], 'error'> & {
    readonly error: string | null;
  })[];
}

export const eventToJson = ({ event, runs }: EventWithRuns): EventJson => ({
  ...event,
  runs: runs.map(({ rule, outcome, steps, error, shadow }) => ({
    rule,
    outcome,
    steps,
    error: error ?? null,
    ...(shadow && { shadow }),
  })),
});
