// A rule leaves the config while runs of it wait: by reload or by restart they are kept, named everywhere, and go on when it is back.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ReloadAnswer } from '../../src/daemon/reload.ts';
import type { DaemonProcess } from '../support/processes.ts';
import { until } from '../support/wait.ts';
import { type JournalEntry, LEADS, makeSite, type Site } from './site.ts';

const UPDATES = { on: { app: 'leads', events: 'item.update' } };
const out = { ...UPDATES, steps: ['out'] };

const PLUGINS = {
  audit: { use: 'file-logger', path: './events.ndjson' },
  out: { use: 'file-logger', path: './out.ndjson' },
  broken: { use: './faulty.ts', notes: './tries.ndjson', cause: './cause', how: 'permanent' },
  shaky: { use: './faulty.ts', notes: './tries.ndjson', cause: './cause', how: 'rejection' },
};

const kept = { ...UPDATES, steps: ['audit'] };

/** Each waits otherwise. */
const WAITING = {
  parked: { ...UPDATES, steps: ['broken', 'out'] },
  retrying: { ...UPDATES, steps: ['shaky', 'out'], delivery: { backoff: '10m..20m' } },
  batched: { ...out, mode: { batch: { max: 100, within: '1h' } } },
  settling: { ...out, mode: { settle: '1h' } },
  throttled: { ...out, mode: { throttle: { max: 1, per: '1h' } } },
  paused: out,
};

interface Rule {
  readonly rule: string;
  readonly state: string;
  readonly lag: number;
  readonly waiting: number;
  readonly gathered?: number;
  readonly parked: number;
}

const rulesOf = async (daemon: DaemonProcess): Promise<ReadonlyMap<string, Rule>> => {
  const { rules } = (await (await daemon.admin('/api/rules')).json()) as { rules: readonly Rule[] };
  return new Map(rules.map(rule => [rule.rule, rule]));
};

/** Three events, each of which waits in every rule but `kept` and the first of `throttled`. */
async function makeWaitingSite(): Promise<{ readonly site: Site; readonly daemon: DaemonProcess }> {
  const site = await makeSite({ plugins: PLUGINS, rules: { kept, ...WAITING } });
  site.copyPlugin('faulty.ts');
  site.write('cause', '');
  const daemon = await site.boot();
  expect((await site.podiod(['pause', '--rule', 'paused'])).code).to.equal(0);
  for (const item of [1, 2, 3])
    expect(await site.deliver(LEADS, 'item.update', { item_id: item, item_revision_id: 0 })).to.equal(200);
  await until(async () => {
    const rules = await rulesOf(daemon);
    const of = (rule: string): Rule => rules.get(rule) as Rule;
    const [parked, retrying, throttled] = [of('parked'), of('retrying'), of('throttled')];
    return (
      [parked.parked, retrying.waiting, throttled.waiting].join() === '3,3,2' &&
      [of('batched').gathered, of('settling').gathered, of('paused').lag, of('kept').lag].join() === '3,3,3,0'
    );
  }, 'all to wait');
  await site.untilLines('out.ndjson', 1);
  // The alarm of what is parked is an event, too. It is none of theirs, and they have looked at it.
  await until(async () => {
    const status = JSON.parse((await site.podiod(['status', '--json'])).stdout);
    return status.journal.head === 4 && (await rulesOf(daemon)).get('kept')?.lag === 0;
  }, 'the alarm');
  return { site, daemon };
}

const LEFT = [
  { rule: 'batched', begun: 0, gathered: 3, behind: 0 },
  { rule: 'paused', begun: 0, gathered: 0, behind: 3 },
  { rule: 'retrying', begun: 3, gathered: 0, behind: 0 },
  { rule: 'settling', begun: 0, gathered: 3, behind: 0 },
  { rule: 'throttled', begun: 0, gathered: 0, behind: 2 },
];

const HINT =
  /Back in the config, or as `was: \w+` of a rule with a new name, it goes on; podiod parked drop --rule \w+ gives that up/;

/** Every surface says the same of what waits, and none that it goes on by itself. */
async function checkTold(site: Site, daemon: DaemonProcess): Promise<void> {
  const { parked, gone } = JSON.parse((await site.podiod(['parked', '--json'])).stdout);
  expect(parked.map(({ rule }: { rule: string }) => rule)).to.deep.equal(['parked', 'parked', 'parked']);
  expect(gone).to.have.deep.members(LEFT);
  const people = await site.podiod(['parked', '--rule', 'retrying']);
  expect(people.stdout).to.match(/^retrying is not in the config: 3 runs begun\n {4}Back in the config/);
  expect(people.stdout).to.match(HINT);

  const { rules } = JSON.parse((await site.podiod(['status', '--json'])).stdout);
  const states = rules.map(({ rule, state, lag }: Rule) => `${rule} ${state} ${lag}`);
  expect(states.sort()).to.deep.equal([
    'batched gone 0',
    'kept running 0',
    'parked gone 0',
    'paused gone 3',
    'retrying gone 0',
    'settling gone 0',
    'throttled gone 2',
  ]);
  expect((await site.podiod(['status'])).stdout).to.include(
    'batched is not in the config (podiod parked): 3 events gathered',
  );

  const { events } = JSON.parse((await site.podiod(['events', '--json'])).stdout);
  for (const { type, waiting } of events as {
    type: string;
    waiting: { rule: string; why: string; until: unknown }[];
  }[]) {
    if (type !== 'item.update') continue;
    expect(waiting.map(({ rule }) => rule).sort()).to.deep.equal(['batched', 'retrying', 'settling']);
    for (const { why, until: when } of waiting) {
      expect(why).to.include('the rule is not in the config, or disabled').and.not.include('next try');
      expect(when).to.equal(null);
    }
  }
  const why = await site.podiod(['why', '--event', '1', '--rule', 'retrying']);
  expect(why.stdout).to.match(/shaky has failed 1 try: .*; the rule is not in the config, and it stays so/);
  expect(why.stdout).to.match(HINT);

  const metrics = await (await daemon.admin('/metrics')).text();
  for (const rule of ['parked', 'retrying', 'batched', 'settling'])
    expect(metrics).to.include(`podiod_parked{rule="${rule}"} 3`);
  expect(metrics).to.not.include('podiod_lane_lag_events{rule="paused"}');
}

const settledBy = (journal: readonly JournalEntry[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const { runs } of journal)
    for (const { rule, outcome } of runs)
      if (outcome === 'settled') counts.set(rule, (counts.get(rule) ?? 0) + 1);
  return counts;
};

describe('a rule that leaves the config while runs of it wait', function () {
  this.timeout(120_000);

  it('is named by the reload, with what waits of it, and goes on when it is back, over kill -9', async () => {
    const { site, daemon } = await makeWaitingSite();
    site.configure({ plugins: PLUGINS, rules: { kept } });
    const planned = JSON.parse((await site.podiod(['reload', '--dry-run', '--json'])).stdout) as ReloadAnswer;
    const byRule = (a: { rule: string }, b: { rule: string }): number => (a.rule < b.rule ? -1 : 1);
    // What waits in the journal only is not told before it has to be.
    expect(planned.waiting.toSorted(byRule)).to.deep.equal(LEFT.filter(({ rule }) => rule !== 'paused'));
    const { stdout } = await site.podiod(['reload']);
    expect(stdout).to.include('Still parked: 3 runs of parked, which is gone.');
    expect(stdout).to.include('Still waiting of retrying, which is not in the config: 3 runs begun.');
    expect(stdout).to.include('Still waiting of paused, which is not in the config: up to 3 events.');
    expect(stdout).to.match(HINT);
    expect(daemon.log()).to.match(/"rule":"settling","begun":0,"gathered":3,"behind":0/);
    await checkTold(site, daemon);
    await daemon.end('SIGKILL');

    const second = await site.boot();
    expect(second.log()).to.match(/"rule":"settling","begun":0,"gathered":3,"behind":0/);
    await checkTold(site, second);
    await second.end('SIGKILL');

    // As they are now: without a mode, under another name, tried again at once.
    rmSync(join(site.folder, 'cause'));
    const { parked, paused } = WAITING;
    const back = {
      kept,
      parked,
      batched: out,
      settling: out,
      throttled: out,
      again: { ...out, was: 'retrying' },
      paused,
    };
    site.configure({ plugins: PLUGINS, rules: back });
    const third = await site.boot();
    expect((await site.podiod(['resume', '--rule', 'paused'])).code).to.equal(0);
    expect((await site.podiod(['parked', 'retry', '--all'])).code).to.equal(0);
    await until(async () => {
      const counts = settledBy(await site.journal());
      return Object.keys(back).every(rule => counts.get(rule) === 3);
    }, 'all to have run');
    const lines = site.lines('out.ndjson').map(({ rule, itemId }) => `${rule} ${itemId}`);
    expect(lines.length, 'each once').to.equal(new Set(lines).size);
    expect((await site.podiod(['parked'])).stdout).to.equal('Nothing is parked.\n');
    expect(third.log()).to.not.include('of which something waits');
  });

  it('is named by a restart, and what waits is given up when asked for, over kill -9', async () => {
    const { site, daemon } = await makeWaitingSite();
    expect(await daemon.end('SIGTERM')).to.equal(0);
    site.configure({ plugins: PLUGINS, rules: { kept } });
    const second = await site.boot();
    await checkTold(site, second);
    // What comes now is none of theirs.
    expect(await site.deliver(LEADS, 'item.update', { item_id: 4, item_revision_id: 0 })).to.equal(200);
    await until(async () => settledBy(await site.journal()).get('kept') === 4, 'the newest to run');
    const retried = await site.podiod(['parked', 'retry', '--rule', 'retrying']);
    expect([retried.code, retried.stderr]).to.deep.equal([
      1,
      'podiod: the running daemon has no rule retrying; what is parked of it stays so\n',
    ]);
    for (const [rule, said] of [
      ['retrying', '3 runs dropped.'],
      ['batched', '3 runs dropped.'],
      ['parked', '3 runs dropped.'],
      ['paused', '0 runs dropped.'],
    ]) {
      const { code, stdout, stderr } = await site.podiod(['parked', 'drop', '--rule', `${rule}`]);
      expect([code, stdout], stderr).to.deep.equal([0, `${said}\n`]);
      if (rule === 'paused')
        expect(stderr).to.equal('podiod: paused had not come to 3 events, and never will\n');
    }
    await second.end('SIGKILL');

    site.configure({ plugins: PLUGINS, rules: { kept, ...WAITING, settling: out } });
    rmSync(join(site.folder, 'cause'));
    await site.boot();
    expect((await site.podiod(['resume', '--rule', 'paused'])).code).to.equal(0);
    await until(
      async () => settledBy(await site.journal()).get('settling') === 4,
      'what was not given up to run',
    );
    await until(async () => settledBy(await site.journal()).get('paused') === 1, 'the newest to run');
    const runs = (await site.journal()).flatMap(({ itemId, runs }) =>
      runs.map(({ rule, outcome }) => `${itemId} ${rule} ${outcome}`),
    );
    for (const rule of ['retrying', 'batched', 'parked'])
      for (const item of [1, 2, 3]) expect(runs).to.include(`${item} ${rule} dropped`);
    expect(runs.filter(run => run.includes('paused')).every(run => run.startsWith('4 '))).to.equal(true);
  });

  it('is told as disabled where it is, and takes a new life with `enabled: true`', async () => {
    const { site } = await makeWaitingSite();
    const off = Object.fromEntries(
      Object.entries(WAITING).map(([name, rule]) => [name, { ...rule, enabled: false }]),
    );
    site.configure({ plugins: PLUGINS, rules: { kept, ...off } });
    const { stdout } = await site.podiod(['reload']);
    expect(stdout).to.include('Still waiting of batched, which is disabled: 3 events gathered.');
    expect(stdout).to.include(
      'With `enabled: true` it goes on; podiod parked drop --rule batched gives that up.',
    );
    expect((await site.podiod(['status'])).stdout).to.include(
      'batched is disabled (podiod parked): 3 events',
    );
    expect((await site.podiod(['doctor', '--no-handshake'])).stdout).to.match(
      /^warn +rule batched: it is disabled, and waits: 3 events gathered$/m,
    );
    const { settling: _, ...others } = WAITING;
    const again = { ...out, was: 'settling' };
    site.configure({ plugins: PLUGINS, rules: { kept, ...others, batched: out, again } });
    const back = await site.podiod(['reload']);
    expect(back.stdout, back.stderr).to.include('\n  > again, was settling\n');
    await until(async () => settledBy(await site.journal()).get('again') === 3, 'the renamed one to run');
    await until(async () => settledBy(await site.journal()).get('batched') === 3, 'it to run');
    const { parked, gone } = JSON.parse((await site.podiod(['parked', '--json'])).stdout);
    expect([parked.length, gone]).to.deep.equal([3, []]);
  });
});
