// Hooks at Podio that are not as the rules need them, and those that are nobody's business.
import { expect } from 'chai';
import { hookUrl } from '../../src/core/hook.ts';
import { until } from '../support/wait.ts';
import { DEALS, LEADS, makeSite, SECRET, type Site } from './site.ts';

const everything = { on: { app: 'leads', events: ['item.create', 'item.update'] }, steps: ['audit'] };
const rules = { everything };
const wanted = ['app/101 item.create active', 'app/101 item.update active'];

/** A site whose hooks are as they should be, with no daemon running. */
async function convergedSite(config: object = {}, options: object = {}): Promise<Site> {
  const site = await makeSite({ rules, ...config }, options);
  const daemon = await site.boot();
  expect(await daemon.end('SIGTERM')).to.equal(0);
  return site;
}

const idsOf = async (site: Site, type: string): Promise<readonly number[]> =>
  (await site.podio.hooks(LEADS)).filter(hook => hook.type === type).map(({ hookId }) => hookId);

describe('hooks that are not as they should be', function () {
  this.timeout(30_000);

  it('verifies an inactive one again', async () => {
    const site = await convergedSite();
    const [hookId = 0] = await idsOf(site, 'item.update');
    await site.podio.suspendHook(hookId);

    await site.boot();
    expect(await site.hooks()).to.deep.equal(wanted);
    expect(await idsOf(site, 'item.update')).to.deep.equal([hookId]);
  });

  it('makes a new one where an inactive one can not be revived', async () => {
    const site = await convergedSite({}, { reverifyRevives: false });
    const [hookId = 0] = await idsOf(site, 'item.update');
    await site.podio.suspendHook(hookId);

    await site.boot();
    expect(await site.hooks()).to.deep.equal(wanted);
    expect(await idsOf(site, 'item.update')).to.not.include(hookId);
  });

  it('makes a deleted one again', async () => {
    const site = await convergedSite();
    for (const hookId of await idsOf(site, 'item.create')) await site.podio.deleteHook(hookId);

    await site.boot();
    expect(await site.hooks()).to.deep.equal(wanted);
  });

  it('keeps the oldest active one of duplicates', async () => {
    const site = await convergedSite();
    const [hookId = 0] = await idsOf(site, 'item.update');
    const hook = { ref: LEADS, type: 'item.update', url: site.hookUrl(LEADS, 'item.update') };
    const { hookId: second } = await site.podio.addHook(hook);
    await site.podio.addHook({ ...hook, status: 'inactive' });
    await site.podio.addHook(hook);
    await site.podio.suspendHook(hookId);

    await site.boot();
    expect(await site.hooks()).to.deep.equal(wanted);
    expect(await idsOf(site, 'item.update')).to.deep.equal([second]);
  });

  it('deletes what a removed rule has needed', async () => {
    const site = await convergedSite();
    site.configure({ rules: { everything: { ...everything, on: { app: 'leads', events: 'item.create' } } } });

    await site.boot();
    expect(await site.hooks()).to.deep.equal(['app/101 item.create active']);
  });

  it('cleans up after an app that has left the config, with the token that is kept', async () => {
    const site = await convergedSite({
      rules: { everything: { ...everything, on: { app: 'deals', events: 'item.create' } } },
    });
    expect(await site.hooks()).to.deep.equal(['app/102 item.create active']);
    site.configure({ apps: { leads: { id: 101, token: 'leads-token' } }, rules });

    await site.boot();
    expect(await site.hooks()).to.deep.equal(wanted);
  });

  it('names the hooks of an app that has left the config with no token good any more', async () => {
    const site = await convergedSite({
      rules: { everything: { ...everything, on: { app: 'deals', events: 'item.create' } } },
    });
    await site.podio.revokeTokens({ type: 'app', id: DEALS.id });
    site.configure({ apps: { leads: { id: 101, token: 'leads-token' } }, rules });

    await site.boot();
    expect(await site.hooks()).to.deep.equal([...wanted, 'app/102 item.create active']);
    const { stdout } = await site.podiod(['status', '--json']);
    const [leftover, ...others] = JSON.parse(stdout).leftovers;
    expect(others).to.deep.equal([]);
    expect(leftover).to.deep.include({
      ref: 'app/102',
      hooks: [{ hookId: (await site.podio.hooks(DEALS))[0]?.hookId, type: 'item.create' }],
    });
    expect(leftover.hint).to.be.a('string');
  });

  it('puts right what goes wrong while it runs', async () => {
    // Looks every second take more than an hour's usual budget.
    const limits = { general: 1_000_000 };
    const site = await makeSite({ rules, reconcile: { every: '1s' } }, { limits });
    await site.boot();
    for (const { hookId } of await site.podio.hooks(LEADS)) await site.podio.deleteHook(hookId);
    await until(async () => (await site.hooks()).join() === wanted.join(), 'both hooks');
  });
});

describe('hooks of others', function () {
  this.timeout(30_000);

  it('are shown and never touched', async () => {
    const site = await convergedSite();
    const url = 'https://elsewhere.example.com/podio?key=theirs';
    const [key = ''] = site
      .hookUrl(LEADS, 'item.update')
      .slice(site.publicUrl.length + 1)
      .split('/');
    const others = [
      // Somebody else's altogether, on a type that a rule needs and on one that none does.
      { ref: LEADS, type: 'item.update', url },
      { ref: LEADS, type: 'comment.create', url },
      { ref: DEALS, type: 'item.create', url },
      // Under our URL, in another shape.
      { ref: LEADS, type: 'item.update', url: `${site.publicUrl}/monitoring` },
      // A copy of ours on another app.
      { ref: DEALS, type: 'item.update', url: site.hookUrl(LEADS, 'item.update') },
      // Ours but for the key.
      {
        ref: LEADS,
        type: 'item.update',
        url: site.hookUrl(LEADS, 'item.update').replace(key, 'x'.repeat(22)),
      },
      // Ours but for the place.
      {
        ref: LEADS,
        type: 'item.update',
        url: hookUrl('https://old.example.com/podio', SECRET, LEADS, 'item.update'),
      },
    ];
    const ids: number[] = [];
    for (const [index, hook] of others.entries()) {
      const status = index % 2 === 0 ? 'active' : 'inactive';
      ids.push((await site.podio.addHook({ ...hook, status })).hookId);
    }
    const before = await site.podio.hooks();

    await site.boot();
    const { code } = await site.podiod(['apply', '--yes']);
    expect(code).to.equal(0);
    const after = await site.podio.hooks();
    expect(after.filter(({ hookId }) => ids.includes(hookId))).to.deep.equal(
      before.filter(({ hookId }) => ids.includes(hookId)),
    );

    const { actions } = JSON.parse((await site.podiod(['plan', '--json'])).stdout) as {
      actions: { action: string; hookId: number; url: string }[];
    };
    const shown = new Map(actions.map(({ hookId, action }) => [hookId, action]));
    expect(ids.map(id => shown.get(id))).to.deep.equal([
      'foreign',
      'foreign',
      'foreign',
      'foreign',
      'foreign',
      'orphan',
      'elsewhere',
    ]);
    expect(JSON.stringify(actions)).to.not.include(key).and.not.include('theirs');

    // Two of them may go, each when it is asked for.
    const [orphan = 0, elsewhere = 0] = ids.slice(-2);
    const left = async () => (await site.podio.hooks()).map(({ hookId }) => hookId);
    expect((await site.podiod(['apply', '--yes', '--prune'])).code).to.equal(0);
    expect(await left()).to.include.members(ids.filter(id => id !== orphan));
    expect(await left()).to.not.include(orphan);
    expect((await site.podiod(['apply', '--yes', '--move'])).code).to.equal(0);
    expect(await left()).to.include.members(ids.slice(0, -2));
    expect(await left()).to.not.include(elsewhere);
  });
});
