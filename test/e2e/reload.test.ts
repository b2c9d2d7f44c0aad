// The config is exchanged under a running daemon: what is as it was goes on, what is wrong changes nothing.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ReloadAnswer } from '../../src/daemon/reload.ts';
import type { DaemonProcess } from '../support/processes.ts';
import { until } from '../support/wait.ts';
import { type ConfigChanges, DEALS, LEADS, makeSite, type Site } from './site.ts';

const UPDATES = { on: { app: 'leads', events: 'item.update' } };
const audited = { ...UPDATES, steps: ['audit'] };
const gated = { ...UPDATES, steps: ['gated'] };

const PLUGINS = {
  audit: { use: 'file-logger', path: './events.ndjson' },
  gated: { use: './gated.ts', notes: './notes.ndjson', gate: './gate' },
};

interface Note {
  readonly key: string;
  readonly what: 'begun' | 'ended';
}

const notes = (site: Site): readonly string[] =>
  site.lines<Note>('notes.ndjson').map(({ key, what }) => `${key} ${what}`);

async function update(site: Site, item: number, revision = 0, ref = LEADS): Promise<void> {
  const params = { item_id: item, item_revision_id: revision };
  expect(await site.deliver(ref, 'item.update', params)).to.equal(200);
}

async function reload(site: Site, ...args: string[]): Promise<ReloadAnswer> {
  const { code, stdout, stderr } = await site.podiod(['reload', '--json', ...args]);
  expect(code, stderr + stdout).to.equal(0);
  return JSON.parse(stdout) as ReloadAnswer;
}

async function statesOf(daemon: DaemonProcess): Promise<Readonly<Record<string, string>>> {
  const { rules } = (await (await daemon.admin('/api/rules')).json()) as {
    rules: { rule: string; state: string }[];
  };
  return Object.fromEntries(rules.map(({ rule, state }) => [rule, state]));
}

describe('podiod reload', function () {
  this.timeout(60_000);

  const makeGatedSite = async (rules: object, config: ConfigChanges = {}): Promise<Site> => {
    const site = await makeSite({ plugins: PLUGINS, rules, ...config });
    site.copyPlugin('gated.ts');
    site.copyPlugin('fussy.ts');
    return site;
  };

  it('exchanges rules and their hooks, while a rule that is as it was goes on with what it has in hand', async () => {
    const site = await makeGatedSite({
      held: gated,
      edited: audited,
      gone: { on: { app: 'deals', events: 'item.update' }, steps: ['audit'] },
    });
    const daemon = await site.boot();
    await update(site, 1);
    await until(() => notes(site).length === 1, 'a run to be in hand');
    await site.untilLines('events.ndjson', 1);
    const rules = {
      held: gated,
      edited: { ...audited, where: { 'event.itemId': 2 } },
      fresh: { on: { app: 'deals', events: 'item.create' }, steps: ['audit'] },
    };
    site.configure({ plugins: PLUGINS, rules });

    const planned = await reload(site, '--dry-run');
    expect(planned.rules).to.deep.equal({
      added: ['fresh'],
      removed: ['gone'],
      renamed: [],
      changed: [{ rule: 'edited', changed: ['where'] }],
      unchanged: ['held'],
    });
    expect([planned.dryRun, planned.position]).to.deep.equal([true, null]);
    const wanted = planned.hooks?.plan.actions.filter(({ action }) => action !== 'keep');
    expect(wanted?.map(({ action, type }) => `${action} ${type}`).sort()).to.deep.equal([
      'create item.create',
      'delete item.update',
    ]);
    expect(await site.hooks()).to.include('app/102 item.update active');

    const answer = await reload(site);
    expect(answer.rules).to.deep.equal(planned.rules);
    expect([answer.cutOff, answer.position, answer.needsRestart]).to.deep.equal([0, 1, []]);
    expect(await site.hooks()).to.deep.equal(['app/101 item.update active', 'app/102 item.create active']);
    expect(await statesOf(daemon)).to.include({ held: 'running', edited: 'running', fresh: 'running' });

    // Deliveries of hooks that are gone are still taken in.
    await update(site, 7, 0, DEALS);
    await update(site, 2);
    await update(site, 3);
    site.write('gate', '');
    await until(async () => (await site.peek()).length === 4, 'four events');
    await until(() => notes(site).filter(note => note.endsWith('ended')).length === 3, 'three runs to end');
    // It was begun once: nobody has touched it.
    expect(notes(site).filter(note => note === 'held/item.update:1:0/gated begun')).to.have.length(1);
    await until(async () => {
      const runs = (await site.journal()).flatMap(({ itemId, runs }) =>
        runs.filter(({ rule }) => rule === 'edited').map(({ outcome }) => `${itemId} ${outcome}`),
      );
      return runs.length === 3 && runs.join();
    }, 'the edited rule to run').then(runs => expect(runs).to.equal('1 settled,2 settled,3 filtered'));
    expect(daemon.log()).to.match(/"message":"config reloaded".*"added":1.*"removed":1/);
  });

  it('lets an edited rule finish what is in hand, and goes on where it was with what it says now', async () => {
    const site = await makeGatedSite({ edited: gated });
    const daemon = await site.boot();
    await update(site, 1);
    await update(site, 1, 1);
    await until(() => notes(site).length === 1, 'a run to be in hand');
    site.configure({ plugins: PLUGINS, rules: { edited: { ...UPDATES, steps: ['gated', 'audit'] } } });
    const answered = reload(site);
    // It waits for what is in hand, and takes events in meanwhile.
    await until(async () => (await statesOf(daemon)).edited === 'stopped', 'the rule to begin nothing more');
    await update(site, 2);
    site.write('gate', '');
    const answer = await answered;
    expect(answer.cutOff).to.equal(0);
    expect(answer.rules.changed).to.deep.equal([
      { rule: 'edited', changed: ['delivery', 'plugins', 'steps'] },
    ]);
    await site.untilRun(3, 'edited');
    expect(notes(site).filter(note => note.includes(':1:0/'))).to.deep.equal([
      'edited/item.update:1:0/gated begun',
      'edited/item.update:1:0/gated ended',
    ]);
    expect(
      site
        .lines('events.ndjson')
        .map(({ id }) => id)
        .sort(),
    ).to.deep.equal(['item.update:1:1', 'item.update:2:0']);
  });

  it('gives what comes while a rule ends to the one in its place: the position says from where on', async () => {
    const site = await makeGatedSite({ before: gated });
    const daemon = await site.boot();
    await update(site, 1);
    await until(() => notes(site).length === 1, 'a run to be in hand');
    site.configure({ plugins: PLUGINS, rules: { after: audited } });
    const answered = reload(site);
    await until(async () => (await statesOf(daemon)).before === 'stopped', 'the rule to begin nothing more');
    await update(site, 2);
    site.write('gate', '');
    const answer = await answered;
    expect([answer.position, answer.waiting]).to.deep.equal([1, []]);
    await update(site, 3);
    await site.untilLines('events.ndjson', 2);
    const runs = (await site.journal()).map(event => event.runs.map(({ rule }) => rule).join());
    expect(runs).to.deep.equal(['before', 'after', 'after']);
  });

  it('cuts off what does not end in time, which then runs as edited', async () => {
    const site = await makeGatedSite({ edited: gated });
    site.configure({ plugins: PLUGINS, rules: { edited: gated }, stopTimeout: '2s' });
    await site.boot();
    await update(site, 1);
    await until(() => notes(site).length === 1, 'a run to be in hand');
    site.configure({ plugins: PLUGINS, rules: { edited: audited }, stopTimeout: '2s' });
    const answer = await reload(site);
    expect(answer.cutOff).to.equal(1);
    const [event] = await site.untilRun(1, 'edited');
    expect(event?.runs.map(({ outcome, steps }) => [outcome, steps.map(({ step }) => step)])).to.deep.equal([
      ['settled', ['audit']],
    ]);
  });

  it('changes nothing for a file with a problem, and says where it is', async () => {
    const site = await makeGatedSite({ one: audited }, { alarms: { after: '1s' } });
    const daemon = await site.boot();
    site.configure({ plugins: PLUGINS, rules: { one: { ...audited, steps: ['nobody'] } } });
    const people = await site.podiod(['reload']);
    expect(people.code).to.equal(78);
    expect(people.stdout).to.equal('');
    expect(people.stderr).to.match(/\.podiorc\.yml:\d+:\d+: error: unknown plugin `nobody`/);
    expect(people.stderr).to.include('one problem in the config');
    const json = await site.podiod(['reload', '--json']);
    expect(json.code).to.equal(78);
    const { error } = JSON.parse(json.stdout);
    expect(error.code).to.equal('CONFIG_INVALID');
    const problems = error.problems.filter(({ severity }: { severity: string }) => severity === 'error');
    expect(problems.map(({ code }: { code: string }) => code)).to.deep.equal(['CONFIG_UNKNOWN_PLUGIN']);
    daemon.signal('SIGHUP');
    const logged = (): number => daemon.log().split('config not reloaded, the one before goes on').length - 1;
    await until(() => logged() === 3, 'the log to say so');
    // Whole lines only: the last one may be half there.
    const whole = (): readonly string[] => daemon.log().split('\n').slice(0, -1);
    const told = (): readonly string[] => whole().filter(line => line.includes('nobody'));
    await until(() => told().length === 3, 'a line for each time');
    for (const line of told().map(text => JSON.parse(text))) {
      expect(line).to.include({ level: 'error', message: 'config', module: 'reload' });
      expect(line).to.include({ code: 'CONFIG_UNKNOWN_PLUGIN', problem: 'unknown plugin `nobody`' });
      expect(line.place).to.match(/\.podiorc\.yml:\d+:\d+$/);
    }
    await update(site, 1);
    await site.untilRun(1, 'one');
    expect(await statesOf(daemon)).to.deep.equal({ one: 'running' });
    const status = JSON.parse((await site.podiod(['status', '--json'])).stdout);
    expect(status.config.refused.error).to.equal('one problem in the config');
    expect((await site.podiod(['status'])).stdout).to.match(
      /the file was not taken .* ago: one problem in the config/,
    );
    const metrics = async () => (await daemon.admin('/metrics')).text();
    await until(async () => (await metrics()).includes('podiod_alarms{alarm="config"} 1'), 'the alarm');
    expect(await metrics()).to.match(/^podiod_config_refused 1$/m);
    expect((await site.podiod(['doctor', '--no-handshake'])).stdout).to.match(
      /^warn +daemon, config: it did not take the file at .*, and goes on with the one before: one problem in the config$/m,
    );
    site.configure({ plugins: PLUGINS, rules: { one: audited } });
    await reload(site);
    expect((await site.podiod(['status'])).stdout)
      .to.match(/config +read again/)
      .and.not.include('the file was not taken');
    expect(await metrics()).to.match(/^podiod_config_refused 0$/m);
    await until(async () => (await metrics()).includes('podiod_alarms{alarm="config"} 0'), 'its end', 10_000);
  });

  it('changes nothing where a plugin can not be set up, and takes the same file when it can', async () => {
    const site = await makeGatedSite({ one: audited, held: gated });
    await site.boot();
    await update(site, 1);
    await until(() => notes(site).length === 1, 'a run to be in hand');
    const plugins = { ...PLUGINS, fussy: { use: './fussy.ts', needs: './needed' } };
    const rules = { one: { ...UPDATES, steps: ['fussy', 'audit'] }, other: audited };
    site.configure({ plugins, rules });
    const { code, stdout } = await site.podiod(['reload', '--json']);
    expect(code).to.equal(1);
    const { error } = JSON.parse(stdout);
    expect(error.code).to.equal('RELOAD_ROLLED_BACK');
    expect(error.message).to.include('what it needs is not there');
    await update(site, 2);
    await site.untilLines('events.ndjson', 2);
    expect(notes(site)).to.deep.equal([
      'held/item.update:1:0/gated begun',
      'held/item.update:2:0/gated begun',
    ]);
    site.write('needed', '');
    site.write('gate', '');
    const answer = await reload(site);
    expect(answer.rules.removed).to.deep.equal(['held']);
    await update(site, 3);
    await site.untilRun(0, 'one');
    const runs = (await site.journal()).map(event =>
      event.runs
        .map(({ rule }) => rule)
        .sort()
        .join(),
    );
    expect(runs).to.deep.equal(['held,one', 'held,one', 'one,other']);
  });

  it('carries a rule over to its new name, and names what stays parked of one that is gone', async () => {
    const failing = { ...UPDATES, steps: ['broken'] };
    const broken = { use: './faulty.ts', notes: './tries.ndjson', cause: './cause', how: 'permanent' };
    const plugins = { ...PLUGINS, broken };
    const site = await makeGatedSite({ one: audited });
    site.copyPlugin('faulty.ts');
    site.write('cause', '');
    site.configure({ plugins, rules: { one: audited, old: failing, gone: failing } });
    await site.boot();
    await update(site, 1);
    await until(
      async () => (await site.podiod(['parked', '--json'])).stdout.includes('"gone"'),
      'a parked run',
    );
    site.configure({ plugins, rules: { one: audited, fresh: { ...failing, was: 'old' } } });
    const answer = await reload(site);
    expect(answer.rules.renamed).to.deep.equal([{ rule: 'fresh', was: 'old', changed: [] }]);
    expect(answer.rules.removed).to.deep.equal(['gone']);
    expect(answer.parked).to.deep.equal([{ rule: 'gone', runs: 1 }]);
    const { parked } = JSON.parse((await site.podiod(['parked', '--json'])).stdout);
    expect(parked.map(({ rule }: { rule: string }) => rule).sort()).to.deep.equal(['fresh', 'gone']);
    rmSync(join(site.folder, 'cause'));
    expect((await site.podiod(['parked', 'retry', '--rule', 'fresh'])).code).to.equal(0);
    await until(async () => {
      const [event] = await site.journal();
      return event?.runs.some(({ rule, outcome }) => rule === 'fresh' && outcome === 'settled');
    }, 'the parked run to run under the new name');
    // Done once: the same file again is no other one.
    expect((await reload(site)).rules.unchanged).to.deep.equal(['one', 'fresh']);
  });

  it('says which settings wait for a restart, and takes the rest', async () => {
    const site = await makeGatedSite({ one: audited });
    const variables = site.write('variables', 'ONE=1\n');
    await site.run({ args: ['--env-file', variables] }).ready();
    const config = JSON.parse(site.read('.podiorc.yml'));
    site.configure({
      plugins: PLUGINS,
      rules: { one: audited, two: audited },
      server: { ...config.server, port: config.server.port + 1, maxBody: '1kb' },
    });
    const answer = await reload(site);
    expect(answer.needsRestart).to.deep.equal(['server.port', 'server.maxBody']);
    expect(answer.rules.added).to.deep.equal(['two']);
    await update(site, 1);
    await site.untilRun(1, 'one', 'two');
    site.write('gated.ts', `${site.read('gated.ts')}\n// edited`);
    site.configure({ plugins: PLUGINS, rules: { one: audited, three: gated } });
    expect((await reload(site)).needsRestart).to.deep.equal([]);
    site.write('gated.ts', `${site.read('gated.ts')}\n// edited again`);
    site.write('variables', 'ONE=2\n');
    site.configure({
      plugins: PLUGINS,
      rules: { one: audited, three: gated },
      server: { ...config.server, port: config.server.port + 1 },
    });
    const { stdout } = await site.podiod(['reload']);
    expect(stdout).to.include('Needs a restart: server.port');
    expect(stdout).to.include('Needs a restart: the code of gated.ts');
    expect(stdout).to.include(`Needs a restart: the variables of ${variables}`);
  });

  it('reads the file of a SIGHUP that comes while it starts, and does two at once one after the other', async () => {
    const site = await makeGatedSite({ one: audited });
    const daemon = site.run();
    // As soon as somebody listens to it at all.
    await until(() => daemon.log() !== '', 'a first word');
    daemon.signal('SIGHUP');
    await daemon.ready();
    await until(() => daemon.log().includes('config reloaded'), 'the reload');
    const answers = await Promise.all(
      ['two', 'three'].map(async name => {
        site.configure({ plugins: PLUGINS, rules: { one: audited, [name]: audited } });
        return reload(site);
      }),
    );
    expect(answers).to.have.length(2);
    expect(Object.keys(await statesOf(daemon)).sort()).to.deep.equal(['one', 'three']);
  });
});
