import type { StepVerdict } from '../../core/run.ts';
import { plain } from '../text.ts';

/** A line for each field that is named and that the app does not have. */
export function unknownFieldLines(steps: readonly Pick<StepVerdict, 'unknownFields'>[]): readonly string[] {
  const names = new Set(steps.flatMap(({ unknownFields = [] }) => unknownFields));
  return [...names].map(name => `the app has no field \`${plain(name)}\`: taken for empty`);
}
