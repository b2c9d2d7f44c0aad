import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import type { NewEvent } from '../../../src/core/event.ts';
import { silentLog } from '../../../src/core/log.ts';
import type { Revision } from '../../../src/core/podio.ts';
import { GapReader } from '../../../src/recover/gaps.ts';
import { type Finding, WHY } from '../../../src/recover/missed.ts';
import { UNTOLD_DELETION } from '../../../src/store/contract.ts';
import { type MemoryStore, makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const FINDING: Finding = {
  app: {
    name: 'leads',
    id: 101,
    wants: new Set(['item.create', 'item.update']),
    own: new Set(['item.create', 'item.update'] as const),
    deletions: true,
  },
  unhooked: 'run',
  localTime: ms => ms,
};

const update = (itemId: number, revision: number): NewEvent => ({
  id: `item.update:${itemId}:${revision}`,
  type: 'item.update',
  source: 'webhook',
  following: 'jumps',
  ref: { type: 'app', id: 101 },
  app: 'leads',
  itemId,
  revision,
  params: {},
});

const listed = (...revisions: readonly number[]): readonly Revision[] =>
  revisions.map(revision => ({ revision, type: 'update', created_on: '2026-01-01 00:00:00' }));

const down = () => new PodioError('PODIO_UNAVAILABLE', 'Podio is down', { status: 503 });

type Answer = () => Promise<readonly Revision[]>;

class Scene {
  readonly clock: VirtualClock = makeVirtualClock();
  readonly calls: number[] = [];
  store: MemoryStore = makeMemoryStore({ clock: this.clock });
  answer: Answer = async () => listed();
  findings: Readonly<Record<string, Finding>> = { leads: FINDING };
  reader: GapReader | undefined;

  async start(): Promise<void> {
    this.reader = new GapReader({
      store: this.store,
      lease: await this.store.singleton('gap-release'),
      items: {
        revisions: (_as, itemId) => {
          this.calls.push(itemId);
          return this.answer();
        },
      },
      identities: { forApp: () => ({ kind: 'app', appId: 101, token: 't' }), forRef: () => undefined },
      findingFor: app => this.findings[app],
      clock: this.clock,
      log: silentLog,
    });
    this.reader.start();
    await this.clock.advance(0);
  }

  /** @param meanwhile what happens while nobody is there */
  async restart(meanwhile: () => Promise<void> | void = () => {}): Promise<void> {
    await this.reader?.stop();
    await meanwhile();
    this.store = this.store.reopen();
    await this.start();
  }

  async append(...events: readonly NewEvent[]): Promise<void> {
    await this.store.journal.append(events);
    await this.clock.advance(0);
  }

  async told(): Promise<readonly string[]> {
    const { entries } = await this.store.journal.read({ after: 0, limit: 1000 });
    return entries.map(
      ({ event: { itemId, revision, source } }) =>
        `${itemId}/${revision}${source === 'recovered' ? '*' : ''}`,
    );
  }
}

describe('gap reader', () => {
  let scene: Scene;

  beforeEach(async () => {
    scene = new Scene();
    await scene.start();
  });

  it('waits a second for stragglers, then reads what is missing', async () => {
    scene.answer = async () => listed(0, 1, 2, 3);
    await scene.append(update(1, 1), update(1, 4));
    await scene.clock.advance(999);
    expect([await scene.told(), scene.calls]).to.deep.equal([['1/1'], []]);
    await scene.clock.advance(1);
    expect([await scene.told(), scene.calls]).to.deep.equal([['1/1', '1/2*', '1/3*', '1/4'], [1]]);
  });

  it('makes no call when the straggler comes', async () => {
    await scene.append(update(1, 1), update(1, 3));
    await scene.clock.advance(500);
    await scene.append(update(1, 2));
    expect(await scene.told()).to.deep.equal(['1/1', '1/2', '1/3']);
    await scene.clock.advance(60_000);
    expect(scene.calls).to.deep.equal([]);
  });

  it('lets go after thirty seconds what can not be read, says so, and tells it later when it can', async () => {
    scene.answer = async () => {
      throw down();
    };
    await scene.append(update(1, 1), update(1, 3));
    await scene.clock.advance(29_999);
    expect(await scene.told()).to.deep.equal(['1/1']);
    expect(scene.calls.length).to.be.within(4, 8);
    await scene.clock.advance(1);
    expect(await scene.told()).to.deep.equal(['1/1', '1/3']);
    expect((await scene.store.gaps.open())[0]).to.deep.include({
      app: 'leads',
      missing: [[2, 2]],
      why: 'Podio is down',
    });
    await scene.append(update(1, 4));
    expect(await scene.told()).to.deep.equal(['1/1', '1/3', '1/4']);
    const before = scene.calls.length;
    await scene.clock.advance(3_600_000);
    expect(scene.calls.length - before).to.be.within(3, 8);
    scene.answer = async () => listed(1, 2, 3, 4);
    await scene.clock.advance(3_600_000);
    expect(await scene.told()).to.deep.equal(['1/1', '1/3', '1/4', '1/2*']);
    expect(await scene.store.gaps.open()).to.deep.equal([]);
  });

  it('reads what was held when podiod went down, however long ago that was', async () => {
    scene.answer = async () => listed(1, 2, 3);
    await scene.append(update(1, 1), update(1, 3));
    await scene.restart(() => scene.clock.advance(3_600_000));
    await scene.clock.advance(1000);
    expect(await scene.told()).to.deep.equal(['1/1', '1/2*', '1/3']);
  });

  it('waits no longer and no shorter when the wall clock is set meanwhile', async () => {
    for (const hours of [-6, 6]) {
      scene = new Scene();
      await scene.start();
      scene.answer = async () => listed(1, 2, 3);
      await scene.append(update(1, 1), update(1, 3));
      await scene.restart(() => scene.clock.jump(hours * 3_600_000));
      await scene.clock.advance(1000);
      expect(await scene.told(), `${hours} h over a restart`).to.deep.equal(['1/1', '1/2*', '1/3']);
      await scene.append(update(1, 5));
      scene.answer = async () => listed(1, 2, 3, 4, 5);
      scene.clock.jump(hours * 3_600_000);
      await scene.clock.advance(1000);
      expect((await scene.told()).slice(3), `${hours} h while it runs`).to.deep.equal(['1/4*', '1/5']);
    }
  });

  it('tries again what was left open, also when the wall clock was set back since', async () => {
    scene.answer = async () => {
      throw down();
    };
    await scene.append(update(1, 1), update(1, 3));
    await scene.clock.advance(30_000);
    await scene.restart(() => scene.clock.jump(-6 * 3_600_000));
    scene.answer = async () => listed(1, 2, 3);
    await scene.clock.advance(60_000);
    expect(await scene.told()).to.deep.equal(['1/1', '1/3', '1/2*']);
  });

  it('lets go on time also when an answer does not come, and takes it when it does', async () => {
    const late = Promise.withResolvers<readonly Revision[]>();
    scene.answer = () => late.promise;
    await scene.append(update(1, 1), update(1, 3));
    await scene.clock.advance(30_000);
    expect(await scene.told()).to.deep.equal(['1/1', '1/3']);
    late.resolve(listed(1, 2, 3));
    await scene.clock.advance(0);
    expect(await scene.told()).to.deep.equal(['1/1', '1/3', '1/2*']);
    expect(await scene.store.gaps.open()).to.deep.equal([]);
  });

  it('goes on after a restart: the time that has passed counts', async () => {
    scene.answer = async () => {
      throw down();
    };
    await scene.append(update(1, 1), update(1, 3));
    await scene.clock.advance(20_000);
    await scene.restart();
    await scene.clock.advance(10_000);
    expect(await scene.told()).to.deep.equal(['1/1', '1/3']);
  });

  it('waits as long as a rate limit says, though not longer than events may wait', async () => {
    scene.answer = async () => {
      throw new PodioError('PODIO_RATE_LIMITED', 'not now', { retry: { afterMs: 300_000 } });
    };
    await scene.append(update(1, 1), update(1, 3));
    await scene.clock.advance(60_000);
    expect(scene.calls.length).to.equal(1);
    expect(await scene.told()).to.deep.equal(['1/1', '1/3']);
  });

  it('takes a refusal for a loss only after an hour, and an item that is gone at once', async () => {
    scene.answer = async () => {
      throw new PodioError('PODIO_NOT_FOUND', 'gone', { status: 410, retry: 'never' });
    };
    await scene.append(update(1, 1), update(1, 3));
    await scene.clock.advance(1000);
    expect(await scene.told()).to.deep.equal(['1/1', '1/3']);
    scene.answer = async () => {
      throw new PodioError('PODIO_FORBIDDEN', 'no', { status: 403, retry: 'never' });
    };
    await scene.append(update(2, 1), update(2, 3));
    await scene.clock.advance(1_800_000);
    expect((await scene.store.gaps.completeness())[0]).to.deep.include({ open: 1 });
    await scene.clock.advance(7_200_000);
    const [status] = await scene.store.gaps.completeness();
    expect(status?.open).to.equal(0);
    expect(status?.unprovable.map(({ why, count }) => [why, count])).to.have.deep.members([
      [WHY.deleted, 1],
      [WHY.refused, 1],
      // And that it is gone is news as well.
      [UNTOLD_DELETION, 1],
    ]);
  });

  it('holds nothing up for an app that has left the config', async () => {
    scene.findings = {};
    await scene.append(update(1, 1), update(1, 3));
    await scene.clock.advance(1000);
    expect([await scene.told(), scene.calls]).to.deep.equal([['1/1', '1/3'], []]);
    expect((await scene.store.gaps.completeness())[0]?.unprovable.length).to.equal(1);
  });

  it('reads one item once, and many items a few at a time', async () => {
    let inHand = 0;
    let most = 0;
    scene.answer = async () => {
      inHand += 1;
      most = Math.max(most, inHand);
      await new Promise(resolve => setImmediate(resolve));
      inHand -= 1;
      return listed(2);
    };
    for (let item = 1; item <= 20; item++)
      await scene.append(update(item, 1), update(item, 3), update(item, 4));
    await scene.clock.advance(5000);
    expect(scene.calls.toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(most).to.be.within(2, 4);
    expect((await scene.told()).length).to.equal(80);
  });

  describe('that left gaps open', () => {
    const HOUR = 3_600_000;

    /** Two items of each app, given up after half a minute, and since then tried until the waits are long. */
    async function leaveOpen(apps: readonly string[]): Promise<void> {
      scene.findings = Object.fromEntries(apps.map(name => [name, FINDING]));
      scene.answer = async () => {
        throw down();
      };
      for (const [at, app] of apps.entries()) {
        for (const item of [10 * at + 1, 10 * at + 2]) {
          await scene.append({ ...update(item, 1), app }, { ...update(item, 3), app });
        }
      }
      await scene.clock.advance(6 * HOUR);
      scene.calls.length = 0;
      scene.answer = async () => listed(2);
    }
    const open = async (): Promise<number> => (await scene.store.gaps.open()).length;

    it('tries all of them once Podio answers again, one after the other', async () => {
      await leaveOpen(['leads', 'deals', 'tasks']);
      await scene.clock.advance(5_000);
      expect([await open(), scene.calls]).to.deep.equal([6, []]);
      scene.reader?.wake();
      await scene.clock.advance(0);
      expect(scene.calls).to.have.length(1);
      await scene.clock.advance(1_400);
      expect(scene.calls).to.have.length(3);
      await scene.clock.advance(1_200);
      expect([await open(), scene.calls.length]).to.deep.equal([0, 6]);
    });

    it('tries those of one app where only that one answers again', async () => {
      await leaveOpen(['leads', 'deals']);
      scene.reader?.wake('deals');
      await scene.clock.advance(10_000);
      expect(scene.calls).to.deep.equal([11, 12]);
      expect(await open()).to.equal(2);
    });

    it('tries them once a minute at most, however often Podio comes and goes, and soon again where that fails', async () => {
      await leaveOpen(['leads']);
      scene.answer = async () => {
        throw down();
      };
      for (let second = 0; second < 59; second++) {
        scene.reader?.wake();
        await scene.clock.advance(1000);
      }
      expect(scene.calls).to.have.length(2);
      await scene.clock.advance(120_000);
      expect(scene.calls.length).to.be.within(4, 6);
    });

    it('tries them at a start: whatever kept it from reading may be mended', async () => {
      await leaveOpen(['leads']);
      await scene.restart();
      await scene.clock.advance(10_000);
      expect([await open(), scene.calls]).to.deep.equal([0, [1, 2]]);
    });
  });

  it('writes nothing once it was stopped', async () => {
    scene.answer = async () => listed(2);
    await scene.append(update(1, 1), update(1, 3));
    await scene.reader?.stop();
    await scene.clock.advance(60_000);
    expect(await scene.told()).to.deep.equal(['1/1']);
    expect((await scene.store.gaps.held()).length).to.equal(1);
  });
});
