import type { Cli } from '../io.ts';
import { unknownField } from '../show/unknown-fields.ts';
import { clip, plain } from '../text.ts';
import type { Difference } from './compare.ts';
import type { TestReport, TestResult } from './test.ts';

/** For people: what was tested, and where it is otherwise than expected. */
export function* showTest(
  cli: Cli,
  { name, rule, file, line, ok, differences, problem }: TestResult,
): Generator<string> {
  const what = rule === undefined ? name : `${rule}: ${name}`;
  const mark = ok ? cli.style('green', '✓') : cli.style('red', '✗');
  const where = ok ? '' : `  ${cli.style('gray', `${file}:${line}`)}`;
  yield `${mark} ${plain(what)}${where}`;
  if (problem !== undefined) yield `    ${cli.style('red', plain(problem))}`;
  for (const difference of differences) yield* showDifference(cli, difference);
}

function* showDifference(cli: Cli, { path, expected, actual, notes = [] }: Difference): Generator<string> {
  const room = cli.terminal ? Math.max(cli.width, 40) - 16 : Infinity;
  const [wanted, is] = [plain(expected), plain(actual)];
  const same = samePrefix(wanted, is);
  const shown = (text: string): string => clip(from(text, same, Math.min(room, MOST_OF_A_VALUE)), room);
  yield `    ${cli.style('bold', path.map(plain).join(' › '))}`;
  yield `      expected  ${cli.style('green', shown(wanted))}`;
  yield `      actual    ${cli.style('red', shown(is))}`;
  for (const note of notes) yield `                ${clip(plain(note), room)}`;
}

/** More of one value is looked through by nobody. */
const MOST_OF_A_VALUE = 600;

function samePrefix(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** What begins alike and is long is shown from shortly before the place where it differs. */
function from(text: string, same: number, room: number): string {
  if (text.length <= room) return text;
  const start = Math.max(0, same - Math.floor(room / 4));
  const part = text.slice(start, start + room);
  return `${start > 0 ? '…' : ''}${part}${start + room < text.length ? '…' : ''}`;
}

/** For people: what rules named in vain, each once, in however many tests they did. */
export function* showUnknownFields(cli: Cli, { tests }: Pick<TestReport, 'tests'>): Generator<string> {
  const told = new Set<string>();
  for (const { unknownFields = {} } of tests) {
    for (const [rule, fields] of Object.entries(unknownFields))
      for (const field of fields) told.add(`${rule}: ${unknownField(field)}`);
  }
  for (const line of [...told].sort()) yield `${cli.style('yellow', '!')} ${line}`;
}

export function summaryOf(cli: Cli, { tests, notRun }: Pick<TestReport, 'tests' | 'notRun'>): string {
  const failed = tests.filter(({ ok }) => !ok).length;
  const ms = tests.reduce((sum, test) => sum + test.ms, 0);
  const passed = tests.length - failed;
  const rules = [...new Set(notRun.map(({ rule }) => rule))].map(rule => plain(rule ?? '')).join(', ');
  const idle = notRun.length > 0 ? `, ${notRun.length} not run (disabled: ${rules})` : '';
  const told = `${passed} passed${failed > 0 ? `, ${failed} failed` : ''}${idle} (${(ms / 1000).toFixed(1)} s)`;
  return cli.style(failed > 0 ? 'red' : 'green', told);
}
