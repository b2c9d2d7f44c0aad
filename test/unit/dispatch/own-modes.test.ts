import { expect } from 'chai';
import type { OwnLookup } from '../../../src/core/own.ts';
import { ownId } from '../../../src/core/own.ts';
import type { Mode } from '../../../src/core/rule.ts';
import { errorOf } from '../../../src/store/sqlite/failure.ts';
import { itemUpdate, makeRule, World } from './support.ts';

const MINUTE = 60_000;
const MODES: readonly Mode[] = [
  { kind: 'settle', quietMs: MINUTE, atMostMs: 60 * MINUTE },
  { kind: 'latest' },
  { kind: 'batch', max: 3, closes: { kind: 'within', ms: MINUTE } },
  { kind: 'throttle', max: 2, perMs: MINUTE },
];

describe('what podiod made itself, in a mode', () => {
  for (const mode of MODES) {
    it(`${mode.kind}: neither joins, replaces nor uses up anything of what others have made`, async () => {
      const own: OwnLookup = {
        maybe: () => true,
        find: async event =>
          (event.revision ?? 0) % 2 === 0 ? { id: ownId(event) ?? '', depth: 1, rule: 'other' } : undefined,
      };
      const ran: number[][] = [];
      let open = () => {};
      const gate = new Promise<void>(resolve => {
        open = resolve;
      });
      const world = await new World({
        rules: [makeRule('r', { mode })],
        own,
        work: {
          async work({ event, bundle }) {
            ran.push((bundle?.events ?? [event]).map(({ revision = 0 }) => revision));
            if (ran.length === 1) await gate;
            return undefined;
          },
        },
      }).start();
      // One is in hand while the others come, where the mode lets it.
      await world.append(itemUpdate(1, 1), itemUpdate(1, 2));
      await world.append(itemUpdate(1, 3), itemUpdate(1, 4), itemUpdate(1, 6));
      open();
      await world.clock.advance(10 * MINUTE);
      const seen = ran.flat().toSorted();
      expect(seen).to.deep.equal([1, 3]);
      expect((await world.runs()).map(([, seq]) => seq).toSorted()).to.deep.equal([1, 2, 3, 4, 5]);
    });
  }
});

describe('what podiod made itself, on a disk that fails', () => {
  it('is asked for again, and nothing is parked', async () => {
    let fails = true;
    const ran: number[] = [];
    const world = await new World({
      rules: [makeRule('r')],
      own: {
        maybe: () => true,
        find: async () => {
          // A read that fails can look to SQLite as if the file were damaged.
          if (fails) throw errorOf({ code: 'STORE_CORRUPT', message: 'database disk image is malformed' });
          return undefined;
        },
      },
      work: {
        async work({ event }) {
          ran.push(event.seq);
          return undefined;
        },
      },
    }).start();
    await world.append(itemUpdate(1, 1));
    await world.clock.advance(MINUTE);
    expect(ran).to.deep.equal([]);
    fails = false;
    await world.clock.advance(10 * MINUTE);
    expect(ran).to.deep.equal([1]);
    expect(await world.runs()).to.deep.include(['r', 1, 'settled']);
  });
});
