import { expect } from 'chai';
import { FuzzFailure, fuzz } from '../fuzz/fuzz.ts';
import type { Target } from '../fuzz/target.ts';
import { makeTargets } from '../fuzz/targets.ts';

describe('what nobody expects', function () {
  this.timeout(60_000);

  for (const seed of [1, 2]) {
    it(`ends in an answer or in an error of podiod's own, and leaves nothing behind (seed ${seed})`, async () => {
      const targets = await makeTargets();
      const { inputs, heap } = await fuzz(4000, seed, { targets });
      expect([...inputs.keys()].sort()).to.deep.equal(targets.map(({ name }) => name).sort());
      expect(heap.verdict, JSON.stringify(heap)).to.equal('flat');
    });
  }

  describe('is found where', () => {
    const target = (feed: Target['feed']): Target => ({ name: 'planted', share: 1, corpus: ['abc'], feed });
    const failing = async (feed: Target['feed']): Promise<string> => {
      const failure: unknown = await fuzz(200, 1, { targets: [target(feed)] }).catch(error => error);
      expect(failure).to.be.instanceOf(FuzzFailure);
      return String(((failure as FuzzFailure).cause as Error).message);
    };

    it('something stays of each input', async () => {
      const kept: string[][] = [];
      const leaking = target(input => void kept.push(Array<string>(5000).fill(input)));
      const { heap } = await fuzz(4000, 1, {
        targets: [...(await makeTargets()), { ...leaking, share: 40 }],
      });
      expect(kept.length).to.be.greaterThan(500);
      expect(heap.verdict, JSON.stringify(heap)).to.equal('grows');
    });

    it('what all objects share is changed', async () => {
      const shared = Object.prototype as { planted?: string };
      try {
        const said = await failing(input => {
          if (input.includes('c')) shared.planted = input;
        });
        expect(said).to.equal('what all objects share was changed');
      } finally {
        delete shared.planted;
      }
    });

    it('one input takes too long, or too much', async () => {
      const late = await failing(() => {
        for (const end = performance.now() + 2500; performance.now() < end; );
      });
      expect(late).to.match(/^took \d+ ms$/);
      const held: number[][] = [];
      const much = await failing(() => {
        for (let n = 0; n < 10; n++) held.push(Array<number>(4_000_000).fill(n));
      });
      expect(held.length).to.equal(10);
      expect(much).to.equal('took more memory than there should be need for');
    });

    it('an error says nothing to whoever wrote the input', async () => {
      const said = await failing(input => void (JSON.parse(input) as unknown));
      expect(said).to.match(/JSON/);
    });
  });
});
