import { expect } from 'chai';
import { isSame } from '../../../plugins/podio-item/same.ts';
import { neverFits, written } from '../../../plugins/podio-item/written.ts';
import type { FieldValueJson } from '../../../src/core/podio.ts';
import { FieldView } from '../../../src/plugin/index.ts';

const ANN = {
  profile_id: 9,
  user_id: 8,
  name: 'Ann',
  mail: ['ann@example.com', 'a@example.com'],
  phone: ['+45 1'],
};
const SETTINGS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  category: { options: [{ id: 3, text: 'Won', status: 'active' }], multiple: false },
  calculation: { return_type: 'number' },
};
/** A value of each type, as Podio answers it. */
const VALUES: Readonly<Record<string, FieldValueJson>> = {
  text: { value: '<p>Won</p>' },
  number: { value: '282.0000' },
  money: { value: '10.5000', currency: 'USD' },
  progress: { value: 75 },
  duration: { value: 3600 },
  category: { value: { id: 3, text: 'Won' } },
  state: { value: 'Won' },
  date: {
    start: '2026-01-31 13:00:00',
    start_date: '2026-01-31',
    start_time: '13:00:00',
    start_date_utc: '2026-01-31',
    start_time_utc: '12:00:00',
    end: null,
  },
  app: { value: { item_id: 12, title: 'Acme' } },
  contact: { value: ANN },
  member: { value: 8 },
  embed: { embed: { embed_id: 5, original_url: 'https://example.com/' } },
  location: { value: 'Road 1', formatted: 'Road 1, City' },
  phone: { value: '+45 2', type: 'mobile' },
  email: { value: 'bo@example.com', type: 'home' },
  tag: { value: 'vip' },
  image: { value: { file_id: 4, name: 'a.png' } },
  calculation: { value: '123.5600' },
};
const TYPES = Object.keys(VALUES);

const fieldOf = (type: string) => ({
  field_id: 1,
  external_id: 'there',
  type,
  label: 'There',
  status: 'active',
  config: { settings: SETTINGS[type] ?? {} },
});

const viewOf = (type: string, value = VALUES[type] ?? {}) =>
  new FieldView(type, [value], fieldOf(type).config);

const copied = (from: FieldView, to: string): readonly unknown[] | 'parked' => {
  try {
    return written(fieldOf(to), from, { now: Date.UTC(2026, 0, 1), zone: 'UTC' });
  } catch (error) {
    expect(error).to.include({ code: 'PLUGIN_PERMANENT' });
    return 'parked';
  }
};

describe('podio-item: what a copy writes', () => {
  for (const from of TYPES) {
    it(`of a field of type ${from} is what the other type takes, or parks the run`, () => {
      for (const to of TYPES) {
        const values = copied(viewOf(from), to);
        expect(JSON.stringify(values), to).not.to.match(/null|NaN|undefined/);
        if (neverFits(from, to) !== undefined) expect(values, to).to.equal('parked');
        const isItself = from === to && values !== 'parked' && from !== 'tag';
        if (isItself) expect(isSame(fieldOf(to), values, [VALUES[to] ?? {}]), to).to.equal(true);
      }
    });
  }

  it('knows people by what the other type knows them by', () => {
    const { user_id: _, ...guest } = ANN;
    const nobody = viewOf('contact', { value: { profile_id: 7, name: 'No one' } });
    expect(copied(viewOf('contact'), 'email')).to.deep.equal([{ value: 'ann@example.com', type: 'work' }]);
    expect(copied(viewOf('contact'), 'phone')).to.deep.equal([{ value: '+45 1', type: 'work' }]);
    expect(copied(nobody, 'email')).to.deep.equal([]);
    expect(copied(viewOf('contact'), 'member')).to.deep.equal([8]);
    // The id of a profile is none of a user, and the other way round.
    expect(copied(viewOf('contact', { value: guest }), 'member')).to.equal('parked');
    expect(copied(viewOf('member'), 'contact')).to.deep.equal([{ type: 'user', id: 8 }]);
  });

  it('takes an amount without a number and a date without either side for empty, and for no 0', () => {
    const write = (type: string, given: unknown) =>
      written(fieldOf(type), given, { now: Date.UTC(2026, 0, 1), zone: 'UTC' });
    for (const value of ['', ' ', null, undefined]) {
      expect(write('money', { value, currency: 'EUR' })).to.deep.equal([]);
      expect(write('phone', { value, type: 'work' })).to.deep.equal([]);
      expect(write('number', { value })).to.deep.equal([]);
    }
    expect(write('money', { currency: 'EUR' })).to.deep.equal([]);
    expect(write('date', { start: null, end: '' })).to.deep.equal([]);
    expect(write('money', { value: 0, currency: 'EUR' })).to.deep.equal([{ value: '0', currency: 'EUR' }]);
    expect(() => write('date', { start: '', end: '2026-01-31' })).to.throw('takes a date');
    expect(write('location', { street_address: 'Road 1' })).to.deep.equal([{ street_address: 'Road 1' }]);
  });

  it('takes the sides of a date apart and puts others together', () => {
    const value = { ...VALUES.date, end: '2026-02-01 14:00:00', end_utc: '2026-02-01 13:00:00' };
    const [from, day] = [
      viewOf('date', value),
      viewOf('date', { start_date: '2026-02-03', start_time: null }),
    ];
    const write = (given: unknown) =>
      written(fieldOf('date'), given, { now: Date.UTC(2026, 0, 1), zone: 'UTC' });
    expect(write(from.part('end'))).to.deep.equal([
      { start_date_utc: '2026-02-01', start_time_utc: '13:00:00' },
    ]);
    expect(write({ start: from.part('start'), end: from.part('end') })).to.deep.equal(write(from));
    expect(write({ start: '2026-02-01', end: day })).to.deep.equal([
      { start_date: '2026-02-01', end_date: '2026-02-03' },
    ]);
  });

  it('takes no markup and no kind along that the other type does not have', () => {
    expect(copied(viewOf('text'), 'location')).to.deep.equal(['Won']);
    expect(copied(viewOf('money'), 'location')).to.deep.equal(['$10.50']);
    expect(copied(viewOf('location'), 'location')).to.deep.equal(['Road 1']);
    expect(copied(viewOf('phone'), 'email')).to.deep.equal([{ value: '+45 2', type: 'work' }]);
    expect(copied(viewOf('phone'), 'phone')).to.deep.equal([{ value: '+45 2', type: 'mobile' }]);
  });
});
