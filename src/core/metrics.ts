import type { Outcome } from './run.ts';

/** What the daemon's parts count. `src/admin/metrics.ts` implements it on prom-client; gauges are read at the scrape. */
export interface Metrics {
  /** An event was taken in (repeats too); `seconds` from the request's first byte to the answer. */
  received(type: string, seconds: number): void;
  /** A request was not taken in; `code` is the IngressError's. */
  refused(code: string): void;
  /** `shadow`: nothing was done to the world outside. */
  delivered(rule: string, outcome: Outcome, shadow?: boolean): void;
  /** `operation` names the call (`items.get`), never holds an id; `status` is HTTP's, 0 where no answer came. */
  apiCalled(operation: string, status: number): void;
}

export const noMetrics: Metrics = { received() {}, refused() {}, delivered() {}, apiCalled() {} };
