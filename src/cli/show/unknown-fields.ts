import { type StepVerdict, unknownFieldsOf } from '../../core/run.ts';
import { plain } from '../text.ts';

export const unknownField = (name: string): string =>
  `the app has no field \`${plain(name)}\`: taken for empty`;

/** A line for each field that is named and that the app does not have. */
export const unknownFieldLines = (steps: readonly Pick<StepVerdict, 'unknownFields'>[]): readonly string[] =>
  unknownFieldsOf(steps).map(unknownField);
