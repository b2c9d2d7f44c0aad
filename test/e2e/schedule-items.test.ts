// A schedule with `items`: a run for each item that its condition or a view picks. A yearly tick that was missed, so that none
// comes by while the test runs.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { letTimePass, makeSite, type Site, startReceiver } from './site.ts';

const YEARLY = { schedule: '0 12 1 6 *', missed: 'run' };
const TWO_YEARS = 2 * 366 * 24 * 60 * 60 * 1000;

/** Every third one is Won. Answers the others. */
async function fill(site: Site, count: number): Promise<readonly number[]> {
  const open: number[] = [];
  for (let n = 1; n <= count; n++) {
    const status = n % 3 === 0 ? 'Won' : 'Open';
    const { itemId } = await site.podio.createItem(102, { fields: { title: `Deal ${n}`, status } });
    if (status === 'Open') open.push(itemId);
  }
  return open;
}

/** Has the tick come while nothing ran, and begins to read its items. */
async function bootAtTick(site: Site) {
  const first = await site.boot();
  await first.end('SIGTERM');
  await letTimePass(site.dataDir, TWO_YEARS);
  return site.boot();
}

const ended = async (site: Site): Promise<number> =>
  (await site.peek()).filter(({ event }) => event.type === 'schedule.end').length;

/** item_ids of this rule's runs that ended so. */
const ranFor = async (site: Site, rule: string, outcome: string) =>
  (await site.peek())
    .filter(({ runs }) => runs.some(run => run.rule === rule && run.outcome === outcome))
    .map(({ event }) => event.itemId);

describe('a schedule with items', function () {
  this.timeout(60_000);

  it('runs for each item of its condition or its view, not for the tick, and reads none by itself', async () => {
    const site = await makeSite({ rules: {} });
    const open = await fill(site, 60);
    const { viewId } = await site.podio.addView(102, { name: 'All', filters: {} });
    const where = { 'fields.status': 'Open', 'item.title': { matches: '^Deal' } };
    site.configure({
      rules: {
        checked: {
          on: { ...YEARLY, items: { app: 'deals', where } },
          where: { 'fields.status': 'Open' },
          steps: ['audit'],
        },
        viewed: {
          on: { ...YEARLY, items: { app: 'deals', view: viewId } },
          where: { 'fields.status': 'Won' },
          steps: ['audit'],
        },
      },
    });
    const daemon = await bootAtTick(site);
    await until(async () => (await ended(site)) === 2, 'both ends');
    await until(async () => (await ranFor(site, 'viewed', 'filtered')).length === 40, 'the runs of one');
    await until(
      async () => (await ranFor(site, 'checked', 'settled')).length === 40,
      'the runs of the other',
    );
    expect(await ranFor(site, 'checked', 'settled')).to.deep.equal(open);
    expect(await ranFor(site, 'viewed', 'filtered')).to.deep.equal(open);
    expect(await ranFor(site, 'viewed', 'settled')).to.have.length(20);
    const others = (await site.peek()).filter(({ event }) => event.type !== 'schedule.item');
    expect(others.map(({ event, runs }) => [event.type, runs.length]).sort()).to.deep.equal([
      ['schedule.end', 0],
      ['schedule.end', 0],
      ['schedule.fire', 0],
      ['schedule.fire', 0],
    ]);
    const metrics = await (await daemon.admin('/metrics')).text();
    expect(metrics).to.match(/podiod_api_calls_total\{operation="items.filter"/);
    expect(metrics).not.to.match(/podiod_api_calls_total\{operation="items.get"/);
    const tick = others.find(({ event }) => event.ref.id === 'checked');
    const why = await site.podiod(['why', '--event', String(tick?.event.seq)]);
    expect(why.stdout).to.include('the rule runs for each item of deals, not for the tick');
    const [item] = open;
    const picked = await site.podiod(['why', '--item', String(item), '--rule', 'checked']);
    expect(picked.stdout).to.match(/✓ on\.items\.where fields\.\S+ eq Open, is Open\n/);
  });

  it('comes as one message for all where the rule gathers them until the tick has ended', async () => {
    const site = await makeSite({ rules: {} });
    const open = await fill(site, 60);
    const sent = await startReceiver();
    site.configure({
      plugins: { tell: { use: 'slack-notifier', webhookUrl: sent.url } },
      rules: {
        drift: {
          on: { ...YEARLY, items: { app: 'deals', where: { 'fields.status': 'Open' } } },
          where: { 'item.title': { matches: '[05]$' } },
          mode: { batch: { max: 500, at: 'run' } },
          steps: [{ tell: { text: '{{ batch.size }}:{% for m in batch %} {{ m.item.title }}{% endfor %}' } }],
        },
      },
    });
    const daemon = await bootAtTick(site);
    await until(async () => (await ranFor(site, 'drift', 'settled')).length > 0, 'the message');
    const [text, ...more] = sent.received.map(body => JSON.parse(body).text);
    expect(more).to.deep.equal([]);
    const titles = open
      .map((_, n) => `Deal ${Math.floor(n / 2) * 3 + (n % 2) + 1}`)
      .filter(title => /[05]$/.test(title));
    expect(text).to.equal(`${titles.length}: ${titles.join(' ')}`);
    const metrics = await (await daemon.admin('/metrics')).text();
    expect(metrics).not.to.match(/podiod_api_calls_total\{operation="items.get"/);
  });

  it('goes on after a kill where it was, and tells of a Podio that does not answer', async () => {
    const rules = { all: { on: { ...YEARLY, items: { app: 'deals' } }, steps: ['audit'] } };
    const site = await makeSite({ rules }, { maxFilterLimit: 20, overFilterLimit: 'clamp' });
    await fill(site, 45);
    const killed = await bootAtTick(site);
    await until(
      async () => (await site.peek()).some(({ event }) => event.type === 'schedule.item'),
      'an item',
    );
    await killed.end('SIGKILL');
    await site.podio.setFaults({ errorRate: 1, errorStatus: 500, operations: ['items.filter'] });
    await site.boot();
    const told = await until(async () => {
      const { stdout } = await site.podiod(['status']);
      return /not read, next try in .*: ./.test(stdout) && stdout;
    }, 'what fails in the status');
    await site.podio.clearFaults();
    expect(told).to.match(/items of deals for all: \d+ of \d+ read so far/);
    await until(async () => (await ended(site)) === 1, 'the end', 30_000);
    await until(async () => (await ranFor(site, 'all', 'settled')).length === 45, 'a run for each');
    expect(new Set(await ranFor(site, 'all', 'settled')).size).to.equal(45);
    expect((await site.podiod(['status'])).stdout).not.to.include('items of deals');
  });
});
