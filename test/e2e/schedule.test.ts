// A tick that was missed while nothing ran. A yearly one, so that none comes by while the test runs.
import { expect } from 'chai';
import { letTimePass, makeSite } from './site.ts';

const rules = Object.fromEntries(
  ['run', 'skip'].map(missed => [
    missed,
    { on: { schedule: '0 12 1 6 *', missed }, timezone: 'UTC', steps: ['audit'] },
  ]),
);

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
