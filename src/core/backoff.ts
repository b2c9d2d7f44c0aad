/** How long to wait before what failed is tried again. Pure. */
import { isPodiodError, type PodiodError } from './errors.ts';

export interface Backoff {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Doubles with each failure in a row. `failures`: how many there were, this one included. */
export const backoffMs = (failures: number, { fromMs, toMs }: Backoff): number =>
  Math.min(fromMs * 2 ** (failures - 1), toMs);

/** The wait that an error states itself, milliseconds; undefined where it states none. */
export const statedWaitMs = (error: unknown): number | undefined =>
  isPodiodError(error) && typeof error.retry === 'object' ? error.retry.afterMs : undefined;

/** Nothing has failed: the budget does not allow the call yet. */
export const isRateLimited = (error: unknown): error is PodiodError =>
  isPodiodError(error) && error.code === 'PODIO_RATE_LIMITED';
