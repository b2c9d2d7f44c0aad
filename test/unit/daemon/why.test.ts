import { expect } from 'chai';
import type { NewEvent } from '../../../src/core/event.ts';
import { madeItem } from '../../../src/core/own.ts';
import { type WhyQuery, type WhyWorld, why } from '../../../src/daemon/why.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { itemUpdate, known, makeRule } from '../dispatch/support.ts';

const ITEM = 42;

const HOOK = {
  ref: { type: 'app', id: 101 },
  type: 'item.update',
  hookId: 1,
  url: '',
  rules: ['r'],
} as const;

/** A store in which things have happened, asked without a daemon. */
function makeWorld(unhooked: 'run' | 'skip' = 'run') {
  const store = makeMemoryStore({ clock: makeVirtualClock() });
  const rules = [makeRule('r')];
  const { apps, spaces, fields } = known;
  const config = { apps, spaces, rules, catchUp: { everyMs: 1, overlapMs: 1, onStart: true, unhooked } };
  return {
    store,
    append: (...events: NewEvent[]) => store.journal.append(events),
    ask: (query: WhyQuery, running?: WhyWorld['running']) =>
      why({ config, fields, store, ...(running && { running }) }, query),
    absent: async (query: WhyQuery) =>
      (await why({ config, fields, store }, query)).absent.map(({ kind, revisions }) => [kind, revisions]),
  };
}

describe('why there is no event', () => {
  it('never arrived', async () => {
    const { ask, append } = makeWorld();
    expect((await ask({ rule: 'r' })).absent[0]?.why).to.equal('the journal is empty');
    await append(itemUpdate(1, 1));
    const { absent, apps } = await ask({ itemId: ITEM, app: 'leads' });
    expect(absent).to.have.length(1);
    expect(absent[0]).to.include({ kind: 'never' });
    expect(absent[0]?.why).to.match(/^no event of item 42 has arrived; the journal goes back to 2026[^;]*$/);
    // Asked for by its item_id alone, which has many digits at Podio: perhaps it is the number in an app.
    const bare = await ask({ itemId: ITEM });
    expect(bare.absent[0]?.why).to.match(/; if it is the item's number in its app, write leads\/42/);
    expect((await ask({ itemId: 5_300_000_042 })).absent[0]?.why).not.to.include('number');
    expect(apps.map(({ app, lastEvent, hooks }) => [app, lastEvent?.seq, hooks])).to.deep.equal([
      ['leads', 1, null],
    ]);
    expect((await ask({ event: 'item.update:42:1' })).absent[0]?.why).to.match(/no event item\.update:42:1/);
  });

  it('since Podio could not verify the hook; or nobody has looked yet', async () => {
    const { ask } = makeWorld();
    const hooks = [{ ...HOOK, status: 'inactive', owner: 'ours' }] as const;
    const seen = async (lastRunAt: string | undefined) => {
      const running = {
        rules: () => [],
        inHand: () => [],
        reconcile: () => ({ hooks, degraded: [], lastRunAt }),
      };
      const { apps } = await ask({ itemId: ITEM, app: 'leads' }, running);
      return apps.map(({ hooks: found }) => found);
    };
    const found = { active: 0, inactive: 1, types: ['item.update'] };
    const seenAt = '2026-01-01T00:00:00.000Z';
    expect(await seen(seenAt)).to.deep.equal([{ ...found, seenAt }]);
    expect(await seen(undefined)).to.deep.equal([{ ...found, seenAt: null }]);
  });

  it('its own change', async () => {
    const { absent, append, ask, store } = makeWorld();
    await append(itemUpdate(ITEM, 1));
    await store.gaps.own(ITEM, 2, 'leads');
    await append(itemUpdate(ITEM, 3));
    expect((await ask({ itemId: ITEM })).changes).to.have.length(2);
    expect(await absent({ itemId: ITEM })).to.deep.equal([['own', [[2, 2]]]]);
    expect(await absent({ event: 'item.update:42:2' })).to.deep.equal([['own', [[2, 2]]]]);
    expect(await absent({ event: 'item.update:42:3' })).to.deep.equal([]);
    expect((await ask({ event: 'item.update:42:4' })).absent[0]?.kind).to.equal('never');
  });

  it('of an item that podiod made itself', async () => {
    const { absent, store } = makeWorld();
    await store.gaps.own(ITEM, 0, 'leads');
    expect(await absent({ itemId: ITEM })).to.deep.equal([['own', [[0, 0]]]]);
  });

  it('of an item that podiod made, also once the app has been looked through', async () => {
    const { absent, ask, store } = makeWorld();
    await store.own.add({ id: madeItem(ITEM), itemId: ITEM, depth: 1, rule: 'r' });
    await store.gaps.own(ITEM, 0, 'leads');
    const lease = await store.singleton('sweep');
    await store.gaps.recover(lease, [{ itemId: ITEM, app: 'leads', events: [], upTo: 0, missing: [] }]);
    expect(await absent({ itemId: ITEM })).to.deep.equal([['own', [[0, 0]]]]);
    expect((await ask({ itemId: ITEM })).absent[0]?.why).to.match(/podiod made it itself, by rule r$/);
  });

  it('its own change, or one that was left out', async () => {
    const { ask, append, store } = makeWorld('skip');
    await append(itemUpdate(ITEM, 1));
    await store.gaps.own(ITEM, 2, 'leads');
    const [silent] = (await ask({ itemId: ITEM })).absent;
    expect(silent?.kind).to.equal('silent');
    expect(silent?.why).to.match(/podiod made it itself, or `catchUp.unhooked: skip`/);
  });

  it('held for what was missed, and missing once it is released', async () => {
    const { absent, append, store } = makeWorld();
    await append(itemUpdate(ITEM, 1));
    await append({ ...itemUpdate(ITEM, 4), following: 'jumps' });
    expect(await absent({ itemId: ITEM })).to.deep.equal([['held', [[2, 3]]]]);
    expect(await absent({ event: 'item.update:42:4' })).to.deep.equal([['held', [[2, 3]]]]);
    const lease = await store.singleton('gap-release');
    await store.gaps.release(lease, { itemId: ITEM, app: 'leads', why: 'Podio is down', retryMs: 1000 });
    expect(await absent({ itemId: ITEM })).to.deep.equal([['missing', [[2, 3]]]]);
    expect(await absent({ event: 'item.update:42:3' })).to.deep.equal([['missing', [[2, 3]]]]);
  });

  it('not yet, or removed by retention', async () => {
    const { append, ask, store } = makeWorld();
    await append(itemUpdate(ITEM, 1));
    await append(itemUpdate(1, 1));
    expect((await ask({ event: '3' })).absent[0]?.why).to.equal('there is no event 3 yet: the newest is 2');
    const lease = await store.singleton('retention');
    await store.retention.removeEvents(lease, { olderThanMs: -1, rules: [], after: 0 });
    expect((await ask({ event: '1' })).absent[0]?.kind).to.equal('removed');
    expect((await ask({ itemId: ITEM })).absent.map(({ kind }) => kind)).to.deep.equal(['removed']);
  });

  it('is there, and the rule is paused', async () => {
    const { append, ask, store } = makeWorld();
    await store.lanes.acquire({ rule: 'r', shard: 0, of: 1 }, 'head');
    await append(itemUpdate(ITEM, 1));
    const told = async () => (await ask({ itemId: ITEM })).changes[0]?.rules[0];
    expect((await told())?.verdict).to.equal('waiting');
    await store.pauses.pause({ kind: 'plugin', name: 'work' });
    expect((await told())?.why).to.match(/^its plugin work is paused since 2026/);
    await store.pauses.pause({ kind: 'rule', name: 'r' });
    await store.pauses.resume({ kind: 'plugin', name: 'work' });
    expect(await told()).to.deep.include({
      verdict: 'paused',
      next: 'podiod resume --rule r lets it go on.',
    });
  });

  it('numbers that nobody counts to', async () => {
    const { absent, append } = makeWorld();
    await append(itemUpdate(ITEM, 1), { ...itemUpdate(ITEM, Number.MAX_SAFE_INTEGER), following: 'jumps' });
    expect((await absent({ itemId: ITEM }))[0]?.[0]).to.equal('held');
  });

  it('a rule or an app that is nowhere', async () => {
    const { ask } = makeWorld();
    for (const query of [{ rule: 'nobody' }, { itemId: 1, app: 'nothing' }]) {
      const error = await ask(query).then(
        () => undefined,
        thrown => thrown,
      );
      expect(error).to.include({ code: 'USAGE' });
    }
  });
});
