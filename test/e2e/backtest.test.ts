// A backtest whose process is killed: what Podio has answered is on disk, and the same command goes on with it.
import { once } from 'node:events';
import { existsSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { BacktestReport } from '../../src/cli/backtest/command.ts';
import { makeSite } from '../integration/cli/site.ts';
import { podiod } from '../support/command.ts';
import { spawnPodiod } from '../support/processes.ts';
import { until } from '../support/wait.ts';

const LEADS = 30;

/** What it comes to, without the times of its making. */
const told = ({ events, ran, fired, filtered, failed, hits }: Omit<BacktestReport, 'calls'>) => ({
  ...{ events, ran, fired, filtered, failed },
  hits: hits.map(({ event, title, outcome }) => [event, title, outcome]),
});

describe('a backtest that is killed', function () {
  this.timeout(60_000);

  it('goes on with what Podio has answered, wherever it was, and comes to the same', async () => {
    await using site = await makeSite({
      rules: {
        won: {
          on: { app: 'leads', fields: { status: { from: 'Open', to: 'Won' } } },
          steps: [{ 'file-logger': { path: './audit.ndjson' } }],
        },
      },
    });
    const { podio } = site;
    for (let n = 0; n < LEADS; n++) {
      const { itemId } = podio.createItem(101, { fields: { title: `lead ${n}`, status: 'Open' } });
      podio.updateItem(itemId, { fields: { status: 'Won' } });
      podio.updateItem(itemId, { fields: { status: 'Open' } });
    }
    const answered = () =>
      podio.requests.filter(({ status, operation }) => status === 200 && operation !== 'oauth.token').length;
    const argv = ['backtest', '--rule', 'won', '--since', '1h', '--yes', '--json'];
    const file = join(site.dataDir, 'backtest-won.ndjson');

    podio.setFaults({ latencyMs: 15 });
    const kills = 3;
    for (let n = 0; n < kills; n++) {
      const before = answered();
      const child = spawnPodiod(argv, 'ignore', { cwd: site.folder });
      await until(() => answered() > before + 8 + 3 * n, 'some answers');
      child.kill('SIGKILL');
      const [, signal] = await once(child, 'exit');
      expect(signal).to.equal('SIGKILL');
    }
    // As if the last line had only just begun to reach the disk.
    truncateSync(file, readFileSync(file).length - 9);
    podio.clearFaults();

    const again = await site.podiod(argv);
    expect(again.code, again.stderr).to.equal(0);
    const { calls, ...result } = JSON.parse(again.stdout) as BacktestReport;
    expect(result).to.deep.include({ interrupted: false, fired: LEADS });
    expect(calls.kept).to.be.above(20);
    expect(existsSync(file)).to.equal(false);
    const paths = podio.requests
      .filter(({ status, operation }) => status === 200 && operation !== 'oauth.token')
      .map(({ path }) => path);
    // Those under way at each kill, and the one whose line was cut.
    expect(paths.length - new Set(paths).size).to.be.at.most(kills * 6 + 1);

    const whole = JSON.parse((await site.podiod(argv)).stdout) as BacktestReport;
    expect(told(whole)).to.deep.equal(told(result));
  });
});

// Node's own recursive mkdir tries without end there.
if (process.platform === 'linux')
  describe('a backtest that can keep nothing', function () {
    this.timeout(20_000);

    it('says so at once', async () => {
      await using site = await makeSite({
        rules: {
          all: {
            on: { app: 'leads', events: 'item.create' },
            steps: [{ 'file-logger': { path: './audit.ndjson' } }],
          },
        },
      });
      const argv = ['backtest', '--rule', 'all', '--since', '1h', '--yes', '--state', '/proc/podiod/x/state'];
      const { code, stderr } = await podiod(argv, { cwd: site.folder });
      expect(code).to.equal(2);
      expect(stderr).to.include("/proc/podiod/x/state can't be written: ENOENT");
    });
  });
