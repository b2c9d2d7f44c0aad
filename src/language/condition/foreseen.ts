/** What is known of a condition before anything has happened: from the type of event alone. Pure. */
import { ALARM_TYPES } from '../../core/alarm.ts';
import { isEmpty } from '../compare.ts';
import type { Name } from '../names.ts';
import { testHolds } from './holds.ts';
import { type Condition, type Operand, type Tested, testsIn } from './parse.ts';

/** An event that a condition may be asked about. */
export interface Occasion {
  readonly type: string;
  /** Several messages may be handled together. */
  readonly isTogether: boolean;
  /** All events of an item may be one run, and `changes` spans those before the one that it is told by. */
  readonly isSpan?: boolean;
}

/** Events about an item. */
const OF_ITEMS = [
  ...['item.create', 'item.update', 'item.delete', 'comment.create', 'comment.delete', 'file.change'],
  ...['item.fire', 'item.date', 'item.lasted', 'schedule.item'],
];

/** The types of events for which there ever is something behind a name; of the others there always may be. */
export const THERE: Partial<Readonly<Record<Name, readonly string[]>>> = {
  item: OF_ITEMS,
  fields: OF_ITEMS,
  files: OF_ITEMS,
  changes: ['item.create', 'item.update'],
  actor: ['item.create', 'item.update', 'comment.create', 'task.create', 'file.change'],
  comment: ['comment.create', 'comment.delete'],
  task: ['task.create', 'task.update', 'task.delete'],
  alarm: ALARM_TYPES,
};

/** Of what is gone at Podio only its id is left. */
const ONLY_ID: Readonly<Record<string, string>> = { 'comment.delete': 'comment', 'task.delete': 'task' };

/** What is there though there is nothing: a number. */
const COUNTED: ReadonlySet<string> = new Set(['files.size', 'item.id', 'item.item_id']);

/** Why it is known what stands at a path. */
export type Reason = 'absent' | 'no-before' | 'only-id' | 'type' | 'alone';

export interface Known {
  /** Undefined: nothing ever. */
  readonly value: unknown;
  readonly why: Reason;
}

/** What stands at a path whenever there is an event of that type; undefined: that depends. */
export function knownAt(path: readonly string[], { type, isTogether, isSpan }: Occasion): Known | undefined {
  const [root = '', second, third] = path;
  const shown = path.join('.');
  if (shown === 'event.type') return { value: type, why: 'type' };
  if (shown === 'batch.size') return isTogether ? undefined : { value: 1, why: 'alone' };
  if (COUNTED.has(shown) || (isSpan && root === 'changes')) return undefined;
  const types = Object.hasOwn(THERE, root) ? THERE[root as Name] : undefined;
  if (types !== undefined && !types.includes(type)) return { value: undefined, why: 'absent' };
  if (root === 'changes' && third === 'from' && type === 'item.create')
    return { value: undefined, why: 'no-before' };
  if (ONLY_ID[type] === root && second !== 'id') return { value: undefined, why: 'only-id' };
  return undefined;
}

/** Whether it holds for every such event, or for none; undefined: that depends. */
export function foresee(condition: Condition, occasion: Occasion): boolean | undefined {
  switch (condition.kind) {
    case 'not': {
      const of = foresee(condition.of, occasion);
      return of === undefined ? undefined : !of;
    }
    case 'all':
    case 'any': {
      const decisive = condition.kind === 'any';
      // What is missing, or wrong, left nothing here.
      if (condition.of.length === 0) return undefined;
      const each = condition.of.map(one => foresee(one, occasion));
      if (each.includes(decisive)) return decisive;
      return each.includes(undefined) ? undefined : !decisive;
    }
    case 'test':
      return foreseeTests(condition, occasion);
  }
}

function foreseeTests({ path, tests }: Tested, occasion: Occasion): boolean | undefined {
  const known = knownAt(path, occasion);
  if (known === undefined) return undefined;
  const values = isEmpty(known.value) ? [] : [known.value];
  const each = tests.map(test => {
    const { operator, operand } = test;
    // Nothing is above, below or in anything, whatever that is.
    const isNever = values.length === 0 && !['eq', 'ne', 'in', 'exists'].includes(operator);
    if (isNever) return false;
    return isFixed(operand) ? testHolds(test, values, operand.value) : undefined;
  });
  if (each.includes(false)) return false;
  return each.includes(undefined) ? undefined : true;
}

const isFixed = ({ template, parts = [], isOpen }: Operand): boolean =>
  template === undefined && !isOpen && parts.every(isFixed);

/** The tests that keep a condition from ever holding, as far as single ones do. */
export function culprits(condition: Condition, occasion: Occasion): readonly Tested[] {
  if (foresee(condition, occasion) !== false) return [];
  if (condition.kind === 'test') return [condition];
  if (condition.kind === 'not') return [...testsIn(condition.of)];
  return condition.of.flatMap(one => culprits(one, occasion));
}
