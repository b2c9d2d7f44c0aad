import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { type Log, silentLog } from '../../../../src/core/log.ts';
import { formCopy } from '../../../../src/store/data-files.ts';
import { openStore, restore } from '../../../../src/store/index.ts';
import { openForWriting } from '../../../../src/store/sqlite/schema.ts';
import { keepCopy } from '../../../../src/store/sqlite/upgrade.ts';
import { temporaryFolder } from '../../../support/folder.ts';

const FORM_1 = readFileSync(join(import.meta.dirname, 'form-1.sql'), 'utf8');

/** A database of the first form, in a folder of its own. */
function form1() {
  const folder = temporaryFolder();
  const path = join(folder.path, 'podiod.db');
  const db = new DatabaseSync(path);
  db.exec(FORM_1);
  db.close();
  chmodSync(path, 0o600);
  return {
    dataDir: folder.path,
    path,
    copy: formCopy(path, 1),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** Everything in it, as SQL would tell it. */
function contentOf(path: string): unknown {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    const version = db.prepare('PRAGMA user_version').get();
    const rows = tables.map(({ name }) => db.prepare(`SELECT * FROM "${String(name)}" ORDER BY 1, 2`).all());
    return { version, tables, rows };
  } finally {
    db.close();
  }
}

function listening() {
  const lines: unknown[] = [];
  const log: Log = {
    ...silentLog,
    info: (message, fields) => void lines.push([message, fields]),
    child: () => log,
  };
  return { log, lines };
}

describe('before the database gets a newer form', () => {
  it('a copy of the one that it has is kept beside it, private, and told of', async () => {
    using old = form1();
    const before = contentOf(old.path);
    const { log, lines } = listening();
    await (await openStore({ dataDir: old.dataDir, log })).close();
    expect(contentOf(old.copy)).to.deep.equal(before);
    expect(contentOf(old.path)).not.to.deep.equal(before);
    expect(statSync(old.copy).mode & 0o777).to.equal(0o600);
    const { to } = (lines[0] as [string, { to: number }])[1];
    expect(lines).to.deep.equal([
      [
        'the database was brought to a newer form; the one before is kept',
        { from: 1, to, copy: old.copy, bytes: statSync(old.copy).size },
      ],
    ]);
    expect(to).to.be.above(1);

    // A database that has the newest form is not copied, and neither is a new one.
    await (await openStore({ dataDir: old.dataDir, log })).close();
    using fresh = temporaryFolder();
    await (await openStore({ dataDir: fresh.path, log })).close();
    expect(lines).to.have.length(1);
    for (const dir of [old.dataDir, fresh.path]) {
      const left = readdirSync(dir).filter(name => name.startsWith('podiod.db.'));
      expect(left).to.deep.equal(dir === fresh.path ? [] : ['podiod.db.form-1']);
    }
  });

  it('the copy holds what stands in the log only, which a crash has left', async () => {
    using old = form1();
    const crash = `
      const { DatabaseSync } = require('node:sqlite');
      const db = new DatabaseSync(${JSON.stringify(old.path)});
      db.exec("PRAGMA journal_mode = WAL; INSERT INTO name (text) VALUES ('in the log')");
      process.kill(process.pid, 'SIGKILL');`;
    expect(spawnSync(process.execPath, ['-e', crash]).signal).to.equal('SIGKILL');
    expect(statSync(`${old.path}-wal`).size).to.be.above(0);
    await (await openStore({ dataDir: old.dataDir })).close();
    const copy = new DatabaseSync(old.copy, { readOnly: true });
    expect(copy.prepare("SELECT count(*) AS n FROM name WHERE text = 'in the log'").get()?.n).to.equal(1);
    copy.close();
  });

  it('brings the data back by podiod restore, also after it was used', async () => {
    using old = form1();
    const before = contentOf(old.path);
    const store = await openStore({ dataDir: old.dataDir });
    await store.settings.set('since', 'the upgrade');
    await store.close();
    const kept = await restore(old.copy, old.dataDir, Date.UTC(2026, 0, 1));
    expect(kept).to.deep.include({ events: 3, keptAs: `${old.path}.before-restore-20260101T000000` });
    // The copy stays as it was: a podiod of before can have it, too.
    expect(contentOf(old.copy)).to.deep.equal(before);
    const again = await openStore({ dataDir: old.dataDir });
    expect(await again.settings.get('since')).to.equal(undefined);
    expect(await again.settings.get('token/app/101')).to.deep.equal({ kept: true });
    await again.close();
  });

  it('is not changed where there is no room for a copy', () => {
    using old = form1();
    const before = contentOf(old.path);
    const open = (free: number) =>
      openForWriting(old.path, (db, from) => void keepCopy(db, old.path, from, () => free));
    expect(() => open(32 * 1024 * 1024)).to.throw(
      /no room for a copy of .*: 32.* are needed, 32 mb are free/,
    );
    expect(contentOf(old.path)).to.deep.equal(before);
    expect(readdirSync(old.dataDir).filter(name => name.includes('form-'))).to.deep.equal([]);
    open(33 * 1024 * 1024).close();
    expect(contentOf(old.copy)).to.deep.equal(before);
  });

  it('what a start that was cut off has left is replaced', async () => {
    using old = form1();
    const before = contentOf(old.path);
    writeFileSync(`${old.copy}.part`, 'half', { mode: 0o600 });
    writeFileSync(old.copy, 'of a start that went no further', { mode: 0o600 });
    await (await openStore({ dataDir: old.dataDir })).close();
    expect(contentOf(old.copy)).to.deep.equal(before);
    expect(readdirSync(old.dataDir)).not.to.include('podiod.db.form-1.part');
  });
});
