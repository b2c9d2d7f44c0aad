import { showDuration } from '../../core/duration.ts';
import type { Cli } from '../io.ts';
import { unknownField } from '../show/unknown-fields.ts';
import { wouldLines } from '../show/would.ts';
import { clip, plain } from '../text.ts';
import type { AppPlan } from './backtest.ts';
import type { BacktestReport } from './command.ts';
import type { Span } from './history.ts';

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

/** What it costs, before anything is spent. */
export function* showPlan(
  apps: readonly AppPlan[],
  { since, until }: Span,
  where: string,
): Generator<string> {
  yield `From ${day(since)} to ${day(until)} UTC:`;
  if (apps.length === 0) return void (yield '  no history of items is read from Podio');
  for (const { app, items, cost, leastMs, mostMs } of apps) {
    const [least, most] = cost.general;
    const general = least === most ? `${most}` : `${least} to ${most}`;
    const time = takes(leastMs, mostMs);
    const limited = cost.limited > 0 ? ` and ${cost.limited} rate limited ones` : '';
    const calls = `${cost.isExact ? '' : 'about '}${general} ${most === 1 ? 'call' : 'calls'} more${limited}`;
    yield `  ${plain(app)}: ${count(items, 'item')} ${items === 1 ? 'was' : 'were'} edited; ${calls}, ${time} at what is spare`;
  }
  if (apps.length > 1) {
    const [least, most] = ([0, 1] as const).map(which => sum(apps.map(({ cost }) => cost.general[which])));
    const calls = least === most ? `${most}` : `${least} to ${most}`;
    yield `  all of them: ${calls} ${most === 1 ? 'call' : 'calls'} more, ${takes(leastOf(apps), mostOf(apps))}`;
  }
  yield '  Counted is what is read of these items and their history; what steps look up by themselves comes on top.';
  yield `  Podio is asked with spare budget only, ${where}. It can be stopped and gone on with.`;
}

const takes = (leastMs: number, mostMs: number): string =>
  mostMs < 60_000 ? 'at once' : `${roughly(leastMs)} to ${roughly(mostMs)}`;

/** What apps share a login for waits for the same budget; at best the others wait for nobody, at worst for each other. */
const leastOf = (apps: readonly AppPlan[]): number =>
  Math.max(
    ...Array.from(Map.groupBy(apps, ({ as }) => as).values(), same => sum(same.map(one => one.leastMs))),
  );
const mostOf = (apps: readonly AppPlan[]): number => sum(apps.map(({ mostMs }) => mostMs));
const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

const roughly = (ms: number): string =>
  ms < 60_000 ? 'under a minute' : showDuration(Math.ceil(ms / 60_000) * 60_000);

/** How often it would have fired, for which items, and with what. */
export function* showBacktest(cli: Cli, report: BacktestReport): Generator<string> {
  const {
    rule,
    since,
    until,
    canTell,
    fired,
    failed,
    items,
    events,
    ran,
    filtered,
    stoppedBy,
    unknownFields,
    unprovable,
    notes,
    hits,
    calls,
  } = report;
  const room = cli.terminal ? Math.max(cli.width, 40) : Infinity;
  for (const { at, type, app, itemId, title, outcome, error, steps } of hits) {
    const item = itemId === undefined ? '' : ` item ${itemId}`;
    const called = title ? ` ${title}` : '';
    const failedWith = outcome === 'settled' ? '' : `: ${outcome}${error === undefined ? '' : `: ${error}`}`;
    yield `${cli.style('gray', at.slice(0, 16).replace('T', ' '))}  ${clip(plain(`${type} ${app ?? ''}${item}${called}${failedWith}`), room - 18)}`;
    for (const line of wouldLines(steps, room - 4)) yield `    ${line}`;
  }
  if (fired > hits.length) yield cli.style('gray', `... and ${fired - hits.length} more (--limit, --json)`);
  if (hits.length > 0) yield '';
  const span = `${since.slice(0, 10)} to ${until.slice(0, 10)}`;
  const outcome = !canTell
    ? 'may have fired or not: what it is for is not known'
    : fired === 0
      ? 'would not have fired'
      : `would have fired ${times(fired)}${items > 0 ? `, for ${count(items, 'item')}` : ''}`;
  const sofar = report.interrupted ? ' so far' : '';
  yield `${cli.style('bold', plain(rule))} ${outcome}${sofar}, ${span}${failed > 0 ? `; ${failed} failed` : ''}`;
  const stopped = Object.entries(stoppedBy).map(([by, n]) => `${n} by ${by}`);
  yield `${count(events, 'event')} looked at${ran < events ? `, ${ran} run` : ''}, ${filtered} filtered out${stopped.length > 0 ? ` (${stopped.join(', ')})` : ''}`;
  yield `${count(calls.made, 'call')} to Podio${calls.kept > 0 ? `, ${calls.kept} answers from before` : ''}`;
  for (const field of unknownFields) yield cli.style('yellow', unknownField(field));
  if (unprovable > 0) yield `${unprovable} changes are too old for Podio to tell of`;
  for (const note of notes) yield `note: ${plain(note)}`;
  if (report.interrupted) yield cli.style('yellow', 'It was stopped; the same command goes on where it was.');
}

const times = (n: number): string => (n === 1 ? 'once' : `${n} times`);
const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
