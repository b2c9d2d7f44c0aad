// What podiod writes with hooks comes back to it: no news to its rules, and where they want it, not without end.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { LEADS, makeSite } from './site.ts';

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
