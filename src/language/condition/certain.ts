import type { CertainTest } from '../../core/condition.ts';
import type { Condition, Operand } from './parse.ts';

/** Tests that must hold for the whole to hold. What a template comes to has to be filled in before, or is left out. */
export function certainTests(condition: Condition): readonly CertainTest[] {
  switch (condition.kind) {
    case 'all':
      return condition.of.flatMap(certainTests);
    case 'test':
      return condition.tests
        .filter(({ operand }) => isFilled(operand))
        .map(({ operator, operand }) => ({ path: condition.path, operator, value: operand.value }));
    default:
      return [];
  }
}

const isFilled = ({ template, parts }: Operand): boolean =>
  template === undefined && (parts === undefined || parts.every(isFilled));
