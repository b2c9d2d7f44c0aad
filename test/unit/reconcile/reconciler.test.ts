import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import { refKey } from '../../../src/core/event.ts';
import { type HookRef, hookUrl, maskHookUrl } from '../../../src/core/hook.ts';
import { silentLog } from '../../../src/core/log.ts';
import type { Rule } from '../../../src/core/rule.ts';
import {
  fingerprintOf,
  makeReconciler,
  makeVerifier,
  type ReconcileConfig,
  type ReconcilerEffects,
} from '../../../src/reconcile/index.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { ModelPodio, makeSettings, reconcileDefaults, revoked, unavailable } from './model/podio.ts';
import { appsOf, onApp, onFields, onSpace, rule, spacesOf } from './model/rules.ts';

const publicUrl = 'https://hooks.example.com/podio';
const secret = 'the present secret';
const leads: HookRef = { type: 'app', id: 101 };
const deals: HookRef = { type: 'app', id: 102 };
const status = { appId: 101, fieldId: 201, externalId: 'status', type: 'category', label: 'Status' };
const MINUTE = 60_000;

const standard: ReconcileConfig = {
  rules: [rule('a', onApp(['leads', 'deals'], 'item.create')), rule('b', onApp('leads', 'item.update'))],
  apps: appsOf({ leads: 101, deals: 102 }),
  spaces: new Map(),
  reconcile: reconcileDefaults,
  publicUrl,
  secrets: [secret],
};

function setUp(given: Partial<ReconcileConfig> = {}) {
  const clock = makeVirtualClock();
  const podio = new ModelPodio();
  podio.fields = [status];
  const settings = makeSettings();
  const setting = { config: { ...standard, ...given } };
  const verifier = makeVerifier({ podio: podio.client, identities: podio.identities, clock, log: silentLog });
  podio.onPing = ping => verifier.verified(ping.ref, ping.type, ping.hookId, ping.code);
  const open = (more: Partial<ReconcilerEffects> = {}) =>
    makeReconciler({
      ...more,
      config: () => setting.config,
      podio: podio.client,
      identities: podio.identities,
      fields: podio.directory(),
      settings,
      verifier,
      clock,
      log: silentLog,
      random: () => 0.5,
    });
  const change = (to: Partial<ReconcileConfig>) => {
    setting.config = { ...setting.config, ...to };
  };
  const forgetCalls = () => {
    podio.calls.length = 0;
  };
  return { clock, podio, settings, open, change, forgetCalls };
}

const rulesFor = (...types: readonly string[]): readonly Rule[] => [rule('a', onApp('leads', ...types))];

describe('reconciler', () => {
  it('makes the world what the rules need, from nothing', async () => {
    const { clock, podio, open } = setUp();
    const report = await clock.until(open().now());
    expect(podio.shown(leads)).to.have.members(['item.create active', 'item.update active']);
    expect(podio.shown(deals)).to.deep.equal(['item.create active']);
    expect(report.results.map(({ outcome }) => outcome)).to.deep.equal(['done', 'done', 'done']);
    expect(report.remaining.every(({ action }) => action === 'keep')).to.equal(true);
  });

  it('says before and after of which refs hooks are mended: they may deliver in between', async () => {
    const { clock, podio, open } = setUp({ rules: rulesFor('item.create') });
    const told: (readonly [string, string, readonly string[]])[] = [];
    const reconciler = open({
      onMending: ref => void told.push(['mending', refKey(ref), podio.shown(leads)]),
      onMended: ref => void told.push(['mended', refKey(ref), podio.shown(leads)]),
    });
    const active = ['item.create active'];
    for (const before of [[], ['item.create inactive']]) {
      await clock.until(reconciler.now());
      await clock.until(reconciler.now());
      expect(told.splice(0)).to.deep.equal([
        ['mending', 'app/101', before],
        ['mended', 'app/101', active],
      ]);
      for (const [id, hook] of podio.hooks) podio.hooks.set(id, { ...hook, status: 'inactive' });
    }
  });

  it('costs one list call a ref and nothing else where all is well', async () => {
    const { clock, podio, open, forgetCalls } = setUp({
      rules: [
        rule('a', onFields('leads', ['status'], 'item.update')),
        rule('b', onSpace('sales', 'task.create')),
      ],
      spaces: spacesOf({ sales: 7 }),
    });
    const reconciler = open();
    await clock.until(reconciler.now());
    forgetCalls();
    await clock.until(reconciler.now());
    expect(podio.calls.map(({ operation, ref }) => `${operation} ${ref}`)).to.have.members([
      'list app/101',
      'list app/102',
      'list app_field/201',
      'list space/7',
    ]);
  });

  it('finds what earlier rules left on fields and apps that nothing names any more', async () => {
    const { clock, podio, open, change } = setUp({
      rules: [
        rule('a', onFields('leads', ['status'], 'item.update')),
        rule('b', onApp('deals', 'item.create')),
      ],
    });
    await clock.until(open().now());
    expect(podio.hooks.size).to.equal(2);

    change({ rules: rulesFor('item.create'), apps: appsOf({ leads: 101 }) });
    await clock.until(open().now());
    expect(podio.list().map(({ ref, type }) => `${refKey(ref)} ${type}`)).to.deep.equal([
      'app/101 item.create',
    ]);
  });

  it('no longer looks at what has left the config once it is clean', async () => {
    const { clock, podio, open, change, forgetCalls } = setUp();
    await clock.until(open().now());
    change({ rules: rulesFor('item.create', 'item.update'), apps: appsOf({ leads: 101 }) });
    await clock.until(open().now());
    forgetCalls();
    await clock.until(open().now());
    expect(podio.calls.map(({ ref }) => ref)).to.deep.equal(['app/101']);
  });

  it('makes again what somebody deleted, and revives what Podio switched off', async () => {
    const { clock, podio, open } = setUp({ rules: rulesFor('item.create', 'item.update') });
    const reconciler = open();
    await clock.until(reconciler.now());
    const [first, second] = [...podio.hooks.values()];
    podio.hooks.delete(first?.hookId ?? 0);
    if (second) second.status = 'inactive';
    await clock.until(reconciler.now());
    expect(podio.shown(leads)).to.have.members(['item.create active', 'item.update active']);
    expect(podio.hooks.has(second?.hookId ?? 0)).to.equal(true);
  });

  it('keeps hooks on fields whose ids can’t be looked up at the moment', async () => {
    const { clock, podio, open } = setUp({
      rules: [rule('a', onFields('leads', ['status'], 'item.update'))],
    });
    await clock.until(open().now());
    expect(podio.hooks.size).to.equal(1);

    podio.fault = operation => (operation === 'find' ? unavailable() : undefined);
    const reconciler = open();
    const { plan } = await clock.until(reconciler.now());
    expect(podio.hooks.size).to.equal(1);
    expect(plan.unresolved.map(entry => entry.rule)).to.deep.equal(['a']);
    expect(reconciler.status().degraded).to.have.lengthOf(1);
    expect(reconciler.status().degraded[0]).to.deep.include({ ref: 'app/101', rules: ['a'] });
  });

  describe('with a ref in trouble', () => {
    it('serves the others, and says since when, why and what to do', async () => {
      const { clock, podio, open } = setUp();
      podio.fault = (_operation, ref) => (ref === 'app/101' ? revoked() : undefined);
      const reconciler = open();
      await clock.until(reconciler.now());
      expect(podio.shown(deals)).to.deep.equal(['item.create active']);
      expect(podio.shown(leads)).to.deep.equal([]);
      expect(reconciler.status().degraded).to.deep.equal([
        {
          ref: 'app/101',
          error: 'Podio refused the token',
          hint: 'Make a new token.',
          since: '2026-01-01T00:00:00.000Z',
          rules: ['a', 'b'],
        },
      ]);
    });

    it('tries that ref alone again, ever more slowly, until it is well', async () => {
      const { clock, podio, open, forgetCalls } = setUp({
        reconcile: { ...reconcileDefaults, everyMs: 600 * MINUTE },
      });
      podio.fault = (_operation, ref) => (ref === 'app/101' ? unavailable() : undefined);
      const reconciler = open();
      reconciler.start();
      await clock.until(reconciler.firstDone);
      forgetCalls();
      await clock.advance(10 * MINUTE);
      const tries = podio.count('list');
      expect(tries).to.be.within(3, 8);
      expect(podio.calls.every(({ ref }) => ref === 'app/101')).to.equal(true);
      await clock.advance(10 * MINUTE);
      expect(podio.count('list') - tries).to.be.at.most(3);

      podio.fault = () => undefined;
      await clock.advance(20 * MINUTE);
      expect(podio.shown(leads)).to.have.lengthOf(2);
      expect(reconciler.status().degraded).to.deep.equal([]);
      await clock.until(reconciler.stop());
    });

    it('retries an action that failed although its ref could be listed', async () => {
      const { clock, podio, open } = setUp({ rules: rulesFor('item.create') });
      podio.fault = operation => (operation === 'create' ? unavailable() : undefined);
      const reconciler = open();
      reconciler.start();
      await clock.until(reconciler.firstDone);
      podio.fault = () => undefined;
      await clock.advance(MINUTE);
      expect(podio.shown(leads)).to.deep.equal(['item.create active']);
      await clock.until(reconciler.stop());
    });

    it('does not wait for a backoff when asked for', async () => {
      const { clock, podio, open } = setUp();
      podio.fault = () => unavailable();
      const reconciler = open();
      await clock.until(reconciler.now());
      podio.fault = () => undefined;
      await clock.until(reconciler.now());
      expect(podio.hooks.size).to.equal(3);
      expect(reconciler.status().degraded).to.deep.equal([]);
    });

    it('looks at an app although a rule names a field that it does not have', async () => {
      const { clock, podio, open } = setUp({
        rules: [...rulesFor('item.create'), rule('x', onFields('leads', ['statsu'], 'item.update'))],
      });
      const reconciler = open();
      reconciler.start();
      await clock.until(reconciler.firstDone);
      podio.hooks.clear();
      await clock.advance(16 * MINUTE);
      expect(podio.shown(leads)).to.deep.equal(['item.create active']);
      expect(reconciler.status().degraded[0]).to.deep.include({ ref: 'app/101', rules: ['x'] });
      expect(podio.count('find')).to.be.at.most(7);
      await clock.until(reconciler.stop());
    });
  });

  describe('with an app that has left the config', () => {
    it('names the hooks it can’t clean up, and what to do', async () => {
      const { clock, podio, open, change } = setUp();
      await clock.until(open().now());
      change({ rules: rulesFor('item.create', 'item.update'), apps: appsOf({ leads: 101 }) });
      podio.fault = (_operation, ref) => (ref === 'app/102' ? revoked() : undefined);
      const reconciler = open();
      await clock.until(reconciler.now());
      const [hook] = podio.list(deals);
      const [leftover] = reconciler.status().leftovers;
      expect(leftover).to.include({ ref: 'app/102', error: 'Podio refused the token' });
      expect(leftover?.hooks).to.deep.equal([{ hookId: hook?.hookId, type: 'item.create' }]);
      expect(leftover?.hint).to.contain('podiod apply');

      podio.fault = () => undefined;
      await clock.until(reconciler.now());
      expect(podio.shown(deals)).to.deep.equal([]);
      expect(reconciler.status().leftovers).to.deep.equal([]);
    });

    it('forgets it where it is gone from Podio too', async () => {
      const { clock, podio, open, change, forgetCalls } = setUp();
      await clock.until(open().now());
      change({ rules: rulesFor('item.create'), apps: appsOf({ leads: 101 }) });
      podio.fault = (_operation, ref) =>
        ref === 'app/102' ? Object.assign(unavailable(), { code: 'PODIO_NOT_FOUND' }) : undefined;
      const reconciler = open();
      await clock.until(reconciler.now());
      expect(reconciler.status().degraded).to.deep.equal([]);
      forgetCalls();
      await clock.until(reconciler.now());
      expect(podio.calls.map(({ ref }) => ref)).to.deep.equal(['app/101']);
    });
  });

  describe('by its modes and flags', () => {
    it('changes nothing in mode plan until an operator applies', async () => {
      const { clock, podio, open } = setUp({ reconcile: { ...reconcileDefaults, mode: 'plan' } });
      const reconciler = open();
      const { plan, results } = await clock.until(reconciler.now());
      expect(plan.actions.map(({ action }) => action)).to.deep.equal(['create', 'create', 'create']);
      expect(results).to.deep.equal([]);
      expect(podio.hooks.size).to.equal(0);
      expect(reconciler.status().plan.summary.create).to.equal(3);
      await clock.until(reconciler.now({ apply: true }));
      expect(podio.hooks.size).to.equal(3);
    });

    it('holds back too many deletions until they are allowed', async () => {
      const types = ['item.create', 'item.update', 'item.delete', 'comment.create', 'file.change'];
      const { clock, podio, open, change } = setUp({ rules: rulesFor(...types) });
      const reconciler = open();
      await clock.until(reconciler.now());
      change({ rules: rulesFor('item.create', 'app.update') });
      await clock.until(reconciler.now());
      expect(podio.hooks.size).to.equal(6);
      expect(podio.shown(leads)).to.include('app.update active');
      expect(reconciler.status().refusedDeletions).to.equal(4);
      await clock.until(reconciler.now({ allowDeletes: true }));
      expect(podio.shown(leads)).to.have.members(['item.create active', 'app.update active']);
      expect(reconciler.status().refusedDeletions).to.equal(0);
    });

    it('replaces what was made with a previous secret', async () => {
      const { clock, podio, open, change } = setUp();
      await clock.until(open().now());
      const before = [...podio.hooks.keys()];
      change({ secrets: ['the next secret', secret] });
      const { results } = await clock.until(open().now());
      expect(results.map(({ action }) => action.action)).to.deep.equal(['replace', 'replace', 'replace']);
      expect([...podio.hooks.keys()]).to.not.include.members(before);
      expect(podio.list().every(({ status: is }) => is === 'active')).to.equal(true);
    });

    it('only plans when asked to plan', async () => {
      const { podio, settings, open } = setUp();
      const { actions } = await open().plan();
      expect(actions).to.have.lengthOf(3);
      expect(podio.count('create', 'delete', 'requestVerify', 'validate')).to.equal(0);
      expect(await settings.list('hooks-ref/')).to.have.property('size', 0);
    });
  });

  describe('in time', () => {
    it('looks again every so often, not always after the same while', async () => {
      const { clock, podio, open, forgetCalls } = setUp();
      const reconciler = open();
      reconciler.start();
      await clock.until(reconciler.firstDone);
      forgetCalls();
      await clock.advance(14 * MINUTE);
      expect(podio.calls).to.deep.equal([]);
      await clock.advance(2 * MINUTE);
      expect(podio.count('list')).to.equal(2);
      await clock.advance(15 * MINUTE);
      expect(podio.count('list')).to.equal(4);
      await clock.until(reconciler.stop());
    });

    it('looks at one ref after the other, less often, where the background share is too small', async () => {
      const { clock, podio, open, forgetCalls } = setUp();
      // Both refs by one login: two calls each quarter of an hour, and four an hour to make.
      podio.identities.forRef = () => ({ kind: 'login', name: 'bot', username: 'bot', password: 'p' });
      podio.share = { general: 4, limited: 1 };
      const reconciler = open();
      reconciler.start();
      await clock.until(reconciler.firstDone);
      expect(reconciler.status().pace).to.deep.equal([
        { identity: 'login/bot', refs: 2, everyMs: 30 * MINUTE },
      ]);
      forgetCalls();
      const seen: string[][] = [];
      for (let quarter = 0; quarter < 4; quarter++) {
        await clock.advance(15.1 * MINUTE);
        seen.push(podio.calls.map(({ operation, ref }) => `${operation} ${ref}`));
        forgetCalls();
      }
      expect(seen).to.deep.equal([['list app/101'], ['list app/102'], ['list app/101'], ['list app/102']]);
      await clock.until(reconciler.stop());
    });

    it('waits where the budget is used up, without calling it a failure, and knows what it knew', async () => {
      const { clock, podio, open, forgetCalls } = setUp();
      const reconciler = open();
      reconciler.start();
      await clock.until(reconciler.firstDone);
      const { hooks } = reconciler.status();
      podio.fault = (_, ref) =>
        ref === 'app/101'
          ? new PodioError('PODIO_RATE_LIMITED', 'not now', { retry: { afterMs: 5 * MINUTE } })
          : undefined;
      await clock.advance(16 * MINUTE);
      expect(reconciler.status().degraded).to.deep.equal([]);
      expect(reconciler.status().hooks).to.have.deep.members([...hooks]);

      forgetCalls();
      podio.fault = () => undefined;
      await clock.advance(3 * MINUTE);
      expect(podio.calls).to.deep.equal([]);
      await clock.advance(2 * MINUTE);
      expect(podio.calls.map(({ operation, ref }) => `${operation} ${ref}`)).to.deep.equal(['list app/101']);
      await clock.until(reconciler.stop());
    });

    it('never runs twice at once: who asks meanwhile shares the next run', async () => {
      const { clock, podio, open, change } = setUp();
      const reconciler = open();
      const first = reconciler.now();
      change({ rules: rulesFor('item.create') });
      podio.put(leads, {
        type: 'item.create',
        url: hookUrl(publicUrl, 'a lost secret', leads, 'item.create'),
      });
      const [second, third] = await clock.until(
        Promise.all([reconciler.now({ prune: true }), reconciler.now({ allowDeletes: true }), first]),
      );
      expect(second).to.equal(third);
      expect(podio.shown(leads)).to.deep.equal(['item.create active']);
      expect(podio.shown(deals)).to.deep.equal([]);
    });

    it('pulses after every run, and tells that one is under way', async () => {
      const { clock, open } = setUp();
      const reconciler = open();
      let pulses = 0;
      reconciler.finished$.subscribe(() => {
        pulses += 1;
      });
      const run = reconciler.now();
      expect(reconciler.status()).to.include({ running: true, lastRunAt: undefined });
      await clock.until(run);
      await clock.advance(0);
      expect(reconciler.status()).to.include({ running: false, lastRunAt: '2026-01-01T00:00:00.000Z' });
      expect(pulses).to.equal(1);
    });

    it('counts a first run that could not look at anything as done', async () => {
      const { clock, podio, open } = setUp();
      podio.fault = () => unavailable();
      const reconciler = open();
      reconciler.start();
      await clock.until(reconciler.firstDone);
      expect(reconciler.status().degraded).to.have.lengthOf(2);
      await clock.until(reconciler.stop());
    });

    it('stops at once in the middle of a wait, and starts nothing more', async () => {
      const { clock, podio, open } = setUp();
      podio.pings = () => 0;
      const reconciler = open();
      const run = reconciler.now().then(
        () => 'done',
        (error: Error) => error.message,
      );
      await clock.advance(1000);
      const began = clock.monotonic();
      await clock.until(reconciler.stop());
      expect(clock.monotonic()).to.equal(began);
      expect(await run).to.contain('stopping');
      const refused = await reconciler.now().then(
        () => 'done',
        (error: Error) => error.message,
      );
      expect(refused).to.contain('stopping');
    });

    it('goes on after its store has failed', async () => {
      const { clock, podio, settings, open } = setUp();
      const { list } = settings;
      Object.assign(settings, { list: () => Promise.reject(new Error('disk full')) });
      const reconciler = open();
      reconciler.start();
      await clock.until(reconciler.firstDone);
      expect(reconciler.status().lastError).to.equal('disk full');
      Object.assign(settings, { list });
      await clock.advance(MINUTE);
      expect(podio.hooks.size).to.equal(3);
      expect(reconciler.status().lastError).to.equal(undefined);
      await clock.until(reconciler.stop());
    });
  });

  it('carries out the plan that was agreed to, and no other', async () => {
    const { clock, podio, open, change } = setUp({ rules: rulesFor('item.create') });
    const reconciler = open();
    const { actions } = await clock.until(reconciler.plan());
    const agreed = fingerprintOf(actions.map(action => ({ ...action, url: maskHookUrl(action.url) })));

    change({ rules: rulesFor('item.create', 'item.delete') });
    const refused = reconciler.now({ apply: true, expect: agreed }).catch((error: unknown) => error);
    const others = reconciler.plan();
    expect(await clock.until(refused)).to.include({ code: 'HOOK_PLAN_CHANGED' });
    await clock.until(others);
    expect(podio.list(leads)).to.deep.equal([]);
    expect(reconciler.status().lastError).to.equal(undefined);

    change({ rules: rulesFor('item.create') });
    await clock.until(reconciler.now({ apply: true, expect: agreed }));
    expect(podio.shown(leads)).to.deep.equal(['item.create active']);
  });

  it('does not let one caller’s plan stand in the way of another', async () => {
    const { clock, podio, open } = setUp({ rules: rulesFor('item.create') });
    const reconciler = open();
    const running = reconciler.now();
    const refused = reconciler.now({ expect: 'another plan' }).catch((error: unknown) => error);
    const shared = reconciler.now({ prune: true });
    await clock.until(Promise.all([running, shared]));
    // By then there is nothing to do, which is not what was agreed to either.
    expect(await clock.until(refused)).to.include({ code: 'HOOK_PLAN_CHANGED' });
    expect(podio.shown(leads)).to.deep.equal(['item.create active']);
  });

  it('shows no key in its status', async () => {
    const { clock, podio, open } = setUp();
    const reconciler = open();
    await clock.until(reconciler.now());
    podio.put(leads, { type: 'item.create', url: 'https://u:p@zapier.example.com/h?token=t' });
    await clock.until(reconciler.now());
    const text = JSON.stringify(reconciler.status());
    for (const { url } of podio.list(deals)) expect(text).to.not.contain(url.split('/')[4]);
    expect(text).to.contain('***').and.to.not.contain('token=t').and.to.not.contain('u:p');
    expect(reconciler.status().hooks.map(({ owner }) => owner)).to.have.members([
      'ours',
      'ours',
      'ours',
      'foreign',
    ]);
  });
});
