import type { StepVerdict } from '../../core/run.ts';
import { showWould } from '../../core/would.ts';
import { clip, plain } from '../text.ts';

/** What a rule in shadow would have done, step by step. */
export function* wouldLines(
  steps: readonly Pick<StepVerdict, 'step' | 'branch' | 'would'>[],
  room: number,
): Generator<string> {
  for (const { step, branch, would } of steps) {
    if (would === undefined) continue;
    const name = branch === undefined ? step : `${step} [${branch}]`;
    for (const line of showWould(would)) yield clip(`${plain(name)}: ${plain(line)}`, room);
  }
}
