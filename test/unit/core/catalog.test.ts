import { expect } from 'chai';
import { type CatalogApp, catalogField, openOptions, toCatalogApp } from '../../../src/core/catalog.ts';
import { describeChange, diffApps, diffCatalogs } from '../../../src/core/catalog-diff.ts';
import type { App, AppField } from '../../../src/core/podio.ts';

const TOKEN = 'c0ffee-app-token';

const field = (
  id: number,
  externalId: string,
  type: string,
  more: Partial<AppField> = {},
  settings = {},
) => ({
  field_id: id,
  external_id: externalId,
  type,
  label: externalId,
  status: 'active',
  config: { label: externalId, settings },
  ...more,
});

const app = (fields: readonly AppField[], more: object = {}): App => ({
  app_id: 101,
  status: 'active',
  token: TOKEN,
  mailbox: 'leads.123',
  config: { name: 'Leads &amp; Clients', item_name: 'Lead' },
  fields,
  ...more,
});

const STATUS = field(
  2,
  'status',
  'category',
  {},
  {
    multiple: false,
    display: 'inline',
    options: [
      { id: 3, text: 'Won', color: 'x', status: 'active' },
      { id: 1, text: 'R&amp;D', color: 'x', status: 'active' },
      { id: 2, text: 'Old', color: 'x', status: 'deleted' },
    ],
  },
);

describe('catalog', () => {
  it('holds what says which values a field can have, sorted, and never the token', () => {
    const found = toCatalogApp(
      app([
        STATUS,
        field(
          9,
          'deal',
          'app',
          {},
          { multiple: true, referenced_apps: [{ app_id: 7 }, { app_id: 5, app: {} }] },
        ),
        field(8, 'amount', 'money', {}, { allowed_currencies: ['USD', 'EUR'] }),
        field(7, 'sum', 'calculation', {}, { return_type: 'number', decimals: 2, script: 'x' }),
        field(6, 'when', 'date', {}, { calendar: true, time: 'enabled', end: 'disabled' }),
        field(5, 'zone', 'text', { status: 'deleted' }, { format: 'html', size: 'large' }),
      ]),
    );
    expect(found).to.deep.equal({
      id: 101,
      name: 'Leads & Clients',
      itemName: 'Lead',
      fields: [
        {
          id: 8,
          externalId: 'amount',
          label: 'amount',
          type: 'money',
          status: 'active',
          currencies: ['EUR', 'USD'],
        },
        {
          id: 9,
          externalId: 'deal',
          label: 'deal',
          type: 'app',
          status: 'active',
          multiple: true,
          apps: [5, 7],
        },
        {
          id: 2,
          externalId: 'status',
          label: 'status',
          type: 'category',
          status: 'active',
          multiple: false,
          options: [
            { id: 1, text: 'R&D' },
            { id: 2, text: 'Old', deleted: true },
            { id: 3, text: 'Won' },
          ],
        },
        {
          id: 7,
          externalId: 'sum',
          label: 'sum',
          type: 'calculation',
          status: 'active',
          decimals: 2,
          returnType: 'number',
        },
        {
          id: 6,
          externalId: 'when',
          label: 'when',
          type: 'date',
          status: 'active',
          time: 'enabled',
          end: 'disabled',
        },
        { id: 5, externalId: 'zone', label: 'zone', type: 'text', status: 'deleted', format: 'html' },
      ],
    });
    expect(JSON.stringify(found)).not.to.include(TOKEN);
  });

  it('does without settings that Podio does not tell', () => {
    const bare = { field_id: 1, external_id: 'a', type: 'category' } as unknown as AppField;
    const { fields, itemName } = toCatalogApp(app([bare], { config: { name: 'Leads' } }));
    expect(fields).to.deep.equal([
      { id: 1, externalId: 'a', label: 'a', type: 'category', status: 'active' },
    ]);
    expect(itemName).to.equal('Leads');
    expect(openOptions(fields[0] as object)).to.equal(undefined);
  });

  it('finds a field by external id before field id, and none that was deleted', () => {
    const definition = toCatalogApp(
      app([field(1, '2', 'text'), field(2, 'b', 'text'), field(3, 'c', 'text', { status: 'deleted' })]),
    );
    expect(catalogField(definition, '2')?.id).to.equal(1);
    expect(catalogField(definition, '1')?.id).to.equal(1);
    expect(catalogField(definition, 'c')).to.equal(undefined);
  });

  describe('differences', () => {
    const before = toCatalogApp(app([STATUS, field(4, 'value', 'money')]));
    const changed = (change: (fields: AppField[]) => AppField[]): readonly string[] =>
      diffApps(before, toCatalogApp(app(change([STATUS, field(4, 'value', 'money')])))).map(describeChange);
    const withOptions = (options: readonly object[]) => ({
      ...STATUS,
      config: { settings: { multiple: false, options } },
    });

    it('are none between two readings of the same', () => {
      expect(changed(fields => fields.reverse())).to.deep.equal([]);
    });

    it('tell fields by their id: renamed, given another external id, retyped, deleted, new', () => {
      expect(
        changed(([status, value]) => [status as AppField, { ...(value as AppField), label: 'Deal value' }]),
      ).to.deep.equal(['field value (Deal value) was called "value"']);
      expect(
        changed(([status, value]) => [status as AppField, { ...(value as AppField), external_id: 'worth' }]),
      ).to.deep.equal(['field worth (value) had the external id value']);
      expect(
        changed(([status]) => [status as AppField, field(4, 'value', 'number', {}, { decimals: 2 })]),
      ).to.deep.equal(['field value (value) is now of type number, it was money']);
      expect(changed(([status]) => [status as AppField])).to.deep.equal(['field value (value) was deleted']);
      expect(
        changed(([status, value]) => [status as AppField, { ...(value as AppField), status: 'deleted' }]),
      ).to.deep.equal(['field value (value) was deleted']);
      expect(changed(fields => [...fields, field(5, 'rating', 'number')])).to.deep.equal([
        'field rating (rating) is new (number)',
      ]);
    });

    it('tell options', () => {
      expect(
        changed(([, value]) => [
          withOptions([
            { id: 1, text: 'R&D', status: 'deleted' },
            { id: 2, text: 'Old', status: 'deleted' },
            { id: 3, text: 'Signed', status: 'active' },
            { id: 4, text: 'Lost', status: 'active' },
          ]),
          value as AppField,
        ]),
      ).to.deep.equal([
        'field status: option "R&D" (1) was deleted',
        'field status: option "Signed" (3) was called "Won"',
        'field status: option "Lost" (4) is new',
      ]);
    });

    it('tell settings by name', () => {
      const multiple = { ...STATUS, config: { settings: { ...STATUS.config.settings, multiple: true } } };
      expect(changed(([, value]) => [multiple, value as AppField])).to.deep.equal([
        'field status: multiple changed',
      ]);
    });

    it('go by the id of an app, whatever the config calls it', () => {
      const other: CatalogApp = { ...before, id: 102, name: 'Deals' };
      const changes = diffCatalogs(
        {
          apps: new Map([
            ['old-name', before],
            ['gone', other],
          ]),
        },
        {
          apps: new Map([
            ['leads', { ...before, name: 'Prospects' }],
            ['new', { ...other, id: 103 }],
          ]),
        },
      );
      expect(changes.map(({ app: name, change }) => `${name} ${describeChange(change)}`)).to.deep.equal([
        'leads was called Leads & Clients',
        'new new here',
        'gone no longer in the config',
      ]);
    });
  });
});
