import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { coerceError } from '../../core/errors.ts';
import { requireFiles } from '../access.ts';
import { databaseFile, databaseFiles } from '../data-files.ts';
import { requireNotLost } from './lost.ts';

/**
 * What SQLite finds wrong with the database; undefined where there is none. Reads all of it, beside a daemon or not. Throws
 * STORE_ACCESS where this user can't.
 */
export function faultsOf(dataDir: string): readonly string[] | undefined {
  const path = databaseFile(dataDir);
  requireFiles(...databaseFiles(path));
  try {
    requireNotLost(path);
    if (!existsSync(path)) return undefined;
    const db = new DatabaseSync(path, { readOnly: true });
    try {
      db.exec('PRAGMA busy_timeout = 2000');
      const found = db.prepare('PRAGMA quick_check(10)').all();
      return found.flatMap(({ quick_check: text }) => (text === 'ok' ? [] : [String(text)]));
    } finally {
      db.close();
    }
  } catch (thrown) {
    return [coerceError(thrown).message];
  }
}
