import type { StepJson } from '../../core/run.ts';
import { showWould } from '../../core/would.ts';
import type { WhyAnswer } from '../../daemon/index.ts';
import type { ChangeWhy, RuleWhy, WhyVerdict } from '../../dispatch/why.ts';
import type { Cli } from '../io.ts';
import { clip, plain } from '../text.ts';
import { showChecks } from './checks.ts';
import { unknownFieldLines } from './unknown-fields.ts';

const LOOK: Readonly<Record<WhyVerdict, { mark: string; color: 'green' | 'gray' | 'red' | 'yellow' }>> = {
  settled: { mark: '✓', color: 'green' },
  parked: { mark: '!', color: 'red' },
  open: { mark: '…', color: 'yellow' },
  waiting: { mark: '…', color: 'yellow' },
  paused: { mark: '…', color: 'yellow' },
  dropped: { mark: 'x', color: 'gray' },
  filtered: { mark: '·', color: 'gray' },
  own: { mark: '·', color: 'gray' },
  before: { mark: '·', color: 'gray' },
  passed: { mark: '·', color: 'gray' },
  unmatched: { mark: '-', color: 'gray' },
  disabled: { mark: '-', color: 'gray' },
};

/** For people: each change, each rule, each condition and step. */
export function* showWhy(cli: Cli, { changes, absent, armed, apps }: WhyAnswer): Generator<string> {
  const room = cli.terminal ? Math.max(cli.width, 40) : Infinity;
  for (const change of changes) {
    yield headOf(cli, change);
    const none = change.ran.length === 0 ? noneRan(change) : undefined;
    if (none !== undefined) yield `  ${cli.style('bold', none)}`;
    const others = change.rules.filter(isElsewhere);
    const isMany = others.length > MAX_ELSEWHERE;
    for (const rule of change.rules) if (!isMany || !isElsewhere(rule)) yield* showRule(cli, rule, room);
    if (isMany) yield elsewhere(cli, others, room);
  }
  for (const { why } of absent) yield `${cli.style('yellow', '?')} ${plain(why)}`;
  for (const one of armed) yield armedLine(cli, one);
  for (const { app, lastEvent, hooks, degraded } of apps) {
    const last = lastEvent
      ? `its last event is ${lastEvent.seq}, ${plain(lastEvent.type)} of ${lastEvent.receivedAt}`
      : 'no event of it has ever arrived';
    const seen = hooks ? showHooks(hooks) : 'no daemon is running that knows its hooks';
    yield `  ${cli.style('bold', plain(app))}: ${last}; ${seen}${degraded === null ? '' : `; ${plain(degraded)}`}`;
  }
}

function showHooks({
  active,
  inactive,
  types,
  seenAt,
}: NonNullable<WhyAnswer['apps'][number]['hooks']>): string {
  if (seenAt === null) return 'its hooks have not been looked at yet';
  return `${active} ${active === 1 ? 'hook' : 'hooks'} of it active, ${inactive} inactive${ofTypes(types)}, as of ${seenAt}`;
}

const ofTypes = (types: readonly string[]): string => (types.length > 0 ? ` (${types.join(', ')})` : '');

/** More rules of other apps than this are told in one line: with 200 apps nobody reads of each that it is of another. */
const MAX_ELSEWHERE = 5;

/** No trigger of it is about the app or space that the event is of. */
const isElsewhere = ({ verdict, trigger }: RuleWhy): boolean =>
  verdict === 'unmatched' &&
  trigger.some(({ path, holds }) => !holds && (path === 'on.app' || path === 'on.space'));

function elsewhere(cli: Cli, rules: readonly RuleWhy[], room: number): string {
  const count = `${rules.length} rules`;
  const shown = rules.slice(0, MAX_ELSEWHERE).map(({ rule }) => plain(rule));
  const rest = `${shown.join(', ')} and ${rules.length - shown.length} more; --rule NAME tells of one`;
  const about = `of other apps or spaces: ${rest}`;
  return `  - ${cli.style('bold', count)} ${clip(about, room - count.length - 5)}`;
}

const noneRan = ({ pending }: ChangeWhy): string =>
  pending.length === 0 ? 'no rule ran for it' : `no rule has run for it yet, ${pending.length} may still`;

/** What a rule waits for. */
function armedLine(
  cli: Cli,
  { rule, kind, field, due, since, revision, tries }: WhyAnswer['armed'][number],
): string {
  const what =
    kind === 'date'
      ? `the date ${plain(field)}`
      : `${plain(field)} to last: so since ${since ?? ''}, revision ${revision ?? ''}`;
  const when = due === null ? 'told already, or over when the rule began to wait' : `due ${due}`;
  const failing = tries === undefined ? '' : `; ${tries} ${tries === 1 ? 'look' : 'looks'} at it failed`;
  const mark = cli.style(due === null ? 'gray' : 'yellow', due === null ? '·' : '…');
  return `${mark} ${cli.style('bold', plain(rule))} waits for ${what}; ${when}${failing}`;
}

function headOf(cli: Cli, { event, seqs }: ChangeWhy): string {
  const { app, space, ref, itemId, revision, source } = event;
  const where = plain(app ?? space ?? `${ref.type}/${ref.id}`);
  const rev = revision === undefined ? '' : ` rev ${revision}`;
  const item = itemId === undefined ? '' : `  item ${itemId}${rev}`;
  const from = source === 'webhook' ? '' : `  (${source})`;
  const when = cli.style('gray', `${seqs.join(', ')}  ${event.receivedAt}`);
  return `${when}  ${cli.style('cyan', plain(event.type))}  ${where}${item}${from}`;
}

function* showRule(
  cli: Cli,
  { rule, verdict, why, next, trigger, runs }: RuleWhy,
  room: number,
): Generator<string> {
  const { mark, color } = LOOK[verdict];
  const name = plain(rule);
  yield `  ${cli.style(color, mark)} ${cli.style('bold', name)}: ${clip(plain(why), room - name.length - 6)}`;
  yield* showChecks(trigger, '      ', room);
  for (const { steps, endedAt, replay } of runs) {
    for (const step of steps) {
      yield `      ${clip(stepLine(step), room - 6)}`;
      yield* showChecks(step.checks, '        ', room);
      for (const line of unknownFieldLines([step])) yield `        ${clip(line, room - 8)}`;
      if (step.would)
        for (const line of showWould(step.would)) yield `        would: ${clip(plain(line), room - 15)}`;
    }
    if (endedAt !== undefined) {
      const what = replay > 0 ? `replay ${replay} ended` : 'ended';
      yield `      ${cli.style('gray', `${what} ${endedAt}`)}`;
    }
  }
  if (next !== undefined) yield `      ${plain(next)}`;
}

/** Where a condition stands in place of a step it is called as in the config. */
const CALLED: Readonly<Record<string, string>> = {
  'rule.where': 'where',
  'on.fields': 'fields',
  'rule.own': 'own',
  'rule.mode': 'mode',
  'rule.confirm': 'confirm',
  'rule.recovered': 'recovered',
  'rule.on': 'on',
};

function stepLine({ step, branch, outcome, attempts, ms, startedAt, error }: StepJson): string {
  const name = plain(CALLED[step] ?? step) + (branch === undefined ? '' : ` [${branch}]`);
  const tries = attempts === 1 ? '1 try' : `${attempts} tries`;
  const at = startedAt === undefined ? '' : ` from ${startedAt}`;
  return `${name}: ${outcome}, ${tries}, ${ms} ms${at}${error === undefined ? '' : `: ${plain(error)}`}`;
}
