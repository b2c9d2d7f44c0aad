// What rules do at Podio, under kill -9 and with answers that are lost: everything once for each event, nothing left out.
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { makeRandom } from '../support/random.ts';
import { DEALS, LEADS, makeSite, type Site, startReceiver } from './site.ts';

const ITEMS = 40;
const KILLS = 6;

const titles = Array.from({ length: ITEMS }, (_, n) => `lead ${n}`);

/** How many there are of each. */
const counted = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries(
    Array.from(
      Map.groupBy(names, name => name),
      ([name, all]) => [name, all.length],
    ),
  );

const once = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map(name => [name, 1]));

async function makeActing(url: string): Promise<Site> {
  return makeSite(
    {
      rules: {
        acts: {
          on: { app: 'leads', events: 'item.update' },
          steps: [
            { 'podio-comment': { text: 'about {{ item.title }}' } },
            {
              'podio-task': {
                tasks: [{ text: 'call {{ item.title }}' }, { text: 'write {{ item.title }}' }],
                assign: 'bot@example.com',
              },
            },
            { 'podio-item': { app: 'deals', set: { title: 'made of {{ item.title }}' } }, id: 'made' },
            {
              'podio-item': {
                app: 'deals',
                match: { externalId: 'lead-{{ item.id }}' },
                create: true,
                copy: ['title', 'status'],
              },
              id: 'mirror',
            },
            { 'http-request': { url, json: { title: '{{ item.title }}', made: '{{ data.made.id }}' } } },
          ],
        },
      },
      defaults: { delivery: { backoff: '20ms..100ms' } },
    },
    {
      retryDelaysMs: Array<number>(500).fill(50),
      retryOn: 'any-failure',
      switchOffAfter: 0,
      deliveryTimeoutMs: 3000,
      limits: { general: 100_000, limited: 100_000, logins: 1000 },
      faults: {
        operations: ['comments.create', 'tasks.create', 'items.create', 'items.update'],
        latencyMs: [1, 20],
        errorRate: 0.15,
        errorStatus: 500,
        errorAfterEffect: true,
      },
    },
  );
}

describe('actions at Podio', () => {
  it('are done once for each event, whenever the daemon is killed and whichever answer is lost', async () => {
    const random = makeRandom(7);
    const receiver = await startReceiver();
    const site = await makeActing(receiver.url);
    const { podio } = site;
    const items: number[] = [];
    for (const title of titles) {
      const { itemId } = await podio.createItem(LEADS.id, { fields: { title, status: 'Open' } });
      items.push(itemId);
    }
    let daemon = await site.boot();
    for (const [n, itemId] of items.entries()) {
      await podio.updateItem(itemId, { fields: { status: 'Won' } });
      if (n % Math.ceil(ITEMS / KILLS) !== 1) continue;
      await pause(random() * 400);
      await daemon.end('SIGKILL');
      daemon = site.run();
    }
    await daemon.ready();
    const events = await site.untilRun(ITEMS, 'acts');
    expect(events.flatMap(({ runs }) => runs.map(({ outcome }) => outcome))).to.deep.equal(
      Array(events.length).fill('settled'),
    );

    const comments = await Promise.all(items.map(itemId => podio.comments(itemId)));
    expect(counted(comments.flat().map(({ value }) => value))).to.deep.equal(
      once(titles.map(title => `about ${title}`)),
    );
    const tasks = await podio.tasks();
    expect(counted(tasks.map(({ text }) => text))).to.deep.equal(
      once(titles.flatMap(title => [`call ${title}`, `write ${title}`])),
    );
    const deals = await Promise.all((await podio.items(DEALS.id)).map(({ itemId }) => podio.show(itemId)));
    const mirrored = deals.filter(({ externalId }) => externalId !== null);
    expect(counted(mirrored.map(({ externalId }) => externalId ?? ''))).to.deep.equal(
      once(items.map(itemId => `lead-${itemId}`)),
    );
    expect(mirrored.map(({ values }) => values.status)).to.deep.equal(Array(ITEMS).fill('Won'));
    expect(
      counted(deals.filter(({ externalId }) => externalId === null).map(({ title }) => title)),
    ).to.deep.equal(once(titles.map(title => `made of ${title}`)));
    // A far side without such records may see a request again, with the same content.
    const posted = new Set(receiver.received);
    expect(posted.size).to.equal(ITEMS);
    await daemon.end('SIGTERM');
  }).timeout(120_000);
});
