import { expect } from 'chai';
import fc from 'fast-check';
import { judge } from '../../../../src/language/condition/judge.ts';
import { parseCondition } from '../../../../src/language/condition/parse.ts';
import { FieldView } from '../../../../src/language/field-view.ts';
import { holds, view } from './world.ts';

const number = fc.integer({ min: -100_000, max: 100_000 }).map(n => n / 100);
const day = fc
  .date({ min: new Date('2000-01-01T00:00:00Z'), max: new Date('2100-01-01T00:00:00Z'), noInvalidDate: true })
  .map(date => date.toISOString().slice(0, 10));

/** A field with one value that has an order, and something to compare it with. */
const comparable = fc.oneof(
  fc.tuple(number, number).map(([a, b]) => [new FieldView('number', [{ value: a.toFixed(4) }]), b] as const),
  fc
    .tuple(number, number)
    .map(([a, b]) => [new FieldView('money', [{ value: a.toFixed(4), currency: 'EUR' }]), b] as const),
  fc
    .tuple(day, day)
    .map(
      ([a, b]) =>
        [new FieldView('date', [{ start_date: a, start_time: null, start: `${a} 00:00:00` }]), b] as const,
    ),
  fc.tuple(day, day).map(([a, b]) => [a, b] as const),
  fc.tuple(number, number).map(([a, b]) => [a, b] as const),
);

const seeing = (found: unknown) => ({ data: () => ({ x: found }) as Record<string, unknown> });
const test = (found: unknown, written: unknown) => holds({ 'data.x': written }, seeing(found));

const scalar = fc.oneof(
  fc.string(),
  number,
  fc.boolean(),
  day,
  fc.constantFrom('Won', 'today', '-7d', 'now'),
);

/** Anything that parses, over anything that is there. */
const condition = fc.letrec<{ condition: object; test: unknown }>(tie => ({
  test: fc.oneof(
    scalar,
    fc.array(scalar, { minLength: 1, maxLength: 3 }),
    fc.record({ gt: fc.oneof(number, day, fc.constantFrom('today', '-2h')) }),
    fc.record({ ne: scalar }),
    fc.record({ contains: fc.string({ minLength: 1 }) }),
    fc.record({ exists: fc.boolean() }),
    fc.record({ lte: number, currency: fc.constantFrom('EUR', 'USD') }),
  ),
  condition: fc.oneof(
    { maxDepth: 3 },
    fc
      .tuple(
        fc.constantFrom(
          'fields.status',
          'fields.value',
          'fields.due',
          'data.x',
          'data.x.y',
          'item.tags',
          'files.size',
        ),
        tie('test'),
      )
      .map(([path, written]) => ({ [path]: written })),
    tie('condition').map(not => ({ not })),
    fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map(all => ({ all })),
    fc.array(tie('condition'), { minLength: 1, maxLength: 3 }).map(any => ({ any })),
  ),
})).condition;

/** A text with `{{` in it may be a broken template, which is refused. */
const isWhole = (written: unknown): boolean => !/\{[{%]/.test(JSON.stringify(written));

describe('conditions, whatever is compared', () => {
  it('not (not c) is c', async () => {
    await fc.assert(
      fc.asyncProperty(condition.filter(isWhole), fc.jsonValue(), async (written, found) => {
        const parsed = parseCondition(written, () => {});
        fc.pre(parsed !== undefined);
        const is = await holds(written, seeing(found));
        expect(await holds({ not: { not: written } }, seeing(found))).to.equal(is);
        expect(await holds({ not: written }, seeing(found))).to.equal(!is);
      }),
    );
  });

  it('ne is the opposite of eq, and gt that of lte where there is an order', async () => {
    await fc.assert(
      fc.asyncProperty(comparable, async ([found, wanted]) => {
        expect(await test(found, { ne: wanted })).to.equal(!(await test(found, { eq: wanted })));
        expect(await test(found, { gt: wanted })).to.equal(!(await test(found, { lte: wanted })));
        expect(await test(found, { lt: wanted })).to.equal(!(await test(found, { gte: wanted })));
        const equal = (await test(found, { gte: wanted })) && (await test(found, { lte: wanted }));
        expect(await test(found, { eq: wanted })).to.equal(equal);
      }),
    );
  });

  it('text and id of an option agree', async () => {
    const option = fc.record({
      id: fc.integer({ min: 1, max: 5 }),
      text: fc.constantFrom('Open', 'Won', '3', 'On hold'),
    });
    const ids = new Map([
      ['Open', 1],
      ['Won', 2],
      ['3', 4],
      ['On hold', 5],
    ]);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(option, { minLength: 1, maxLength: 3, selector: ({ text }) => text }),
        fc.constantFrom(...ids.keys()),
        async (chosen, text) => {
          const values = chosen.map(one => ({ value: { id: ids.get(one.text), text: one.text } }));
          const field = new FieldView('category', values);
          const byText = await test(field, text);
          expect(byText).to.equal(chosen.some(one => one.text === text));
          expect(await test(field, ids.get(text))).to.equal(byText);
          expect(await test(field, [text])).to.equal(byText);
          expect(await test(field, { contains: text })).to.equal(byText);
        },
      ),
    );
  });

  it('a list is any of its values', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(number, day), { minLength: 1 }), number, async (found, wanted) => {
        const each = await Promise.all(found.map(one => test(one, { gt: wanted })));
        expect(await test(found, { gt: wanted })).to.equal(each.includes(true));
      }),
    );
  });

  it('nothing that is there can make one throw, nor anything that is written', async () => {
    const types = fc.constantFrom(
      'text',
      'money',
      'date',
      'category',
      'app',
      'contact',
      'calculation',
      'novelty',
    );
    const values = fc.array(
      fc.dictionary(fc.constantFrom('value', 'start', 'currency', 'x'), fc.jsonValue()),
    );
    const found = fc.oneof(
      fc.jsonValue(),
      fc.tuple(types, values).map(([type, held]) => new FieldView(type, held)),
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(condition, fc.jsonValue()), found, async (written, there) => {
        const parsed = parseCondition(written, () => {});
        if (parsed === undefined) return;
        const fields = async () => ({ status: there, value: there, due: there }) as never;
        const judgement = await judge(parsed, { ...view, ...seeing(there), fields });
        expect(judgement.holds).to.be.a('boolean');
      }),
      { numRuns: 500 },
    );
  });
});
