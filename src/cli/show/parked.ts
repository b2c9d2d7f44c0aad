import { howLeft, type LeftRule, leftHint, showLeft } from '../../core/left.ts';
import type { ParkedRun } from '../../core/run.ts';
import type { Cli } from '../io.ts';
import type { Known } from '../known.ts';
import { clip, plain } from '../text.ts';

/** A parked run for people: which, and why. */
export function showParked(
  cli: Cli,
  { id, rule, event, events = 1, step, branch, attempts, error, parkedAt }: ParkedRun,
  known: Pick<Known, 'numberOf'>,
): string[] {
  const room = cli.terminal ? Math.max(cli.width, 30) : Infinity;
  const number = known.numberOf(event.itemId);
  const named = number === undefined ? '' : ` ${event.app}/${number}`;
  const about = event.itemId === undefined ? event.type : `${event.type}${named} item ${event.itemId}`;
  const more = events > 1 ? ` and ${events - 1} more` : '';
  const tries = `${attempts} ${attempts === 1 ? 'try' : 'tries'}`;
  return [
    `${cli.style('bold', id)}  ${clip(`${rule}  ${plain(about)}${more}  ${parkedAt}`, room - id.length - 2)}`,
    `    ${clip(`at ${step}${branch === undefined ? '' : ` for ${plain(branch)}`} after ${tries}: ${plain(error)}`, room - 4)}`,
  ];
}

/** A rule that is gone: what waits of it, and what to do. */
export const showGone = (cli: Cli, left: LeftRule): string[] => [
  `${cli.style('bold', left.rule)} ${howLeft(left)}: ${showLeft(left)}`,
  `    ${leftHint(left)}`,
];
