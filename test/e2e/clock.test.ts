// A machine whose clock is a year ahead at a start, and set right at the next one: nothing is lost, and nothing hidden for a year.
import { expect } from 'chai';
import type { Status } from '../../src/admin/status.ts';
import { until } from '../support/wait.ts';
import { compileFaults, makeFaults } from '../torture/faults.ts';
import { LEADS, makeSite, type Site } from './site.ts';

const YEAR_MS = 365 * 24 * 3_600_000;

const statusOf = async (site: Site): Promise<Status> =>
  JSON.parse((await site.podiod(['status', '--json'])).stdout) as Status;
const silences = (site: Site): readonly string[] =>
  site.lines('alarms.ndjson').map(({ params }) => `${params.subject} ${params.state}`);

if (process.platform === 'linux') {
  describe('a clock that is a year ahead', function () {
    this.timeout(120_000);

    it('makes no event old and no rule silent, and hides no silence once it is set right', async () => {
      const site = await makeSite({
        alarms: { after: '1s', disk: '1kb' },
        rules: {
          slow: { on: { app: 'leads', events: 'item.create' }, expect: { every: '1h' }, steps: ['audit'] },
          quick: { on: { app: 'leads', events: 'item.create' }, expect: { every: '20s' }, steps: ['audit'] },
          tell: { on: { podiod: 'silence' }, steps: [{ audit: { path: './alarms.ndjson' } }] },
        },
      });
      const faults = makeFaults(compileFaults(site.folder), site.folder, site.dataDir);
      const deliver = (item_id: number) =>
        site.deliver(LEADS, 'item.create', { item_id, item_revision_id: 0 });
      const start = async () => {
        const daemon = site.run({ env: faults.env });
        await daemon.ready();
        return daemon;
      };
      const first = await start();
      for (const item of [1, 2]) expect(await deliver(item)).to.equal(200);
      await site.untilRun(2, 'slow', 'quick');
      expect(await first.end('SIGTERM')).to.equal(0);

      faults.clock(YEAR_MS);
      const second = await start();
      const { retention } = await until(
        async () => {
          const status = await statusOf(site);
          return status.retention.lastError !== undefined && status;
        },
        'retention to look at what is old',
        20_000,
      );
      expect(retention.lastError).to.match(/^the clock is 36[45]d.* ahead of Podio's/);
      expect(retention).to.include({ removed: 0 });
      expect((await site.peek()).map(({ event }) => event.itemId)).to.deep.equal([1, 2]);
      // By now it has been looked for silence as well.
      expect(silences(site)).to.deep.equal([]);
      expect(await deliver(3)).to.equal(200);
      await site.untilRun(3, 'slow', 'quick');
      expect(await second.end('SIGTERM')).to.equal(0);

      faults.clock(0);
      const third = await start();
      await until(() => silences(site).length > 0, 'what is silent to be told of', 40_000);
      expect(silences(site)).to.deep.equal(['quick raised']);
      expect((await statusOf(site)).retention.lastError).to.equal(undefined);
      expect(await deliver(4)).to.equal(200);
      await until(() => silences(site).length > 1, 'its end');
      expect(silences(site)).to.deep.equal(['quick raised', 'quick cleared']);
      faults.close();
      expect(await third.end('SIGTERM')).to.equal(0);
    });
  });
}
