import { FieldView } from './field-view.ts';
import { fieldMoment, type Moment, plainMoment, writtenMoment } from './moment.ts';

/**
 * A day, or a time on it, that an option came to: a date field, a Date, or a text as people write it (`2026-01-31`,
 * `2026-01-31 12:00`, `+1d`, `today`). `end` asks a date field for its end. Undefined for what is none.
 */
export function momentOf(
  given: unknown,
  { now, zone }: { readonly now: number; readonly zone: string },
  side: 'start' | 'end' = 'start',
): Moment | undefined {
  if (given instanceof FieldView) {
    const [first] = given.values;
    return first && fieldMoment(first, side);
  }
  if (given instanceof Date) return plainMoment(given, zone);
  return typeof given === 'string' ? writtenMoment(given, { ms: now, zone }) : undefined;
}
