import { expect } from 'chai';
import fc from 'fast-check';
import type { FieldValueJson } from '../../../src/core/podio.ts';
import type { FieldValue } from '../../../src/core/rule.ts';
import { showValues, testValues } from '../../../src/core/values.ts';

interface Case {
  type: string;
  note?: string;
  value: FieldValueJson;
  settings?: Record<string, unknown>;
  shown: string;
  yes: FieldValue[];
  no: FieldValue[];
}

const won = { id: 3, text: 'Won', color: 'DCEBD8', status: 'active' };

// One row or more for every type of field.
const cases: Case[] = [
  {
    type: 'text',
    value: { value: '<p>Call&nbsp;<b>Ann</b> &amp; Bo</p><p>today</p>' },
    shown: 'Call Ann & Bo\ntoday',
    yes: ['Call Ann & Bo today', 'Call Ann & Bo\ntoday'],
    no: ['Call', 'call ann & bo today', 3],
  },
  {
    type: 'text',
    note: 'plain text keeps what looks like a tag',
    value: { value: 'a <b> c', format: 'plain' },
    shown: 'a <b> c',
    yes: ['a <b> c'],
    no: ['a c'],
  },
  {
    type: 'text',
    note: 'comparison signs are no tags',
    value: { value: '1 < 2 and 3 > 2' },
    shown: '1 < 2 and 3 > 2',
    yes: ['1 < 2 and 3 > 2'],
    no: ['1'],
  },
  {
    type: 'text',
    note: 'a number in YAML is text here',
    value: { value: '2024' },
    shown: '2024',
    yes: [2024, '2024'],
    no: [2025],
  },
  { type: 'text', note: 'true is text', value: { value: 'true' }, shown: 'true', yes: [true], no: [false] },
  {
    type: 'number',
    value: { value: '282.0000' },
    shown: '282',
    yes: [282, '282', '282.00'],
    no: [281, '28', ' '],
  },
  {
    type: 'number',
    note: 'decimals as set',
    value: { value: '1234.5000' },
    settings: { decimals: 2 },
    shown: '1234.50',
    yes: [1234.5, '1234.50'],
    no: [1234],
  },
  {
    type: 'number',
    note: 'zero is a value',
    value: { value: '0.0000' },
    shown: '0',
    yes: [0, '0'],
    no: [null, ''],
  },
  {
    type: 'number',
    note: 'more digits than a double holds are shown whole',
    value: { value: '9007199254740993.5000' },
    shown: '9007199254740993.5',
    yes: ['9007199254740993.5'],
    no: [1],
  },
  {
    type: 'money',
    value: { value: '1000.0000', currency: 'USD' },
    shown: '$1,000.00',
    yes: [1000, '1000', { value: 1000 }, { value: '1000', currency: 'usd' }, '$1,000.00'],
    no: [100, { value: 1000, currency: 'EUR' }, 'USD'],
  },
  {
    type: 'money',
    value: { value: '5.5000', currency: 'DKK' },
    shown: 'DKK 5.50',
    yes: [5.5, 'DKK 5.50'],
    no: [5],
  },
  {
    type: 'money',
    note: 'odd currency',
    value: { value: '5.5000', currency: '' },
    shown: '5.5',
    yes: [5.5],
    no: [5],
  },
  { type: 'progress', value: { value: 75 }, shown: '75%', yes: [75, '75', '75%'], no: [7, '7'] },
  {
    type: 'progress',
    note: 'nothing done is a value',
    value: { value: 0 },
    shown: '0%',
    yes: [0],
    no: [null],
  },
  {
    type: 'duration',
    value: { value: 5400 },
    shown: '1h 30m',
    yes: [5400, '5400', '1h 30m', '90m'],
    no: [90, '90s', '5400ms'],
  },
  { type: 'duration', value: { value: 0 }, shown: '0s', yes: [0], no: [null] },
  { type: 'category', value: { value: won }, shown: 'Won', yes: ['Won', 3], no: ['won', 'Wo', 4, '3'] },
  {
    type: 'category',
    note: 'an option named by digits is text, a number is an id',
    value: { value: { ...won, text: '2024' } },
    shown: '2024',
    yes: ['2024', 3],
    no: [2024],
  },
  {
    type: 'category',
    note: 'names may come escaped',
    value: { value: { ...won, text: 'R&amp;D' } },
    shown: 'R&D',
    yes: ['R&D', 'R&amp;D'],
    no: ['R'],
  },
  {
    type: 'question',
    value: { value: { id: 1, text: 'Yes' } },
    shown: 'Yes',
    yes: ['Yes', 1],
    no: ['No', 2],
  },
  { type: 'question', note: 'legacy', value: { value: 2 }, shown: '2', yes: [2], no: [1] },
  { type: 'state', value: { value: 'yes' }, shown: 'yes', yes: ['yes'], no: ['no', 1] },
  {
    type: 'date',
    value: {
      start: '2026-01-31 00:00:00',
      start_date: '2026-01-31',
      start_time: null,
      end: null,
      end_date: null,
      end_time: null,
    },
    shown: '2026-01-31',
    yes: ['2026-01-31'],
    no: ['2026-01-30', '2026-01-31 00:00', '31.1.2026', 20260131],
  },
  {
    type: 'date',
    note: 'with time, local and UTC',
    value: {
      start: '2026-01-31 10:00:00',
      start_date: '2026-01-31',
      start_time: '10:00:00',
      start_utc: '2026-01-31 09:00:00',
      start_date_utc: '2026-01-31',
      start_time_utc: '09:00:00',
      end: '2026-01-31 11:30:00',
      end_date: '2026-01-31',
      end_time: '11:30:00',
    },
    shown: '2026-01-31 10:00 - 11:30',
    yes: [
      '2026-01-31',
      '2026-01-31 10:00',
      '2026-01-31T10:00:00',
      '2026-01-31T09:00:00Z',
      '2026-01-31T10:00+01:00',
      '2026-01-31 10:00 - 11:30',
    ],
    no: ['2026-01-31 09:00', '2026-01-31T10:00:00Z', '2026-02-01'],
  },
  {
    type: 'date',
    note: 'only start and end',
    value: { start: '2026-01-31 00:00:00', end: '2026-02-02 00:00:00' },
    shown: '2026-01-31 - 2026-02-02',
    yes: ['2026-01-31'],
    no: ['2026-02-02'],
  },
  {
    type: 'app',
    value: { value: { item_id: 4294967400, app_item_id: 12, title: 'Acme &amp; Sons' } },
    shown: 'Acme & Sons',
    yes: [4294967400, 'Acme & Sons'],
    no: [12, 'Acme', '4294967400'],
  },
  {
    type: 'contact',
    value: { value: { profile_id: 51, user_id: 61, name: 'Ann Bo', mail: ['ann@example.com', 'a@b.test'] } },
    shown: 'Ann Bo',
    yes: ['Ann Bo', 'Ann@Example.com', 'a@b.test', 51, 61],
    no: ['Ann', 'b.test', 5],
  },
  {
    type: 'contact',
    note: 'nameless',
    value: { value: { profile_id: 51, name: '', mail: ['ann@example.com'] } },
    shown: 'ann@example.com',
    yes: ['ann@example.com'],
    no: ['Ann'],
  },
  { type: 'member', value: { value: 61 }, shown: '61', yes: [61], no: [6] },
  {
    type: 'image',
    value: { value: { file_id: 9, name: 'a.png', link: 'https://files.podio.com/9' } },
    shown: 'a.png',
    yes: ['a.png', 9],
    no: ['b.png', 8],
  },
  {
    type: 'file',
    value: { value: { file_id: 9, name: 'a.pdf' } },
    shown: 'a.pdf',
    yes: ['a.pdf', 9],
    no: ['a'],
  },
  { type: 'video', value: { value: 9 }, shown: '9', yes: [9], no: [8] },
  {
    type: 'embed',
    value: {
      embed: {
        embed_id: 5,
        original_url: 'https://example.com/',
        resolved_url: 'https://www.example.com/',
        title: 'Ex',
      },
      file: null,
    },
    shown: 'https://example.com/',
    yes: ['https://example.com/', 'https://www.example.com/', 'Ex'],
    no: ['example.com'],
  },
  {
    type: 'location',
    value: { value: 'Main st 1', formatted: 'Main Street 1, Springfield', lat: 1, lng: 2 },
    shown: 'Main Street 1, Springfield',
    yes: ['Main st 1', 'Main Street 1, Springfield'],
    no: ['Springfield'],
  },
  { type: 'calculation', value: { value: '123.5600' }, shown: '123.56', yes: [123.56, '123.56'], no: [123] },
  {
    type: 'calculation',
    note: 'guessed text',
    value: { value: '007' },
    shown: '007',
    yes: ['007'],
    no: ['7', 8],
  },
  {
    type: 'calculation',
    note: 'told to be text',
    value: { value: '1.5000' },
    settings: { return_type: 'text' },
    shown: '1.5000',
    yes: ['1.5000'],
    no: [1.5],
  },
  {
    type: 'calculation',
    note: 'told to be a number',
    value: { value: '15' },
    settings: { return_type: 'number' },
    shown: '15',
    yes: [15, '15.0'],
    no: ['1'],
  },
  {
    type: 'calculation',
    note: 'date',
    value: { start: '2026-01-31 00:00:00' },
    settings: { return_type: 'date' },
    shown: '2026-01-31',
    yes: ['2026-01-31'],
    no: ['2026'],
  },
  {
    type: 'phone',
    value: { value: '+45 (12) 34-56-78', type: 'work' },
    shown: '+45 (12) 34-56-78',
    yes: ['+45 12345678', '+45 (12) 34-56-78'],
    no: ['12345678', 'work'],
  },
  {
    type: 'tel',
    value: { value: 4512345678, uri: 'tel:4512345678' },
    shown: '4512345678',
    yes: [4512345678],
    no: [45],
  },
  {
    type: 'email',
    value: { value: 'Ann@Example.com', type: 'work' },
    shown: 'Ann@Example.com',
    yes: ['ann@example.com'],
    no: ['ann', 'work'],
  },
  { type: 'tag', value: { value: 'vip' }, shown: 'vip', yes: ['vip'], no: ['VIP', 'vi'] },
  {
    type: 'media',
    note: 'unknown',
    value: { value: { id: 4, name: 'x' } },
    shown: 'x',
    yes: ['x', 4],
    no: [null, 5],
  },
  {
    type: 'novelty',
    note: 'unknown',
    value: { some: 1 },
    shown: '{"some":1}',
    yes: ['{"some":1}'],
    no: [null],
  },
];

describe('values', () => {
  for (const { type, note, value, settings, shown, yes, no } of cases) {
    const options = { config: { settings } };
    describe(`${type}${note ? ` (${note})` : ''}`, () => {
      it(`is shown as ${JSON.stringify(shown)}`, () => {
        expect(showValues(type, [value], options)).to.equal(shown);
      });
      for (const wanted of yes) {
        it(`is ${JSON.stringify(wanted)}`, () => {
          expect(testValues(type, [value], [wanted], options)).to.equal(true);
        });
      }
      for (const wanted of no) {
        it(`is not ${JSON.stringify(wanted)}`, () => {
          expect(testValues(type, [value], [wanted], options)).to.equal(false);
        });
      }
      it('equals its own text', () => {
        expect(testValues(type, [value], [shown], options)).to.equal(true);
      });
      it('is not empty, and no value is', () => {
        expect(testValues(type, [value], [null], options)).to.equal(false);
        expect(testValues(type, [], [null], options)).to.equal(true);
        expect(testValues(type, [], [shown], options)).to.equal(false);
      });
    });
  }

  it('takes any one of several values and any one of several alternatives', () => {
    const values = [{ value: won }, { value: { id: 4, text: 'Signed' } }];
    expect(testValues('category', values, ['Signed'])).to.equal(true);
    expect(testValues('category', values, ['Lost', 4])).to.equal(true);
    expect(testValues('category', values, ['Lost', 5])).to.equal(false);
    expect(testValues('category', values, [])).to.equal(false);
    expect(showValues('category', values)).to.equal('Won, Signed');
  });

  it('takes a text without letters for empty', () => {
    expect(testValues('text', [{ value: '<p> </p>' }], [null])).to.equal(true);
    expect(testValues('text', [{ value: '' }], [''])).to.equal(true);
    expect(testValues('text', [{ value: '<p>x</p>' }], [null, 'y'])).to.equal(false);
  });

  it('survives whatever Podio sends', () => {
    const types = [...new Set(cases.map(({ type }) => type)), 'toString', '__proto__'];
    const wanted = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.boolean(),
      fc.record({ value: fc.integer(), currency: fc.string() }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.dictionary(fc.constantFrom('value', 'start', 'embed', 'currency', 'format'), fc.jsonValue()),
        wanted,
        (type, value, one) => {
          const shown = showValues(type, [value]);
          expect(shown).to.be.a('string');
          expect(testValues(type, [value], [one])).to.be.a('boolean');
          expect(testValues(type, [value], [shown])).to.equal(true);
          expect(testValues(type, [value], [null])).to.equal(shown === '');
        },
      ),
    );
  });
});
