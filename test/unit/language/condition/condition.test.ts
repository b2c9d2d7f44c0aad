import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse as parseYaml } from 'yaml';
import { FAMILIES } from '../../../../src/language/compare.ts';
import { FieldView } from '../../../../src/language/field-view.ts';
import { fields, holds, judged, problemsOf, view } from './world.ts';

const page = readFileSync(new URL('../../../../docs/conditions.md', import.meta.url), 'utf8');

/** Cells of the table that follows a heading; there has to be one. A bar inside code is written `\|` in Markdown. */
const rowsAfter = (heading: string): string[][] => {
  const section = page.slice(page.indexOf(heading)).split(/^#/m)[1] ?? '';
  const rows = (section.match(/^\|.*\|$/gm) ?? []).slice(2);
  if (rows.length === 0) throw new Error(`docs/conditions.md has no table after ${heading}`);
  return rows.map(row =>
    row
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map(cell => cell.trim().replaceAll('\\|', '|')),
  );
};
const codeIn = (cell = ''): string => /^`(.*)`$/s.exec(cell)?.[1] ?? '';
const conditionIn = (code: string): unknown => parseYaml(/^\{/.test(code) ? code : `{ ${code} }`);

describe('conditions, as docs/conditions.md has them', () => {
  const examples = rowsAfter('### Examples');

  it('has a table of examples', () => {
    expect(examples.length).to.be.greaterThan(40);
  });

  for (const [yes, no] of examples) {
    it(`${yes} holds`, async () => {
      expect(await holds(conditionIn(codeIn(yes)))).to.equal(true);
    });
    it(`${no} does not`, async () => {
      const condition = conditionIn(codeIn(no));
      // Some of them are refused by the check, since they never could.
      if (problemsOf(condition).length > 0) expect(codeIn(no)).to.match(/gt: [A-Z]/);
      else expect(await holds(condition)).to.equal(false);
    });
  }

  it('has every field type that has a way of its own in the table of types', () => {
    const types = rowsAfter('## What compares how').flatMap(([cell = '']) => cell.split(', '));
    expect(types).to.include.members(Object.keys(FAMILIES));
    expect(types).to.include.members([
      'app',
      'contact',
      'member',
      'file',
      'text',
      'phone',
      'email',
      'calculation',
    ]);
    for (const [cell = '', , order = ''] of rowsAfter('## What compares how')) {
      for (const type of cell.split(', ')) {
        const ordered = type === 'calculation' || !['text', 'choice'].includes(FAMILIES[type] ?? 'text');
        expect(order === 'no order', type).to.equal(!ordered);
      }
    }
  });

  it('shows ways to write a test that are right', () => {
    for (const [cell = ''] of rowsAfter('## How to write one')) {
      for (const [, code = ''] of cell.matchAll(/`([^`]+)`/g)) {
        if (!/[:{]/.test(code)) continue;
        const written = code.startsWith('{') ? { 'fields.x': parseYaml(code) } : conditionIn(code);
        expect(problemsOf(written), code).to.deep.equal([]);
      }
    }
  });
});

describe('the conditions of the recipes', () => {
  for (const written of [
    '{ fields.value: { gte: 10000, currency: EUR } }',
    '{ not: { item.tags: { contains: no-sla } } }',
    '{ item.editedOn: { gte: today } }',
    '{ data.deals.items: { exists: true } }',
    '{ comment.text: { matches: "^!ticket\\\\b" } }',
    '{ event.params.action_type: file_created, files.mimetype: { contains: pdf } }',
    '{ fields.status: [Open, Won] }',
    '{ fields.margin: { ne: "{{ fields.price | minus: fields.cost }}" } }',
    '{ fields.order: "{{ item.id }}" }',
    '{ data.inv.items: { exists: false } }',
    '{ data.inv.items.0.fields.total: { exists: true, ne: "{{ fields.total }}" } }',
  ]) {
    it(`${written} is one, and is decided`, async () => {
      expect(problemsOf(parseYaml(written))).to.deep.equal([]);
      expect(await holds(parseYaml(written))).to.be.a('boolean');
    });
  }

  it('find a ticket in a comment, and no drift where there is none', async () => {
    expect(await holds({ 'comment.text': { matches: '^!ticket\\b' } })).to.equal(true);
    const number = (value: string) => new FieldView('number', [{ value }]);
    const fields = async () => ({
      margin: number('0.2000'),
      price: number('0.3000'),
      cost: number('0.1000'),
    });
    const drift = { 'fields.margin': { ne: '{{ fields.price | minus: fields.cost }}' } };
    expect(await holds(drift, { fields })).to.equal(false);
  });
});

describe('condition', () => {
  it('tells what it looked at, in the order it is written in, and no more than that', async () => {
    const { holds: all, checks } = await judged({
      'fields.value': { gte: 20000, currency: 'EUR' },
      any: [{ 'fields.status': 'Open' }, { 'item.tags': { contains: 'vip' } }],
      'fields.empty': { exists: false },
    });
    expect(all).to.equal(false);
    expect(checks).to.deep.equal([
      { path: 'fields.value', test: 'gte 20000 EUR', seen: '€10,000.00', holds: false },
      { path: 'fields.status', test: 'eq Open', seen: 'Won', holds: false },
      { path: 'item.tags', test: 'contains vip', seen: 'vip, no-sla', holds: true },
      { path: 'fields.empty', test: 'exists false', seen: '', holds: true },
    ]);
  });

  it('tells of what may not be as such: it holds where the test does not', async () => {
    const { holds: all, checks } = await judged({
      not: { any: [{ 'fields.status': ['Won', 'Lost'] }, { 'fields.value': { lt: 5 } }] },
      all: [{ not: { not: { 'fields.status': 'Won' } } }],
    });
    expect(all).to.equal(false);
    expect(checks).to.have.deep.members([
      { path: 'fields.status', test: 'not in Won, Lost', seen: 'Won', holds: false },
      { path: 'fields.value', test: 'not lt 5', seen: '€10,000.00', holds: true },
      { path: 'fields.status', test: 'eq Won', seen: 'Won', holds: true },
    ]);
  });

  it('asks for nothing where what is free of charge decides', async () => {
    const refuse = () => Promise.reject(new Error('must not be read'));
    const dear = { item: refuse, fields: refuse, files: refuse };
    const written = { 'files.mimetype': { contains: 'pdf' }, 'event.params.action_type': 'file_created' };
    const { holds: all, checks } = await judged(written, dear);
    expect(all).to.equal(false);
    expect(checks.map(({ path }) => path)).to.deep.equal(['event.params.action_type']);
    expect(
      await holds({ any: [{ 'fields.status': 'Won' }, { 'event.type': 'item.update' }] }, dear),
    ).to.equal(true);
    expect(await holds(written).catch(String)).to.equal(false);
    expect(await holds({ 'fields.status': 'Won' }, dear).catch(({ message }) => message)).to.equal(
      'must not be read',
    );
  });

  it('reads each thing once, however many tests there are on it', async () => {
    let reads = 0;
    const fields = async () => {
      reads++;
      return view.fields();
    };
    await judged(
      { 'fields.status': 'Won', any: [{ 'fields.size': 1 }, { 'fields.due': 'today' }] },
      { fields },
    );
    expect(reads).to.equal(1);
  });

  it('cuts what it has seen short', async () => {
    const comment = async () => ({ text: 'x'.repeat(5000) });
    const { checks } = await judged({ 'comment.text': { matches: 'y' } }, { comment });
    expect(checks[0]?.seen).to.have.length(120);
  });

  it('takes no longer with a pattern that would hang others', async () => {
    const comment = async () => ({ text: `${'a'.repeat(19_000)}!` });
    const before = performance.now();
    expect(await holds({ 'comment.text': { matches: '^(a+)+$' } }, { comment })).to.equal(false);
    expect(performance.now() - before).to.be.lessThan(2000);
  });

  it('looks at days in the rule’s time zone', async () => {
    const late = { now: () => new Date(Date.UTC(2026, 0, 31, 23, 30)) };
    expect(await holds({ 'fields.meeting': 'yesterday' }, late)).to.equal(true);
    expect(await holds({ 'fields.meeting': 'today' }, { ...late, timezone: () => 'UTC' })).to.equal(true);
    expect(await holds({ 'item.createdOn': '2026-01-05' })).to.equal(true);
    const early = { item: async () => ({ createdOn: '2026-01-05 23:30:00' }) };
    expect(await holds({ 'item.createdOn': '2026-01-06' }, early)).to.equal(true);
  });

  it('knows which moment a date ends at, whatever zone its text is in', async () => {
    const [value] = fields.meeting.values;
    // 14:00 at a place where it is an hour later than in UTC; now it is 12:00 there.
    const end = { end: '2026-01-31 14:00:00', end_utc: '2026-01-31 13:00:00' };
    const meeting = new FieldView('date', [{ ...value, ...end }]);
    const over = { fields: async () => ({ meeting }) };
    expect(await holds({ 'fields.meeting.end': { gt: 'now', lt: '+90m' } }, over)).to.equal(true);
    expect(await holds({ 'fields.meeting.end': '2026-01-31 14:00' }, over)).to.equal(true);
    expect(await holds({ 'fields.meeting.end': { gt: '{{ fields.meeting.start }}' } }, over)).to.equal(true);
    expect(await holds({ 'fields.due.end': null })).to.equal(true);
  });

  it('takes one of several values that is within both bounds, and none that is within one of them each', async () => {
    const total = (value: string) => ({
      fields: { total: { podioField: 'money', values: [{ value, currency: 'EUR' }] } },
    });
    const over = { data: () => ({ sizes: [3, 12], found: { items: [total('3.0000'), total('12.0000')] } }) };
    for (const path of ['data.sizes', 'data.found.items.fields.total']) {
      expect(await holds({ [path]: { gt: 5, lt: 10 } }, over), path).to.equal(false);
      expect(await holds({ [path]: { lt: 10, gt: 5 } }, over), path).to.equal(false);
      expect(await holds({ [path]: { gte: 12, lt: 13, eq: 3 } }, over), path).to.equal(true);
      expect(await holds({ not: { [path]: { gt: 5, lt: 10 } } }, over), path).to.equal(true);
    }
    const { checks } = await judged({ 'data.sizes': { gt: 5, lt: 10 } }, over);
    expect(checks.map(({ test, holds }) => [test, holds])).to.deep.equal([
      ['gt 5', true],
      ['lt 10', false],
    ]);
  });

  it('tells of each bound whether it holds, and not that none was left for it by the one before', async () => {
    const verdicts = async (written: object) =>
      (await judged(written, { data: () => ({ size: 5, sizes: [3, 12] }) })).checks.map(
        ({ test, holds }) => `${test}: ${holds}`,
      );
    expect(await verdicts({ 'data.size': { gt: 10, lt: 20 } })).to.deep.equal([
      'gt 10: false',
      'lt 20: true',
    ]);
    expect(await verdicts({ not: { 'data.size': { gt: 10, lt: 20 } } })).to.deep.equal([
      'not gt 10: true',
      'not lt 20: false',
    ]);
    expect(await verdicts({ 'data.sizes': { gt: 5, lt: 10, gte: 4 } })).to.deep.equal([
      'gt 5: true',
      'lt 10: false',
      'gte 4: true',
    ]);
    expect(await verdicts({ 'data.nothing': { gt: 1, lt: 2 } })).to.deep.equal([
      'gt 1: false',
      'lt 2: false',
    ]);
  });

  it('compares fields with fields by what they mean, also of other apps', async () => {
    expect(await holds({ 'fields.status': '{{ changes.status.to }}' })).to.equal(true);
    expect(await holds({ 'fields.status': '{{ changes.status.from }}' })).to.equal(false);
    expect(await holds({ 'fields.due': { gt: '{{ fields.meeting }}' } })).to.equal(true);
    expect(await holds({ 'fields.value': { gte: '{{ data.found.items[0].fields.total }}' } })).to.equal(true);
    expect(await holds({ 'fields.status': { in: ['Lost', '{{ fields.status.text }}'] } })).to.equal(true);
    expect(await holds({ 'item.tags': { in: '{{ item.tags }}' } })).to.equal(true);
    expect(await holds({ 'fields.value': { value: '{{ 10000 }}', currency: 'EUR' } })).to.equal(true);
  });

  for (const [name, written, ...said] of [
    ['no map', 'Won', ': a condition must be a map'],
    ['nothing', {}, ': a condition with nothing in it'],
    ['an unknown name', { 'field.status': 1 }, 'field.status: unknown name `field`|did you mean `fields`?'],
    ['a path that is none', { 'fields.': 1 }, 'fields.: `fields.` is not a path'],
    ['a field without a name', { fields: { exists: true } }, 'fields: `fields` names no field'],
    ['a part nobody has', { 'event.typ': 'x' }, 'event.typ: `event` has no `typ`|did you mean `type`?'],
    ['a side no change has', { 'changes.status.now': 1 }, 'changes.status.now: `changes` has no `now`'],
    ['an unknown operator', { 'fields.a': { gte: 1, lessThan: 2 } }, 'fields.a.lessThan: unknown operator'],
    [
      'a near operator',
      { 'fields.a': { contain: 'x' } },
      'fields.a.contain: unknown operator `contain`|`contains`?',
    ],
    ['order of a text', { 'fields.a': { gt: 'abc' } }, 'fields.a.gt: `gt: abc` can never hold'],
    ['order of nothing', { 'fields.a': { lt: null } }, 'fields.a.lt: '],
    ['order of a truth', { 'fields.a': { lte: true } }, 'fields.a.lte: '],
    ['order of a list', { 'fields.a': { gt: [1, 2] } }, 'fields.a.gt: '],
    ['one of nothing', { 'fields.a': [] }, 'fields.a: one of nothing'],
    ['a list in a list', { 'fields.a': [1, [2]] }, 'fields.a.1: a list holds values'],
    ['eq a list', { 'fields.a': { eq: [1] } }, 'fields.a.eq: `eq` must be one value|write `in`'],
    ['in one value', { 'fields.a': { in: 'x' } }, 'fields.a.in: `in` must be a list'],
    ['contains nothing', { 'fields.a': { contains: '' } }, 'fields.a.contains: '],
    ['exists, perhaps', { 'fields.a': { exists: 'yes' } }, 'fields.a.exists: `exists` must be true or false'],
    ['a broken pattern', { 'fields.a': { matches: '(x' } }, 'fields.a.matches: not a regular expression'],
    ['a lookahead', { 'fields.a': { matches: 'a(?=b)' } }, 'fields.a.matches: not a regular expression|RE2'],
    ['a pattern with a template', { 'fields.a': { matches: '{{ item.id }}' } }, 'fields.a.matches: '],
    ['a broken template', { 'fields.a': '{{ item.' }, 'fields.a: '],
    ['an unknown variable', { 'fields.a': { eq: '{{ itme }}' } }, 'fields.a.eq: unknown variable "itme"'],
    ['a wrong currency', { 'fields.a': { gte: 1, currency: 'euro' } }, 'fields.a.currency: '],
    ['not here, but there', { 'fields.a': { exists: false, eq: 1 } }, 'fields.a: what does not exist'],
    [
      'above and below',
      { 'fields.a': { gt: 5, lt: 3 } },
      'fields.a: nothing is above the one and below the other',
    ],
    ['any of nothing', { any: [] }, 'any: `any` must be a list of conditions'],
    [
      'all at once',
      { 'a.b': 1, not: { 'fields.a': { gt: 'x' } }, any: [{}] },
      'a.b: ',
      'not.fields.a.gt: ',
      'any.0: ',
    ],
  ] as const) {
    it(`refuses ${name}`, () => {
      const problems = problemsOf(written).map(
        ({ path, message, hint = '' }) => `${path.join('.')}: ${message} ${hint}`,
      );
      expect(problems).to.have.length(said.length);
      for (const [index, expected] of said.entries()) {
        const [start = '', hint = ''] = expected.split('|');
        expect(problems[index]).to.contain(start.replace(/^: /, ': ')).and.contain(hint);
      }
    });
  }

  for (const [name, written] of [
    ['a day but for a time on it', { 'fields.due': { eq: '2026-01-31', ne: '2026-01-31 14:00' } }],
    ['an id but for a text', { 'fields.status': { eq: 3, ne: '3' } }],
    ['nothing or something that is not there', { 'fields.a': { in: ['x', null], exists: false } }],
    ['nothing or something that is there', { 'fields.a': { in: ['x', null], exists: true } }],
    ['no change, in other words', { 'changes.a': '' }],
    ['no change, in a list', { 'changes.a': [null] }],
  ] as const) {
    it(`takes ${name}`, () => expect(problemsOf(written)).to.deep.equal([]));
  }
});
