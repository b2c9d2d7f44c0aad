// Plugins whose set-up or end takes too long or fails: what podiod says of it, and that it holds up nothing else.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { LEADS, makeSite, type Site } from './site.ts';

const CREATED = { on: { app: 'leads', events: 'item.create' } };
const AUDIT = { use: 'file-logger', path: './events.ndjson' };
const SOUND = { plugins: { audit: AUDIT }, rules: { sound: { ...CREATED, steps: ['audit'] } } };

/** A rule of its own for what is sluggish, beside the sound one. */
const withSluggish = (options: object) => ({
  plugins: { ...SOUND.plugins, erp: { use: './sluggish.ts', ...options } },
  rules: { ...SOUND.rules, fragile: { ...CREATED, steps: ['erp'] } },
});

async function siteWith(config: Parameters<typeof makeSite>[0]): Promise<Site> {
  const site = await makeSite(config);
  site.copyPlugin('sluggish.ts');
  return site;
}

const create = (site: Site, itemId: number) =>
  site.deliver(LEADS, 'item.create', { item_id: itemId, item_revision_id: 0 });

async function took<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const at = performance.now();
  return { result: await work(), ms: performance.now() - at };
}

const reload = async (site: Site) => {
  const { code, stdout } = await site.podiod(['reload', '--json']);
  return { code, ...JSON.parse(stdout) };
};

describe('a plugin whose set-up', function () {
  this.timeout(30_000);

  it('is slow keeps podiod from being ready, which says so; other rules run', async () => {
    const site = await siteWith(withSluggish({ setup: 'at the gate', gate: './gate' }));
    const daemon = site.run();
    await daemon.runFile();
    await until(async () => (await daemon.readiness()).reasons.length === 1, 'the hooks');
    await create(site, 1);
    await site.untilLines('events.ndjson', 1);
    const waiting = {
      rule: 'fragile',
      state: 'waiting for setup',
      error: 'plugin erp: its setup() has not ended yet',
    };
    expect(await daemon.readiness()).to.deep.equal({
      status: 503,
      ready: false,
      reasons: ['plugins are being set up'],
      degraded: [],
      rules: [waiting],
    });
    const status = await site.podiod(['status', '--ready']);
    expect(status.code).to.equal(1);
    expect(status.stdout).to.include('plugins are being set up').and.to.include(waiting.error);
    site.write('gate', '');
    await daemon.ready();
    expect(await daemon.readiness()).to.deep.include({ status: 200, reasons: [], rules: [] });
    await site.untilRun(1, 'sound', 'fragile');
  });

  it('fails hurts its rule only, and readiness, status and the log name both', async () => {
    const site = await siteWith(withSluggish({ setup: 'fails' }));
    const daemon = await site.boot();
    const waiting = { rule: 'fragile', state: 'waiting for setup', error: 'plugin erp: no key' };
    expect(await daemon.readiness()).to.deep.include({ ready: true, rules: [waiting] });
    expect((await site.podiod(['status'])).stdout).to.include('fragile: plugin erp: no key');
    const line = daemon
      .log()
      .split('\n')
      .find(one => one.includes('set-up failed'));
    expect(JSON.parse(line ?? '{}')).to.include({ level: 'error', plugin: 'erp', rule: 'fragile' });
  });

  it('never ends holds up no stop', async () => {
    const site = await siteWith(withSluggish({ setup: 'never' }));
    const daemon = site.run();
    await daemon.runFile();
    const { result, ms } = await took(() => daemon.end('SIGTERM'));
    expect(result).to.equal(0);
    expect(ms).to.be.below(15_000);
  });

  it('fails at a reload rolls it back, and is named with its rule', async () => {
    const site = await siteWith(SOUND);
    await site.boot();
    site.configure(withSluggish({ setup: 'fails' }));
    const { code, error } = await reload(site);
    expect(code).to.equal(1);
    expect(error).to.deep.include({
      code: 'RELOAD_ROLLED_BACK',
      message: 'plugin erp of rule fragile could not be set up, so the config before goes on: no key',
    });
  });

  it('hangs at a reload holds up no stop, and the reload is told', async () => {
    const site = await siteWith(SOUND);
    const daemon = await site.boot();
    site.configure(withSluggish({ setup: 'never', notes: './begun' }));
    const reloading = reload(site);
    await until(() => site.lines('begun').length === 1, 'the set-up to begin');
    expect((await took(() => daemon.end('SIGTERM'))).ms).to.be.below(15_000);
    expect((await reloading).code).to.equal(1);
  });

  it('never ends is given up after 30 s, at a start and at a reload', async function () {
    this.timeout(60_000);
    const [starting, reloading] = await Promise.all([
      siteWith(withSluggish({ setup: 'never' })),
      siteWith(SOUND),
    ]);
    const started = starting.run();
    const other = await reloading.boot();
    reloading.configure(withSluggish({ setup: 'never' }));
    const [{ result: refused, ms }] = await Promise.all([
      took(() => reload(reloading)),
      started.ready(40_000),
    ]);
    expect(ms).to.be.within(25_000, 40_000);
    expect([refused.code, refused.error.code, refused.error.message]).to.deep.equal([
      1,
      'RELOAD_ROLLED_BACK',
      'plugin erp of rule fragile could not be set up, so the config before goes on: setup() did not end within 30000 ms',
    ]);
    expect((await other.readiness()).ready).to.equal(true);
    await create(reloading, 1);
    await reloading.untilRun(1, 'sound');
    expect((await started.readiness()).rules).to.deep.equal([
      {
        rule: 'fragile',
        state: 'waiting for setup',
        error: 'plugin erp: setup() did not end within 30000 ms',
      },
    ]);
  });
});

describe('a plugin whose dispose() never ends', function () {
  this.timeout(40_000);

  it('holds up a reload and a stop for 5 s, in however many rules it is, and is named', async () => {
    const rules = Object.fromEntries(
      ['a', 'b', 'c', 'd'].map(name => [name, { ...CREATED, steps: ['erp'] }]),
    );
    const site = await siteWith({ ...withSluggish({ dispose: 'never' }), rules });
    const daemon = await site.boot();
    const named = () =>
      daemon
        .log()
        .split('\n')
        .filter(line => line.includes('plugin failed to dispose')).length;
    site.configure({ rules: { d: rules.d } });
    const { result, ms } = await took(() => reload(site));
    expect([result.code, result.rules.removed]).to.deep.equal([0, ['a', 'b', 'c']]);
    expect(ms).to.be.within(4000, 13_000);
    expect(named()).to.equal(3);
    const end = await took(() => daemon.end('SIGTERM'));
    expect(end.result).to.equal(0);
    expect(end.ms).to.be.within(4000, 13_000);
    expect(named()).to.equal(4);
  });
});

describe('a plugin whose module', function () {
  this.timeout(30_000);

  it('never comes to its end while it is loaded holds up no stop', async () => {
    const site = await makeSite(withSluggish({}));
    site.write(
      'sluggish.ts',
      `import { appendFileSync } from 'node:fs';
       appendFileSync(new URL('begun', import.meta.url), '{}\\n');
       await new Promise(() => {});
       export default {};`,
    );
    const daemon = site.run();
    await until(() => site.lines('begun').length === 1, 'the module to be loaded');
    const { result, ms } = await took(() => daemon.end('SIGTERM'));
    expect(result).to.equal(0);
    expect(ms).to.be.below(15_000);
  });
});
