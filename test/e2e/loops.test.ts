// What podiod writes with hooks comes back to it: no news to its rules, and where they want it, not without end.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { LEADS, makeSite, type Site } from './site.ts';

const write = (title: string) => ({ 'podio-item': { set: { title }, hook: true } });
const rules = (more: object) => ({
  ping: {
    on: { app: 'leads', events: 'item.update' },
    steps: [write('ping of {{ item.revision }}')],
    ...more,
  },
  pong: {
    on: { app: 'leads', events: 'item.update' },
    steps: [write('pong of {{ item.revision }}')],
    ...more,
  },
});

const NOTE = `import { definePlugin, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';

export default definePlugin({
  name: 'note',
  options: z.strictObject({}),
  setup: (_, { podio }) => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(async message => {
          await podio.items.update(message.event.itemId, { fields: { title: 'noted' } });
          return message;
        }),
      ),
  }),
});
`;

/** Puts an item's date off. */
const LATER = `import { definePlugin, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';

export default definePlugin({
  name: 'later',
  options: z.strictObject({}),
  setup: (_, { podio }) => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(async message => {
          const start_utc = new Date(Date.now() + 4000).toISOString().slice(0, 19).replace('T', ' ');
          await podio.items.update(message.event.itemId, { fields: { due: { start_utc } } });
          return message;
        }),
      ),
  }),
});
`;

const soon = (ms: number) => new Date(Date.now() + ms).toISOString().slice(0, 19).replace('T', ' ');

describe('a write whose answer is lost', function () {
  this.timeout(90_000);

  for (const [what, kill] of [
    ['tried again', false],
    ['done again after kill -9', true],
  ] as const)
    it(`${what}, it is not taken for what a person has changed meanwhile`, async () => {
      const site = await makeSite({
        defaults: { delivery: { backoff: '2s..2s' } },
        // A look at the app would be faster than the delivery.
        catchUp: { onStart: false },
        plugins: { note: { use: './note.ts' } },
        rules: {
          notes: { on: { app: 'leads', events: 'item.update' }, steps: ['note'] },
          hears: {
            on: { app: 'leads', events: 'item.update' },
            steps: [{ 'file-logger': { path: './heard.ndjson' } }],
          },
        },
      });
      site.write('note.ts', NOTE);
      const { itemId } = await site.podio.createItem(LEADS.id, { fields: { title: 'Acme', status: 'Open' } });
      let daemon = await site.boot();
      const revision = async () => (await site.podio.show(itemId)).revision;
      await site.podio.setFaults({
        operations: ['items.update'],
        errorRate: 1,
        errorStatus: 502,
        errorAfterEffect: true,
      });
      await site.podio.updateItem(itemId, { fields: { status: 'Won' } });
      await until(async () => (await revision()) === 2, 'the write without an answer');
      if (kill) await daemon.end('SIGKILL');
      await site.podio.clearFaults();
      await site.podio.setFaults({ deliveryDelayMs: 6000 });
      await site.podio.updateItem(itemId, { fields: { status: 'Open' } });
      if (kill) daemon = await site.boot();
      const events = await site.untilRun(2, 'hears');
      expect(await revision()).to.equal(3);
      const persons = events.find(event => event.revision === 3);
      expect(persons?.runs.find(({ rule }) => rule === 'hears')?.outcome).to.equal('settled');
      await daemon.end('SIGTERM');
    });
});

describe('rules that write what they watch, with hooks', function () {
  this.timeout(90_000);

  for (const latencyMs of [
    [0, 0],
    [100, 200],
  ] as const) {
    it(`hear nothing of it, where Podio answers a write after ${latencyMs[1]} ms`, async () => {
      const site = await makeSite(
        { rules: rules({}) },
        { faults: { operations: ['items.update'], latencyMs: [...latencyMs] } },
      );
      const { itemId } = await site.podio.createItem(LEADS.id, { fields: { title: 'Acme', status: 'Open' } });
      let daemon = await site.boot();
      await site.podio.updateItem(itemId, { fields: { status: 'Won' } });
      const events = await site.untilRun(3, 'ping', 'pong');
      expect(events.map(({ runs }) => runs.map(({ outcome }) => outcome))).to.deep.equal([
        ['settled', 'settled'],
        ['filtered', 'filtered'],
        ['filtered', 'filtered'],
      ]);
      await daemon.end('SIGKILL');
      daemon = await site.boot();
      const { stdout } = await site.podiod(['why', '--event', events[2]?.id ?? '']);
      expect(stdout).to.match(/ping: own change, made by rule (ping|pong)/);
      await daemon.end('SIGTERM');
      expect(await site.journal()).to.have.length(3);
    });
  }

  it('hear of tasks that podiod has made as of anything else that it has: not, or as deep as may be', async () => {
    const more = { 'podio-task': { text: 'more', on: '{{ task.ref.id }}', hook: true } };
    const on = { space: 'sales', events: 'task.create' };
    const site = await makeSite({
      rules: {
        first: {
          on: { app: 'leads', events: 'item.create' },
          steps: [{ 'podio-task': { text: 'first', hook: true } }],
        },
        again: { on, includeOwn: true, loop: 'allowed', steps: [more] },
        deaf: { on, steps: ['audit'] },
      },
      defaults: { maxDepth: 3 },
    });
    const daemon = await site.boot();
    await site.podio.createItem(LEADS.id, { fields: { title: 'Acme', status: 'Open' } });
    const tasks = () => site.peek().then(all => all.filter(({ event }) => event.type === 'task.create'));
    // The run that made a task may end after the one that the task would have started.
    await until(async () => {
      const all = await tasks();
      return all.length === 3 && all.every(({ runs }) => runs.length === 2);
    }, 'what became of all');
    const outcomes = (await tasks()).map(({ runs }) =>
      Object.fromEntries(runs.map(({ rule, outcome }) => [rule, outcome])),
    );
    expect(outcomes).to.deep.equal([
      { again: 'settled', deaf: 'filtered' },
      { again: 'settled', deaf: 'filtered' },
      { again: 'filtered', deaf: 'filtered' },
    ]);
    await daemon.end('SIGTERM');
  });

  it('hear of it as deep as may be, where they want to', async () => {
    const site = await makeSite({
      rules: { ping: { ...rules({}).ping, includeOwn: true, loop: 'allowed' } },
      defaults: { maxDepth: 3 },
    });
    const { itemId } = await site.podio.createItem(LEADS.id, { fields: { title: 'Acme', status: 'Open' } });
    const daemon = await site.boot();
    await site.podio.updateItem(itemId, { fields: { status: 'Won' } });
    const events = await site.untilRun(4, 'ping');
    expect(events.flatMap(({ runs }) => runs.map(({ outcome }) => outcome))).to.deep.equal([
      'settled',
      'settled',
      'settled',
      'filtered',
    ]);
    await until(() => daemon.log().includes('rules set each other off again and again'), 'a line in the log');
    const { stdout } = await site.podiod(['why', '--event', events[3]?.id ?? '']);
    expect(stdout).to.contain('stopped: rules set each other off, and 3 runs had followed');
    await daemon.end('SIGTERM');
  });
});

describe('rules that set each other off by way of time', function () {
  this.timeout(120_000);

  const outcomes = async (site: Site, type: string) =>
    (await site.peek())
      .filter(({ event }) => event.type === type)
      .map(({ event, runs }) => [
        event.params.revision,
        ...runs.map(({ rule, outcome }) => `${rule} ${outcome}`),
      ]);

  it('by states that last: stopped as deep as may be, over kill -9, without hooks and without includeOwn', async () => {
    const swap = (from: string, to: string) => ({
      on: { app: 'leads', fields: { status: { to: from, for: '4s' } } },
      steps: [{ 'podio-item': { set: { status: to } } }],
    });
    const rules = { ping: { ...swap('Open', 'Won'), loop: 'allowed' }, pong: swap('Won', 'Open') };
    // Nobody else reads the item or tells of it: podiod knows of its own writes alone.
    const site = await makeSite({ rules, defaults: { maxDepth: 3 }, catchUp: { onStart: false } });
    let daemon = await site.boot();
    const { itemId } = await site.podio.createItem(LEADS.id, { fields: { title: 'Acme', status: 'Open' } });
    for (const revision of [1, 2]) {
      await until(
        async () => {
          const { stdout } = await site.podiod(['why', '--item', String(itemId), '--json']);
          return JSON.parse(stdout).armed.some(
            (one: { revision?: number }) => (one.revision ?? 0) >= revision,
          );
        },
        `what waits since revision ${revision}`,
        30_000,
      );
      await daemon.end('SIGKILL');
      daemon = await site.boot();
    }
    await until(async () => (await outcomes(site, 'item.lasted')).at(3)?.[1], 'the fourth', 30_000);
    expect(await outcomes(site, 'item.lasted')).to.deep.equal([
      ['0', 'ping settled'],
      ['1', 'pong settled'],
      ['2', 'ping settled'],
      ['3', 'pong filtered'],
    ]);
    expect((await site.podio.show(itemId)).revision).to.equal(3);
    await until(() => daemon.log().includes('rules set each other off again and again'), 'a line in the log');
    const { stdout } = await site.podiod(['why', '--event', `item.lasted:pong:${itemId}:3`]);
    expect(stdout).to.contain('stopped: rules set each other off, and 3 runs had followed');
    // A person begins anew.
    await site.podio.updateItem(itemId, { fields: { status: 'Open' } });
    await until(async () => (await outcomes(site, 'item.lasted')).at(4)?.[1], 'the next one', 30_000);
    expect((await outcomes(site, 'item.lasted'))[4]).to.deep.equal(['4', 'ping settled']);
    await daemon.end('SIGTERM');
  });

  it('by dates that come', async () => {
    const site = await makeSite({
      rules: { again: { on: { app: 'leads', date: 'due' }, steps: ['later'] } },
      plugins: { later: { use: './later.ts' } },
      defaults: { maxDepth: 2 },
    });
    await site.podio.addField(101, { externalId: 'due', type: 'date', fieldId: 1003 });
    site.write('later.ts', LATER);
    let daemon = await site.boot();
    const due = { start_utc: soon(4000) };
    const { itemId } = await site.podio.createItem(LEADS.id, { fields: { title: 'Acme', due } });
    await until(async () => (await outcomes(site, 'item.date')).at(0)?.[1], 'the first', 30_000);
    await daemon.end('SIGKILL');
    daemon = await site.boot();
    await until(async () => (await outcomes(site, 'item.date')).at(2)?.[1], 'the third', 30_000);
    expect(await outcomes(site, 'item.date')).to.deep.equal([
      ['0', 'again settled'],
      ['1', 'again settled'],
      ['2', 'again filtered'],
    ]);
    expect((await site.podio.show(itemId)).revision).to.equal(2);
    await daemon.end('SIGTERM');
  });
});
