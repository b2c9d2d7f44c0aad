import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import type { NewEvent } from '../../../src/core/event.ts';
import { silentLog } from '../../../src/core/log.ts';
import type { Revision } from '../../../src/core/podio.ts';
import { GapReader } from '../../../src/recover/gaps.ts';
import type { Finding } from '../../../src/recover/missed.ts';
import { sweep, WATERMARK_PREFIX } from '../../../src/recover/sweep.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const APP = 101;
const MADE = '2025-12-31 12:00:00';
const BEFORE = Date.UTC(2025, 11, 31);
const AS = { kind: 'app', appId: APP, token: 't' } as const;

const FINDING: Finding = {
  app: {
    name: 'leads',
    id: APP,
    wants: new Set(['item.create', 'item.update']),
    own: new Set(['item.create', 'item.update'] as const),
    deletions: true,
  },
  unhooked: 'run',
  localTime: ms => ms,
};

const update = (revision: number): NewEvent => ({
  id: `item.update:1:${revision}`,
  type: 'item.update',
  source: 'webhook',
  following: 'jumps',
  ref: { type: 'app', id: APP },
  app: 'leads',
  itemId: 1,
  revision,
  params: {},
});

const history = (last: number): readonly Revision[] =>
  Array.from({ length: last + 1 }, (_, revision) => ({
    revision,
    type: revision === 0 ? 'creation' : 'update',
    created_on: MADE,
  }));

const setUp = () => {
  const clock = makeVirtualClock();
  const store = makeMemoryStore({ clock });
  const podio = { last: 3, isDown: true };
  const revisions = async (): Promise<readonly Revision[]> => {
    if (podio.isDown) throw new PodioError('PODIO_UNAVAILABLE', 'Podio is down', { status: 503 });
    return history(podio.last);
  };
  const told = async (): Promise<readonly string[]> => {
    const { entries } = await store.journal.read({ after: 0, limit: 100 });
    return entries.map(
      ({ event: { revision, source } }) => `${revision}${source === 'recovered' ? '*' : ''}`,
    );
  };
  /** Whatever ends up reading it: what was left open has to be told in the end. */
  const startReader = async (): Promise<GapReader> => {
    const reader = new GapReader({
      store,
      lease: await store.singleton('gap-release'),
      items: { revisions },
      identities: { forApp: () => AS, forRef: () => undefined },
      findingFor: () => FINDING,
      clock,
      log: silentLog,
    });
    reader.start();
    await clock.advance(0);
    return reader;
  };
  const look = async (): Promise<void> => {
    await store.settings.set(`${WATERMARK_PREFIX}${APP}`, { origin: BEFORE, reached: BEFORE });
    const item = {
      item_id: 1,
      title: '',
      fields: [],
      revision: podio.last,
      created_on: MADE,
      last_edit_on: MADE,
    };
    await sweep(
      {
        items: { filter: async () => ({ total: 1, filtered: 1, items: [item] }), revisions },
        gaps: store.gaps,
        settings: store.settings,
        clock,
        podioNow: clock.now,
        overlapMs: 0,
      },
      FINDING,
      AS,
      await store.singleton('catch-up'),
      () => {},
    );
  };
  return { clock, store, podio, told, startReader, look };
};

describe('a gap that was left open', () => {
  for (const [what, last] of [
    ['finds nothing new of the item', 3],
    ['tells a later change of the item', 4],
  ] as const) {
    it(`is not closed untold by a look at the app that ${what}`, async () => {
      const { clock, store, podio, told, startReader, look } = setUp();
      const reader = await startReader();
      await store.journal.append([update(1), update(3)]);
      await clock.advance(0);
      await clock.advance(30_000);
      expect(await told()).to.deep.equal(['1', '3']);
      expect((await store.gaps.open()).map(({ missing }) => missing)).to.deep.equal([[[2, 2]]]);

      podio.isDown = false;
      podio.last = last;
      // Before the open gap is tried again.
      await look();
      await clock.advance(3_600_000);
      expect(await told()).to.include('2*');
      expect(await store.gaps.open()).to.deep.equal([]);
      await reader.stop();
    });
  }

  it('is not closed untold when a later gap of the item is read', async () => {
    const { clock, store, podio, told, startReader } = setUp();
    const reader = await startReader();
    await store.journal.append([update(1), update(3)]);
    await clock.advance(0);
    await clock.advance(30_000);
    expect(await told()).to.deep.equal(['1', '3']);

    podio.isDown = false;
    podio.last = 5;
    await store.journal.append([update(5)]);
    await clock.advance(0);
    await clock.advance(3_600_000);
    expect((await told()).toSorted()).to.deep.equal(['1', '2*', '3', '4*', '5']);
    expect(await store.gaps.open()).to.deep.equal([]);
    await reader.stop();
  });
});
