import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  catalogFileOf,
  catalogText,
  editorSchemaFileOf,
  readCatalog,
} from '../../../src/config/catalog-file.ts';
import type { Catalog, CatalogApp, CatalogField } from '../../../src/core/catalog.ts';
import { temporaryFolder } from '../../support/folder.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const field: fc.Arbitrary<CatalogField> = fc
  .record(
    {
      id: fc.integer({ min: 1, max: 2 ** 50 }),
      externalId: text,
      label: text,
      type: fc.constantFrom('text', 'category', 'money'),
      status: fc.constantFrom('active', 'deleted'),
      required: fc.constant(true as const),
      multiple: fc.boolean(),
      options: fc.array(fc.record({ id: fc.nat(), text }), { maxLength: 3 }),
      currencies: fc.array(fc.constantFrom('EUR', 'USD'), { maxLength: 2 }),
      apps: fc.array(fc.nat(), { maxLength: 2 }),
      decimals: fc.nat({ max: 4 }),
    },
    { requiredKeys: ['id', 'externalId', 'label', 'type', 'status'] },
  )
  .map(given => ({ ...given }));
const app: fc.Arbitrary<CatalogApp> = fc.record({
  id: fc.integer({ min: 1 }),
  name: text,
  itemName: text,
  fields: fc.array(field, { maxLength: 4 }),
});
const catalog: fc.Arbitrary<Catalog> = fc
  .dictionary(fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,8}$/), app, { maxKeys: 4 })
  .map(apps => ({ apps: new Map(Object.entries(apps)) }));

describe('config: the catalog as a file', () => {
  it('is named after the config and lies beside it', () => {
    expect(catalogFileOf('/a/.podiorc.yml')).to.equal('/a/.podiorc.catalog.json');
    expect(catalogFileOf('/a/.podiorc')).to.equal('/a/.podiorc.catalog.json');
    expect(catalogFileOf('/a/staging.yaml')).to.equal('/a/staging.catalog.json');
    expect(catalogFileOf('/a/package.json')).to.equal('/a/.podiorc.catalog.json');
    expect(editorSchemaFileOf('/etc/podiod/podiorc.yml')).to.equal('/etc/podiod/podiorc.schema.json');
  });

  it('comes back as it was written, and is the same text in whatever order the apps come', async () => {
    await using folder = temporaryFolder();
    const file = join(folder.path, 'x.catalog.json');
    await fc.assert(
      fc.asyncProperty(catalog, async given => {
        const written = catalogText(given);
        writeFileSync(file, written);
        const { catalog: read, problem } = await readCatalog(file);
        expect(problem).to.equal(undefined);
        expect(Object.fromEntries(read?.apps ?? [])).to.deep.equal(Object.fromEntries(given.apps));
        expect(catalogText({ apps: new Map([...given.apps].reverse()) })).to.equal(written);
      }),
      { numRuns: 200 },
    );
  });

  it('has a line for each option, so that a review shows what was changed', () => {
    const status = {
      id: 1,
      externalId: 'status',
      label: 'Status',
      type: 'category',
      status: 'active',
      options: [
        { id: 1, text: 'Open' },
        { id: 2, text: 'Won' },
      ],
    };
    const lines = catalogText({
      apps: new Map([['leads', { id: 101, name: 'Leads', itemName: 'Lead', fields: [status] }]]),
    }).split('\n');
    expect(lines.slice(0, 3)).to.deep.equal(['{', '  "version": 1,', '  "apps": {']);
    expect(lines.map(line => line.trim())).to.include('{ "id": 2, "text": "Won" }');
  });

  it('is as if it were not there when it is not', async () => {
    expect(await readCatalog('/nowhere/x.catalog.json')).to.deep.equal({});
  });

  for (const [what, content, why] of [
    ['is empty', '', /can't be used/],
    ['holds a merge conflict', '{\n<<<<<<< HEAD\n  "version": 1\n=======\n', /can't be used/],
    [
      'is of a newer podiod',
      '{ "version": 2, "apps": {} }',
      /`version` must be 1: this podiod reads no other/,
    ],
    [
      'lacks what a field needs',
      '{ "version": 1, "apps": { "a": { "id": 1, "name": "A", "itemName": "A", "fields": [{ "id": 1 }] } } }',
      /`apps\.a\.fields\[0\]\.externalId`/,
    ],
    ['is something else', '[1, 2]', /can't be used/],
  ] as const) {
    it(`is told with a place, and never thrown, where it ${what}`, async () => {
      await using folder = temporaryFolder();
      const file = join(folder.path, 'x.catalog.json');
      writeFileSync(file, content);
      const { catalog: read, problem } = await readCatalog(file);
      expect(read).to.equal(undefined);
      expect(problem).to.deep.include({ severity: 'warning', code: 'CONFIG_CATALOG' });
      expect(problem?.message).to.match(why);
      expect(problem?.place?.file).to.equal(file);
    });
  }
});
