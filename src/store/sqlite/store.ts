/** The embedded store: SQLite behind a writer and a reader thread. Nothing here waits for a disk on the main loop. */
import { randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { Subject } from 'rxjs';
import { type Clock, systemClock } from '../../core/clock.ts';
import { StoreError } from '../../core/errors.ts';
import { type Log, silentLog } from '../../core/log.ts';
import { requireFiles } from '../access.ts';
import type { Pulse, Store } from '../contract.ts';
import { databaseFile, databaseFiles, smallFile } from '../data-files.ts';
import { makeDataDir } from '../files.ts';
import { Leases } from '../leases.ts';
import { sweepLeftovers } from '../leftovers.ts';
import { closing, requirePrivateFiles } from '../private.ts';
import { storeClock } from '../time.ts';
import { makeDataFile } from './files.ts';
import { makeGaps } from './gaps.ts';
import { makeJournal } from './journal.ts';
import { makeLanes } from './lanes.ts';
import { type DataLock, lockDataDir } from './lock.ts';
import { requireWhole } from './lost.ts';
import { makeOwn } from './own.ts';
import { makeParking } from './parking.ts';
import { makePauses } from './pauses.ts';
import type { Reads } from './reads/index.ts';
import { makeReplays } from './replays.ts';
import { makeRetention } from './retention.ts';
import { makeRules } from './rules.ts';
import { Thread } from './thread.ts';
import { makeTimers } from './timers.ts';
import { makeSettings, makeValues } from './values.ts';
import type { Writes } from './writes/index.ts';

export interface StoreOptions {
  readonly dataDir: string;
  /** Taken before by the caller, who releases it after `close`. Left out: the store takes and releases its own. */
  readonly lock?: DataLock;
  readonly clock?: Clock;
  /** How many events may wait for the disk (`server.maxWaiting`); an append beyond is refused with STORE_UNAVAILABLE. */
  readonly maxWaiting?: number;
  readonly log?: Log;
  /** Called when the store has lost a part of itself: nothing works any more, and only opening it anew helps. */
  readonly onLost?: (error: StoreError) => void;
}

/** The setting that probe() writes. */
const PROBE = 'probe';

/** Throws STORE_LOCKED, STORE_ACCESS, STORE_EXPOSED, STORE_CORRUPT, STORE_VERSION or STORE_WRITE_FAILED. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { dataDir, clock = systemClock, maxWaiting = 10_000, log = silentLog, onLost } = options;
  const path = databaseFile(dataDir);
  const ownLock = options.lock ? undefined : lockDataDir(dataDir);
  try {
    makeDataDir(dataDir);
    const swept = sweepLeftovers(dataDir, clock.now());
    if (swept.length > 0) log.info('what writes had left that were cut off is removed', { files: swept });
    requireFiles(...databaseFiles(path));
    // Before any of it is believed.
    for (const copy of requirePrivateFiles(dataDir))
      log.warn('everybody on this machine can read a copy of the data', { ...copy, hint: closing([copy]) });
    requireWhole(path);
    requireFresh(dataDir, path);
    makeDataFile(path);
    const writer = new Thread<Writes>('writer', { path }, log, onLost);
    const reader = new Thread<Reads>('reader', { path }, log, onLost);
    try {
      // The writer first: it makes the tables that the reader prepares its statements for.
      const { head, upgrade } = await writer.open();
      if (upgrade)
        log.info('the database was brought to a newer form; the one before is kept', { ...upgrade });
      await reader.open();
      return makeStore({ writer, reader, head, clock, maxWaiting, release: () => ownLock?.release() });
    } catch (error) {
      await reader.close();
      await writer.close();
      throw error;
    }
  } catch (error) {
    ownLock?.release();
    throw error;
  }
}

/** Nothing is in it, though a daemon has run here: what was there is lost, and a new one is not to be taken for it. */
function requireFresh(dataDir: string, path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.size !== 0 || !existsSync(smallFile(dataDir, 'admin-token')))
    return;
  throw new StoreError('STORE_CORRUPT', `${path} is empty, though a podiod has run with it`, {
    hint: 'Restore a backup, and look at the health of the disk. Without one, delete the empty file: podiod then begins anew.',
    retry: 'never',
  });
}

interface Parts {
  readonly writer: Thread<Writes>;
  readonly reader: Thread<Reads>;
  readonly head: number;
  readonly clock: Clock;
  readonly maxWaiting: number;
  release(): void;
}

function makeStore({ writer, reader, head, clock, maxWaiting, release }: Parts): Store {
  const changes$ = new Subject<Pulse>();
  const now = storeClock(clock);
  const leases = new Leases();
  const settings = makeSettings(writer, reader);
  const { journal, publish, removed } = makeJournal({
    writer,
    reader,
    head,
    maxWaiting,
    now,
    changed: () => changes$.next('journal'),
    held: () => changes$.next('gaps'),
  });
  let closing: Promise<void> | undefined;

  const close = async (): Promise<void> => {
    // The writer last: whoever closes last moves the log into the database.
    writer.refuse();
    await reader.close();
    await writer.close();
    leases.loseAll();
    changes$.complete();
    release();
  };

  return {
    session: randomUUID(),
    changes$: changes$.asObservable(),
    journal,
    gaps: makeGaps({ writer, reader, leases, now, publish, changed: () => changes$.next('gaps') }),
    lanes: makeLanes(writer, reader, leases, now),
    parking: makeParking(writer, reader, now, () => changes$.next('requests')),
    replays: makeReplays(writer, reader, now, () => changes$.next('requests')),
    pauses: makePauses(writer, reader, now, () => changes$.next('requests')),
    own: makeOwn(writer, reader, now),
    rules: makeRules(writer, reader),
    timers: makeTimers(writer, reader, now),
    values: makeValues(writer, reader),
    settings,
    retention: makeRetention({ writer, reader, leases, now, removed }),
    singleton: async name => leases.singleton(name),
    now,
    async probe() {
      const written = now();
      await settings.set(PROBE, written);
      const found = await settings.get(PROBE);
      if (typeof found !== 'number' || found < written) {
        throw new StoreError(
          'STORE_WRITE_FAILED',
          `the store wrote ${written} and read back ${String(found)}`,
        );
      }
    },
    rest(code) {
      writer.rest(code);
      reader.rest(code);
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}
