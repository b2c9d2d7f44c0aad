import type { Wait } from '../../admin/events.ts';
import { type StepVerdict, unmetChecks } from '../../core/run.ts';
import type { EventWithRuns } from '../../store/contract.ts';
import type { Cli } from '../io.ts';
import { type Known, NOTHING_KNOWN } from '../known.ts';
import { clip, plain } from '../text.ts';
import { unknownFieldLines } from './unknown-fields.ts';
import { wouldLines } from './would.ts';

const LOOK = {
  settled: { mark: '✓', color: 'green' },
  filtered: { mark: '·', color: 'gray' },
  parked: { mark: '!', color: 'red' },
  dropped: { mark: 'x', color: 'gray' },
} as const;

/** An entry of the journal for people, with a line for what each rule made of it. */
export function printEntry(
  cli: Cli,
  { event, runs }: EventWithRuns,
  waiting: readonly Wait[] = [],
  known: Pick<Known, 'numberOf' | 'fieldOf'> = NOTHING_KNOWN,
): void {
  const room = cli.terminal ? Math.max(cli.width, 30) : Infinity;
  const number = known.numberOf(event.itemId);
  const place = plain(event.app ?? event.space ?? `${event.ref.type}/${event.ref.id}`);
  const where = number === undefined ? place : `${place}/${number}`;
  const revision = event.revision === undefined ? '' : ` rev ${event.revision}`;
  const item = event.itemId === undefined ? '' : `  item ${event.itemId}${revision}`;
  const source = event.source === 'webhook' ? '' : `  (${event.source})`;
  // The same change comes from the app's hook and from its field's: two entries, each with the rules that hang on it.
  const { id } = event.ref;
  const field =
    event.ref.type === 'app_field' ? `  (field ${plain(known.fieldOf(Number(id)) ?? `${id}`)})` : '';
  const seq = String(event.seq).padStart(6);
  cli.print(
    `${cli.style('gray', `${seq}  ${event.receivedAt}`)}  ${cli.style('cyan', plain(event.type))}  ${where}${item}${field}${source}`,
  );
  for (const { rule, replay, outcome, steps, error, shadow } of runs) {
    const { mark, color } = LOOK[outcome];
    const why = error ?? (outcome === 'filtered' ? unmet(steps) : undefined);
    const again = replay === undefined ? '' : ` (replay ${replay})`;
    const text = `${rule}: ${outcome}${shadow ? ' in shadow' : ''}${again}${why === undefined ? '' : `: ${plain(why)}`}`;
    cli.print(`        ${cli.style(color, mark)} ${clip(text, room - 10)}`);
    for (const line of wouldLines(steps, room - 12)) cli.print(`            ${line}`);
    for (const line of unknownFieldLines(steps)) cli.print(`            ${clip(line, room - 12)}`);
  }
  for (const { rule, why, until } of waiting) {
    const when = until === null ? '' : `; until ${until}`;
    cli.print(`        ${cli.style('yellow', '…')} ${clip(plain(`${rule}: ${why}${when}`), room - 10)}`);
  }
}

/** The first test of the rule's `where` that did not hold, with what was there. */
function unmet(steps: readonly StepVerdict[]): string | undefined {
  const [check] = steps.flatMap(unmetChecks);
  return check && `${check.path} ${check.test}, is ${check.seen || 'empty'}`;
}
