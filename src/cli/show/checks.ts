import type { Check } from '../../core/condition.ts';
import { clip, plain } from '../text.ts';

/** One line for each test: whether it holds, what it asks for, and what was there. */
export function* showChecks(checks: readonly Check[] = [], indent: string, room: number): Generator<string> {
  for (const { path, test, seen, holds } of checks) {
    const line = `${holds ? '✓' : '✗'} ${path} ${test}${seen === '' ? ', is empty' : `, is ${seen}`}`;
    yield `${indent}${clip(plain(line), room - indent.length)}`;
  }
}
