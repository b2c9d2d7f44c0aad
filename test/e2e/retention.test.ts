import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import type { Status } from '../../src/admin/status.ts';
import { until } from '../support/wait.ts';
import { LEADS, makeSite } from './site.ts';

/** Makes events of a stopped daemon older than they are. */
function age(dataDir: string, upTo: number, days: number): void {
  const db = new DatabaseSync(join(dataDir, 'podiod.db'));
  db.prepare('UPDATE event SET received_at = received_at - ? WHERE seq <= ?').run(days * 86_400_000, upTo);
  db.close();
}

describe('a daemon with old events', () => {
  it('removes them when their time has come, and goes on', async () => {
    const site = await makeSite({
      rules: {
        everything: { on: { app: 'leads', events: ['item.create', 'comment.create'] }, steps: ['audit'] },
      },
    });
    const first = await site.boot();
    const comment = (id: number) => site.deliver(LEADS, 'comment.create', { comment_id: id, item_id: 1 });
    for (let id = 1; id <= 6; id++) expect(await comment(id)).to.equal(200);
    await site.untilRun(6, 'everything');
    await first.end('SIGTERM');
    age(site.dataDir, 4, 91);

    await site.boot();
    const status = await until(async () => {
      const { stdout } = await site.podiod(['status', '--json']);
      const found = JSON.parse(stdout) as Status;
      return found.retention.removed > 0 && found;
    }, 'old events to go');
    expect(status.retention).to.deep.include({ removed: 4, size: 2 * 1024 ** 3 });
    expect(status.retention.oldest?.seq).to.equal(5);
    expect((await site.podiod(['status'])).stdout).to.match(/^kept: events 5 to 6, .*, 4 removed, the last/m);

    // What is kept is known; what is gone is news.
    for (const id of [6, 1]) expect(await comment(id)).to.equal(200);
    const events = await site.untilRun(3, 'everything');
    expect(events.map(({ seq, id }) => [seq, id])).to.deep.equal([
      [5, 'comment.create:5'],
      [6, 'comment.create:6'],
      [7, 'comment.create:1'],
    ]);
  }).timeout(60_000);
});
