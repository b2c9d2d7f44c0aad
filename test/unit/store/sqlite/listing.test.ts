import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import type { EventQuery } from '../../../../src/store/contract.ts';
import { openStore } from '../../../../src/store/index.ts';
import { makeReads } from '../../../../src/store/sqlite/reads/index.ts';
import { appended, lane, park, settled } from '../../../contract/store/worlds.ts';
import { temporaryFolder } from '../../../support/folder.ts';

/** With a million events, a statement that reads them all to show fifty would stop every other read. */
describe('statements that list', () => {
  const folder = temporaryFolder();
  let db: DatabaseSync;
  const prepared: string[] = [];

  before(async () => {
    const store = await openStore({ dataDir: folder.path });
    const events = await appended(store, 20);
    const lease = await store.lanes.acquire(lane(), 'earliest');
    for (const event of events.slice(5)) await store.lanes.finish(lease, settled(event), 0);
    await park(store, lease, events.slice(0, 5));
    await store.close();
    db = new DatabaseSync(join(folder.path, 'podiod.db'));
    const prepare = db.prepare.bind(db);
    db.prepare = sql => {
      prepared.push(sql);
      return prepare(sql);
    };
  });

  after(() => {
    db.close();
    folder[Symbol.dispose]();
  });

  /** What the query does beyond walking an index to its limit. */
  const detours = (): readonly string[] =>
    prepared
      .filter(sql => !sql.startsWith('EXPLAIN'))
      .flatMap(sql =>
        db
          .prepare(`EXPLAIN QUERY PLAN ${sql}`)
          .all()
          .map(({ detail }) => `${detail}: ${sql}`),
      )
      .filter(step => /TEMP B-TREE|SCAN event|SCAN run|AUTOMATIC/.test(step));

  const filters: EventQuery[] = [
    {},
    { itemId: 1 },
    { app: 'leads' },
    { type: 'item.update' },
    { since: 0 },
    { rule: 'won-leads' },
    { rule: 'won-leads', app: 'leads', since: 0 },
    { itemId: 1, type: 'item.update', app: 'leads', since: 0 },
  ];
  for (const filter of filters) {
    for (const page of [{ last: 3 }, { after: 2, limit: 3 }]) {
      it(`walk an index in order: ${JSON.stringify({ ...filter, ...page })}`, () => {
        prepared.length = 0;
        makeReads(db).list({ ...filter, ...page });
        const listing = prepared.findLast(sql => sql.includes('LIMIT ?')) ?? '';
        prepared.splice(0, prepared.length, listing);
        expect(detours()).to.deep.equal([]);
      });
    }
  }

  it('and all others but those over rules, or over the steps of one run', () => {
    prepared.length = 0;
    makeReads(db);
    const allowed = /FROM lane|FROM parked GROUP BY rule|FROM tries|FROM checkpoint/;
    expect(detours().filter(step => !allowed.test(step))).to.deep.equal([]);
  });
});
