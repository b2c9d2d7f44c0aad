/** What a process takes, looked at again and again. */
import { readFileSync } from 'node:fs';

export interface Sample {
  /** By the monotonic clock. */
  readonly at: number;
  readonly pid: number;
  /** Bytes. */
  readonly resident: number;
}

/** Undefined where the process is no more. Linux tells it in /proc. */
export function residentOf(pid: number): number | undefined {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

/** One collection more or less makes a difference of many megabytes: what it takes mostly, in a span of time. */
export function medianIn(samples: readonly Sample[], from: number, to: number): number {
  const sizes = samples
    .filter(({ at }) => at >= from && at <= to)
    .map(({ resident }) => resident)
    .sort((a, b) => a - b);
  return sizes[Math.floor(sizes.length / 2)] ?? 0;
}
