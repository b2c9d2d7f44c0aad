/** What run modes make of events: with which others they wait, and what is on record of it. Pure. */
import { orderKey, type PodioEvent } from '../core/event.ts';
import type { Bundle, Gathering, GatherMode } from '../core/gather.ts';
import type { BatchEnd, Mode, Rule } from '../core/rule.ts';
import type { RunRecord, StepVerdict } from '../core/run.ts';
import { nextTimeOfDay } from '../language/time-of-day.ts';
import { isCondition, MODE } from './deliver.ts';

/** Modes in which events wait for others before they are run. */
export type GatheringMode = Extract<Mode, { kind: GatherMode }>;

/** Undefined where each event is a run of its own. */
export const gatheringMode = ({ mode }: Rule): GatheringMode | undefined =>
  mode === undefined || mode.kind === 'throttle' ? undefined : mode;

/** Whether Podio is asked about each event before all else: then before it waits with others too. */
export const isConfirmed = ({ steps }: Pick<Rule, 'steps'>): boolean => steps[0]?.use === 'confirm';

/** One batch of a rule is in hand at a time, so that no item is in two of them. */
const BATCH = 'batch';

/** Events with the same one are run one after another. */
export const workOrder = (rule: Rule, event: PodioEvent): string =>
  rule.mode?.kind === 'batch' ? BATCH : orderKey(event);

/** How an event is to wait. */
export function gatheringOf(mode: GatheringMode, event: PodioEvent, timezone: string): Gathering {
  switch (mode.kind) {
    case 'latest':
      return { mode: 'latest', group: orderKey(event), waitMs: 0, from: 'last' };
    case 'settle': {
      const { quietMs: waitMs, atMostMs } = mode;
      return { mode: 'settle', group: orderKey(event), waitMs, from: 'last', atMostMs };
    }
    case 'batch': {
      const waitMs = waitOf(mode.closes, Date.parse(event.receivedAt), timezone);
      return {
        mode: 'batch',
        group: BATCH,
        ...(waitMs !== undefined && { waitMs }),
        from: 'first',
        max: mode.max,
      };
    }
  }
}

function waitOf(closes: BatchEnd, at: number, timezone: string): number | undefined {
  switch (closes.kind) {
    case 'within':
      return closes.ms;
    case 'at':
      return nextTimeOfDay(closes.minutes, timezone, at) - at;
    case 'run':
      return undefined;
  }
}

/** What one message is for. Undefined where that is the last event alone. */
export const bundleOf = (mode: GatherMode, events: readonly PodioEvent[]): Bundle | undefined =>
  mode === 'latest' ? undefined : { mode, events };

const times = (count: number): string => (count === 1 ? '1 event' : `${count} events`);

/** On the record of the event under which a group was run. */
export const leadVerdict = (mode: GatherMode, count: number): StepVerdict => ({
  step: MODE,
  outcome: 'done',
  attempts: 1,
  ms: 0,
  checks: [
    {
      path: 'mode',
      test: mode,
      seen: mode === 'latest' ? `the latest of ${times(count)}` : `${times(count)} as one run`,
      holds: true,
    },
  ],
});

/** What the records of the other events of a group say: the last of it why there is no run of their own. */
export function othersRecord(
  mode: GatherMode,
  lead: PodioEvent,
  ended: Pick<RunRecord, 'outcome' | 'steps'> & { readonly error?: string | undefined },
): Pick<RunRecord, 'outcome' | 'steps' | 'error'> {
  const isReplaced = mode === 'latest';
  const seen = isReplaced ? `a newer event came: ${lead.id}` : `run with ${lead.id}`;
  const step: StepVerdict = {
    step: MODE,
    outcome: isReplaced ? 'filtered' : 'done',
    attempts: 1,
    ms: 0,
    checks: [{ path: 'mode', test: mode, seen, holds: !isReplaced }],
  };
  if (isReplaced) return { outcome: 'filtered', steps: [step] };
  const { outcome, error } = ended;
  // Of what has settled, all of them together have been judged.
  const judged = mode === 'settle' ? ended.steps.filter(one => isCondition(one.step)) : [];
  return { outcome, steps: [...judged, step], ...(error !== undefined && { error }) };
}
