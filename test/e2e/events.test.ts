// The journal as the commands show it, and rules tried on saved deliveries.
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { expect } from 'chai';
import { spawnPodiod } from '../support/processes.ts';
import { until } from '../support/wait.ts';
import { DEALS, type JournalEntry, LEADS, makeSite, type Site } from './site.ts';

const rules = {
  everything: { on: { app: ['leads', 'deals'], events: 'item.*' }, steps: ['audit'] },
  creations: { on: { app: 'leads', events: 'item.create' }, steps: ['audit'] },
};

const create = (site: Site, itemId: number, ref = LEADS) =>
  site.deliver(ref, 'item.create', { item_id: itemId, item_revision_id: 0 });

describe('podiod events', function () {
  this.timeout(30_000);

  it('tells the run of a replay from the first', async () => {
    const site = await makeSite({ rules });
    await site.boot();
    await create(site, 1);
    await site.untilRun(1, 'creations');
    expect((await site.podiod(['replay', '--rule', 'creations', '--from', '1', '--yes'])).code).to.equal(0);
    await until(async () => {
      const { stdout } = await site.podiod(['events', '--rule', 'creations']);
      return /creations: settled\n.* creations: settled \(replay 1\)\n/.test(stdout);
    }, 'the replay to be told');
    const { stdout } = await site.podiod(['events', '--rule', 'creations', '--json']);
    const [entry] = (JSON.parse(stdout) as { events: JournalEntry[] }).events;
    expect(
      entry?.runs
        .filter(({ rule }) => rule === 'creations')
        .map(run => ('replay' in run ? run.replay : undefined)),
    ).to.deep.equal([undefined, 1]);
  });

  it('tells each event with what every rule made of it, filtered, with a daemon and without', async () => {
    const site = await makeSite({ rules });
    const daemon = await site.boot();
    await create(site, 1);
    await create(site, 2, DEALS);
    await site.deliver(LEADS, 'item.update', { item_id: 1, item_revision_id: 1 });
    await site.untilRun(3, 'everything');

    const idsOf = async (...args: string[]): Promise<readonly string[]> => {
      const { code, stdout } = await site.podiod(['events', '--json', ...args]);
      expect(code).to.equal(0);
      return (JSON.parse(stdout) as { events: JournalEntry[] }).events.map(({ id }) => id);
    };
    expect(await idsOf()).to.deep.equal(['item.create:1:0', 'item.create:2:0', 'item.update:1:1']);
    expect(await idsOf('--limit', '1')).to.deep.equal(['item.update:1:1']);
    expect(await idsOf('--app', 'deals')).to.deep.equal(['item.create:2:0']);
    expect(await idsOf('--type', 'item.create', '--item', '1')).to.deep.equal(['item.create:1:0']);
    expect(await idsOf('--rule', 'creations')).to.deep.equal(['item.create:1:0']);
    expect(await idsOf('--since', '2099-01-01')).to.deep.equal([]);

    for (const [option, given, near] of [
      ['--rule', 'creation', 'creations'],
      ['--app', 'lead', 'leads'],
      ['--type', 'item.updat', 'item.update'],
    ] as const) {
      const { code, stderr } = await site.podiod(['events', option, given]);
      expect(code, stderr).to.equal(2);
      expect(stderr).to.include(given).and.include(`id you mean \`${near}\`?`);
    }

    await daemon.end('SIGKILL');
    const [first] = await site.journal();
    expect(first).to.deep.include({
      seq: 1,
      type: 'item.create',
      source: 'webhook',
      app: 'leads',
      itemId: 1,
      revision: 0,
    });
    expect(first?.runs.map(({ rule, outcome }) => `${rule} ${outcome}`)).to.have.members([
      'everything settled',
      'creations settled',
    ]);
    const { stdout } = await site.podiod(['events']);
    expect(stdout).to.include('item.create').and.to.include('everything');
  });

  it('--follow goes on with events as they come, one object a line', async () => {
    const site = await makeSite({ rules });
    await site.boot();
    await create(site, 1);
    await site.untilRun(1, 'everything');

    const child = spawnPodiod(['events', '--follow', '--json'], ['ignore', 'pipe', 'inherit'], {
      cwd: site.folder,
    });
    let told = '';
    (child.stdout as Readable).setEncoding('utf8').on('data', chunk => {
      told += chunk;
    });
    const events = () =>
      told
        .split('\n')
        .slice(0, -1)
        .map(line => JSON.parse(line) as JournalEntry);
    await until(() => events().length === 1, 'the first event');
    for (const itemId of [2, 3]) await create(site, itemId);
    await until(() => events().length === 3, 'the events that came meanwhile');
    expect(events().map(({ itemId }) => itemId)).to.deep.equal([1, 2, 3]);
    for (const { runs } of events())
      expect(runs.map(({ outcome }) => outcome)).to.deep.equal(['settled', 'settled']);
    child.kill('SIGTERM');
    await once(child, 'exit');
  });

  it('ends well when its reader has gone, as head does', async () => {
    const site = await makeSite({ rules });
    const daemon = await site.boot();
    // More than a pipe holds.
    const note = 'x'.repeat(1000);
    await Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        site.deliver(LEADS, 'item.create', { item_id: n + 1, item_revision_id: 0, note }),
      ),
    );
    await daemon.end('SIGTERM');
    const child = spawnPodiod(['events', '--json'], ['ignore', 'pipe', 'pipe'], { cwd: site.folder });
    let complaints = '';
    child.stderr?.setEncoding('utf8').on('data', chunk => {
      complaints += chunk;
    });
    await once(child.stdout as Readable, 'readable');
    child.stdout?.destroy();
    const [code, signal] = await once(child, 'close');
    expect([code, signal, complaints]).to.deep.equal([0, null, '']);
  });
});

describe('podiod receive', function () {
  this.timeout(30_000);

  it('says what the rules would do with saved deliveries, and does nothing', async () => {
    const site = await makeSite({
      plugins: {
        audit: { use: 'file-logger', path: './events.ndjson' },
        slack: { use: 'slack-notifier', webhookUrl: 'http://127.0.0.1:9/hook' },
      },
      rules: {
        won: {
          on: { app: 'leads', events: 'item.update' },
          steps: [
            { 'field-change-filter': { field: 'status', to: 'Won' } },
            { slack: { text: '{{ item.title }} is won' } },
            'audit',
          ],
        },
      },
    });
    site.write('deliveries.txt', 'type=item.update&item_id=1&item_revision_id=2&hook_id=3\n');
    const value = (text: string) => [{ value: { id: 1, text, status: 'active' } }];
    site.write(
      'item.json',
      JSON.stringify({
        item: { item_id: 1, title: 'Alder', fields: [] },
        changes: [
          {
            field_id: 1001,
            external_id: 'status',
            type: 'category',
            label: 'Status',
            from: value('Open'),
            to: value('Won'),
          },
        ],
      }),
    );
    const args = ['receive', 'deliveries.txt', '--app', 'leads'];
    const won = await site.podiod([...args, '--item', 'item.json']);
    expect(won.code, won.stderr).to.equal(0);
    expect(won.stdout).to.include('posts to Slack: Alder is won').and.to.include('appends a line (ndjson)');

    const filtered = await site.podiod([...args, '--json']);
    expect(filtered.code).to.equal(0);
    const { deliveries } = JSON.parse(filtered.stdout);
    expect(deliveries).to.have.length(1);
    expect(deliveries[0].rules[0]).to.include({ rule: 'won', outcome: 'filtered' });

    const { code } = await site.podiod(['receive', '-', '--app', 'leads'], {
      input: 'type=item.update&item_id=1&item_revision_id=2',
    });
    expect(code).to.equal(0);
    expect(site.lines('events.ndjson')).to.deep.equal([]);
    expect(await site.podio.requests()).to.deep.equal([]);
  });
});
