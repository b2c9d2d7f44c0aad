/** The trouble that a daemon's process has with its disk and its clock (faults.c), and how it is switched on and off. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const ERRNO = { ENOSPC: 28, EIO: 5 } as const;
const CALLS = { writes: 1, flushes: 2, truncates: 4, reads: 8 } as const;

export type SickCall = keyof typeof CALLS;

/** A disk that fails: how, in which calls, how many of a thousand of them. */
export interface Sickness {
  readonly error: keyof typeof ERRNO;
  readonly calls: readonly SickCall[];
  readonly permille: number;
}

export interface Faults {
  /** What the daemon's process is to be started with. */
  readonly env: Readonly<Record<string, string>>;
  /** Calls fail from now on; undefined: none does. */
  disk(sickness: Sickness | undefined): void;
  /** Flushes take so much longer. */
  flush(ms: number): void;
  /** Flushes of the database begin and do not end, until this is taken back. */
  hold(on: boolean): void;
  /** Flushes of the database that were begun so far. */
  flushes(): number;
  /** The wall clock is off by so much. */
  clock(ms: number): void;
  /** The process dies in the so-manieth write or flush of its database from now on; 0: it does not. */
  dieIn(calls: number): void;
  /** Calls that were made to fail so far. */
  failed(): number;
  /** Deaths in a write or flush so far. */
  died(): number;
  close(): void;
}

/** Places in struct control, in 64-bit numbers. */
const AT = {
  error: 0,
  calls: 1,
  permille: 2,
  flush: 3,
  clock: 4,
  dieIn: 5,
  failed: 6,
  died: 7,
  hold: 8,
  flushes: 9,
} as const;
const BYTES = 8;

/** Compiles the shim. Throws what to install where there is no compiler. */
export function compileFaults(folder: string): string {
  const shim = join(folder, 'faults.so');
  const source = join(import.meta.dirname, 'faults.c');
  const { error, status, stderr } = spawnSync(
    'cc',
    ['-O2', '-Wall', '-shared', '-fPIC', '-o', shim, source, '-ldl'],
    { encoding: 'utf8' },
  );
  if (error) {
    throw new Error(
      `the torture compiles test/torture/faults.c, and there is no C compiler here (${error.message}); on Debian: apt-get install gcc libc6-dev`,
    );
  }
  if (status !== 0) throw new Error(`cc has failed on ${source}:\n${stderr}`);
  return shim;
}

/** @param sickFolder the folder whose files are on the disk that may fail */
export function makeFaults(shim: string, folder: string, sickFolder: string): Faults {
  const path = join(folder, 'faults.control');
  const file = openSync(path, 'w+');
  const word = Buffer.alloc(BYTES);
  const put = (at: keyof typeof AT, value: number): void => {
    word.writeBigInt64LE(BigInt(value));
    writeSync(file, word, 0, BYTES, AT[at] * BYTES);
  };
  const get = (at: keyof typeof AT): number => {
    readSync(file, word, 0, BYTES, AT[at] * BYTES);
    return Number(word.readBigInt64LE());
  };
  for (const at of Object.keys(AT) as (keyof typeof AT)[]) put(at, 0);
  return {
    env: {
      LD_PRELOAD: shim,
      PODIOD_TORTURE_CONTROL: path,
      PODIOD_TORTURE_FOLDER: sickFolder,
    },
    disk(sickness) {
      put('error', 0);
      if (!sickness) return;
      put('permille', sickness.permille);
      put(
        'calls',
        sickness.calls.reduce((sum, call) => sum + CALLS[call], 0),
      );
      put('error', ERRNO[sickness.error]);
    },
    flush: ms => put('flush', ms),
    hold: on => put('hold', on ? 1 : 0),
    flushes: () => get('flushes'),
    clock: ms => put('clock', ms),
    dieIn: calls => put('dieIn', calls),
    failed: () => get('failed'),
    died: () => get('died'),
    close: () => closeSync(file),
  };
}
