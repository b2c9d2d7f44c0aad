import { expect } from 'chai';
import fc from 'fast-check';
import { isNothing, mayBe } from '../../../src/core/may-be.ts';
import type { FieldValueJson } from '../../../src/core/podio.ts';
import type { FieldValue } from '../../../src/core/rule.ts';
import { testValues } from '../../../src/core/values.ts';

describe('what a field is set to', () => {
  it('is not what is waited for where both are words, numbers or nothing, and differ', () => {
    expect(mayBe('Waiting', ['Open', 'Won'])).to.equal(false);
    expect(mayBe(2, [1])).to.equal(false);
    for (const nothing of [null, '', [], [null]])
      expect(mayBe(nothing, ['Open']), `${nothing}`).to.equal(false);
    expect(mayBe('Waiting', [null])).to.equal(false);
    expect(mayBe(['Lost', 'Stuck'], ['Open'])).to.equal(false);
  });

  it('may be it where it is the same, or may mean the same', () => {
    const same: readonly (readonly [unknown, FieldValue])[] = [
      ['Waiting', 'Waiting'],
      [' on  hold ', 'On hold'],
      [['Lost', 'Open'], 'Open'],
      [null, null],
      [[], ''],
      [2, 2],
      [2, 'Won'],
      ['{{ fields.next }}', 'Won'],
      ['{{ fields.next }}', null],
      ['Ann', 'ann@example.com'],
      ['today', 'monday'],
      ['2026-01-01', 'today'],
      ['<p>Won</p>', 'Won'],
      [{ value: 5 }, 5],
      [true, 'true'],
    ];
    for (const [written, wanted] of same)
      expect(mayBe(written, [wanted]), `${written} ${wanted}`).to.equal(true);
  });

  it('is ruled out only where what a category or a text then holds is not waited for', () => {
    const word = fc.constantFrom('Open', 'Won', ' Open', 'On hold', 'today', 'a@b.c', '5', '', 'Ende & Aus');
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 3 }),
        fc.array(fc.option(word), { minLength: 1 }),
        (set, wanted) => {
          const given = set.filter(text => text !== '');
          const category: FieldValueJson[] = given.map((text, id) => ({ value: { id, text } }));
          const texts: FieldValueJson[] = given.map(value => ({ value }));
          const fits = testValues('category', category, wanted) || testValues('text', texts, wanted);
          if (fits) expect(mayBe(set, wanted)).to.equal(true);
          expect(isNothing(set)).to.equal(given.length === 0);
        },
      ),
    );
  });
});
