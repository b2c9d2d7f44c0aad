import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import type { Pulse } from '../../../../src/store/contract.ts';
import { openStore } from '../../../../src/store/index.ts';
import { Tail } from '../../../../src/store/sqlite/tail.ts';
import { itemEvent } from '../../../contract/store/worlds.ts';
import { temporaryFolder } from '../../../support/folder.ts';

const entry = (seq: number) => ({
  event: { ...itemEvent(seq, 1), seq, receivedAt: '2026-01-01T00:00:00.000Z' },
  twin: false,
});

describe('the newest entries', () => {
  it('are read from memory, as long as they follow on each other', () => {
    const tail = new Tail(7);
    for (const seq of [8, 9]) tail.push(entry(seq));
    expect(tail.read(7, 10)?.entries.map(({ event }) => event.seq)).to.deep.equal([8, 9]);
    expect(tail.read(6, 10)).to.equal(undefined);
  });

  it('leave what lies between to the database: a write that was told to have failed may stand', () => {
    const tail = new Tail(0);
    for (const seq of [1, 2, 5]) tail.push(entry(seq));
    expect(tail.read(2, 10)).to.equal(undefined);
    expect(tail.read(4, 10)?.entries.map(({ event }) => event.seq)).to.deep.equal([5]);
  });

  it('are looked for in the database when a repeat shows that there are more', async () => {
    using folder = temporaryFolder();
    const store = await openStore({ dataDir: folder.path });
    await store.journal.append([itemEvent(1, 1)]);
    // As after a commit whose flush has failed: what was written is found when the file is opened anew.
    const db = new DatabaseSync(join(folder.path, 'podiod.db'));
    db.exec(`INSERT INTO event SELECT 2, 'item.update:2:1', ref, type, source, app, space, 2, revision, external_id,
      params, received_at, part, twin FROM event WHERE seq = 1`);
    db.close();
    const pulses: Pulse[] = [];
    store.changes$.subscribe(pulse => pulses.push(pulse));
    const [again] = await store.journal.append([itemEvent(2, 1)]);
    expect(again).to.include({ status: 'repeat', seq: 2 });
    expect([store.journal.head(), pulses]).to.deep.equal([2, ['journal']]);
    const { entries } = await store.journal.read({ after: 1, limit: 10 });
    expect(entries.map(({ event }) => event.id)).to.deep.equal(['item.update:2:1']);
    await store.close();
  });
});
