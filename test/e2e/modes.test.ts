// Run modes: what waits is on disk, and comes to one run with the right span, whatever the process meets.
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { letTimePass, makeSite, type Site, startReceiver } from './site.ts';

/** Tells what a message is for, and what changed. */
const SPANS = `
import { appendFileSync } from 'node:fs';
import { definePlugin, pathOption, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';

export default definePlugin({
  name: 'spans',
  options: z.strictObject({ path: pathOption() }),
  setup: ({ path }) => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(async message => {
          const changes = [...(await message.changes())].map(([name, { from, to }]) => [name, from.map(textOf), to.map(textOf)]);
          const revisions = message.events.map(({ revision }) => revision);
          const items = message.events.map(({ itemId }) => itemId);
          appendFileSync(path, JSON.stringify({ key: message.deliveryKey, revisions, items, changes }) + '\\n');
          return message;
        }),
      ),
  }),
});

const textOf = ({ value }) => (typeof value === 'object' ? value.text : value);
`;

interface Line {
  readonly key: string;
  readonly revisions: readonly number[];
  readonly items: readonly number[];
  readonly changes: readonly [field: string, from: readonly unknown[], to: readonly unknown[]][];
}

const spans = (site: Site) => site.lines<Line>('spans.ndjson');
const untilSpans = (site: Site, count: number) =>
  until(() => spans(site).length >= count && spans(site), `${count} lines`);

const settling = (settle: string) => ({
  rules: {
    r: { on: { app: 'leads', events: 'item.*' }, steps: ['spans'], mode: { settle, atMost: '10m' } },
  },
});

describe('run modes', function () {
  this.timeout(60_000);

  it('settle: one run whose changes span all edits, over kill -9', async () => {
    const site = await makeSite({
      plugins: { spans: { use: './spans.ts', path: './spans.ndjson' } },
      ...settling('2s'),
    });
    site.write('spans.ts', SPANS);
    const first = await site.boot();
    const { itemId } = await site.podio.createItem(101, { fields: { title: 'Alder', status: 'Open' } });
    const [created] = await untilSpans(site, 1);
    expect(created?.changes).to.deep.equal([
      ['title', [], ['Alder']],
      ['status', [], ['Open']],
    ]);

    // Longer than a start takes, on whatever machine.
    await first.end('SIGTERM');
    site.configure(settling('2m'));
    const daemon = await site.boot();
    await site.podio.updateItem(itemId, { fields: { title: 'Birch' } });
    await site.podio.updateItem(itemId, { fields: { status: 'Won' } });
    // Not yet gathered, they would wait as the next config says: over by the time that it is read.
    await until(async () => {
      const { stdout } = await site.podiod(['why', '--event', `item.update:${itemId}:2`]);
      return stdout.includes('2 events since');
    }, 'the edits to wait together');
    await daemon.end('SIGKILL');
    site.configure(settling('4s'));
    const again = await site.boot();
    await site.podio.updateItem(itemId, { fields: { title: 'Cedar' } });
    await site.podio.updateItem(itemId, { fields: { status: 'Open' } });
    const waits = await until(async () => {
      const { stdout } = await site.podiod(['why', '--event', `item.update:${itemId}:4`]);
      return /mode settle/.test(stdout) && stdout;
    }, 'what it waits for');
    expect(waits).to.match(/waits for the edits of its item to stop: \d events since|4 events as one run/);
    const lines = await untilSpans(site, 2);
    expect(lines[1]).to.deep.equal({
      key: `r/item.update:${itemId}:4/spans`,
      revisions: [1, 2, 3, 4],
      items: Array(4).fill(itemId),
      // The status is what it was.
      changes: [['title', ['Alder'], ['Cedar']]],
    });

    // Changed and changed back.
    await site.podio.updateItem(itemId, { fields: { title: 'Dogwood' } });
    await site.podio.updateItem(itemId, { fields: { title: 'Cedar' } });
    await until(async () => {
      const journal = await site.peek();
      return journal.length === 7 && journal.every(({ runs }) => runs.length === 1);
    }, 'a record of each event');
    expect(spans(site)).to.have.length(2);
    const { stdout } = await site.podiod(['why', '--event', `item.update:${itemId}:6`]);
    expect(stdout).to.contain('2 edits that cancel each other out');
    await again.end('SIGTERM');
  });

  it('settle: what podiod writes itself in between is no edit, over kill -9', async () => {
    const rules = (settle: string, hook: boolean) => ({
      rules: {
        r: {
          on: { app: 'leads', events: 'item.update' },
          steps: ['spans'],
          mode: { settle, atMost: '10m' },
        },
        moves: {
          on: { app: 'leads', fields: { title: { to: ['Birch', 'Cedar'] } } },
          steps: [
            {
              'podio-item': { set: { status: 'Won' }, hook },
              when: { 'fields.title': 'Birch' },
              id: 'won',
            },
            {
              'podio-item': { set: { status: 'Lost' }, hook },
              when: { 'fields.title': 'Cedar' },
              id: 'lost',
            },
          ],
        },
      },
    });
    const site = await makeSite({
      plugins: { spans: { use: './spans.ts', path: './spans.ndjson' } },
      ...rules('2m', false),
    });
    site.write('spans.ts', SPANS);
    const { itemId } = await site.podio.createItem(101, { fields: { title: 'Alder', status: 'Open' } });
    const daemon = await site.boot();
    const untilRevision = (revision: number) =>
      until(
        async () => ((await site.podio.item(itemId))?.revisions.length ?? 0) > revision,
        `revision ${revision}`,
      );
    const untilSettled = (count: number) =>
      until(async () => {
        const journal = await site.peek();
        const runs = journal.flatMap(({ runs }) => runs.filter(({ rule }) => rule === 'r'));
        return runs.length === count && runs.map(({ outcome }) => outcome);
      }, `${count} records`);

    await site.podio.updateItem(itemId, { fields: { title: 'Birch' } });
    await untilRevision(2);
    await until(async () => {
      const { stdout } = await site.podiod(['why', '--event', `item.update:${itemId}:1`]);
      return stdout.includes('1 event since');
    }, 'the edit to wait');
    await daemon.end('SIGKILL');
    site.configure(rules('4s', true));
    const again = await site.boot();
    // Back again: of what people did nothing is left, though the item is not what it was.
    await site.podio.updateItem(itemId, { fields: { title: 'Alder' } });
    expect(await untilSettled(2)).to.deep.equal(['filtered', 'filtered']);

    await site.podio.updateItem(itemId, { fields: { title: 'Cedar' } });
    await untilRevision(5);
    await site.podio.updateItem(itemId, { fields: { status: 'Open' } });
    const [line] = await untilSpans(site, 1);
    expect(line).to.include({ key: `r/item.update:${itemId}:6/spans` });
    expect(line?.revisions).to.deep.equal([4, 6]);
    expect(line?.changes).to.have.deep.members([
      ['title', ['Alder'], ['Cedar']],
      ['status', ['Lost'], ['Open']],
    ]);
    await again.end('SIGTERM');
  });

  it('batch: many events as one message, with the text of all of them', async () => {
    const slack = await startReceiver();
    const site = await makeSite({
      plugins: { slack: { use: 'slack-notifier', webhookUrl: slack.url } },
      rules: {
        r: {
          on: { app: 'leads', events: 'item.create' },
          mode: { batch: { max: 3, within: '8s' } },
          steps: [
            {
              slack: {
                text: '{{ batch.size }}:{% for m in batch %} {{ m.item.title }} ({{ m.fields.status }}){% endfor %}',
              },
            },
          ],
        },
      },
    });
    const daemon = await site.boot();
    const add = (title: string) => site.podio.createItem(101, { fields: { title, status: 'Open' } });
    // Deliveries may overtake each other.
    for (const [n, title] of ['Alder', 'Birch', 'Cedar', 'Dogwood'].entries()) {
      await add(title);
      await until(async () => (await site.peek()).length === n + 1, 'it in the journal');
    }
    await until(() => slack.received.length === 1, 'the first batch');
    expect(JSON.parse(slack.received[0] ?? '').text).to.equal('3: Alder (Open) Birch (Open) Cedar (Open)');
    const status = JSON.parse((await site.podiod(['status', '--json'])).stdout) as {
      rules: { rule: string; gathered?: number; lag: number }[];
    };
    expect(status.rules[0]).to.include({ gathered: 1, lag: 0 });
    expect((await site.podiod(['status'])).stdout).to.contain('r: 1 event waits to be run together');
    await daemon.end('SIGKILL');
    await site.boot();
    await until(() => slack.received.length === 2, 'the second batch', 20_000);
    expect(JSON.parse(slack.received[1] ?? '').text).to.equal('1: Dogwood (Open)');
    await until(
      async () => (await site.peek()).every(({ runs }) => runs[0]?.outcome === 'settled'),
      'all records',
    );
    expect(slack.received).to.have.length(2);
  });

  it('batch at run: one message for what a schedule has found', async () => {
    const slack = await startReceiver();
    const site = await makeSite({ rules: {} });
    for (let n = 1; n <= 12; n++) {
      await site.podio.createItem(102, { fields: { title: `Deal ${n}`, status: n % 3 ? 'Open' : 'Won' } });
    }
    site.configure({
      plugins: { slack: { use: 'slack-notifier', webhookUrl: slack.url } },
      rules: {
        drift: {
          on: {
            schedule: '0 12 1 6 *',
            missed: 'run',
            items: { app: 'deals', where: { 'fields.status': ['Open', 'Won'] } },
          },
          where: { 'fields.status': 'Won' },
          mode: { batch: { at: 'run' } },
          steps: [
            {
              slack: { text: '{{ batch.size }} drifted:{% for m in batch %} {{ m.item.title }}{% endfor %}' },
            },
          ],
        },
      },
    });
    const first = await site.boot();
    await first.end('SIGTERM');
    await letTimePass(site.dataDir, 2 * 366 * 24 * 60 * 60 * 1000);
    await site.boot();
    await until(() => slack.received.length === 1, 'the message');
    expect(JSON.parse(slack.received[0] ?? '').text).to.equal('4 drifted: Deal 3 Deal 6 Deal 9 Deal 12');
  });

  it('latest and throttle: the newest of what waits, and no faster than it may', async () => {
    const site = await makeSite({
      plugins: {
        gated: { use: './gated.ts', notes: './notes.ndjson', gate: './gate' },
        slow: { use: 'file-logger', path: './slow.ndjson' },
      },
      rules: {
        newest: { on: { app: 'leads', events: 'item.update' }, mode: 'latest', steps: ['gated'] },
        careful: {
          on: { app: 'leads', events: 'item.update' },
          mode: { throttle: { max: 2, per: '12s' } },
          steps: ['slow'],
        },
      },
    });
    site.copyPlugin('gated.ts');
    const daemon = await site.boot();
    const { itemId } = await site.podio.createItem(101, { fields: { title: '0' } });
    const edit = (title: string) => site.podio.updateItem(itemId, { fields: { title } });
    const notes = () => site.lines<{ key: string; what: string }>('notes.ndjson');
    await edit('1');
    // Or the others may come with it, and be one run with it.
    await until(() => notes().length === 1, 'the first run');
    for (const title of ['2', '3', '4', '5']) await edit(title);
    await until(async () => (await site.peek()).length === 5, 'all events');
    await until(async () => {
      const { stdout } = await site.podiod(['status', '--json']);
      const { rules } = JSON.parse(stdout) as { rules: { rule: string; gathered?: number }[] };
      return rules.find(({ rule }) => rule === 'newest')?.gathered === 5;
    }, 'all gathered');
    await daemon.end('SIGKILL');
    const again = await site.boot();
    site.write('gate', '');
    const begun = await until(() => {
      const keys = notes().flatMap(({ key, what }) => (what === 'ended' ? [key] : []));
      return keys.length === 2 && keys;
    }, 'two runs');
    expect(begun).to.deep.equal([1, 5].map(revision => `newest/item.update:${itemId}:${revision}/gated`));
    await until(async () => {
      const outcomes = (await site.peek()).flatMap(({ runs }) =>
        runs.filter(({ rule }) => rule === 'newest').map(({ outcome }) => outcome),
      );
      return outcomes.length === 5 && outcomes.filter(outcome => outcome === 'settled').length === 2;
    }, 'a record of each');

    await site.untilLines('slow.ndjson', 2);
    await again.end('SIGKILL');
    const third = await site.boot();
    expect(site.lines('slow.ndjson').map(({ revision }) => revision)).to.deep.equal([1, 2]);
    await third.end('SIGKILL');
    await site.boot();
    const lines = await until(
      () => {
        const found = site.lines('slow.ndjson');
        return found.length === 4 && found;
      },
      'the next two',
      30_000,
    );
    expect(lines.map(({ revision }) => revision)).to.deep.equal([1, 2, 3, 4]);
  });
});
