/** An item with a field of every type, and everything that podiod does with what an item holds. */
import type { Item } from '../../src/core/podio.ts';
import { judge } from '../../src/language/condition/judge.ts';
import { readCondition } from '../../src/language/condition/parse.ts';
import { itemJson } from '../../src/language/item-json.ts';
import type { View } from '../../src/language/names.ts';
import type { Changes } from '../../src/plugin/contract.ts';
import { compileTemplate } from '../../src/plugin/template.ts';
import { makeView } from '../../src/plugin/view.ts';
import { event } from '../support/plugin-world.ts';
import { allowLater, told, toldByTemplate } from './target.ts';

type Json = Readonly<Record<string, unknown>>;

const field = (field_id: number, type: string, value: Json, settings: Json = {}) => ({
  field_id,
  external_id: type,
  type,
  label: type,
  config: { label: type, settings },
  values: [value],
});

export const ITEM = {
  item_id: 4711,
  app_item_id: 42,
  external_id: 'e-1',
  title: 'Acme',
  link: 'https://podio.com/x/y/apps/leads/items/42',
  revision: 3,
  app: { app_id: 101 },
  tags: ['vip'],
  created_on: '2026-01-05 10:00:00',
  last_edit_on: '2026-01-06 10:00:00',
  created_by: { type: 'user', id: 7, name: 'Ann', mail: ['ann@example.com'] },
  current_revision: {
    revision: 3,
    created_on: '2026-01-06 10:00:00',
    created_by: { type: 'user', id: 7, name: 'Ann' },
    created_via: { id: 1 },
  },
  files: [{ file_id: 3, name: 'a.pdf', mimetype: 'application/pdf', size: 900 }],
  fields: [
    field(1, 'text', { value: '<p>Call <b>them</b></p>' }, { format: 'html' }),
    field(2, 'category', { value: { id: 3, text: 'Won', status: 'active' } }),
    field(3, 'number', { value: '12.5000' }, { decimals: 2 }),
    field(4, 'money', { value: '10000.0000', currency: 'EUR' }),
    field(5, 'date', { start: '2026-02-07 09:00:00', start_utc: '2026-02-07 08:00:00', end: '2026-02-08' }),
    field(6, 'app', { value: { item_id: 12, title: 'Globex', app: { app_id: 102 } } }),
    field(7, 'contact', { value: { profile_id: 9, name: 'Bo', mail: ['bo@example.com'], phone: ['1'] } }),
    field(8, 'progress', { value: 75 }),
    field(9, 'duration', { value: 7200 }),
    field(10, 'calculation', { value: '0.2000' }, { return_type: 'number' }),
    field(11, 'embed', { embed: { embed_id: 1, original_url: 'https://a.example', title: 'A' }, file: null }),
    field(12, 'image', { value: { file_id: 5, name: 'b.png' } }),
    field(13, 'location', { value: 'Main St', formatted: 'Main St 1', lat: 1.5, lng: 2 }),
    field(14, 'phone', { type: 'work', value: '+45 12' }),
    field(15, 'member', { value: { user_id: 3, name: 'Cy' } }),
  ],
};

/** As a message about this item has it. */
export const viewOf = (item: Item, changes: Changes = new Map()): View =>
  makeView(
    { event: event(), item: async () => item, changes: async () => changes, data: { found: itemJson(item) } },
    {
      reader: {
        actor: async () => ITEM.created_by,
        comment: async () => undefined,
        files: async () => [],
        task: async () => undefined,
      },
      app: { id: 101, fields: { state: 'category' } },
      timezone: 'Europe/Copenhagen',
      rule: 'won',
      now: () => Date.UTC(2026, 0, 31, 12),
      previousRun: async () => undefined,
    },
  );

const TEMPLATES = [
  '{{ item.title }} {{ item.number }} {{ item.createdOn | date: "%d.%m.%Y" }} {{ item.tags | join: "," }}',
  ...['text', 'category', 'number', 'money', 'date', 'app', 'contact', 'progress'].map(
    name => `{{ fields.${name} }}{{ fields.${name} | upcase }}{{ changes.${name}.from }}`,
  ),
  '{{ fields.money | times: 2 }} {{ fields.date | date: "%H:%M" }} {{ fields.contact.mail }} {{ fields | json }}',
].map(text => compileTemplate(text));

const CONDITION = readCondition(
  {
    'fields.category': 'Won',
    any: [{ 'fields.number': { gt: 10 } }, { 'fields.money': { gte: 1, currency: 'EUR' } }],
    'fields.date': { lt: '+1w' },
    'fields.text': { contains: 'call' },
    'fields.contact': { matches: '^B' },
    'item.tags': { contains: 'vip' },
  },
  ({ message }) => {
    throw new Error(message);
  },
);

/** Whatever Podio says of an item: templates and conditions come to something, or say what is wrong. */
export async function lookAt(item: Item, changes?: Changes): Promise<void> {
  const view = await allowLater(told, async () => viewOf(item, changes));
  if (!view) return;
  for (const template of TEMPLATES) await allowLater(toldByTemplate, () => template.render(view));
  await allowLater(told, () => judge(CONDITION, view));
}
