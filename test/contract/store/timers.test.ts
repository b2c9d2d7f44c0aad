import { expect } from 'chai';
import type { TimerSetting } from '../../../src/store/contract.ts';
import { reopen, WORLDS } from './worlds.ts';

const timer = (key: string, inMs: number | undefined, more: Partial<TimerSetting> = {}): TimerSetting => ({
  rule: 'sla',
  key,
  inMs,
  value: { item: key },
  ...more,
});
const keys = (timers: readonly { readonly key: string }[]) => timers.map(({ key }) => key);

for (const { name, make } of WORLDS) {
  describe(`timers in the ${name} store`, () => {
    it('are told once they are due, longest due first, over restarts, until they are set anew or cleared', async () => {
      await using world = make();
      let store = await world.open();
      await store.timers.set([
        timer('b', 2000),
        timer('a', 1000),
        timer('c', 3000),
        timer('kept', undefined),
      ]);
      expect(await store.timers.due(['sla'], 10)).to.deep.equal([]);
      expect(await store.timers.next(['sla'])).to.equal(1000);
      await world.clock.advance(1500);
      store = await reopen(world, store);
      expect(keys(await store.timers.due(['sla'], 10))).to.deep.equal(['a']);
      expect(await store.timers.next(['sla'])).to.equal(-500);
      await world.clock.advance(1000);
      const [first, second] = await store.timers.due(['sla'], 10);
      expect(first).to.deep.include({ rule: 'sla', key: 'a', inMs: -1500, value: { item: 'a' } });
      expect(keys(await store.timers.due(['sla'], 1))).to.deep.equal(['a']);
      await store.timers.set([timer('a', 5000, { value: { again: true } })]);
      if (second) await store.timers.clear([second]);
      expect(await store.timers.due(['sla'], 10)).to.deep.equal([]);
      expect(await store.timers.next(['sla'])).to.equal(500);
      expect(
        (await store.timers.get('sla', ['a', 'b', 'kept'])).map(({ key, inMs, value }) => [key, inMs, value]),
      ).to.have.deep.members([
        ['a', 5000, { again: true }],
        ['kept', undefined, { item: 'kept' }],
      ]);
    });

    it('are brought back where a clock that was ahead has set them, but for what is due when it says itself', async () => {
      await using world = make();
      const store = await world.open();
      const YEAR = 365 * 86_400_000;
      // A moment has passed until it was written.
      const own = { item: 1, due: store.now() + YEAR - 2 };
      await store.timers.set([
        timer('look/1', YEAR),
        timer('look/2', 1000),
        timer('look/3', YEAR, { value: own }),
        timer('look/4', undefined),
        timer('other/1', YEAR),
        timer('look/1', YEAR, { rule: 'other' }),
      ]);
      await store.timers.bringBack('sla', 'look/', 2000);
      expect(keys(await store.timers.due(['sla', 'other'], 10))).to.deep.equal(['look/1']);
      await world.clock.advance(1000);
      expect(keys(await store.timers.due(['sla', 'other'], 10))).to.deep.equal(['look/1', 'look/2']);
    });

    it('are not cleared where they were set anew meanwhile', async () => {
      await using world = make();
      let store = await world.open();
      await store.timers.set([timer('a', 0)]);
      const [seen] = await store.timers.due(['sla'], 10);
      if (!seen) throw new Error('it is due');
      await store.timers.set([timer('a', -1)]);
      await store.timers.clear([seen]);
      const [again] = await store.timers.due(['sla'], 10);
      expect(again?.key).to.equal('a');
      store = await reopen(world, store);
      const [still] = await store.timers.due(['sla'], 10);
      await store.timers.set([timer('a', 0)]);
      if (still) await store.timers.clear([still]);
      const [last] = await store.timers.due(['sla'], 10);
      if (last) await store.timers.clear([last, last]);
      expect(await store.timers.due(['sla'], 10)).to.deep.equal([]);
    });

    it('are each of one rule: counted, dropped and due by rule', async () => {
      await using world = make();
      const store = await world.open();
      await store.timers.set([
        timer('a', 0),
        timer('a', 0, { rule: 'other' }),
        timer('b', 1000, { rule: 'other' }),
        timer('c', undefined, { rule: 'other' }),
        timer('d', undefined, { rule: 'third' }),
      ]);
      expect(new Map(await store.timers.counts())).to.deep.equal(
        new Map([
          ['other', { count: 2, nextMs: 0 }],
          ['sla', { count: 1, nextMs: 0 }],
        ]),
      );
      expect(await store.timers.rules()).to.deep.equal(['other', 'sla', 'third']);
      expect((await store.timers.due(['other', 'third'], 10)).map(({ rule }) => rule)).to.deep.equal([
        'other',
      ]);
      expect(await store.timers.next(['third'])).to.equal(undefined);
      expect(await store.timers.next([])).to.equal(undefined);
      await store.timers.drop('other');
      expect(await store.timers.rules()).to.deep.equal(['sla', 'third']);
      expect(keys(await store.timers.due(['sla', 'other'], 10))).to.deep.equal(['a']);
    });

    it('by the thousand', async () => {
      await using world = make();
      const store = await world.open();
      const many = Array.from({ length: 3000 }, (_, n) => timer(String(n), n));
      await store.timers.set(many);
      expect(
        await store.timers.get(
          'sla',
          many.map(({ key }) => key),
        ),
      ).to.have.length(3000);
      await world.clock.advance(999);
      expect(await store.timers.due(['sla'], 5000)).to.have.length(1000);
    });
  });
}
