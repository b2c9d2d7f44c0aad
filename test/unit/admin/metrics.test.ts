import { expect } from 'chai';
import { Registry } from 'prom-client';
import { makeMetrics } from '../../../src/admin/metrics.ts';
import { makeFacts } from './facts.ts';

const linesOf = (text: string) => text.split('\n').filter(line => line !== '' && !line.startsWith('#'));

/** The loop is looked at every 10 ms. */
const nextMeasurement = () => new Promise(resolve => setTimeout(resolve, 50));

describe('makeMetrics', () => {
  it('shows what was counted and what is, under the documented names', async () => {
    const metrics = makeMetrics();
    metrics.received('item.update', 0.002);
    metrics.received('item.update', 20);
    metrics.received('item.create', 0.0001);
    metrics.refused('INGRESS_BODY');
    metrics.delivered('won-leads', 'settled');
    metrics.delivered('won-leads', 'dropped', true);
    metrics.apiCalled('items.get', 200);
    metrics.apiCalled('items.get', 0);
    const text = await metrics.text(makeFacts({ waiting: 7 }));
    expect(linesOf(text)).to.include.members([
      'podiod_events_received_total{type="item.update"} 2',
      'podiod_events_received_total{type="item.create"} 1',
      'podiod_requests_refused_total{code="INGRESS_BODY"} 1',
      'podiod_deliveries_total{rule="won-leads",outcome="settled"} 1',
      'podiod_shadow_deliveries_total{rule="won-leads",outcome="dropped"} 1',
      'podiod_api_calls_total{operation="items.get",status="200"} 1',
      'podiod_api_calls_total{operation="items.get",status="0"} 1',
      'podiod_ingest_seconds_bucket{le="0.0005"} 1',
      'podiod_ingest_seconds_bucket{le="0.001"} 1',
      'podiod_ingest_seconds_bucket{le="0.0025"} 2',
      'podiod_ingest_seconds_bucket{le="10"} 2',
      'podiod_ingest_seconds_bucket{le="+Inf"} 3',
      'podiod_ingest_seconds_sum 20.0021',
      'podiod_ingest_seconds_count 3',
      'podiod_parked{rule="won-leads"} 2',
      'podiod_parked{rule="old"} 1',
      'podiod_lane_lag_events{rule="won-leads"} 3',
      'podiod_api_remaining{identity="app/101",class="general"} 980',
      'podiod_api_remaining{identity="login/bot@example.com",class="limited"} 12',
      'podiod_hooks{status="active"} 2',
      'podiod_hooks{status="inactive"} 1',
      'podiod_hooks{status="missing"} 1',
      'podiod_refs_degraded 0',
      'podiod_events_waiting 7',
      'podiod_ready 1',
      'podiod_rule_running{rule="won-leads"} 1',
      'podiod_rule_running{rule="morning"} 0',
      'podiod_rule_paused{rule="won-leads"} 0',
      'podiod_plugin_paused{plugin="sales-slack"} 0',
      'podiod_plugin_open{plugin="sales-slack"} 1',
      'podiod_gaps_open{app="leads"} 1',
      'podiod_api_paused_seconds{identity="login/bot@example.com"} 90',
      'podiod_disk_free_bytes 5000000000',
      'podiod_build_info{version="1.2.3"} 1',
      'podiod_config_refused 0',
    ]);
    expect(text).to.not.include('podiod_deliveries_total{rule="won-leads",outcome="dropped"}');
    expect(text).to.not.include('podiod_lane_lag_events{rule="old"}');
    expect(metrics.contentType).to.equal(Registry.PROMETHEUS_CONTENT_TYPE);
  });

  it('tells what is paused, which is none that has stopped', async () => {
    const pausedSince = '2026-01-10T10:00:00.000Z';
    const text = await makeMetrics().text(
      makeFacts({
        running: [{ rule: 'won-leads', state: 'paused', pausedSince, inHand: 0, waiting: 0, position: 0 }],
        breakers: [{ plugin: 'audit', state: 'closed', pausedSince }],
      }),
    );
    expect(linesOf(text)).to.include.members([
      'podiod_rule_running{rule="won-leads"} 1',
      'podiod_rule_paused{rule="won-leads"} 1',
      'podiod_plugin_paused{plugin="audit"} 1',
      'podiod_plugin_open{plugin="audit"} 0',
    ]);
  });

  it('tells how many timers wait, and how late the latest is', async () => {
    const lateSince = new Date(Date.now() - 600_000).toISOString();
    const text = await makeMetrics().text(
      makeFacts({
        timers: [
          { rule: 'sla', key: 'k1', app: 'leads' },
          { rule: 'dates', key: 'k2', app: 'leads', lateSince },
          { rule: 'none', key: 'k3', app: 'leads' },
        ],
        armed: new Map([
          ['k1', { count: 7, nextMs: -90_000 }],
          ['k2', { count: 2, nextMs: 1000 }],
        ]),
      }),
    );
    expect(linesOf(text)).to.include.members([
      'podiod_timers_waiting{rule="sla"} 7',
      'podiod_timers_lag_seconds{rule="sla"} 90',
      'podiod_timers_waiting{rule="dates"} 2',
      'podiod_timers_waiting{rule="none"} 0',
      'podiod_timers_lag_seconds{rule="none"} 0',
    ]);
    const [, late] = /podiod_timers_lag_seconds\{rule="dates"\} (\S+)/.exec(text) ?? [];
    expect(Number(late)).to.be.within(600, 610);
  });

  it('counts on from scrape to scrape, and forgets gauges that are gone', async () => {
    const metrics = makeMetrics();
    metrics.received('item.update', 0.1);
    await metrics.text(makeFacts());
    metrics.received('item.update', 0.1);
    const text = await metrics.text(makeFacts({ parked: new Map(), budgets: [] }));
    expect(linesOf(text)).to.include('podiod_events_received_total{type="item.update"} 2');
    expect(text).to.not.match(/podiod_parked\{rule="old"\}|podiod_api_remaining\{/);
    expect(linesOf(text)).to.include('podiod_parked{rule="won-leads"} 0');
  });

  it('tells how late the loop was since the scrape before', async () => {
    const metrics = makeMetrics();
    await metrics.text(makeFacts());
    await nextMeasurement();
    const until = performance.now() + 300;
    while (performance.now() < until);
    await nextMeasurement();
    const worst = async () =>
      Number(
        /^podiod_event_loop_delay_seconds\{quantile="1"\} (.*)$/m.exec(await metrics.text(makeFacts()))?.[1],
      );
    const first = await worst();
    expect(first).to.be.within(0.2, 10);
    await nextMeasurement();
    expect(await worst()).to.be.below(first);
  });

  it('keeps the counts of two daemons in one process apart', async () => {
    const [one, other] = [makeMetrics(), makeMetrics()];
    one.received('item.update', 0.1);
    expect(await other.text(makeFacts())).to.not.include('podiod_events_received_total{');
  });
});
