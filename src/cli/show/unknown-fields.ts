import { type StepVerdict, unknownFieldsOf } from '../../core/run.ts';
import { plain } from '../text.ts';

/** @param name of a field; or a path that begins with one of the names of templates, to what a field does not have */
export const unknownField = (name: string): string =>
  name.includes('.')
    ? `\`${plain(name)}\` is no part of that field: taken for empty`
    : `the app has no field \`${plain(name)}\`: taken for empty`;

/** A line for each field that is named and that the app does not have. */
export const unknownFieldLines = (steps: readonly Pick<StepVerdict, 'unknownFields'>[]): readonly string[] =>
  unknownFieldsOf(steps).map(unknownField);
