// States that last and dates that come, with podiod killed on the way.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { makeSite } from './site.ts';

const stamp = (ms: number) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

describe('what time brings', function () {
  this.timeout(60_000);

  it('a state that lasts and a date that comes start a rule once, over kills and without a delivery', async () => {
    const site = await makeSite({
      rules: {
        stuck: {
          on: { app: 'leads', fields: { status: { from: 'Open', to: 'Won', for: '6s' } } },
          where: { 'fields.status': 'Won' },
          steps: ['audit'],
        },
        due: { on: { app: 'leads', date: 'due' }, steps: ['audit'] },
      },
    });
    await site.podio.addField(101, { externalId: 'due', type: 'date', fieldId: 1003 });
    const first = await site.boot();
    expect(await site.hooks()).to.deep.equal([
      'app/101 app.update active',
      'app_field/1001 item.create active',
      'app_field/1001 item.update active',
      'app_field/1003 item.create active',
      'app_field/1003 item.update active',
    ]);
    const { itemId } = await site.podio.createItem(101, { fields: { title: 'Alder', status: 'Open' } });
    const other = await site.podio.createItem(101, { fields: { title: 'Birch', status: 'Open' } });
    await site.podio.updateItem(itemId, {
      fields: { status: 'Won', due: { start_utc: stamp(Date.now() + 5000) } },
    });
    await site.podio.updateItem(other.itemId, { fields: { status: 'Won' } });
    const armed = await until(async () => {
      const { stdout } = await site.podiod(['why', '--item', 'leads/1', '--json']);
      const found = JSON.parse(stdout).armed as { rule: string; due: string; revision?: number }[];
      if (found.length < 2) throw new Error(stdout);
      return found;
    }, 'both timers');
    expect(armed.map(({ rule, revision }) => [rule, revision])).to.deep.equal([
      ['stuck', 1],
      ['due', undefined],
    ]);
    const { stdout } = await site.podiod(['why', '--event', `item.update:${itemId}:1`, '--json']);
    expect(JSON.parse(stdout).armed, 'by its event').to.deep.equal(armed);
    await first.end('SIGKILL');
    // Nobody hears of this one.
    await site.podio.updateItem(other.itemId, { fields: { status: 'Lost' } }, { hook: false });
    const second = await site.boot();
    const status = await site.podiod(['status']);
    expect(status.stdout).to.match(/timers of stuck: \d+ armed, leads looked at/);
    await until(() => new Set(site.lines('events.ndjson').map(({ id }) => id)).size === 2, 'the first two');
    await second.end('SIGKILL');
    const third = await site.boot();
    const { itemId: late } = await site.podio.createItem(101, { fields: { title: 'Cedar', status: 'Open' } });
    await site.podio.updateItem(late, { fields: { status: 'Won' } });
    // A run whose record a kill has kept from the disk is run again: what counts is which events there are.
    const lines = await until(() => {
      const known = new Map(site.lines('events.ndjson').map(line => [line.id, line]));
      return known.size === 3 && [...known.values()];
    }, 'three events that were run for');
    await third.end('SIGTERM');
    expect(lines.map(({ rule, type, source, itemId: of }) => [rule, type, source, of])).to.have.deep.members([
      ['stuck', 'item.lasted', 'daemon', itemId],
      ['due', 'item.date', 'daemon', itemId],
      ['stuck', 'item.lasted', 'daemon', late],
    ]);
    expect(lines.map(({ id }) => id)).to.include.members([
      `item.lasted:stuck:${itemId}:1`,
      `item.lasted:stuck:${late}:1`,
    ]);
    const why = await site.podiod(['why', '--event', `item.lasted:stuck:${itemId}:1`, '--rule', 'stuck']);
    expect(why.stdout).to.match(
      /stuck: it ran\n {6}✓ on\.fields status from Open to Won for 6s, is so since 20/,
    );
    const told = (await site.journal()).filter(({ source }) => source === 'daemon').map(({ id }) => id);
    expect(new Set(told).size).to.equal(told.length);
    // Neither is told before its time.
    for (const { params, receivedAt, type } of lines) {
      const due = type === 'item.date' ? Date.parse(params.due ?? '') : Date.parse(params.since ?? '') + 6000;
      expect(Date.parse(receivedAt)).to.be.at.least(due);
    }
  });

  it('hears of what a rule writes that a reload has left alone', async () => {
    const set = {
      on: { app: 'leads', events: 'comment.create' },
      steps: [{ 'podio-item': { set: { due: '{{ comment.text }}' } } }],
    };
    const site = await makeSite({ rules: { set } });
    await site.podio.addField(101, { externalId: 'due', type: 'date', fieldId: 1003 });
    const { itemId } = await site.podio.createItem(101, { fields: { title: 'Alder' } });
    const daemon = await site.boot();
    site.configure({ rules: { set, due: { on: { app: 'leads', date: 'due' }, steps: ['audit'] } } });
    const reloaded = await site.podiod(['reload', '--json']);
    expect(JSON.parse(reloaded.stdout).rules).to.deep.include({ added: ['due'], unchanged: ['set'] });
    // Only now, however long the start has taken: a date that is past when its rule is first loaded is not told.
    const due = new Date(Date.now() + 5000).toISOString();
    await site.podio.addComment(itemId, due);
    // Podio tells no hook of the write: `hook: false` is the default.
    const [line] = await site.untilLines('events.ndjson', 1);
    expect([line?.rule, line?.type, line?.itemId]).to.deep.equal(['due', 'item.date', itemId]);
    expect(Date.parse(line?.receivedAt ?? '')).to.be.at.least(Date.parse(due) - 1000);
    expect((await site.journal()).filter(({ type }) => type === 'item.update')).to.deep.equal([]);
    await daemon.end('SIGTERM');
  });
});
