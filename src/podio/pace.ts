/** How often background work may come round within its share of a budget (ARCHITECTURE.md, G8). Pure. */

/** The hourly budgets that Podio keeps for each identity. */
export type Bucket = 'general' | 'limited';

/** Calls an hour; taken as the guess until a header tells. */
export const DOCUMENTED: Readonly<Record<Bucket, number>> = { general: 1_000, limited: 250 };

const HOUR_MS = 3_600_000;

/** Of a bucket that holds `limit`, what a share (0 to 1) comes to; a share of nothing would stop reconciling for good. */
export const shareOf = (limit: number, share: number): number => Math.max(1, Math.floor(limit * share));

/** The interval in which a round of so many calls fits into `callsPerHour`; never shorter than what is configured. */
export const stretch = (configuredMs: number, calls: number, callsPerHour: number): number =>
  Math.max(configuredMs, Math.ceil((calls * HOUR_MS) / callsPerHour));
