import { expect } from 'chai';
import type { Pausable } from '../../../src/store/contract.ts';
import { appended, keyOf, lane, reopen, tries, WORLDS } from './worlds.ts';

const START = Date.UTC(2026, 0, 1);
const RULE: Pausable = { kind: 'rule', name: 'won-leads' };
const PLUGIN: Pausable = { kind: 'plugin', name: 'slack' };

for (const { name, make } of WORLDS) {
  describe(`pauses in the ${name} store`, () => {
    it('are kept until someone resumes, with since when', async () => {
      await using world = make();
      let store = await world.open();
      const pulses: string[] = [];
      store.changes$.subscribe(pulse => pulses.push(pulse));
      expect(await store.pauses.list()).to.deep.equal([]);
      expect(await store.pauses.pause(RULE)).to.equal(true);
      await world.clock.advance(1000);
      expect(await store.pauses.pause(RULE)).to.equal(false);
      expect(await store.pauses.pause({ kind: 'plugin', name: 'won-leads' })).to.equal(true);
      store = await reopen(world, store);
      expect(await store.pauses.list()).to.deep.equal([
        { kind: 'plugin', name: 'won-leads', since: START + 1000 },
        { ...RULE, since: START },
      ]);
      store.changes$.subscribe(pulse => pulses.push(pulse));
      expect(await store.pauses.resume(RULE)).to.equal(true);
      expect(await store.pauses.resume(RULE)).to.equal(false);
      expect(await store.pauses.resume(PLUGIN)).to.equal(false);
      expect(pulses).to.deep.equal(['requests', 'requests', 'requests']);
      store = await reopen(world, store);
      expect((await store.pauses.list()).map(({ kind }) => kind)).to.deep.equal(['plugin']);
    });

    for (const what of [RULE, PLUGIN]) {
      it(`hold the times of tries while a ${what.kind} is paused, over restarts, and let them go on`, async () => {
        await using world = make();
        let store = await world.open();
        const [event] = await appended(store, 1);
        if (!event) throw new Error('one was appended');
        const lease = await store.lanes.acquire(lane(), 'earliest');
        const made = tries('tell', { sinceFirstMs: 100, waitMs: 5000, plugin: 'slack' });
        await store.lanes.tried(lease, keyOf(event), 'f1', made);
        const times = async () => {
          const lease = await store.lanes.acquire(lane(), 'earliest');
          const [run] = (await store.lanes.load(lease)).open;
          const [{ sinceFirstMs = 0, waitMs = 0 } = {}] = run?.tries ?? [];
          return [sinceFirstMs, waitMs];
        };
        await world.clock.advance(1000);
        await store.pauses.pause(what);
        await world.clock.advance(86_400_000);
        store = await reopen(world, store);
        expect(await times()).to.deep.equal([1100, 4000]);
        await store.pauses.resume(what);
        expect(await times()).to.deep.equal([1100, 4000]);
        await world.clock.advance(500);
        store = await reopen(world, store);
        expect(await times()).to.deep.equal([1600, 3500]);
      });
    }

    it('hold the times until the rule and the plugin are resumed, and not those of others', async () => {
      await using world = make();
      const store = await world.open();
      const [event] = await appended(store, 1);
      if (!event) throw new Error('one was appended');
      const lease = await store.lanes.acquire(lane(), 'earliest');
      const at = (step: string, plugin?: string) =>
        store.lanes.tried(
          lease,
          keyOf(event),
          'f1',
          tries(step, { sinceFirstMs: 0, waitMs: 0, ...(plugin !== undefined && { plugin }) }),
        );
      await at('slack', 'slack');
      await at('mail', 'mail');
      await at('on.fields');
      const since = async (): Promise<Record<string, number>> => {
        const [run] = (await store.lanes.load(lease)).open;
        return Object.fromEntries(run?.tries.map(({ step, sinceFirstMs }) => [step, sinceFirstMs]) ?? []);
      };
      await world.clock.advance(1000);
      await store.pauses.pause(PLUGIN);
      await world.clock.advance(1000);
      expect(await since()).to.deep.equal({ slack: 1000, mail: 2000, 'on.fields': 2000 });
      await store.pauses.pause(RULE);
      await world.clock.advance(1000);
      // Tried while it is paused: what was in hand finishes.
      await at('mail', 'mail');
      await world.clock.advance(1000);
      expect(await since()).to.deep.equal({ slack: 1000, mail: 0, 'on.fields': 2000 });
      await store.pauses.resume(RULE);
      await world.clock.advance(1000);
      expect(await since()).to.deep.equal({ slack: 1000, mail: 1000, 'on.fields': 3000 });
      await store.pauses.resume(PLUGIN);
      await world.clock.advance(1000);
      expect(await since()).to.deep.equal({ slack: 2000, mail: 2000, 'on.fields': 4000 });
    });
  });
}
