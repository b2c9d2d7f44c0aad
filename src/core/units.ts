/** Quantities as people write them. Patterns are kept beside their readers, since the editor's schema shows them. */

export const DURATION = /^(\d+)(ms|s|m|h|d)$/;
const MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of `250ms`, `30s`, `10m`, `1h`, `7d`; NaN for anything else. */
export function parseDuration(text: string): number {
  const match = DURATION.exec(text);
  return match ? Number(match[1]) * MS[match[2] as keyof typeof MS] : Number.NaN;
}

export const SIZE = /^(\d+)(b|kb|mb|gb)$/i;
const BYTES = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 } as const;

/** Bytes of `512b`, `64kb`, `10mb`, `2gb` (1 kb is 1024 bytes); NaN for anything else. */
export function parseSize(text: string): number {
  const match = SIZE.exec(text);
  return match
    ? Number(match[1]) * BYTES[(match[2] as string).toLowerCase() as keyof typeof BYTES]
    : Number.NaN;
}

/** `812 b`, `1.5 mb`, `64 kb`: in the largest unit that leaves a number above one. */
export function showSize(bytes: number): string {
  const [unit, size] = Object.entries(BYTES).findLast(([, each]) => bytes >= each) ?? ['b', 1];
  const count = bytes / size;
  return `${count < 10 && unit !== 'b' ? Number(count.toFixed(1)) : Math.round(count)} ${unit}`;
}

export const SHARE = /^(100|[0-9]{1,2})%$/;

/** 0 to 1 of `0%` to `100%`; NaN for anything else. */
export function parseShare(text: string): number {
  const match = SHARE.exec(text);
  return match ? Number(match[1]) / 100 : Number.NaN;
}

export const BACKOFF = /^(\d+(?:ms|s|m|h|d))\.\.(\d+(?:ms|s|m|h|d))$/;

/** The first and the longest wait of `1s..10m`, milliseconds. */
export function parseBackoff(text: string): { fromMs: number; toMs: number } {
  const match = BACKOFF.exec(text);
  return { fromMs: parseDuration(match?.[1] ?? ''), toMs: parseDuration(match?.[2] ?? '') };
}
