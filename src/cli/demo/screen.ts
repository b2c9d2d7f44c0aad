import type { PodioEvent } from '../../core/event.ts';
import type { RunRecord, StepVerdict } from '../../core/run.ts';
import { type Cli, clip, plain } from '../io.ts';

/** A change as people see it. */
export interface ShownChange {
  readonly label: string;
  readonly from: string;
  readonly to: string;
}

export interface Summary {
  readonly events: number;
  readonly runs: ReadonlyMap<RunRecord['outcome'], number>;
  readonly slackMessages: number;
  readonly hooks: number;
  readonly seconds: number;
}

const OUTCOMES = {
  settled: { mark: '✓', color: 'green' },
  filtered: { mark: '·', color: 'gray' },
  parked: { mark: '!', color: 'red' },
  dropped: { mark: 'x', color: 'gray' },
} as const;

/** Below this a time, a change and a rule don't fit side by side. */
const NARROW = 60;

/** What the demo shows: every method answers lines and prints nothing. */
export function makeScreen(cli: Pick<Cli, 'width' | 'style'>) {
  const { style } = cli;
  const width = Math.min(cli.width, 110);
  const indent = width < NARROW ? '  ' : '           ';
  const line = (text: string, room = width) => clip(plain(text), room);

  return {
    heading: (text: string): string[] => ['', style('bold', text)],

    paragraph(text: string): string[] {
      const lines: string[] = [];
      let current = '';
      for (const word of text.split(' ')) {
        if (current && current.length + 1 + word.length > width) {
          lines.push(current);
          current = word;
        } else current = current ? `${current} ${word}` : word;
      }
      return [...lines, current];
    },

    handshake: (what: string, ms: number): string[] => [
      `  ${style('green', '✓')} ${line(`${what} active`, width - 14)} ${style('gray', `${Math.round(ms)} ms`)}`,
    ],

    /** The head of an event's block: when, what, which item. */
    event(event: PodioEvent, title: string | undefined): string[] {
      const time = new Date(event.receivedAt).toTimeString().slice(0, 8);
      const where = event.app ?? event.space ?? String(event.ref.id);
      const about = `${where}${title ? ` "${plain(title)}"` : ''}`;
      const head = width < NARROW ? '' : `${style('gray', time)}  `;
      const room = width - (width < NARROW ? 0 : 10) - event.type.length - 2;
      return [`${head}${style('cyan', event.type)}  ${style('bold', clip(about, room))}`];
    },

    change({ label, from, to }: ShownChange): string[] {
      const room = width - indent.length;
      const old = from ? plain(from) : '(empty)';
      const now = to ? plain(to) : '(empty)';
      const half = Math.max(Math.floor((room - label.length - 5) / 2), 8);
      return [
        `${indent}${plain(label)}: ${style('gray', clip(old, half))} → ${style('yellow', clip(now, half))}`,
      ];
    },

    run(run: RunRecord): string[] {
      const { mark, color } = OUTCOMES[run.outcome];
      const what = run.outcome === 'settled' ? run.steps.map(step => step.step).join(' → ') : why(run);
      return [
        `${indent}${style(color, mark)} ${clip(`${run.rule}: ${plain(what)}`, width - indent.length - 2)}`,
      ];
    },

    slack: (text: string): string[] => [
      `${indent}${style('magenta', 'slack')} ${line(text, width - indent.length - 6)}`,
    ],

    summary({ events, runs, slackMessages, hooks, seconds }: Summary): string[] {
      const outcomes = (['settled', 'filtered', 'parked', 'dropped'] as const)
        .filter(outcome => runs.get(outcome))
        .map(outcome => `${runs.get(outcome)} ${outcome}`);
      return [
        '',
        style('bold', 'Summary'),
        `  ${events} ${events === 1 ? 'event' : 'events'} through ${hooks} verified hooks in ${seconds.toFixed(1)} s`,
        `  runs: ${outcomes.join(', ') || 'none'}`,
        `  ${slackMessages} ${slackMessages === 1 ? 'message' : 'messages'} to the local Slack`,
      ];
    },
  };
}

export type Screen = ReturnType<typeof makeScreen>;

/** Why a run did not go through, in a few words. */
function why(run: RunRecord): string {
  const last: StepVerdict | undefined = run.steps.at(-1);
  if (run.outcome === 'filtered')
    return last ? `filtered by ${last.step}` : 'its field condition does not hold';
  return `${run.outcome}${last ? ` at ${last.step}` : ''}${run.error ? `: ${run.error}` : ''}`;
}
