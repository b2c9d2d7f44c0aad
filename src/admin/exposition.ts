/** What is counted and what is, in Prometheus's text format. Loaded at the first scrape: a daemon that nobody asks never needs it. */
import { Counter, Gauge, Registry } from 'prom-client';
import { ALARM_NAMES } from '../core/alarm.ts';
import type { BudgetStatus } from '../podio/contract.ts';
import { makeLoopDelay } from './loop-delay.ts';
import type { Counted, Tally, Times } from './metrics.ts';
import { rulesOf, type StatusFacts, statusOf } from './status.ts';

export function makeExposition({ tallies, times }: Counted): (facts: StatusFacts) => Promise<string> {
  const registry = new Registry();
  const registers = [registry];
  for (const tally of tallies) register(registry, tally);
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Gauge({ name, help, labelNames, registers });
  const parked = gauge('podiod_parked', 'Runs that wait for a person.', ['rule']);
  const lag = gauge(
    'podiod_lane_lag_events',
    'Entries of the journal that the rule has yet to look at, or has to do with and not settled.',
    ['rule'],
  );
  const remaining = gauge('podiod_api_remaining', 'Calls left in the hour, as Podio told last.', [
    'identity',
    'class',
  ]);
  const hooks = gauge('podiod_hooks', 'Hooks of podiod at Podio; missing: needed and not there.', ['status']);
  const degraded = gauge(
    'podiod_refs_degraded',
    'Apps, fields and spaces whose hooks can not be kept right.',
    [],
  );

  const waiting = gauge('podiod_events_waiting', 'Events that have come in and are not on disk yet.', []);
  const ready = gauge('podiod_ready', '1 when /readyz says so, else 0.', []);
  const running = gauge(
    'podiod_rule_running',
    '1 for a rule that runs or is paused; 0: halted, or its plugins are not set up.',
    ['rule'],
  );
  const rulePaused = gauge('podiod_rule_paused', '1 for a rule that an operator has paused, else 0.', [
    'rule',
  ]);
  const lastRun = gauge('podiod_rule_last_run_timestamp_seconds', 'When a run of the rule last ended.', [
    'rule',
  ]);
  const open = gauge('podiod_plugin_open', '1 for a plugin that keeps failing and is held back, else 0.', [
    'plugin',
  ]);
  const pluginPaused = gauge('podiod_plugin_paused', '1 for a plugin that an operator has paused, else 0.', [
    'plugin',
  ]);
  const gaps = gauge('podiod_gaps_open', 'Changes of items that are missing and are looked for.', ['app']);
  const paused = gauge('podiod_api_paused_seconds', 'For how long Podio has asked to wait.', ['identity']);
  const diskFree = gauge('podiod_disk_free_bytes', 'Room left where dataDir is.', []);
  const database = gauge('podiod_database_bytes', 'What the database takes up.', []);
  const alarms = gauge('podiod_alarms', 'Alarms that were raised and are not over.', ['alarm']);
  const refused = gauge(
    'podiod_config_refused',
    '1: the config was to be read again and was not taken, so the one before goes on.',
    [],
  );
  const memory = gauge('podiod_resident_memory_bytes', 'Memory of the process.', []);
  const startTime = gauge('podiod_start_time_seconds', 'When the process started.', []);
  const gathered = gauge('podiod_gathered_events', 'Events that wait to be run together.', ['rule']);
  const timersWaiting = gauge(
    'podiod_timers_waiting',
    'Items that the rule will look at when a date or a duration comes.',
    ['rule'],
  );
  const timersLag = gauge(
    'podiod_timers_lag_seconds',
    'For how long the item has been due that waits longest to be looked at.',
    ['rule'],
  );
  const build = gauge('podiod_build_info', '1, with the version.', ['version']);
  const loopDelay = gauge(
    'podiod_event_loop_delay_seconds',
    'How late the event loop was since the scrape before.',
    ['quantile'],
  );

  const readLoopDelay = makeLoopDelay();

  const setGauges = (facts: StatusFacts): void => {
    for (const one of [
      parked,
      lag,
      gathered,
      timersWaiting,
      timersLag,
      remaining,
      hooks,
      running,
      rulePaused,
      lastRun,
      open,
      pluginPaused,
      gaps,
      paused,
    ])
      one.reset();
    for (const rule of rulesOf(facts)) {
      // What has begun or was gathered of a rule that is gone waits for a person, too.
      const held = rule.state === 'gone' ? rule.waiting + (rule.gathered ?? 0) : 0;
      parked.set({ rule: rule.rule }, rule.parked + held);
      if (rule.lastRunAt !== undefined) lastRun.set({ rule: rule.rule }, Date.parse(rule.lastRunAt) / 1000);
      if (rule.state === 'gone') continue;
      lag.set({ rule: rule.rule }, rule.lag);
      if (rule.gathered !== undefined) gathered.set({ rule: rule.rule }, rule.gathered);
      running.set({ rule: rule.rule }, rule.state === 'running' || rule.state === 'paused' ? 1 : 0);
      rulePaused.set({ rule: rule.rule }, rule.pausedSince === undefined ? 0 : 1);
    }
    // Of a rule with several apps each tells the same.
    for (const { rule, armed, lateMs = 0 } of statusOf(facts).timers) {
      timersWaiting.set({ rule }, armed);
      timersLag.set({ rule }, lateMs / 1000);
    }
    for (const budget of facts.budgets) setRemaining(budget);
    for (const [status, count] of Object.entries(statusOf(facts).hooks)) hooks.set({ status }, count);
    degraded.set(facts.readiness.degraded.length);
    waiting.set(facts.waiting);
    ready.set(facts.readiness.ready ? 1 : 0);
    for (const { plugin, state, pausedSince } of facts.breakers) {
      open.set({ plugin }, state === 'open' ? 1 : 0);
      pluginPaused.set({ plugin }, pausedSince === undefined ? 0 : 1);
    }
    for (const { app, open: missing } of facts.completeness) gaps.set({ app }, missing);
    for (const { identity, pausedMs } of facts.budgets) paused.set({ identity }, pausedMs / 1000);
    if (facts.diskFree !== undefined) diskFree.set(facts.diskFree);
    database.set(facts.retention.usage.used);
    // With a line for each that may come, so that a query finds 0 and not nothing.
    for (const alarm of ALARM_NAMES) {
      alarms.set({ alarm }, facts.alarms.filter(raised => raised.alarm === alarm).length);
    }
    refused.set(facts.config?.refused === undefined ? 0 : 1);
    memory.set(process.memoryUsage.rss());
    startTime.set(facts.startedAt / 1000);
    build.set({ version: facts.version }, 1);
    const { p50, p99, max } = readLoopDelay();
    loopDelay.set({ quantile: '0.5' }, p50);
    loopDelay.set({ quantile: '0.99' }, p99);
    loopDelay.set({ quantile: '1' }, max);
  };
  const setRemaining = ({ identity, general, limited }: BudgetStatus): void => {
    if (general) remaining.set({ identity, class: 'general' }, general.remaining);
    if (limited) remaining.set({ identity, class: 'limited' }, limited.remaining);
  };

  return async facts => {
    setGauges(facts);
    return `${await registry.metrics()}\n${times.map(linesOf).join('')}`;
  };
}

function register(registry: Registry, { name, help, labelNames, counts }: Tally): void {
  new Counter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, count } of counts()) {
        this.inc(Object.fromEntries(labelNames.map((label, n) => [label, labels[n] ?? ''])), count);
      }
    },
  });
}

/** By hand: prom-client's histograms take single values only. */
function linesOf({ name, help, read }: Times): string {
  const { buckets, sum, count } = read();
  const lines = [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} histogram`,
    ...buckets.map(({ le, count }) => `${name}_bucket{le="${le}"} ${count}`),
    `${name}_bucket{le="+Inf"} ${count}`,
    `${name}_sum ${sum}`,
    `${name}_count ${count}`,
  ];
  return lines.map(line => `${line}\n`).join('');
}
