// The apps of the examples under config/examples: what `podiod pull` would find of them.
import type { Catalog, CatalogApp, CatalogField } from '../../src/core/catalog.ts';

type Field = Partial<CatalogField> & Pick<CatalogField, 'type'>;

const labelOf = (externalId: string): string =>
  externalId.charAt(0).toUpperCase() + externalId.slice(1).replaceAll('-', ' ');

function app(id: number, name: string, itemName: string, fields: Record<string, Field>): CatalogApp {
  return {
    id,
    name,
    itemName,
    fields: Object.entries(fields)
      .map(
        ([externalId, field], n): CatalogField => ({
          id: id * 1000 + n + 1,
          externalId,
          label: labelOf(externalId),
          status: 'active',
          ...field,
        }),
      )
      .sort((a, b) => (a.externalId < b.externalId ? -1 : 1)),
  };
}

const text: Field = { type: 'text', format: 'plain' };
const number: Field = { type: 'number', decimals: 2 };
const money: Field = { type: 'money', currencies: ['EUR', 'USD'] };
const person: Field = { type: 'contact', multiple: false };
const category = (...texts: readonly string[]): Field => ({
  type: 'category',
  multiple: false,
  options: texts.map((option, n) => ({ id: n + 1, text: option })),
});
const reference = (...apps: readonly number[]): Field => ({ type: 'app', multiple: false, apps });

const status = category('Open', 'Won', 'Lost');

export const AGENCY: Catalog = {
  apps: new Map([
    [
      'deals',
      app(101, 'Deals', 'Deal', {
        title: text,
        status,
        value: money,
        price: number,
        cost: number,
        margin: number,
      }),
    ],
    [
      'tickets',
      app(102, 'Tickets', 'Ticket', {
        title: text,
        status: category('New', 'Waiting', 'Answered', 'Closed'),
        project: reference(105),
      }),
    ],
    ['leads', app(103, 'Leads', 'Lead', { title: text, status, value: money })],
    ['archive', app(104, 'Archive', 'Copy', { title: text, status, value: money, origin: reference(103) })],
    ['projects', app(105, 'Projects', 'Project', { title: text })],
    ['invoices', app(106, 'Invoices', 'Invoice', { title: text, order: reference(107), total: money })],
    [
      'orders',
      app(107, 'Orders', 'Order', { title: text, status: category('Draft', 'Approved'), total: money }),
    ],
    [
      'clients',
      app(108, 'Clients', 'Client', {
        title: text,
        stage: category('Talks', 'Signed'),
        'account-manager': person,
      }),
    ],
  ]),
};
