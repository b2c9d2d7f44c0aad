// Podio in trouble, as a whole or with one app: what works goes on, and what recovers is noticed.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { LEADS, makeSite } from './site.ts';

const rules = { everything: { on: { app: ['leads', 'deals'], events: 'item.create' }, steps: ['audit'] } };
// How soon what failed is tried again follows from it.
const reconcile = { every: '1s' };

describe('an app whose token is revoked', function () {
  this.timeout(30_000);

  it('is degraded and told, and harms no other', async () => {
    const site = await makeSite({
      apps: { leads: { id: 101, token: 'leads-token' }, deals: { id: 102, token: 'revoked' } },
      rules,
    });
    const daemon = await site.boot();
    expect(await site.hooks()).to.deep.equal(['app/101 item.create active']);

    const { ready, degraded } = await daemon.readiness();
    expect(ready).to.equal(true);
    expect(degraded.map(({ ref }) => ref)).to.deep.equal(['app/102']);
    const { code, stdout } = await site.podiod(['status', '--json', '--ready']);
    expect(code).to.equal(0);
    expect(JSON.parse(stdout).degraded[0]).to.include({ ref: 'app/102' });

    const { itemId } = await site.podio.createItem(101, { fields: { title: 'Alder' } });
    const [line] = await site.untilLines('events.ndjson', 1);
    expect(line?.itemId).to.equal(itemId);
    expect(daemon.log()).to.not.include('revoked"');
  });
});

describe('a Podio that is down', function () {
  this.timeout(40_000);

  it('is no reason not to start, nor not to take events in', async () => {
    const site = await makeSite({ rules, reconcile }, { faults: { down: true } });
    const daemon = await site.boot();
    const { degraded } = await daemon.readiness();
    expect(degraded.map(({ ref }) => ref)).to.include.members(['app/101', 'app/102']);

    expect(await site.deliver(LEADS, 'item.create', { item_id: 1, item_revision_id: 0 })).to.equal(200);
    await site.untilLines('events.ndjson', 1);

    await site.podio.clearFaults();
    await until(async () => (await site.hooks()).length === 2, 'both hooks', 30_000);
    await until(async () => (await daemon.readiness()).degraded.length === 0, 'recovery', 30_000);
    expect(await site.hooks()).to.deep.equal(['app/101 item.create active', 'app/102 item.create active']);
  });

  it('does not hurt steps that need it: they wait', async () => {
    const site = await makeSite({
      reconcile,
      rules: {
        lost: {
          on: { app: 'leads', fields: { status: { to: 'Lost' } }, events: 'item.update' },
          steps: ['audit'],
        },
      },
    });
    await site.boot();
    const { itemId } = await site.podio.createItem(101, { fields: { status: 'Open' } });
    await site.podio.setFaults({ down: true });
    await site.podio.updateItem(itemId, { fields: { status: 'Lost' } });
    await until(async () => (await site.peek()).length === 1, 'the event');
    await site.podio.clearFaults();
    const [entry] = await site.untilRun(1, 'lost');
    expect(entry?.runs[0]?.outcome).to.equal('settled');
    expect(site.lines('events.ndjson')).to.have.length(1);
  });
});
