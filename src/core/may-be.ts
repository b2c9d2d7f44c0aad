/** Whether a value that is written out may be one that is waited for, where only the config can be asked. Pure. */
import type { FieldValue } from './rule.ts';

/**
 * Whether a field that is set to `written` may be one of `wanted` then. Ruled out is only what differs whatever the field's
 * type is: a template, a person's name beside a mail, or a relative date may be anything.
 */
export function mayBe(written: unknown, wanted: readonly FieldValue[]): boolean {
  if (isNothing(written)) return wanted.some(isEmpty);
  const values = (Array.isArray(written) ? written : [written]).filter(one => !isEmpty(one));
  return values.some(one => wanted.some(other => !differ(one, other)));
}

/** Whether it empties the field. */
export const isNothing = (written: unknown): boolean =>
  Array.isArray(written) ? written.every(isEmpty) : isEmpty(written);

const isEmpty = (value: unknown): boolean => value === null || value === '';

function differ(written: unknown, wanted: FieldValue): boolean {
  if (isEmpty(wanted)) return typeof written !== 'string' || isPlain(written);
  if (typeof written === 'number' && typeof wanted === 'number') return written !== wanted;
  if (typeof written !== 'string' || typeof wanted !== 'string') return false;
  return isPlain(written) && isPlain(wanted) && folded(written) !== folded(wanted);
}

const folded = (text: string): string => text.replace(/\s+/g, ' ').trim().toLowerCase();

/** Words that mean what they say: no template, list, mail, link, HTML, and no day counted from today. */
const isPlain = (text: string): boolean =>
  /^\s*\p{L}[^{}@<>&:;,|\n]*$/u.test(text) && !/^\s*(?:now|today|tomorrow|yesterday)\b/i.test(text);
