import { expect } from 'chai';
import type { CatalogApp, CatalogField } from '../../../src/core/catalog.ts';
import { appsInUse, type FieldUse, newsOf } from '../../../src/core/field-use.ts';

const STATUS: CatalogField = {
  id: 2,
  externalId: 'status',
  label: 'Status',
  type: 'category',
  status: 'active',
  options: [
    { id: 1, text: 'Open' },
    { id: 2, text: 'Won' },
  ],
};
const TITLE: CatalogField = { id: 1, externalId: 'title', label: 'Title', type: 'text', status: 'active' };
const app = (...fields: readonly CatalogField[]): CatalogApp => ({
  id: 101,
  name: 'Leads',
  itemName: 'Lead',
  fields,
});
const BEFORE = app(STATUS, TITLE);

const use = (more: Partial<FieldUse> = {}): FieldUse => ({
  rule: 'won',
  app: 'leads',
  field: 'status',
  file: '/etc/podiod/podiorc.yml',
  line: 12,
  values: [],
  ...more,
});
const changes = (now: CatalogApp, uses = [use()], before: CatalogApp | undefined = BEFORE) =>
  newsOf(uses, before, now).map(({ change }) => change);

describe('news of fields that rules name', () => {
  it('name rule, file and line', () => {
    expect(newsOf([use()], BEFORE, app(TITLE))).to.deep.equal([
      {
        rule: 'won',
        app: 'leads',
        field: 'status',
        file: '/etc/podiod/podiorc.yml',
        line: 12,
        change: 'was deleted',
      },
    ]);
  });

  it('are none where nothing has changed, or nothing that a rule names', () => {
    expect(changes(BEFORE)).to.deep.equal([]);
    expect(changes(app(STATUS, { ...TITLE, label: 'Name', type: 'number' }))).to.deep.equal([]);
    expect(
      changes(app({ ...STATUS, options: [...(STATUS.options ?? []), { id: 3, text: 'Lost' }] }, TITLE)),
    ).to.deep.equal([]);
  });

  it('tell what became of a field', () => {
    expect(changes(app({ ...STATUS, status: 'deleted' }))).to.deep.equal(['was deleted']);
    expect(changes(app({ ...STATUS, label: 'Stage' }))).to.deep.equal([
      'is called "Stage" now, it was "Status"',
    ]);
    expect(changes(app({ ...STATUS, type: 'text' }))).to.deep.equal(['is of type text now, it was category']);
    expect(changes(app({ ...STATUS, externalId: 'stage' }))).to.deep.equal(['has the external id stage now']);
    expect(changes(app({ ...STATUS, id: 9 }))).to.deep.equal([
      'is another field by now, of the same external id',
    ]);
    expect(changes(app({ ...STATUS, externalId: 'stage' }), [use({ field: '2' })])).to.deep.equal([]);
  });

  it('tell what became of options that a rule waits for', () => {
    const renamed = app({
      ...STATUS,
      options: [
        { id: 1, text: 'Open' },
        { id: 2, text: 'Signed' },
      ],
    });
    const gone = app({
      ...STATUS,
      options: [
        { id: 1, text: 'Open' },
        { id: 2, text: 'Won', deleted: true },
      ],
    });
    expect(changes(renamed, [use({ values: ['Won'] })])).to.deep.equal([
      'calls its option "Won" "Signed" now',
    ]);
    expect(changes(renamed, [use({ values: [2, 'Open'] })])).to.deep.equal([]);
    expect(changes(gone, [use({ values: ['Won', 2] })])).to.deep.equal([
      'has no option "Won" any more',
      'has no option "Won" any more',
    ]);
  });

  it('tell without a catalog only what is not there', () => {
    expect(
      newsOf([use(), use({ field: 'nope' })], undefined, BEFORE).map(({ change }) => change),
    ).to.deep.equal(['is no field of the app']);
  });

  it('are of apps that rules name fields of', () => {
    expect(appsInUse([use(), use({ app: 'deals' }), use()])).to.deep.equal(['leads', 'deals']);
  });
});
