/** Whether one test holds for the values that were found. Pure. */
import { contains, equal, isEmpty, order, textsOf } from '../compare.ts';
import type { Now } from '../moment.ts';
import type { Test } from './parse.ts';

export type Bound = 'gt' | 'gte' | 'lt' | 'lte';
const BOUNDS: readonly string[] = ['gt', 'gte', 'lt', 'lte'] satisfies Bound[];
export const isBound = (operator: Test['operator']): operator is Bound => BOUNDS.includes(operator);

/** @param right what it is compared with, filled in */
export function testHolds(
  { operator, pattern }: Pick<Test, 'operator' | 'pattern'>,
  values: readonly unknown[],
  right: unknown,
  now?: Now,
): boolean {
  const is = () =>
    values.length === 0 ? equal(undefined, right, now) : values.some(one => equal(one, right, now));
  switch (operator) {
    case 'currency':
      return values.some(value => !isEmpty(value));
    case 'exists':
      return values.some(value => !isEmpty(value)) === right;
    case 'eq':
    case 'in':
      return is();
    case 'ne':
      return !is();
    case 'contains':
      return values.some(one => contains(one, right, now));
    case 'matches':
      return values.some(one => textsOf(one).some(text => pattern?.matches(text) ?? false));
    default:
      return values.some(one => isWithin(operator, one, right, now));
  }
}

export function isWithin(operator: Bound, value: unknown, bound: unknown, now?: Now): boolean {
  const by = order(value, bound, now);
  if (by === undefined) return false;
  switch (operator) {
    case 'gt':
      return by > 0;
    case 'gte':
      return by >= 0;
    case 'lt':
      return by < 0;
    case 'lte':
      return by <= 0;
  }
}
