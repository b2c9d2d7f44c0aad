// Alarms reach rules like any event: once when an outage begins and once when it is over, over kill -9 too.
import { expect } from 'chai';
import type { Status } from '../../src/admin/status.ts';
import { until } from '../support/wait.ts';
import { LEADS, makeSite, type Site, startReceiver } from './site.ts';

const TEXT = '{{ alarm.name }} {{ alarm.state }} of {{ alarm.subject }}: {{ alarm.text }}';
/** The machine's disk is its own matter. */
const ALARMS = { after: '1s', disk: '1kb' };

const textsOf = (received: readonly string[]): readonly string[] =>
  received.map(body => (JSON.parse(body) as { text: string }).text);

const alarmsIn = async (site: Site): Promise<readonly string[]> =>
  (await site.peek())
    .filter(({ event }) => event.ref.type === 'daemon')
    .map(({ event: { type, params } }) => `${type} ${params.subject} ${params.state}`);

/** What is done is done: a daemon that is killed now does none of it again. */
const untilDone = (site: Site, alarms: number): Promise<unknown> =>
  until(
    async () =>
      (await site.peek()).filter(
        ({ event, runs }) => event.ref.type === 'daemon' && runs.some(({ rule }) => rule === 'tell'),
      ).length === alarms,
    `${alarms} alarms to be told`,
  );

const statusOf = async (site: Site): Promise<Status> =>
  JSON.parse((await site.podiod(['status', '--json'])).stdout) as Status;

describe('alarms', function () {
  this.timeout(60_000);

  it('tell Slack of an outage once when it begins and once when it is over, over kill -9', async () => {
    const slack = await startReceiver();
    const site = await makeSite({
      alarms: ALARMS,
      plugins: {
        slack: { use: 'slack-notifier', webhookUrl: slack.url },
        faulty: { use: './faulty.ts', notes: './notes.ndjson', cause: './cause', how: 'permanent' },
      },
      rules: {
        risky: { on: { app: 'leads', events: 'item.create' }, steps: ['faulty'] },
        tell: { on: { podiod: '*' }, steps: [{ slack: { text: TEXT } }] },
      },
    });
    site.copyPlugin('faulty.ts');
    site.write('cause', '');
    const first = await site.boot();
    for (const item_id of [1, 2, 3, 4, 5])
      await site.deliver(LEADS, 'item.create', { item_id, item_revision_id: 0 });
    await until(() => slack.received.length > 0, 'a message to Slack');
    expect(textsOf(slack.received)[0]).to.match(
      /^parked raised of risky: [1-5] runs? of rule risky gave up: podiod parked --rule risky says why$/,
    );
    await until(async () => (await statusOf(site)).alarms.some(({ count }) => count === 5), 'five of them');
    expect((await statusOf(site)).alarms.map(({ alarm, subject }) => [alarm, subject])).to.deep.equal([
      ['parked', 'risky'],
    ]);
    expect((await site.podiod(['status'])).stdout).to.match(
      /^alarm parked \(.* ago\): 5 runs of rule risky/m,
    );
    const metrics = await (await first.admin('/metrics')).text();
    expect(metrics).to.match(/^podiod_alarms\{alarm="parked"\} 1$/m);
    expect(metrics).to.match(/^podiod_alarms\{alarm="disk"\} 0$/m);
    await untilDone(site, 1);
    await first.end('SIGKILL');

    const second = await site.boot();
    // Another one parks: the outage is the same.
    await site.deliver(LEADS, 'item.create', { item_id: 6, item_revision_id: 0 });
    await until(async () => (await statusOf(site)).alarms.some(({ count }) => count === 6), 'six of them');
    expect(slack.received).to.have.length(1);
    expect((await site.podiod(['parked', 'drop', '--all'])).code).to.equal(0);
    await until(() => slack.received.length > 1, 'the end to be told');
    await second.end('SIGTERM');
    expect(textsOf(slack.received).slice(1)).to.deep.equal([
      'parked cleared of risky: no run of rule risky is parked any more',
    ]);
    expect(await alarmsIn(site)).to.deep.equal(['podiod.parked risky raised', 'podiod.parked risky cleared']);
    expect((await site.podiod(['check'])).code).to.equal(0);
  });

  it('quote errors without what looks like a secret in them, since they go out to people', async () => {
    const site = await makeSite({
      alarms: ALARMS,
      plugins: { leaky: { use: './leaky.ts' } },
      defaults: { delivery: { backoff: '10ms..20ms' } },
      rules: { risky: { on: { app: 'leads', events: 'item.create' }, steps: ['leaky'] } },
    });
    site.write(
      'leaky.ts',
      `import { definePlugin, z } from 'podiod/plugin';
      import { throwError } from 'rxjs';
      export default definePlugin({
        name: 'leaky',
        options: z.strictObject({}),
        setup: () => ({ operator: () => throwError(() => new Error('https://erp.example.com/in?key=k3y9 says 500')) }),
      });`,
    );
    await site.boot();
    for (const item_id of [1, 2, 3])
      await site.deliver(LEADS, 'item.create', { item_id, item_revision_id: 0 });
    const text = await until(
      async () =>
        (await site.peek()).find(({ event }) => event.type === 'podiod.plugin-down')?.event.params.text,
      'the alarm',
    );
    expect(text).to.match(/^plugin leaky keeps failing: .*https:\/\/erp\.example\.com\/in\?\*\*\* says 500$/);
  });

  it('of a rule that tells of alarms and fails go to the others, and never round in circles', async () => {
    const site = await makeSite({
      alarms: ALARMS,
      plugins: {
        faulty: { use: './faulty.ts', notes: './notes.ndjson', cause: './cause', how: 'permanent' },
        audit: { use: 'file-logger', path: './events.ndjson' },
      },
      rules: {
        risky: { on: { app: 'leads', events: 'item.create' }, steps: ['faulty'] },
        tell: { on: { podiod: '*' }, steps: ['faulty'] },
        also: { on: { podiod: '*' }, steps: ['faulty', 'audit'] },
      },
    });
    site.copyPlugin('faulty.ts');
    site.write('cause', '');
    await site.boot();
    await site.deliver(LEADS, 'item.create', { item_id: 1, item_revision_id: 0 });
    const one = ['podiod.parked risky raised', 'podiod.parked tell raised', 'podiod.parked also raised'];
    await until(async () => (await alarmsIn(site)).length === one.length, 'all three to be parked');
    // Each is told to those that it is not about, and parks there: the outages are the same.
    await until(() => site.lines('notes.ndjson').length === 1 + 2 + 1 + 1, 'what is told of');
    await until(async () => (await statusOf(site)).alarms.length === 3, 'three alarms');
    const looks = Date.now() + 3000;
    await until(() => Date.now() > looks, 'three more looks');
    expect(await alarmsIn(site)).to.have.members(one);
    expect(site.lines('notes.ndjson')).to.have.length(5);
  });

  it('of silence count from the first load, and are over when something comes', async () => {
    const site = await makeSite({
      alarms: ALARMS,
      rules: {
        orders: { on: { app: 'leads', events: 'item.create' }, expect: { every: '4s' }, steps: ['audit'] },
        never: { on: { app: 'deals', events: 'item.create' }, expect: { every: '1h' }, steps: ['audit'] },
        tell: {
          on: { podiod: 'silence' },
          where: { 'alarm.state': 'raised' },
          steps: [{ audit: { path: './alarms.ndjson' } }],
        },
      },
    });
    const first = await site.boot();
    const loaded = Date.now();
    await site.untilLines('alarms.ndjson', 1);
    await untilDone(site, 1);
    expect(Date.now() - loaded).to.be.above(2000);
    await first.end('SIGKILL');
    await site.boot();
    await site.deliver(LEADS, 'item.create', { item_id: 1, item_revision_id: 0 });
    await until(async () => (await alarmsIn(site)).length >= 2, 'it to be over');
    expect((await alarmsIn(site)).slice(0, 2)).to.deep.equal([
      'podiod.silence orders raised',
      'podiod.silence orders cleared',
    ]);
    // The end is filtered out by `where`; then it is quiet again.
    const [, again] = await site.untilLines('alarms.ndjson', 2);
    expect(again?.params).to.include({ rule: 'orders', state: 'raised' });
  });

  it('of a hook that Podio has switched off begin and end with it', async () => {
    const site = await makeSite(
      {
        alarms: ALARMS,
        reconcile: { every: '1s', mode: 'plan' },
        rules: {
          all: { on: { app: 'leads', events: 'item.create' }, steps: ['audit'] },
          tell: { on: { podiod: [`hook-*`] }, steps: [{ audit: { path: './alarms.ndjson' } }] },
        },
      },
      // So that its share of the calls allows a look every second.
      { limits: { general: 1_000_000, limited: 1_000_000 } },
    );
    const first = await site.boot();
    // A plan that is not carried out: the hook is missing.
    const [missing] = await site.untilLines('alarms.ndjson', 1);
    expect(missing).to.deep.include({
      type: 'podiod.hook-down',
      source: 'daemon',
      ref: { type: 'daemon', id: 'hook-down/app/101' },
    });
    expect(missing?.params).to.include({ state: 'raised', subject: 'app/101', rule: 'all', count: '1' });
    expect(missing?.params.text).to.equal(
      'Podio does not tell of item.create of app/101: no active hook (concerns all)',
    );
    expect((await site.podiod(['apply', '--yes'])).code).to.equal(0);
    const [, over] = await site.untilLines('alarms.ndjson', 2);
    expect(over?.params).to.include({ state: 'cleared', subject: 'app/101' });

    const [hook] = await site.podio.hooks();
    await site.podio.suspendHook(hook?.hookId ?? 0);
    const [, , down] = await site.untilLines('alarms.ndjson', 3);
    expect(down?.params).to.include({ state: 'raised', subject: 'app/101' });
    await untilDone(site, 3);
    // After a start nothing is known of hooks for a moment: it goes on.
    await first.end('SIGKILL');
    await site.boot();
    await until(async () => (await statusOf(site)).reconcile.lastRunAt !== undefined, 'a look at the hooks');
    expect((await site.podiod(['apply', '--yes'])).code).to.equal(0);
    const all = await site.untilLines('alarms.ndjson', 4);
    expect(all.map(({ params }) => params.state)).to.deep.equal(['raised', 'cleared', 'raised', 'cleared']);
  });

  it('of Podio being away are one, whatever fails by it', async () => {
    const site = await makeSite(
      {
        alarms: ALARMS,
        reconcile: { every: '1s' },
        rules: {
          all: { on: { app: ['leads', 'deals'], events: 'item.create' }, steps: ['audit'] },
          tell: { on: { podiod: '*' }, steps: [{ audit: { path: './alarms.ndjson' } }] },
        },
      },
      { limits: { general: 1_000_000, limited: 1_000_000 } },
    );
    await site.boot();
    await site.podio.setFaults({ down: true });
    await until(async () => (await statusOf(site)).degraded.length >= 2, 'both apps to be degraded');
    await site.untilLines('alarms.ndjson', 1);
    await site.podio.clearFaults();
    await until(() => site.lines('alarms.ndjson').length === 2, 'Podio to be back', 30_000);
    expect(await alarmsIn(site)).to.deep.equal(['podiod.podio-down  raised', 'podiod.podio-down  cleared']);
  });

  it('of calls that are used up are of the identity that made them', async () => {
    const site = await makeSite(
      {
        // A start takes more calls of it.
        alarms: { ...ALARMS, budget: '98%' },
        rules: {
          all: { on: { app: 'leads', events: 'item.create' }, steps: ['audit'] },
          tell: { on: { podiod: 'budget' }, steps: [{ audit: { path: './alarms.ndjson' } }] },
        },
      },
      { limits: { general: 100, limited: 250 } },
    );
    await site.boot();
    const gone = await until(
      () => site.lines('alarms.ndjson').find(({ params }) => params.subject === 'app/101'),
      'the alarm',
    );
    expect(gone.params).to.include({ state: 'raised', subject: 'app/101' });
    expect(gone.params.text).to.match(/^the calls of app\/101 to Podio are used up: \d\d of 100 are left$/);
    expect((await statusOf(site)).alarms.map(({ alarm, subject }) => [alarm, subject])).to.deep.include([
      'budget',
      'app/101',
    ]);
  });

  it('of a Podio that asks to wait begin and end with that', async () => {
    const site = await makeSite(
      {
        alarms: ALARMS,
        reconcile: { every: '1s' },
        rules: {
          all: { on: { app: 'leads', events: 'item.create' }, steps: ['audit'] },
          tell: { on: { podiod: 'budget' }, steps: [{ audit: { path: './alarms.ndjson' } }] },
        },
      },
      { limits: { general: 1_000_000, limited: 1_000_000 } },
    );
    await site.boot();
    await site.podio.setFaults({ rateLimitSeconds: 15 });
    const [raised] = await site.untilLines('alarms.ndjson', 1);
    expect(raised?.params.text).to.match(/^Podio has asked app\/10[12] to wait: no calls for \d+s$/);
    await site.podio.clearFaults();
    await until(
      async () =>
        site.lines('alarms.ndjson').some(({ params }) => params.state === 'cleared') &&
        (await statusOf(site)).alarms.length === 0,
      'the end to be told',
      40_000,
    );
    const states = (subject: string) =>
      site
        .lines('alarms.ndjson')
        .filter(({ params }) => params.subject === subject)
        .map(({ params }) => params.state);
    expect(states(raised?.params.subject ?? '')).to.deep.equal(['raised', 'cleared']);
  });
});
