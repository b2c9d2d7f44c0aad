// An agency that has taken over all examples at once: one daemon, one Podio, and the servers of others beside it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import type { CatalogField } from '../../src/core/catalog.ts';
import { AGENCY } from '../support/agency.ts';
import { jsonOf, startHttp, status } from '../support/http.ts';
import { startSmtp } from '../support/smtp.ts';
import { until } from '../support/wait.ts';
import { letTimePass, makeSite, SALES, type Site } from './site.ts';

const EXAMPLES = join(import.meta.dirname, '../../config/examples');

/** The site has apps of its own under some of these ids. */
const idOf = (id: number): number => id + 200;

const ORDERS = [
  { id: 7, no: 'A-7', total: 70 },
  { id: 8, no: 'A-8', total: 80 },
];

interface Example {
  readonly apps: Readonly<Record<string, { readonly id: number; readonly token: string }>>;
  readonly plugins?: object;
  readonly rules: Readonly<Record<string, { readonly on: { readonly schedule?: string } }>>;
}

/** All of them in one config, as they stand but for what is in `places`: texts, and (in capitals) variables. */
function together(places: Readonly<Record<string, string>>) {
  const apps: Record<string, object> = {};
  const plugins = {};
  const rules: Record<string, object> = {};
  for (const file of readdirSync(EXAMPLES).filter(name => name.endsWith('.yml'))) {
    const text = Object.entries(places).reduce(
      (all, [place, here]) => all.replaceAll(/^[A-Z_]+$/.test(place) ? `\${${place}}` : place, here),
      readFileSync(join(EXAMPLES, file), 'utf8'),
    );
    const example = parse(text) as Example;
    for (const [name, { id }] of Object.entries(example.apps))
      apps[name] = { id: idOf(id), token: `${name}-secret` };
    Object.assign(plugins, example.plugins);
    for (const [name, { on, ...rule }] of Object.entries(example.rules)) {
      const { tests: _, ...rest } = rule as { tests?: unknown };
      // A tick that nobody waits for is made up for at the next start.
      rules[name] = { ...rest, on: on.schedule === undefined ? on : { ...on, missed: 'run' } };
    }
  }
  const defaults = { timezone: 'Europe/Copenhagen', delivery: { backoff: '20ms..100ms' } };
  return { apps, plugins, rules, defaults };
}

function settingsOf({ options, multiple, currencies, apps }: CatalogField) {
  return {
    ...(options && { options: options.map(({ text }) => text) }),
    ...(multiple !== undefined && { multiple }),
    ...(currencies && { allowed_currencies: [...currencies] }),
    ...(apps && { referenced_apps: apps.map(id => ({ app_id: idOf(id) })) }),
  };
}

async function furnish({ podio }: Site): Promise<void> {
  for (const [name, mail] of [
    ['Ada', 'ada@example.com'],
    ['Finance', 'finance@example.com'],
    ['Lead', 'lead@example.com'],
  ] as const)
    await podio.addUser({ name, username: mail });
  for (const [name, { id, fields }] of AGENCY.apps) {
    await podio.addApp({
      appId: idOf(id),
      spaceId: SALES.id,
      name,
      token: `${name}-secret`,
      fields: fields
        .toSorted((a, b) => a.id - b.id)
        .map(field => ({
          externalId: field.externalId,
          type: field.type as 'text',
          settings: settingsOf(field),
        })),
    });
  }
}

describe('all examples in one daemon', () => {
  it('do what they say, for people at Podio and for the servers of others', async function () {
    this.timeout(120_000);
    await using slack = await startHttp(status(200, 'ok'));
    await using php = await startHttp(status(200, 'ok'));
    await using erp = await startHttp(jsonOf({ orders: ORDERS }));
    await using smtp = await startSmtp();
    const site = await makeSite({ rules: {} });
    await furnish(site);
    site.configure(
      together({
        SLACK_URL: `${slack.url}/hook`,
        SMTP_URL: smtp.url,
        ERP_TOKEN: 'erp-secret',
        'https://erp.example.com': erp.url,
        'http://127.0.0.1/hook.php': `${php.url}/hook.php`,
        'for: 3d': 'for: 2s',
        'settle: 30s': 'settle: 1s',
      }),
    );
    const { podio } = site;
    const told = () => slack.calls.map(({ body }) => (JSON.parse(body) as { text: string }).text);
    const titles = async (app: string) => {
      const id = idOf(AGENCY.apps.get(app)?.id ?? 0);
      const items = await podio.items(id);
      return Promise.all(items.map(async ({ itemId }) => (await podio.show(itemId)).title));
    };
    const make = async (app: string, fields: Record<string, unknown>) =>
      (await podio.createItem(idOf(AGENCY.apps.get(app)?.id ?? 0), { fields }, { by: 'Ada' })).itemId;
    const first = await site.boot();

    const deal = await make('deals', {
      title: 'Fjord',
      status: 'Open',
      value: { value: 12_000, currency: 'EUR' },
    });
    await podio.updateItem(deal, { fields: { status: 'Won' } }, { by: 'Ada' });
    await until(
      () => told().some(text => text.startsWith('Ada won Fjord (€12,000.00) ')),
      'won-deal',
      20_000,
    );

    const lead = await make('leads', {
      title: 'Brook',
      status: 'Open',
      value: { value: 5, currency: 'EUR' },
    });
    await podio.updateItem(lead, { fields: { title: 'Brook Ltd' } }, { by: 'Ada' });
    expect(
      await until(
        async () => (await titles('archive')).length > 0 && titles('archive'),
        'mirror',
        20_000,
      ).catch(async error => {
        // What podiod itself says of it.
        const { stdout } = await site.podiod(['why', '--item', String(lead)]);
        throw new Error(`${(error as Error).message}\n${stdout}`);
      }),
    ).to.deep.equal(['Brook Ltd']);

    const project = await make('projects', { title: 'New site' });
    await podio.addComment(project, '!ticket the printer is broken', { by: 'Ada' });
    await until(
      async () => (await titles('tickets')).includes('the printer is broken'),
      'comment-to-ticket',
      20_000,
    );
    await until(
      async () => (await podio.comments(project)).some(({ value }) => /^Ticket: http/.test(value)),
      'its answer',
    );

    const ticket = await make('tickets', { title: 'Screen', status: 'New' });
    await podio.updateItem(ticket, { fields: { status: 'Waiting' } }, { by: 'Ada' });
    await until(
      async () =>
        (await podio.comments(ticket)).some(({ value }) => value === '3 days in Waiting, please act.'),
      'sla-breach',
      20_000,
    );
    await until(() => told().some(text => text.startsWith('SLA: ')), 'its message');

    const bill = await make('invoices', { title: '2026-17' });
    const { fileId } = await podio.addFile({ name: 'bill.pdf', mimetype: 'application/pdf' }, { by: 'Ada' });
    await podio.attachFiles(bill, [fileId], { by: 'Ada' });
    const mail = await until(
      () => smtp.received.find(({ raw }) => raw.includes('Subject: Invoice 2026-17')),
      'file-to-mail',
      20_000,
    );
    expect(mail.to).to.deep.equal(['accounting@example.com']);
    expect(mail.raw).to.contain('bill.pdf');

    const client = await make('clients', { title: 'Acme', stage: 'Talks', 'account-manager': 'Ada' });
    await podio.updateItem(client, { fields: { stage: 'Signed' } }, { by: 'Ada' });
    const wanted = ['First review', 'Kick-off with Acme', 'Shared folder'];
    await until(async () => (await podio.tasks()).length >= 3, 'onboarding', 20_000);
    expect((await podio.tasks()).map(({ text }) => text).toSorted()).to.deep.equal(wanted);

    // Whatever came went to the old script too, as Podio sent it.
    const forms = () => php.calls.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));
    await until(
      () => forms().some(({ type, item_id }) => type === 'item.update' && item_id === String(client)),
      'legacy-php',
    );
    expect(forms().every(({ hook_id }) => /^\d+$/.test(hook_id ?? ''))).to.equal(true);

    await make('orders', { title: 'A-1', status: 'Approved', total: { value: 100, currency: 'EUR' } });
    await make('deals', { title: 'Drift', status: 'Open', price: 100, cost: 60, margin: 50 });
    await first.end('SIGTERM');
    await letTimePass(site.dataDir, 4 * 86_400_000);
    const second = await site.boot();
    const digest = await until(
      () => smtp.received.find(({ raw }) => /Subject: \d+ deals/.test(raw)),
      'digest',
      30_000,
    );
    expect(digest.raw).to.contain('Drift');
    await until(() => told().some(text => /^1 drifted: <?http/.test(text)), 'margin-drift', 30_000);
    await until(
      async () => (await podio.tasks()).some(({ text }) => text === 'Order without invoice'),
      'paired',
      30_000,
    );
    await until(async () => (await titles('orders')).length === 3, 'erp-sync', 30_000);
    expect((await titles('orders')).toSorted()).to.deep.equal(['A-1', 'A-7', 'A-8']);
    expect(erp.calls[0]?.headers.authorization).to.equal('Bearer erp-secret');

    expect(JSON.parse((await site.podiod(['parked', '--json'])).stdout).parked).to.deep.equal([]);
    await second.end('SIGTERM');
  });
});
