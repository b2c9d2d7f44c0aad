/** What lives in a daemon's heaps, as heap-probe.js has written it down in each of its threads. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const PROBE_MS = 10_000;

interface HeapLine {
  readonly pid: number;
  readonly thread: number;
  /** Counts from 1 on in each thread. */
  readonly round: number;
  /** Bytes, all garbage collected. */
  readonly used: number;
}

export const probeEnv = (file: string): Readonly<Record<string, string>> => ({
  NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'heap-probe.js'))}`,
  SOAK_HEAP_LOG: file,
  SOAK_HEAP_MS: String(PROBE_MS),
});

/** Of one process, in bytes over all its threads, by round. A round that not every thread has written is left out. */
export function heapsOf(file: string, pid: number): readonly number[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line.endsWith('}'))
    .map(line => JSON.parse(line) as HeapLine)
    .filter(line => line.pid === pid);
  const threads = new Set(lines.map(({ thread }) => thread)).size;
  const rounds = Map.groupBy(lines, ({ round }) => round);
  return [...rounds]
    .filter(([, each]) => each.length === threads)
    .sort(([a], [b]) => a - b)
    .map(([, each]) => each.reduce((sum, { used }) => sum + used, 0));
}

export interface Trend {
  readonly from: number;
  readonly to: number;
  /** By the line that fits best. */
  readonly perHour: number;
  /** `grows`: by more than the figures scatter, and by so much that it matters. `unknown`: too few to tell. */
  readonly verdict: 'flat' | 'grows' | 'unknown';
}

/** Fewer say nothing. */
const LEAST = 8;
/** Growth that is no more than this part of the whole is none. */
const MATTERS = 0.03;
/** So many standard errors are no chance. */
const SURE = 3;

/** Of the later half: what is filled in the beginning and then stays is no leak. */
export function trendOf(sizes: readonly number[], everyMs = PROBE_MS): Trend {
  const half = sizes.slice(Math.floor(sizes.length / 2));
  const n = half.length;
  if (n < LEAST) return { from: half[0] ?? 0, to: half.at(-1) ?? 0, perHour: 0, verdict: 'unknown' };
  const meanX = (n - 1) / 2;
  const meanY = half.reduce((sum, size) => sum + size, 0) / n;
  const spreadX = half.reduce((sum, _, x) => sum + (x - meanX) ** 2, 0);
  const slope = half.reduce((sum, size, x) => sum + (x - meanX) * (size - meanY), 0) / spreadX;
  const rest = half.reduce((sum, size, x) => sum + (size - meanY - slope * (x - meanX)) ** 2, 0);
  const error = Math.sqrt(rest / (n - 2) / spreadX);
  const first = meanY - slope * meanX;
  const grows = slope > SURE * error && slope * (n - 1) > MATTERS * first;
  return {
    from: first,
    to: meanY + slope * meanX,
    perHour: (slope * 3_600_000) / everyMs,
    verdict: grows ? 'grows' : 'flat',
  };
}
