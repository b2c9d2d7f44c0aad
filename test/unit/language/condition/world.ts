// The item that docs/conditions.md speaks of.
import type { FieldValueJson } from '../../../../src/core/podio.ts';
import { judge } from '../../../../src/language/condition/judge.ts';
import { type ConditionProblem, parseCondition } from '../../../../src/language/condition/parse.ts';
import { fieldView } from '../../../../src/language/field-view.ts';
import type { View } from '../../../../src/language/names.ts';
import { event } from '../../../support/plugin-world.ts';

const field = (type: string, ...values: FieldValueJson[]) => {
  const view = fieldView(type, values);
  if (view === undefined) throw new Error(`an empty ${type}`);
  return view;
};
const option = (id: number, text: string) => ({ value: { id, text } });

export const fields = {
  status: field('category', option(3, 'Won')),
  labels: field('category', option(1, 'Red'), option(2, 'Blue')),
  size: field('number', { value: '12.5000' }),
  done: field('progress', { value: 75 }),
  spent: field('duration', { value: 7200 }),
  value: field('money', { value: '10000.0000', currency: 'EUR' }),
  due: field('date', { start: '2026-02-07 00:00:00', start_date: '2026-02-07', start_time: null }),
  meeting: field('date', {
    start: '2026-01-31 13:00:00',
    start_date: '2026-01-31',
    start_time: '13:00:00',
    start_utc: '2026-01-31 12:00:00',
    start_date_utc: '2026-01-31',
    start_time_utc: '12:00:00',
  }),
  client: field('app', { value: { item_id: 12, title: 'Acme' } }),
  manager: field('contact', { value: { profile_id: 9, name: 'Ann Lee', mail: ['ann@example.com'] } }),
  note: field('text', { value: '<p>Call <b>them</b></p>' }),
  phone: field('phone', { type: 'work', value: '+45 12 34 56 78' }),
  margin: field('calculation', { value: '0.2000' }),
};

export const view: View = {
  event: () => event(),
  item: async () => ({ id: 4711, tags: ['vip', 'no-sla'], createdOn: '2026-01-05 10:00:00' }),
  fields: async () => fields,
  changes: async () => ({ status: { from: field('category', option(1, 'Open')), to: fields.status } }),
  actor: async () => ({ name: 'Ann', id: 7, type: 'user' }),
  comment: async () => ({ id: 5, text: '!ticket broken' }),
  files: async () => [
    { name: 'a.pdf', mimetype: 'application/pdf', size: 900 },
    { name: 'b.png', mimetype: 'image/png', size: 9 },
  ],
  task: async () => ({}),
  data: () => ({
    none: { items: [] },
    found: {
      size: '9',
      items: [
        { fields: { total: { podioField: 'money', values: [{ value: '9000.0000', currency: 'EUR' }] } } },
      ],
    },
  }),
  run: async () => ({ rule: 'r', previous: undefined, replay: false }),
  app: () => ({ name: 'leads', id: 101 }),
  now: () => new Date(Date.UTC(2026, 0, 31, 12)),
  alarm: () => ({}),
  batch: () => [view],
  timezone: () => 'Europe/Copenhagen',
};

export const problemsOf = (written: unknown): readonly ConditionProblem[] => {
  const problems: ConditionProblem[] = [];
  parseCondition(written, problem => problems.push(problem));
  return problems;
};

export async function judged(written: unknown, over: Partial<View> = {}) {
  const problems: ConditionProblem[] = [];
  const condition = parseCondition(written, problem => problems.push(problem));
  if (condition === undefined) throw new Error(`${JSON.stringify(written)}: ${JSON.stringify(problems)}`);
  return judge(condition, { ...view, ...over });
}

export const holds = async (written: unknown, over: Partial<View> = {}): Promise<boolean> =>
  (await judged(written, over)).holds;
