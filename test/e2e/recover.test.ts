// What happened while podiod was away, or was never delivered, reaches the rules that want it.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { LEADS, type LoggedEvent, makeSite } from './site.ts';

const onLeads = { app: 'leads', events: ['item.create', 'item.update'] };
const rules = { everything: { on: onLeads, steps: ['audit'] } };

const short = ({ rule, id, source }: LoggedEvent): string => `${rule} ${id} ${source}`;

function passSeconds(count: number): Promise<boolean> {
  const end = Date.now() + count * 1000;
  return until(() => Date.now() > end, `${count} seconds`);
}

describe('missed changes', function () {
  this.timeout(40_000);

  it('made while podiod was down reach each rule as it wants them, and no rule that came later', async () => {
    // What was not delivered stays so.
    const site = await makeSite({ rules }, { retryDelaysMs: [] });
    const first = await site.boot();
    const { itemId: known } = await site.podio.createItem(101, { fields: { title: 'Alder' } });
    await site.untilLines('events.ndjson', 1);
    // Podio tells times to the second: what was made in the second of the first start may have been there before.
    await passSeconds(1);
    await first.end('SIGTERM');
    await site.podio.updateItem(known, { fields: { title: 'Birch' } });
    await site.podio.updateItem(known, { fields: { status: 'Won' } });
    const { itemId: born } = await site.podio.createItem(101, { fields: { title: 'Cedar' } });
    // A rule is loaded later than a change only if the clock says so.
    await passSeconds(2);

    site.configure({
      rules: {
        ...rules,
        won: {
          on: { app: 'leads', fields: { status: { to: 'Won' } } },
          startAt: 'earliest',
          steps: ['audit'],
        },
        careful: { on: onLeads, startAt: 'earliest', recovered: 'skip', steps: ['audit'] },
        late: { on: onLeads, steps: ['audit'] },
      },
    });
    await site.boot();
    await site.untilRun(4, 'everything');
    await site.untilLines('events.ndjson', 6);
    await site.podio.updateItem(born, { fields: { title: 'Dogwood' } });
    const lines = await site.untilLines('events.ndjson', 9);
    expect(lines.map(short).sort()).to.deep.equal(
      [
        `everything item.create:${known}:0 webhook`,
        `everything item.update:${known}:1 recovered`,
        `everything item.update:${known}:2 recovered`,
        `everything item.create:${born}:0 recovered`,
        `won item.update:${known}:2 recovered`,
        `careful item.create:${known}:0 webhook`,
        `everything item.update:${born}:1 webhook`,
        `careful item.update:${born}:1 webhook`,
        `late item.update:${born}:1 webhook`,
      ].sort(),
    );
    const toldOf = (item: number) =>
      lines
        .filter(({ rule, itemId }) => rule === 'everything' && itemId === item)
        .map(({ revision }) => revision);
    expect([toldOf(known), toldOf(born)], 'in order').to.deep.equal([
      [0, 1, 2],
      [0, 1],
    ]);
    const journal = await site.journal();
    const runs = journal.find(({ id }) => id === `item.create:${born}:0`)?.runs;
    expect(runs?.map(({ rule, outcome }) => [rule, outcome])).to.deep.include.members([
      ['careful', 'filtered'],
      ['everything', 'settled'],
    ]);
    expect(runs?.map(({ rule }) => rule)).to.not.include('late');
  });

  it('that were never delivered are told within seconds of the next one, and status says so', async () => {
    const site = await makeSite({ rules });
    await site.boot();
    const { itemId } = await site.podio.createItem(101, { fields: { title: 'Alder' } });
    await site.untilLines('events.ndjson', 1);
    await site.podio.updateItem(itemId, { fields: { title: 'Birch' } }, { hook: false });
    await site.podio.updateItem(itemId, { fields: { title: 'Cedar' } });
    const lines = await site.untilLines('events.ndjson', 3);
    expect(lines.map(short)).to.deep.equal([
      `everything item.create:${itemId}:0 webhook`,
      `everything item.update:${itemId}:1 recovered`,
      `everything item.update:${itemId}:2 webhook`,
    ]);
    const { stdout } = await site.podiod(['status', '--json']);
    const { apps } = JSON.parse(stdout) as { apps: object[] };
    expect(apps.length).to.equal(1);
    expect(apps[0]).to.include({ app: 'leads', known: 3, delivered: 2, recovered: 1, own: 0, open: 0 });
    expect((await site.podiod(['status'])).stdout).to.match(/leads\s+3\s+2\s+1\s+0\s+0\s+0/);
  });

  it('that were deletions are known of where a read meets the item’s absence, and told by status only', async () => {
    const site = await makeSite({
      rules: {
        all: {
          on: { app: 'leads', events: 'item.*' },
          where: { 'item.title': { ne: 'Yew' } },
          steps: ['audit'],
        },
      },
    });
    await site.boot();
    const { itemId } = await site.podio.createItem(101, { fields: { title: 'Alder' } });
    await site.untilLines('events.ndjson', 1);
    await site.podio.deleteItem(itemId, { hook: false });
    await site.deliver(LEADS, 'item.update', { item_id: itemId, item_revision_id: 1 });
    await site.untilLines('events.ndjson', 2);
    const lost = async () => {
      const { stdout } = await site.podiod(['status', '--json']);
      const { apps } = JSON.parse(stdout) as { apps: { unprovable: { why: string; count: number }[] }[] };
      return apps[0]?.unprovable;
    };
    const why = 'the item was deleted, as a read has shown, and no delivery told of it';
    expect(
      await until(async () => ((await lost())?.length ?? 0) > 0 && lost(), 'it to be counted'),
    ).to.deep.equal([{ why, count: 1 }]);
    expect((await site.podiod(['status'])).stdout.replaceAll(/\s+/g, ' ')).to.contain(
      `leads: 1 lost, ${why}`,
    );
    expect((await site.peek()).map(({ event }) => event.type)).to.deep.equal(['item.create', 'item.update']);
    // It comes late after all.
    await site.deliver(LEADS, 'item.delete', { item_id: itemId });
    await site.untilLines('events.ndjson', 3);
    expect(await lost()).to.deep.equal([]);
  });

  it('reach a rule on a field though only the field’s delivery was lost, beside the app’s own', async function () {
    this.timeout(90_000);
    const won = { on: { app: 'leads', fields: { status: { to: 'Won' } } }, steps: ['audit'] };
    const site = await makeSite({ rules: { everything: rules.everything, won } });
    const first = await site.boot();
    const { itemId: one } = await site.podio.createItem(101, { fields: { title: 'Alder', status: 'Open' } });
    const { itemId: two } = await site.podio.createItem(101, { fields: { title: 'Birch', status: 'Open' } });
    // The creations reach the rule on the field as well, by its hook, and are nothing to it.
    await until(async () => (await site.peek()).length === 4, 'the creations by both hooks');

    const found = (count: number) => {
      const lines = site.lines('events.ndjson');
      return lines.length >= count && lines;
    };
    // Somebody deletes the field's hook, which is noticed a while later.
    const [hook] = (await site.podio.hooks()).filter(
      ({ ref, type }) => ref.type === 'app_field' && type === 'item.update',
    );
    if (!hook) throw new Error('the field has a hook');
    await site.podio.deleteHook(hook.hookId);
    await site.podio.updateItem(one, { fields: { status: 'Won' } });
    await site.podio.updateItem(two, { fields: { title: 'Cedar' } });
    await site.untilLines('events.ndjson', 4);
    expect((await site.podiod(['apply', '--yes'])).code).to.equal(0);
    // Deliveries of one change may come some seconds apart.
    const lines = await until(() => found(5), 'what was lost', 20_000);
    expect(lines.slice(4).map(short)).to.deep.equal([`won item.update:${one}:1 recovered`]);

    // Its delivery comes while nobody is there, the app's own just after the next start.
    await first.end('SIGTERM');
    await site.podio.updateItem(two, { fields: { status: 'Won' } }, { hook: false });
    await site.boot();
    await site.deliver(LEADS, 'item.update', { item_id: two, item_revision_id: 2 });
    const all = await until(() => found(7), 'what was lost', 20_000);
    expect(all.slice(5).map(short)).to.deep.equal([
      `everything item.update:${two}:2 webhook`,
      `won item.update:${two}:2 recovered`,
    ]);
  });
});
