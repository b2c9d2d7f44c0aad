import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { lockDataDir } from '../../../src/store/index.ts';
import { until } from '../../support/wait.ts';
import { makeSite } from './site.ts';

/** dispose() takes longer than the stopTimeout of the test, and ends when the file is there. */
const SLOW_END = `
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { definePlugin, pathOption, z } from 'podiod/plugin';

export default definePlugin({
  name: 'slow-end',
  options: z.strictObject({ gate: pathOption() }),
  setup: ({ gate }) => ({
    operator: messages$ => messages$,
    async dispose() {
      while (!existsSync(gate)) await pause(20);
    },
  }),
});
`;

const isFree = (dataDir: string): boolean => {
  try {
    lockDataDir(dataDir).release();
    return true;
  } catch {
    return false;
  }
};

describe('podiod run', function () {
  this.timeout(30_000);

  it('ends with 0 when it is asked to stop before its config is read', async () => {
    await using site = await makeSite();
    const daemon = site.start(['run']);
    daemon.stop();
    expect(await daemon.ended).to.equal(0);
    expect(existsSync(site.dataDir), 'nothing was begun').to.equal(false);
  });

  it('names what did not stop in time, leaves no run.json and exits 1', async () => {
    await using site = await makeSite({
      stopTimeout: '500ms',
      plugins: { late: { use: './slow-end.ts', gate: './gate' } },
      rules: { slow: { on: { app: 'leads', events: 'item.create' }, steps: ['late'] } },
    });
    site.write('slow-end.ts', SLOW_END);
    const daemon = site.start(['run']);
    const runFile = join(site.dataDir, 'run.json');
    await until(() => site.podio.hooks().some(({ status }) => status === 'active'), 'a hook');
    expect(existsSync(runFile)).to.equal(true);

    daemon.stop();
    expect(await daemon.ended).to.equal(1);
    const line = daemon
      .stderr()
      .split('\n')
      .find(one => one.includes('has not stopped in time'));
    expect(JSON.parse(line ?? '{}')).to.deep.include({
      level: 'error',
      unstopped: ['dispose() of plugin late, step late of rule slow'],
    });
    expect(existsSync(runFile)).to.equal(false);

    site.write('gate', '');
    await until(() => isFree(site.dataDir), 'the rest to be closed');
  });
});
