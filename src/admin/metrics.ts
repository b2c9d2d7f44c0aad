/** What is counted, for Prometheus (docs/operations.md, "Metrics and alarms"). How it is shown is `exposition.ts`'s, where gauges are handed in. */
import { loadOnce } from '../core/load-once.ts';
import type { Metrics } from '../core/metrics.ts';
import type { StatusFacts } from './status.ts';

export interface MetricsRegistry extends Metrics {
  readonly contentType: string;
  /** Everything in Prometheus's text format. */
  text(facts: StatusFacts): Promise<string>;
}

/** Counts by labels. */
export interface Tally {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  counts(): Iterable<{ readonly labels: readonly string[]; readonly count: number }>;
}

/** How long something took, in buckets. */
export interface Times {
  readonly name: string;
  readonly help: string;
  /** Each bucket with all that are below it; the last one is missing: it has all. */
  read(): {
    readonly buckets: readonly { readonly le: number; readonly count: number }[];
    readonly sum: number;
    readonly count: number;
  };
}

export interface Counted {
  readonly tallies: readonly Tally[];
  readonly times: readonly Times[];
}

/** Seconds. A flush takes 0.05 ms on a good disk and seconds on a sick one. */
const INGEST_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Of Prometheus's text format. */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export function makeMetrics(): MetricsRegistry {
  const received = makeTally('podiod_events_received_total', 'Events taken in, repeats too.', ['type']);
  const refused = makeTally('podiod_requests_refused_total', 'Requests not taken in.', ['code']);
  const delivered = makeTally('podiod_deliveries_total', 'Runs that ended.', ['rule', 'outcome']);
  const shadowed = makeTally(
    'podiod_shadow_deliveries_total',
    'Runs that ended of rules in shadow; dropped: it would have been parked.',
    ['rule', 'outcome'],
  );
  const called = makeTally('podiod_api_calls_total', 'Calls to Podio; status 0: no answer.', [
    'operation',
    'status',
  ]);
  const ingest = makeTimes('podiod_ingest_seconds', 'From a delivery to its answer.', INGEST_BUCKETS);
  const counted: Counted = {
    tallies: [received, refused, delivered, shadowed, called],
    times: [ingest],
  };
  const exposition = loadOnce(() =>
    import('./exposition.ts').then(({ makeExposition }) => makeExposition(counted)),
  );

  return {
    received(type, seconds) {
      received.count(type);
      ingest.count(seconds);
    },
    refused: code => refused.count(code),
    delivered: (rule, outcome, shadow) => (shadow ? shadowed : delivered).count(rule, outcome),
    apiCalled: (operation, status) => called.count(operation, String(status)),
    contentType: CONTENT_TYPE,
    async text(facts) {
      return (await exposition())(facts);
    },
  };
}

/** A counter that costs one look into a map a count, since the hook route counts every delivery. */
function makeTally(
  name: string,
  help: string,
  labelNames: readonly string[],
): Tally & { count(...labels: string[]): void } {
  const counts = new Map<string, { readonly labels: readonly string[]; count: number }>();
  return {
    name,
    help,
    labelNames,
    counts: () => counts.values(),
    count(...labels) {
      const key = labels.join('\0');
      const known = counts.get(key);
      if (known) known.count += 1;
      else counts.set(key, { labels, count: 1 });
    },
  };
}

/** @param bounds of the buckets, the lowest first */
function makeTimes(
  name: string,
  help: string,
  bounds: readonly number[],
): Times & { count(seconds: number): void } {
  const counts = bounds.map(() => 0);
  let sum = 0;
  let all = 0;
  return {
    name,
    help,
    read() {
      let below = 0;
      const buckets = bounds.map((le, n) => {
        below += counts[n] ?? 0;
        return { le, count: below };
      });
      return { buckets, sum, count: all };
    },
    count(seconds) {
      sum += seconds;
      all += 1;
      let bucket = 0;
      while (bucket < bounds.length && seconds > (bounds[bucket] ?? 0)) bucket += 1;
      if (bucket < bounds.length) counts[bucket] = (counts[bucket] ?? 0) + 1;
    },
  };
}
