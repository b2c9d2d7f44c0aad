// The dashboard and the alarms: what they look at is what a running daemon tells.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { LEADS, makeSite } from './site.ts';

const config = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../../config', name), 'utf8');
const docs = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');

interface Dashboard {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
}
interface Alerts {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

const dashboard = JSON.parse(config('grafana-dashboard.json')) as Dashboard;
const alarms = (parse(config('prometheus-alerts.yml')) as Alerts).groups.flatMap(({ rules }) => rules);
const queries = [
  ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ...alarms.map(({ expr }) => expr),
];

/** `podiod_x{label="..."}` in a query: the metric and the labels that are asked for. */
const selectorsIn = (query: string) =>
  [...query.matchAll(/\b(podiod_\w+?)(?:_bucket|_sum|_count)?\b(?:\{([^}]*)\})?/g)].map(
    ([, metric = '', labels = '']) => ({
      metric,
      labels: [...labels.matchAll(/(\w+)\s*[=!]~?/g)].flatMap(([, label]) => label ?? []),
    }),
  );

/** What Prometheus itself adds to each. */
const OF_PROMETHEUS = ['instance', 'job'];

const CONTRACT = [
  'podiod_events_received_total',
  'podiod_deliveries_total',
  'podiod_parked',
  'podiod_lane_lag_events',
  'podiod_ingest_seconds',
  'podiod_api_calls_total',
  'podiod_api_remaining',
  'podiod_hooks',
  'podiod_refs_degraded',
];

describe('what is watched', function () {
  this.timeout(30_000);

  it('is what a daemon tells that has had something to do', async () => {
    const site = await makeSite({
      rules: { all: { on: { app: 'leads', events: 'item.create' }, steps: ['audit'] } },
    });
    const daemon = await site.boot();
    await site.deliver(LEADS, 'item.create', { item_id: 1, item_revision_id: 0 });
    await fetch(`${site.publicUrl}/nothing`, { method: 'POST' });
    await site.untilRun(1, 'all');
    const text = await (await daemon.admin('/metrics')).text();
    const metrics = new Set([...text.matchAll(/^# TYPE (\w+)/gm)].flatMap(([, name]) => name ?? []));
    const labelsOf = (metric: string) =>
      [...text.matchAll(new RegExp(`^${metric}(?:_bucket)?\\{([^}]*)\\}`, 'gm'))].flatMap(([, labels = '']) =>
        [...labels.matchAll(/(\w+)="/g)].flatMap(([, label]) => label ?? []),
      );

    expect([...metrics]).to.include.members(CONTRACT);
    expect(queries.length).to.be.above(30);
    for (const query of queries) {
      const selectors = selectorsIn(query);
      if (!query.includes('up{')) expect(selectors, query).to.not.have.length(0);
      for (const { metric, labels } of selectors) {
        expect(metrics.has(metric), `${metric} in ${query}`).to.equal(true);
        expect([...labelsOf(metric), ...OF_PROMETHEUS], `${metric} in ${query}`).to.include.members(labels);
      }
    }
    // Nothing is there that nobody explains.
    for (const metric of metrics) expect(docs, metric).to.include(`\`${metric}`);
  });

  it('is explained: each alarm says in operations.md what to do', () => {
    for (const { alert } of alarms) expect(docs, alert).to.include(`\`${alert}\``);
  });
});
