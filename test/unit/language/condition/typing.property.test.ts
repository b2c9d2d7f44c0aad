// What compares how, for every field type: the table of docs/conditions.md, said again as what each value of a type is known
// by. Whatever values a field has and whatever they are compared with, a condition goes by these and by nothing else.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import type { FieldValueJson } from '../../../../src/core/podio.ts';
import { showValues } from '../../../../src/core/values.ts';
import { FIELD_TYPES } from '../../../../src/emulator/model.ts';
import { FieldView } from '../../../../src/language/field-view.ts';
import { holds, problemsOf } from './world.ts';

/** A value of a field, and what it is by the table. */
interface Known {
  readonly value: FieldValueJson;
  /** Whether it is what somebody wrote. */
  readonly is: (written: unknown) => boolean;
  /** Where it stands, in a type that has an order. */
  readonly rank?: number;
  /** Texts that it is known by: `contains` and `matches` go by these. */
  readonly texts: readonly string[];
}

/** How a row of the table says that it is ordered and what `contains` goes by. */
interface Kind {
  readonly values: fc.Arbitrary<Known>;
  /** What people may write to compare with, in the order of their ranks where they have one. */
  readonly written: fc.Arbitrary<unknown>;
  /** Of what is written. */
  readonly rankOf?: (written: unknown) => number | undefined;
  readonly config?: Readonly<Record<string, unknown>>;
  /** `contains` is the same as `eq`. */
  readonly isChoice?: true;
}

const squeeze = (text: string) => text.replace(/\s+/g, ' ').trim();
const sameText = (a: string, b: unknown) => typeof b === 'string' && squeeze(a) === squeeze(b);
const anyCase = (a: string, b: unknown) =>
  typeof b === 'string' && sameText(a.toLowerCase(), b.toLowerCase());

const NAMES = ['Acme', 'acme', 'Bolt & Co', '12', '2026', 'Ann Lee', 'Ånd', 'Ac me'];
const IDS = [7, 12, 2026];
const name = fc.constantFrom(...NAMES);
const id = fc.constantFrom(...IDS);
const nameOrId = fc.oneof(name, id, fc.constantFrom('7', 'ACME', 99));

/** With a name and an id: a text is the name, a number the id. */
const named = (make: (id: number, name: string) => FieldValueJson): Kind => ({
  values: fc.tuple(id, name).map(([id, name]) => ({
    value: make(id, name),
    is: written => (typeof written === 'number' ? written === id : sameText(name, written)),
    texts: [name],
  })),
  written: nameOrId,
});

const choice: Kind = {
  ...named((id, text) => ({ value: { id, text, status: 'active' } })),
  isChoice: true,
};

const AMOUNTS = [-1, 0, 0.1, 1, 12, 12.5, 75, 3600, 7200];
const amount = fc.constantFrom(...AMOUNTS);
const numberOf = (written: unknown): number | undefined =>
  (typeof written === 'number' || typeof written === 'string') && String(written).trim() !== ''
    ? Number.isFinite(Number(written))
      ? Number(written)
      : undefined
    : undefined;
const numeric = (make: (n: number) => FieldValueJson, more: readonly unknown[] = []): Kind => ({
  values: amount.map(n => ({
    value: make(n),
    is: written => numberOf(written) === n,
    rank: n,
    texts: [],
  })),
  written: fc.oneof(
    amount,
    amount.map(String),
    amount.map(n => n.toFixed(4)),
    fc.constantFrom('many', ...more),
  ),
  rankOf: numberOf,
});

const SECONDS: Readonly<Record<string, number>> = { '1h': 3600, '2h': 7200, '90s': 90 };
const secondsOf = (written: unknown): number | undefined => SECONDS[String(written)] ?? numberOf(written);
const duration: Kind = {
  ...numeric(n => ({ value: n }), Object.keys(SECONDS)),
  values: fc.constantFrom(0, 90, 3600, 7200).map(n => ({
    value: { value: n },
    is: written => secondsOf(written) === n,
    rank: n,
    texts: [],
  })),
  rankOf: secondsOf,
};

const DAYS = ['2026-01-30', '2026-01-31', '2026-02-01'];
const TIMES = ['00:00', '09:30', '23:59'];
const day = fc.constantFrom(...DAYS);
const time = fc.constantFrom(undefined, ...TIMES);
/** Both in UTC: what is written without a zone is meant in the rule's, so such are left to the examples. */
const dateValue = (date: string, at: string | undefined): FieldValueJson => {
  const clock = at === undefined ? null : `${at}:00`;
  return {
    start: `${date} ${clock ?? '00:00:00'}`,
    start_date: date,
    start_time: clock,
    start_utc: `${date} ${clock ?? '00:00:00'}`,
    start_date_utc: date,
    start_time_utc: clock,
  };
};

/** Days alone: with a time of day on one side only the days count, which {@link date} below looks at by itself. */
const days: Kind = {
  values: day.map(date => ({
    value: dateValue(date, undefined),
    is: written => written === date,
    rank: DAYS.indexOf(date),
    texts: [date],
  })),
  written: fc.oneof(day, fc.constantFrom('soon', '2026-1-31')),
  rankOf: written => {
    const rank = DAYS.indexOf(String(written));
    return rank < 0 ? undefined : rank;
  },
};

/** YAML reads a text of digits as a number. */
const asWritten = (written: unknown) => (typeof written === 'number' ? String(written) : written);
const plainText = (make: (text: string) => FieldValueJson): Kind => ({
  values: name.map(text => ({
    value: make(text),
    is: written => sameText(text, asWritten(written)),
    texts: [text],
  })),
  written: nameOrId,
});

const person = (idKey: string): Kind => ({
  values: fc
    .tuple(id, name, fc.subarray(['Ann@Example.com', 'bo@example.com'], { minLength: 0 }))
    .map(([id, name, mail]) => ({
      value: { value: { [idKey]: id, name, mail } },
      is: written =>
        typeof written === 'number'
          ? written === id
          : sameText(name, written) || mail.some(one => anyCase(one, written)),
      texts: [name, ...mail],
    })),
  written: fc.oneof(nameOrId, fc.constantFrom('ann@example.com', 'BO@EXAMPLE.COM', 'c@example.com')),
});

const digitsOf = (text: string) => text.replace(/[\s().\-/]/g, '');
const PHONES = ['+45 12 34 56 78', '+4512345678', '(12) 34-56', '123456', '12 34 57', '06 12 34 56'];
const phone: Kind = {
  values: fc.constantFrom(...PHONES).map(text => ({
    value: { type: 'work', value: text },
    is: written =>
      typeof written === 'number'
        ? Number(digitsOf(text)) === written
        : typeof written === 'string' && digitsOf(text) === digitsOf(written),
    texts: [text],
  })),
  written: fc.oneof(fc.constantFrom(...PHONES), fc.constantFrom(123456, 4512345678, 6123456)),
};

const MAILS = ['Ann@Example.com', 'ann@example.com', 'bo@example.com'];
const email: Kind = {
  values: fc.constantFrom(...MAILS).map(text => ({
    value: { type: 'work', value: text },
    is: written => anyCase(text, written),
    texts: [text],
  })),
  written: fc.constantFrom(...MAILS, 'example.com'),
};

const returning = (returnType: string) => ({ settings: { return_type: returnType } });

/** By type; of a type that can be several things, one for each. */
const KINDS: Readonly<Record<string, Kind | readonly Kind[]>> = {
  category: choice,
  question: choice,
  state: choice,
  number: numeric(n => ({ value: n.toFixed(4) })),
  progress: numeric(n => ({ value: n })),
  duration,
  money: {
    values: fc.tuple(amount, fc.constantFrom('EUR', 'USD')).map(([n, currency]) => ({
      value: { value: n.toFixed(4), currency },
      is: written => {
        if (typeof written !== 'object' || written === null) return numberOf(written) === n;
        const wanted = written as { value?: unknown; currency?: string };
        return numberOf(wanted.value) === n && (wanted.currency ?? currency).toUpperCase() === currency;
      },
      rank: n,
      texts: [],
    })),
    written: fc.oneof(
      amount,
      amount.map(String),
      fc.record({ value: amount, currency: fc.constantFrom('EUR', 'eur', 'USD') }),
    ),
    rankOf: numberOf,
  },
  date: days,
  app: named((item_id, title) => ({ value: { item_id, title, app: { app_id: 5 } } })),
  contact: person('profile_id'),
  member: person('user_id'),
  image: named((file_id, name) => ({ value: { file_id, name } })),
  file: named((file_id, name) => ({ value: { file_id, name } })),
  video: named((file_id, name) => ({ value: { file_id, name } })),
  embed: {
    values: name.map(title => {
      const url = `https://example.com/${title.replace(/\W/g, '')}`;
      return {
        value: { embed: { embed_id: 5, original_url: url, title } },
        is: written => [title, url].some(text => sameText(text, asWritten(written))),
        // What is shown is the URL.
        texts: [url],
      };
    }),
    written: fc.oneof(name, fc.constantFrom('https://example.com/Acme', 12, 2026)),
  },
  text: plainText(text => ({ value: `<p>${text.replace(/&/g, '&amp;')}</p>` })),
  location: plainText(text => ({ value: text, formatted: text })),
  tag: plainText(value => ({ value })),
  phone,
  tel: phone,
  email,
  calculation: [
    { ...numeric(n => ({ value: n.toFixed(4) })), config: returning('number') },
    { ...days, config: returning('date') },
    { ...plainText(value => ({ value })), config: returning('text') },
  ],
};

/** Rows of the table, by type. */
function documented(): ReadonlyMap<string, readonly string[]> {
  const page = readFileSync(new URL('../../../../docs/conditions.md', import.meta.url), 'utf8');
  const section = page.slice(page.indexOf('## What compares how')).split(/^\n/m)[1] ?? '';
  const rows = (section.match(/^\|.*\|$/gm) ?? []).slice(2);
  return new Map(
    rows.flatMap(row => {
      const [types = '', ...cells] = row
        .slice(1, -1)
        .split('|')
        .map(cell => cell.trim());
      return types.split(', ').map(type => [type, cells] as const);
    }),
  );
}

const seeing = (found: unknown) => ({ data: () => ({ x: found }) as Record<string, unknown> });
const test = (found: FieldView, written: unknown) => holds({ 'data.x': written }, seeing(found));
/** What a check would refuse is not asked. */
const isAsked = (written: unknown) => problemsOf({ 'data.x': written }).length === 0;
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');

describe('what compares how', () => {
  const table = documented();

  it('is in the table for every type that there is, and of no other', () => {
    expect([...table.keys()].toSorted()).to.deep.equal([...FIELD_TYPES].toSorted());
    expect(Object.keys(KINDS).toSorted()).to.deep.equal([...FIELD_TYPES].toSorted());
    // What has no way of its own is shown as it stands.
    for (const type of table.keys())
      expect(showValues(type, [{ value: { x: 1 } }]), type).not.to.contain('{');
  });

  for (const [type, cells] of table) {
    for (const kind of [KINDS[type] ?? []].flat()) {
      const { values, written, rankOf, config, isChoice } = kind;
      const called = config === undefined ? type : `${type} of ${JSON.stringify(config.settings)}`;
      const [, order = '', texts = ''] = cells;

      it(`${called}: a condition goes by what the table says`, async () => {
        if (type !== 'calculation') expect(order === 'no order', 'order').to.equal(rankOf === undefined);
        expect(texts.includes('the same as `eq`'), 'contains').to.equal(isChoice === true);
        await fc.assert(
          fc.asyncProperty(
            fc.array(values, { minLength: 1, maxLength: 3 }),
            fc.array(written, { minLength: 1, maxLength: 2 }),
            async (known, wanted) => {
              const field = new FieldView(
                type,
                known.map(({ value }) => value),
                config,
              );
              const [one] = wanted;
              const any = (right: unknown) => known.some(({ is }) => is(right));
              expect(await test(field, { exists: true })).to.equal(true);
              if (isAsked({ eq: one })) {
                expect(await test(field, { eq: one }), 'eq').to.equal(any(one));
                expect(await test(field, { ne: one }), 'ne').to.equal(!any(one));
              }
              if (isAsked({ in: wanted }))
                expect(await test(field, { in: wanted }), 'in').to.equal(wanted.some(any));
              const rank = rankOf?.(one);
              for (const [operator, fits] of [
                ['gt', (a: number, b: number) => a > b],
                ['gte', (a: number, b: number) => a >= b],
                ['lt', (a: number, b: number) => a < b],
                ['lte', (a: number, b: number) => a <= b],
              ] as const) {
                if (!isAsked({ [operator]: one })) continue;
                const expected =
                  rank !== undefined && known.some(({ rank: own }) => own !== undefined && fits(own, rank));
                if (typeof one !== 'object')
                  expect(await test(field, { [operator]: one }), operator).to.equal(expected);
              }
              if (isChoice) {
                if (isAsked({ contains: one }))
                  expect(await test(field, { contains: one }), 'contains').to.equal(any(one));
                return;
              }
              for (const text of known.flatMap(({ texts }) => texts)) {
                const part = text.slice(1, -1).toUpperCase();
                if (part.trim() !== '')
                  expect(await test(field, { contains: part }), `contains ${part}`).to.equal(true);
                expect(await test(field, { matches: `^${escaped(text)}$` }), `matches ${text}`).to.equal(
                  true,
                );
              }
              const all = known.flatMap(({ texts }) => texts.map(text => text.toLowerCase()));
              if (all.length > 0 && isAsked({ contains: one }))
                expect(await test(field, { contains: one }), 'contains').to.equal(
                  all.some(text => text.includes(String(one).toLowerCase())),
                );
              expect(await test(field, { contains: 'nowhere at all' })).to.equal(false);
            },
          ),
          { numRuns: 150 },
        );
      });
    }
  }

  it('date: where one side has no time of day the days are compared', async () => {
    const zone = { timezone: () => 'UTC' };
    await fc.assert(
      fc.asyncProperty(day, time, day, time, async (date, at, otherDay, otherAt) => {
        const field = new FieldView('date', [dateValue(date, at)]);
        const written = otherAt === undefined ? otherDay : `${otherDay} ${otherAt}`;
        const isByDay = at === undefined || otherAt === undefined;
        const [own, wanted] = isByDay ? [date, otherDay] : [`${date} ${at}`, written];
        const is = (test: unknown) => holds({ 'data.x': test }, { ...seeing(field), ...zone });
        expect(await is({ eq: written })).to.equal(own === wanted);
        expect(await is({ gt: written })).to.equal(own > wanted);
        expect(await is({ lte: written })).to.equal(own <= wanted);
      }),
    );
  });

  it('fields of two items: references by id, people by id, options by text, in whatever app', async () => {
    const pair = fc.constantFrom('app', 'contact', 'category').chain(type => {
      const { values } = KINDS[type] as Kind;
      return fc.tuple(fc.constant(type), values, values);
    });
    await fc.assert(
      fc.asyncProperty(pair, async ([type, { value: a }, { value: b }]) => {
        const [left, right] = [a, b].map(value => new FieldView(type, [value]));
        const inner = ({ value }: FieldValueJson) => value as Readonly<Record<string, unknown>>;
        const key = { app: 'item_id', contact: 'profile_id', category: 'text' }[type] ?? '';
        const data = { data: () => ({ x: left, y: right }) as Record<string, unknown> };
        const is = await holds({ 'data.x': '{{ data.y }}' }, data);
        expect(is).to.equal(inner(a)[key] === inner(b)[key]);
      }),
    );
  });
});
