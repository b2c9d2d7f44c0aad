import type { Scenario } from '../lib/scenario.ts';
import { ingest, ingestRules } from './ingest.ts';

export const SCENARIOS: readonly Scenario[] = [ingest, ingestRules];
