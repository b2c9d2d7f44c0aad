import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fillJournal } from '../lib/journal.ts';
import { figureOf } from '../lib/report.ts';
import type { Scenario } from '../lib/scenario.ts';
import { Stage, until, writeSite } from '../lib/servers.ts';

const EVENTS = 100_000;

/** Of all pages in use, the log moved into the database. */
function bytesIn(dataDir: string): number {
  const db = new DatabaseSync(join(dataDir, 'podiod.db'));
  const read = (name: string) => Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  const bytes = (read('page_count') - read('freelist_count')) * read('page_size');
  db.close();
  return bytes;
}

export const storage: Scenario = {
  name: 'storage',
  about: 'bytes on disk of an event with its indexes, and of the record of a run',
  async run({ checkout }) {
    await using stage = new Stage(checkout);
    const podio = await stage.podio();
    const rules = {
      one: { on: { app: 'app-0', events: 'item.update' }, steps: ['never'], startAt: 'earliest' },
    };
    const plugins = { never: { use: join(import.meta.dirname, '../plugins/never.js') } };
    const site = writeSite(join(stage.folder, 'site'), podio, { rules, plugins });
    await fillJournal(checkout, site.dataDir, 1000);
    const empty = bytesIn(site.dataDir);
    await fillJournal(checkout, site.dataDir, EVENTS, 1000);
    const filled = bytesIn(site.dataDir);
    const daemon = await stage.start(site);
    await until(
      async () => (await daemon.metric('podiod_lane_lag_events{rule="one"}')) === 0 || undefined,
      120_000,
      250,
    );
    await daemon.stop();
    const ran = bytesIn(site.dataDir);
    return [
      figureOf({
        name: 'an event, its indexes and its place in the ledger',
        unit: 'bytes',
        podiod: [(filled - empty) / EVENTS],
        target: { most: 400 },
      }),
      figureOf({
        name: 'the record of a run',
        unit: 'bytes',
        podiod: [(ran - filled) / (EVENTS + 1000)],
        target: { most: 100 },
      }),
    ];
  },
};
