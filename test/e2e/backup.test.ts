import { join } from 'node:path';
import { expect } from 'chai';
import { LEADS, makeSite } from './site.ts';

describe('backup and restore', () => {
  it('bring a daemon back to where it was, and what Podio has since is found', async () => {
    const site = await makeSite({
      rules: { everything: { on: { app: 'leads', events: ['item.*', 'comment.create'] }, steps: ['audit'] } },
    });
    const daemon = await site.boot();
    const item = await site.podio.createItem(LEADS.id, { fields: { title: 'One' } });
    await site.untilRun(1, 'everything');
    const file = join(site.folder, 'copy.db');
    const made = await site.podiod(['backup', 'copy.db']);
    expect(made.stderr).to.equal('');
    expect(made.stdout).to.match(/copy\.db: .*, 1 events up to 1\. Checked and on disk\.\n$/);

    // After the backup: one more change, and a comment that nobody can tell of again.
    await site.podio.updateItem(item.itemId, { fields: { title: 'Two' } });
    await site.untilRun(2, 'everything');
    const refused = await site.podiod(['restore', '--yes', file]);
    expect([refused.code, refused.stderr]).to.deep.equal([
      1,
      `podiod: another podiod (process ${daemon.pid}) uses ${site.dataDir}\nStop it, or give this one a dataDir of its own.\n`,
    ]);
    await daemon.end('SIGTERM');
    expect((await site.podiod(['restore', file])).code).to.equal(2);
    const back = await site.podiod(['restore', '--yes', '--json', file]);
    expect(JSON.parse(back.stdout)).to.deep.include({ events: 1, head: 1, files: [] });

    await site.boot();
    const events = await site.untilRun(2, 'everything');
    expect(events.map(({ id, source }) => [id, source])).to.deep.equal([
      [`item.create:${item.itemId}:0`, 'webhook'],
      [`item.update:${item.itemId}:1`, 'recovered'],
    ]);
  }).timeout(60_000);
});
