// Runs that gave up wait for a person: listed, retried and dropped by command, over restarts too.
import { rmSync } from 'node:fs';
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { LEADS, makeSite, type Site } from './site.ts';

interface Parked {
  readonly id: string;
  readonly rule: string;
  readonly seq: number;
  readonly event: { readonly id: string };
  readonly step: string;
  readonly attempts: number;
  readonly error: string;
  readonly parkedAt: string;
}

async function parkingSite(): Promise<Site> {
  const site = await makeSite({
    plugins: {
      before: { use: 'file-logger', path: './before.ndjson' },
      after: { use: 'file-logger', path: './after.ndjson' },
      faulty: { use: './faulty.ts', notes: './notes.ndjson', cause: './cause', how: 'permanent' },
    },
    rules: { risky: { on: { app: 'leads', events: 'item.create' }, steps: ['before', 'faulty', 'after'] } },
  });
  site.copyPlugin('faulty.ts');
  site.write('cause', '');
  return site;
}

const parked = async (site: Site): Promise<readonly Parked[]> => {
  const { code, stdout } = await site.podiod(['parked', '--json']);
  expect(code).to.equal(0);
  return (JSON.parse(stdout) as { parked: Parked[] }).parked;
};

describe('parked runs', function () {
  this.timeout(40_000);

  it('are listed, retried from the step that failed, and dropped, a restart in between', async () => {
    const site = await parkingSite();
    const first = await site.boot();
    for (const item_id of [1, 2, 3])
      await site.deliver(LEADS, 'item.create', { item_id, item_revision_id: 0 });
    const runs = await until(async () => {
      const list = await parked(site);
      return list.length === 3 && list;
    }, 'three parked runs');
    expect(runs.map(({ event }) => event.id)).to.have.members([1, 2, 3].map(id => `item.create:${id}:0`));
    for (const run of runs) {
      expect(run).to.have.all.keys('id', 'rule', 'seq', 'event', 'step', 'attempts', 'error', 'parkedAt');
      expect(run).to.include({ rule: 'risky', step: 'faulty', attempts: 1, error: 'refused for good' });
    }
    const idOf = (item: number) => runs.find(({ event }) => event.id === `item.create:${item}:0`)?.id ?? '';
    expect((await site.podiod(['parked'])).stdout).to.include('at faulty after 1 try: refused for good');

    // While the cause is there, a retry parks again, under the same id.
    expect((await site.podiod(['parked', 'retry', idOf(1)])).stdout).to.equal('1 run will run again.\n');
    await until(() => site.lines('notes.ndjson').length === 4, 'the retry');
    await until(async () => (await parked(site)).length === 3, 'it to be parked again');

    await first.end('SIGKILL');
    rmSync(`${site.folder}/cause`);
    const second = await site.boot();
    expect((await parked(site)).map(({ id }) => id)).to.have.members(runs.map(({ id }) => id));

    expect((await site.podiod(['parked', 'drop', idOf(2)])).code).to.equal(0);
    expect(await (await second.admin('/metrics')).text()).to.include(
      'podiod_deliveries_total{rule="risky",outcome="dropped"} 1\n',
    );
    expect(JSON.parse((await site.podiod(['parked', 'retry', '--rule', 'risky', '--json'])).stdout))
      .to.have.property('ids')
      .that.has.members([idOf(1), idOf(3)]);
    await site.untilLines('after.ndjson', 2);
    await until(async () => (await parked(site)).length === 0, 'nothing to be parked');

    expect(site.lines('after.ndjson').map(({ itemId }) => itemId)).to.have.members([1, 3]);
    // What came before the failed step has not run again.
    expect(site.lines('before.ndjson').map(({ itemId }) => itemId)).to.have.members([1, 2, 3]);
    const outcomes = (await site.journal()).map(({ itemId, runs: [run] }) => [itemId, run?.outcome]);
    expect(outcomes).to.have.deep.members([
      [1, 'settled'],
      [2, 'dropped'],
      [3, 'settled'],
    ]);
    expect((await site.podiod(['parked'])).stdout).to.equal('Nothing is parked.\n');
  });

  it('that nobody knows are told, and no selection is wrong usage', async () => {
    const site = await parkingSite();
    await site.boot();
    const unknown = await site.podiod(['parked', 'retry', '4711']);
    expect(unknown.code).to.equal(1);
    expect(unknown.stderr).to.include('not parked: 4711');
    expect((await site.podiod(['parked', 'drop'])).code).to.equal(2);
  });

  it('need a daemon: without one the command says how to start it', async () => {
    const site = await parkingSite();
    const { code, stderr } = await site.podiod(['parked']);
    expect(code).to.equal(1);
    expect(stderr).to.include('no podiod is running').and.to.include('podiod run');
  });
});
