import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** The environment in which every flush of a process takes so much longer; compiles the shim into `folder`. */
export function slowFlush(folder: string, ms: number): Readonly<Record<string, string>> {
  const shim = join(folder, 'slow-flush.so');
  const source = join(import.meta.dirname, '../load/slow-flush.c');
  const { status, stderr } = spawnSync('cc', ['-O2', '-shared', '-fPIC', '-o', shim, source, '-ldl'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`cc has failed:\n${stderr}`);
  return { LD_PRELOAD: shim, PODIOD_BENCH_FLUSH_MS: String(ms) };
}
