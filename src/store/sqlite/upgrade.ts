/** A copy of the database in the form that it had, made before a newer podiod changes it: the way back. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../../core/errors.ts';
import { showSize } from '../../core/units.ts';
import { formCopy, unfinished } from '../data-files.ts';
import { freeBeside, makeDataFile } from './files.ts';
import { pragma } from './schema.ts';

/** That the database was brought to a newer form. */
export interface Upgrade {
  readonly from: number;
  readonly to: number;
  /** Of the form before; stays until somebody removes it. */
  readonly copy: string;
  readonly bytes: number;
}

/** Left free beside the copy: the new form takes some room too, and events come in meanwhile. Bytes. */
const MARGIN = 32 * 1024 * 1024;

/**
 * Copies the database as it is into a file beside it, that is there when it is whole and on disk. One of the same form that
 * is there is from a start that went no further, or from before somebody went back: this one is newer, and takes its place.
 * Throws STORE_WRITE_FAILED where there is no room for both; nothing has changed then.
 */
export function keepCopy(
  db: DatabaseSync,
  path: string,
  form: number,
  free: (path: string) => number = freeBeside,
): Omit<Upgrade, 'to'> {
  const needed = (pragma(db, 'page_count') - pragma(db, 'freelist_count')) * pragma(db, 'page_size') + MARGIN;
  const room = free(path);
  if (room < needed) {
    throw new StoreError(
      'STORE_WRITE_FAILED',
      `no room for a copy of ${path} before it is brought to a newer form: ${showSize(needed)} are needed, ${showSize(room)} are free`,
      { hint: 'Make room where dataDir is and start again, or stay with the previous version of podiod.' },
    );
  }
  const copy = formCopy(path, form);
  const part = unfinished(copy);
  try {
    // What a copy that was cut off has left.
    rmSync(part, { force: true });
    makeDataFile(part);
    db.prepare('VACUUM INTO ?').run(part);
    flush(part);
    renameSync(part, copy);
    if (process.platform !== 'win32') flush(dirname(copy));
  } finally {
    rmSync(part, { force: true });
  }
  return { from: form, copy, bytes: statSync(copy).size };
}

function flush(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
