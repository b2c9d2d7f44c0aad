/** Files that people write, or have another program write, beside the config. */
import { parseEnv } from 'node:util';
import { withVariables } from '../../src/cli/env-file.ts';
import { deliveriesIn } from '../../src/cli/receive/deliveries.ts';
import { itemIn } from '../../src/cli/receive/files.ts';
import { catalogText, parseCatalog } from '../../src/config/catalog-file.ts';
import { UsageError } from '../../src/core/errors.ts';
import { ITEM, lookAt } from './item.ts';
import { FORM, JSON_BODY } from './parsers.ts';
import { allow, must, type Target } from './target.ts';

const usage = (error: unknown): boolean => error instanceof UsageError && error.message !== '';

const CATALOG = {
  version: 1,
  apps: {
    leads: {
      id: 101,
      name: 'Leads',
      itemName: 'Lead',
      fields: [
        { id: 1, externalId: 'title', label: 'Title', type: 'text', status: 'active', format: 'plain' },
        {
          id: 2,
          externalId: 'status',
          label: 'Status',
          type: 'category',
          status: 'active',
          required: true,
          multiple: false,
          options: [
            { id: 1, text: 'Open' },
            { id: 2, text: 'Won', deleted: true },
          ],
        },
        { id: 3, externalId: 'value', label: 'Value', type: 'money', status: 'active', currencies: ['EUR'] },
        { id: 4, externalId: 'client', label: 'Client', type: 'app', status: 'deleted', apps: [102] },
      ],
    },
  },
};

export const fileTargets: readonly Target[] = [
  {
    name: 'catalogs',
    share: 3,
    json: true,
    corpus: [JSON.stringify(CATALOG)],
    async feed(input) {
      const { catalog, problem } = await parseCatalog('.podiorc.catalog.json', input);
      if (!catalog) {
        must(problem?.severity === 'warning' && problem.message !== '', 'neither a catalog nor a warning');
        return;
      }
      const text = catalogText(catalog);
      const again = await parseCatalog('.podiorc.catalog.json', text);
      must(again.catalog !== undefined && catalogText(again.catalog) === text, 'is another one when written');
    },
  },
  {
    name: '.env files',
    share: 12,
    corpus: [
      'PODIO_CLIENT_ID=podiod\nexport LEADS_TOKEN="a b"\n# a remark\nPODIO_CLIENT_SECRET=\'it is\'\n',
      'A="two\nlines"\nB=`quoted "so"`\nC=\n',
      '\'"`\n',
    ],
    feed(input) {
      const before = parseEnv(input);
      const [value = ''] = input.split('\n');
      const made = allow(usage, () => withVariables(input, new Map([['LEADS_TOKEN', value]])));
      if (made === undefined) return;
      const wanted = { ...before, LEADS_TOKEN: value };
      for (const [name, text] of Object.entries(wanted))
        must(parseEnv(made)[name] === text, `${name} is lost`);
    },
  },
  {
    name: 'saved deliveries',
    share: 16,
    corpus: [
      `${FORM}\n# a remark\n${FORM.replace('7', '8')}\n`,
      `${JSON_BODY}\n${JSON_BODY}`,
      `[${JSON_BODY}, ${JSON_BODY}]`,
      JSON.stringify(JSON.parse(JSON_BODY), null, 2),
    ],
    feed(input) {
      const saved = allow(usage, () => deliveriesIn(input, 'saved.txt')) ?? [];
      for (const value of saved.flatMap(params => Object.values(params)))
        must(typeof value === 'string', 'a parameter is no text');
    },
  },
  {
    name: 'saved items',
    share: 3,
    json: true,
    corpus: [JSON.stringify(ITEM), JSON.stringify({ item: ITEM, changes: [] })],
    async feed(input) {
      const saved = allow(usage, () => itemIn(input, 'item.json'));
      if (saved) await lookAt(saved.item);
    },
  },
];
