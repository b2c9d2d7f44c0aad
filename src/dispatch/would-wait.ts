/** What the run mode of a rule would make of an event, in words: for those who try rules without a daemon. Pure. */
import { showDuration } from '../core/duration.ts';
import type { PodioEvent } from '../core/event.ts';
import type { BatchEnd, Mode, Rule } from '../core/rule.ts';
import { momentAt } from '../language/moment.ts';
import { gatheringOf } from './together.ts';

type ModeOf = Pick<Rule, 'mode' | 'timezone'>;

/** Undefined where each event is a run of its own, at once. */
export function wouldWait({ mode, timezone }: ModeOf, event: PodioEvent): string | undefined {
  switch (mode?.kind) {
    case undefined:
      return undefined;
    case 'latest':
      return 'would run once its item has nothing in hand, if no newer event of the item has come by then (mode latest)';
    case 'settle': {
      const { quietMs, atMostMs } = mode;
      return `would wait ${showDuration(quietMs)} for further edits of its item, ${showDuration(atMostMs)} in all at most, and be run with them (mode settle)`;
    }
    case 'batch': {
      const closes = closesAt(mode, event, timezone);
      return `would join the batch of up to ${mode.max} events that closes ${closes} (mode batch)`;
    }
    case 'throttle': {
      const { max, perMs } = mode;
      const few = max === 1 ? 'no run has' : `fewer than ${max} runs have`;
      return `would begin when ${few} begun within the last ${showDuration(perMs)} (mode throttle)`;
    }
  }
}

function closesAt(mode: Extract<Mode, { kind: 'batch' }>, event: PodioEvent, timezone: string): string {
  const end: BatchEnd = mode.closes;
  switch (end.kind) {
    case 'within':
      return `${showDuration(end.ms)} after its first event`;
    case 'at': {
      const { waitMs = 0 } = gatheringOf(mode, event, timezone);
      const { day, time = '' } = momentAt(Date.parse(event.receivedAt) + waitMs, timezone);
      return `at ${day} ${time.slice(0, 5)} ${timezone}`;
    }
    case 'run':
      return 'when the run of the schedule that it belongs to is through';
  }
}

/** What the run mode means for a replay of so many events: each of them is a run by itself. */
export function modeOfReplay({ mode }: Pick<Rule, 'mode'>, events: number): string | undefined {
  if (mode === undefined || events === 0) return undefined;
  if (mode.kind !== 'throttle')
    return `each by itself: \`mode: ${mode.kind}\` is for events as they come, not for a replay`;
  const { max, perMs } = mode;
  const most = `${max === 1 ? 'no more than 1 begins' : `no more than ${max} begin`} in ${showDuration(perMs)} (mode throttle)`;
  const waits = Math.floor((events - 1) / max);
  return waits > 0 ? `${most}: the last one in ${showDuration(waits * perMs)} at the earliest` : most;
}
