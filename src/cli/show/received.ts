import type { DryStep } from '../../dispatch/dry-run.ts';
import type { Cli } from '../io.ts';
import type { Received } from '../receive/receive.ts';
import { clip, plain } from '../text.ts';
import { showChecks } from './checks.ts';

const COLORS = { settled: 'green', filtered: 'gray', failed: 'red', unmatched: 'gray' } as const;

/** For people: each delivery, each rule that wants it, each step. */
export function* showReceived(cli: Cli, received: readonly Received[]): Generator<string> {
  const room = cli.terminal ? Math.max(cli.width, 40) : Infinity;
  for (const { event, rules } of received) {
    const item = event.itemId === undefined ? '' : `  item ${event.itemId}`;
    yield `${cli.style('cyan', event.type)}  ${event.app ?? event.space ?? ''}${item}`;
    const wanted = rules.filter(({ outcome }) => outcome !== 'unmatched');
    if (wanted.length === 0) yield cli.style('gray', '  no rule wants it');
    for (const { rule, outcome, steps, error, checks, mode } of wanted) {
      const filtered = checks === undefined ? ' by its fields' : ' by its where';
      const own = steps.length > 0 ? '' : outcome === 'filtered' ? filtered : `: ${plain(error ?? '')}`;
      yield `  ${cli.style('bold', rule)}: ${cli.style(COLORS[outcome], outcome)}${clip(own, room - rule.length - 12)}`;
      if (mode !== undefined) yield `    ${cli.style('yellow', clip(mode, room - 4))}`;
      yield* showChecks(checks, '    ', room);
      for (const step of steps) {
        yield `    ${clip(`${step.step}: ${plain(told(step))}`, room - 4)}`;
        yield* showChecks(step.checks, '      ', room);
      }
    }
  }
}

/** What a step would do; of one that was run, what came of it. */
function told({ outcome, text, error }: DryStep): string {
  if (outcome === 'described') return text ?? '';
  return error === undefined ? outcome : `${outcome}: ${error}`;
}
