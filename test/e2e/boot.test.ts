// From nothing at Podio to events in a rule's files, and what a second start costs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { makeSite, type Site, startReceiver } from './site.ts';

const rules = {
  everything: { on: { app: ['leads', 'deals'], events: 'item.*' }, steps: ['audit'] },
};
const hooks = ['app/101', 'app/102'].flatMap(ref =>
  ['item.create', 'item.delete', 'item.update'].map(type => `${ref} ${type} active`),
);

/** What was called at Podio, once it is so many calls at least. */
const callsOf = (site: Site, count: number) =>
  until(async () => {
    const requests = await site.podio.requests();
    return requests.length >= count && requests;
  }, `${count} calls`);

describe('podiod run', function () {
  this.timeout(30_000);

  it('makes every hook and sees it active before it says that it is ready', async () => {
    const site = await makeSite({ rules }, { faults: { latencyMs: 100, operations: ['hooks.create'] } });
    const daemon = site.run();
    await daemon.runFile();
    const unready = await daemon.readiness();
    expect(unready).to.include({ status: 503, ready: false });
    expect(unready.reasons).to.include('the first look at the hooks at Podio has not ended');

    await daemon.ready();
    expect(await site.hooks()).to.deep.equal(hooks);
    expect(await daemon.readiness()).to.deep.equal({
      status: 200,
      ready: true,
      reasons: [],
      degraded: [],
      rules: [],
    });
  });

  it('hands what people do in Podio to files and to Slack', async () => {
    const slack = await startReceiver();
    const site = await makeSite({
      plugins: {
        audit: { use: 'file-logger', path: './events.ndjson' },
        slack: { use: 'slack-notifier', webhookUrl: slack.url },
      },
      rules: {
        ...rules,
        news: {
          on: { app: 'leads', events: 'item.create' },
          steps: [{ slack: { text: 'New: {{ item.title }}' } }],
        },
      },
    });
    await site.boot();
    const { itemId } = await site.podio.createItem(101, {
      fields: { title: 'Alder & Sons', status: 'Open' },
    });
    await site.podio.updateItem(itemId, { fields: { status: 'Won' } });

    const lines = await site.untilLines('events.ndjson', 2);
    expect(lines.map(({ id, rule, app }) => [id, rule, app])).to.deep.equal([
      [`item.create:${itemId}:0`, 'everything', 'leads'],
      [`item.update:${itemId}:1`, 'everything', 'leads'],
    ]);
    await until(() => slack.received.length > 0, 'the message to Slack');
    expect(slack.received.map(body => JSON.parse(body))).to.deep.equal([{ text: 'New: Alder &amp; Sons' }]);
  });

  it('finds its hooks again with one call a ref, and looks once at each app: no login, no write', async () => {
    const site = await makeSite({ rules });
    const first = await site.boot();
    expect(await first.end('SIGTERM')).to.equal(0);
    await site.podio.clearLogs();

    await site.boot();
    const requests = await callsOf(site, 5);
    expect(
      requests.map(({ method, operation, identity }) => [method, operation, identity]),
    ).to.have.deep.members([
      ['GET', 'hooks.list', 'app/101'],
      ['GET', 'hooks.list', 'app/102'],
      ['GET', 'hooks.list', 'user/2100001'],
      ['POST', 'items.filter', 'app/101'],
      ['POST', 'items.filter', 'app/102'],
    ]);
    expect(await site.hooks()).to.deep.equal(hooks);
  });

  it('takes its tokens along also over kill -9', async () => {
    const site = await makeSite({ rules });
    const first = await site.boot();
    expect(await first.end('SIGKILL')).to.equal('SIGKILL');
    await site.podio.clearLogs();

    await site.boot();
    const operations = (await callsOf(site, 5)).map(({ operation }) => operation);
    expect(operations.toSorted()).to.deep.equal([
      'hooks.list',
      'hooks.list',
      'hooks.list',
      'items.filter',
      'items.filter',
    ]);
  });

  it('tells where it listens in run.json while it runs', async () => {
    const site = await makeSite({ rules });
    const daemon = await site.boot();
    const run = await daemon.runFile();
    expect(run).to.have.all.keys('pid', 'version', 'startedAt', 'ingress', 'admin');
    expect(run.pid).to.equal(daemon.pid);
    expect(site.publicUrl).to.equal(`http://${run.ingress.host}:${run.ingress.port}/podio`);
    expect((await fetch(`http://${run.admin.host}:${run.admin.port}/healthz`)).status).to.equal(200);

    await daemon.end('SIGTERM');
    expect(existsSync(join(site.dataDir, 'run.json'))).to.equal(false);
  });
});
