import { existsSync } from 'node:fs';
import { StoreError } from '../../core/errors.ts';
import { requireFiles, requireFolder } from '../access.ts';
import type { StoreReader } from '../contract.ts';
import { databaseFile, databaseFiles } from '../data-files.ts';
import { errorOf, isPassing, openingFailure } from './failure.ts';
import { requireNotLost } from './lost.ts';
import { inSnapshot, makeReads } from './reads/index.ts';
import { openForReading } from './schema.ts';
import { toTimer } from './timers.ts';
import { fromText } from './values.ts';

const TRIES = 10;
const PAUSE_MS = 50;

/** Again after a pause, where the error is one that passes. */
function patiently<T>(work: () => T): T {
  for (let left = TRIES - 1; ; left -= 1) {
    try {
      return work();
    } catch (error) {
      if (left === 0 || !isPassing(error)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  }
}

function open(path: string) {
  const db = openForReading(path);
  try {
    return { db, reads: makeReads(db) };
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Reads the data of a daemon from another process, running or not. In the calling thread: a command has nothing else to
 * do meanwhile. Throws STORE_UNAVAILABLE where no daemon has run yet, STORE_ACCESS, STORE_CORRUPT, STORE_VERSION.
 */
export function openReader(dataDir: string): StoreReader {
  const path = databaseFile(dataDir);
  requireFolder(dataDir);
  requireFiles(...databaseFiles(path));
  requireNotLost(path);
  if (!existsSync(path)) {
    throw new StoreError('STORE_UNAVAILABLE', `there is no journal in ${dataDir} yet`, {
      hint: 'Start podiod with this dataDir first.',
      retry: 'never',
    });
  }
  const inTerms = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw errorOf(openingFailure(error, path));
    }
  };
  const { db, reads } = inTerms(() => patiently(() => open(path)));
  const read = async <T>(work: () => T): Promise<T> => {
    if (!db.isOpen) throw new StoreError('STORE_UNAVAILABLE', 'the store is closed');
    return inTerms(() => inSnapshot(db, work));
  };

  return {
    journal: {
      read: ({ after, limit }) => read(() => reads.read(after, limit)),
      list: query => read(() => reads.list(query)),
      trace: eventId => read(() => reads.trace(eventId, Date.now())),
    },
    gaps: {
      held: () => read(() => reads.heldItems(Date.now())),
      open: () => read(() => reads.openGaps(Date.now())),
      ledger: items => read(() => reads.ledger(items)),
      completeness: () => read(() => reads.completeness(Date.now())),
    },
    lanes: { status: () => read(reads.status) },
    parking: {
      list: (query = {}) => read(() => reads.parked(query)),
      counts: () => read(reads.parkedCounts),
    },
    pauses: { list: () => read(reads.pauses) },
    replays: { list: () => read(reads.replays) },
    rules: { keys: () => read(reads.ruleKeys) },
    timers: {
      get: (rule, keys) => read(() => reads.timers(rule, keys).map(row => toTimer(row, Date.now()))),
      counts: () => read(() => reads.timerCounts(Date.now())),
    },
    own: { find: id => read(() => reads.findOwn(id)) },
    settings: {
      get: key => read(() => fromText(reads.setting(key))),
      list: prefix =>
        read(() => new Map([...reads.settings(prefix)].map(([key, text]) => [key, fromText(text)]))),
    },
    retention: { usage: () => read(reads.usage) },
    async close() {
      if (db.isOpen) db.close();
    },
  };
}
