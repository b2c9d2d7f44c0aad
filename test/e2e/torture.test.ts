// The torture (test/torture) in short: a kill of every kind, a sick disk, a clock that jumps, Podio in trouble.
import { join } from 'node:path';
import { expect } from 'chai';
import { temporaryFolder } from '../support/folder.ts';
import { LIFE_KINDS, runCampaign } from '../torture/campaign.ts';
import { compileFaults } from '../torture/faults.ts';

// Its faults come by LD_PRELOAD.
if (process.platform === 'linux') {
  describe('podiod under torture', function () {
    // Half a minute on a machine that has nothing else to do.
    this.timeout(300_000);

    it('keeps what it has promised', async () => {
      using folder = temporaryFolder();
      const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
      const said: string[] = [];
      try {
        const result = await runCampaign({
          seed,
          kills: 10,
          events: 20_000,
          rows: 500,
          kinds: LIFE_KINDS,
          folder: join(folder.path, 'site'),
          shim: compileFaults(folder.path),
          say: line => said.push(line),
        });
        expect(result.problems).to.deep.equal([]);
        expect(result.answered).to.be.at.least(20_000);
        expect(result.lost).to.equal(0);
        expect(result.repeatedBeyond).to.equal(0);
        expect(Object.values(result.kills).reduce((sum, n) => sum + n, 0)).to.equal(10);
        // The trouble was there: a test of nothing would pass as well.
        expect(result.failedCalls).to.be.greaterThan(0);
        expect(result.diedWriting).to.be.greaterThan(0);
      } catch (error) {
        throw new Error(`with SEED=${seed}: ${(error as Error).message}\n${said.join('\n')}`, {
          cause: error,
        });
      }
    });
  });
}
