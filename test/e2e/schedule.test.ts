// A tick that was missed while nothing ran. A yearly one, so that none comes by while the test runs.
import { expect } from 'chai';
import { systemClock } from '../../src/core/clock.ts';
import { lockDataDir, openStore } from '../../src/store/index.ts';
import { makeSite } from './site.ts';

const rules = Object.fromEntries(
  ['run', 'skip'].map(missed => [
    missed,
    { on: { schedule: '0 12 1 6 *', missed }, timezone: 'UTC', steps: ['audit'] },
  ]),
);

/** As if the last daemon on it had ended so long ago. */
async function letTimePass(dataDir: string, ms: number): Promise<void> {
  const lock = lockDataDir(dataDir);
  const store = await openStore({ dataDir, lock, clock: systemClock, maxWaiting: 1000 });
  for (const [key, kept] of await store.settings.list('schedule/')) {
    const { seen, ...rest } = kept as { seen: number };
    await store.settings.set(key, { ...rest, seen: seen - ms });
  }
  await store.close();
  lock.release();
}

describe('a schedule', function () {
  this.timeout(30_000);

  it('fires a missed tick once at the next start where the rule says so', async () => {
    const site = await makeSite({ rules });
    const first = await site.boot();
    await first.end('SIGTERM');
    expect(await site.journal()).to.deep.equal([]);

    await letTimePass(site.dataDir, 2 * 366 * 24 * 60 * 60 * 1000);
    const second = await site.boot();
    await site.untilLines('events.ndjson', 1);
    await second.end('SIGKILL');
    const third = await site.boot();
    await third.end('SIGTERM');

    const lines = site.lines('events.ndjson');
    expect(lines.map(({ type, source, ref }) => [type, source, ref])).to.deep.equal([
      ['schedule.fire', 'schedule', { type: 'schedule', id: 'run' }],
    ]);
    expect(lines[0]?.id).to.match(/^schedule\.fire:run:\d{4}-06-01T12:00Z$/);
    expect((await site.journal()).map(({ id }) => id)).to.deep.equal([lines[0]?.id]);
  });
});
