// plan and apply, beside a running daemon and without one; status.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { LEADS, makeSite } from './site.ts';

const rules = {
  everything: { on: { app: 'leads', events: ['item.create', 'item.update'] }, steps: ['audit'] },
};
const wanted = ['app/101 item.create active', 'app/101 item.update active'];

interface PlanJson {
  readonly actions: readonly {
    readonly action: string;
    readonly ref: { readonly type: string; readonly id: number };
    readonly type: string;
    readonly url: string;
    readonly hookId?: number | null;
    readonly rules: readonly string[];
    readonly reason: string;
  }[];
  readonly summary: Readonly<Record<string, number>>;
}

describe('podiod plan and apply', function () {
  this.timeout(30_000);

  it('plan tells what is missing and changes nothing; apply makes it so, without a daemon', async () => {
    const site = await makeSite({ rules });
    const before = await site.podiod(['plan', '--json', '--detailed-exitcode']);
    expect(before.code).to.equal(2);
    const { actions, summary } = JSON.parse(before.stdout) as PlanJson;
    expect(summary).to.include({ create: 2 });
    expect(actions.map(({ action, ref, type, rules }) => [action, ref, type, rules])).to.have.deep.members([
      ['create', { type: 'app', id: 101 }, 'item.create', ['everything']],
      ['create', { type: 'app', id: 101 }, 'item.update', ['everything']],
    ]);
    for (const { url } of actions) expect(url).to.match(/\/podio\/\*\*\*\/app\/101\/item\.(create|update)$/);
    expect(await site.podio.hooks()).to.deep.equal([]);
    expect((await site.podiod(['plan'])).code).to.equal(0);

    const applied = await site.podiod(['apply', '--yes']);
    expect(applied.code, applied.stderr).to.equal(0);
    expect(await site.hooks()).to.deep.equal(wanted);

    const after = await site.podiod(['plan', '--json', '--detailed-exitcode']);
    expect(after.code).to.equal(0);
    const planned = (JSON.parse(after.stdout) as PlanJson).actions.map(({ action }) => action);
    expect(planned).to.deep.equal(['keep', 'keep']);
  });

  it('what is delivered while apply listens is for the rules of the daemon to come', async () => {
    const site = await makeSite({ rules }, { faults: { latencyMs: 500, operations: ['hooks.create'] } });
    const applying = site.podiod(['apply', '--yes']);
    const deliver = () => site.deliver(LEADS, 'item.create', { item_id: 1, item_revision_id: 0 });
    await until(async () => (await deliver()) === 200, 'the ingress of apply');
    expect((await applying).code).to.equal(0);

    await site.boot();
    const [entry] = await site.untilRun(1, 'everything');
    expect(entry?.runs[0]?.outcome).to.equal('settled');
  });

  it('apply goes through the running daemon', async () => {
    const site = await makeSite({ rules, reconcile: { mode: 'plan' } });
    const daemon = await site.boot();
    expect(await site.hooks()).to.deep.equal([]);

    const { code, stdout } = await site.podiod(['apply', '--yes', '--json']);
    expect(code).to.equal(0);
    const outcomes = (JSON.parse(stdout) as { results: { outcome: string }[] }).results.map(
      ({ outcome }) => outcome,
    );
    expect(outcomes).to.deep.equal(['done', 'done']);
    expect(await site.hooks()).to.deep.equal(wanted);
    expect(await daemon.end('SIGTERM')).to.equal(0);
  });

  it('apply asks, so it wants a terminal or --yes', async () => {
    const site = await makeSite({ rules });
    const { code, stderr } = await site.podiod(['apply']);
    expect(code).to.equal(2);
    expect(stderr).to.include('--yes');
    expect(await site.podio.hooks()).to.deep.equal([]);
  });

  it('apply exits 1 when a hook can not be had', async () => {
    const site = await makeSite({ rules }, { hookLimit: 0 });
    const { code, stdout } = await site.podiod(['apply', '--yes']);
    expect(code).to.equal(1);
    expect(stdout).to.include('item.create').and.to.include('2 of 2 failed');
  });
});

describe('podiod status', function () {
  this.timeout(30_000);

  it('tells what the daemon does, as a table and as JSON', async () => {
    const site = await makeSite({ rules });
    const daemon = await site.boot();
    await site.podio.createItem(101, { fields: { title: 'Alder' } });
    await site.untilRun(1, 'everything');

    const { code, stdout } = await site.podiod(['status', '--json', '--ready']);
    expect(code).to.equal(0);
    const status = JSON.parse(stdout);
    expect(status).to.deep.include({
      pid: daemon.pid,
      ready: true,
      hooks: { active: 2, inactive: 0, missing: 0 },
    });
    expect(status.rules).to.have.length(1);
    expect(status.rules[0]).to.include({
      rule: 'everything',
      state: 'running',
      lag: 0,
      parked: 0,
      lastOutcome: 'settled',
    });

    const table = await site.podiod(['status']);
    expect(table.code).to.equal(0);
    expect(table.stdout).to.include('everything').and.to.include('running');
  });

  it('--ready exits 1 while it is not; without a daemon both do', async () => {
    const site = await makeSite({ rules }, { faults: { latencyMs: 60_000, operations: ['hooks.list'] } });
    expect((await site.podiod(['status'])).code).to.equal(1);
    const daemon = site.run();
    await daemon.runFile();
    expect((await site.podiod(['status'])).code).to.equal(0);
    expect((await site.podiod(['status', '--ready'])).code).to.equal(1);
  });

  it('needs none of the secrets that the daemon was started with', async () => {
    const site = await makeSite({
      rules,
      apps: { leads: { id: 101, token: '\u0024{LEADS_TOKEN}' }, deals: { id: 102, token: 'deals-token' } },
    });
    const daemon = site.run({ env: { LEADS_TOKEN: 'leads-token' } });
    await daemon.ready();
    expect((await site.podiod(['status'])).code).to.equal(0);
    expect((await site.podiod(['plan'])).code).to.equal(78);
  });
});
