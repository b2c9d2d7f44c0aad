import type { Scenario } from '../lib/scenario.ts';
import { boot } from './boot.ts';
import { footprint } from './footprint.ts';
import { ingest, ingestRules } from './ingest.ts';
import { latency } from './latency.ts';
import { reach } from './reach.ts';
import { backlog, runs } from './runs.ts';
import { slowFlushes } from './slow-flush.ts';
import { storage } from './storage.ts';

/** In the order in which they are run. */
export const SCENARIOS: readonly Scenario[] = [
  ingest,
  ingestRules,
  slowFlushes,
  latency,
  runs,
  backlog,
  reach,
  footprint,
  storage,
  boot,
];
