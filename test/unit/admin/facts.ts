import type { StatusFacts } from '../../../src/admin/status.ts';

/** A daemon of two rules, in which all is well but what a test says. */
export function makeFacts(but: Partial<StatusFacts> = {}): StatusFacts {
  const now = Date.UTC(2026, 0, 10, 12);
  return {
    version: '1.2.3',
    pid: 4711,
    startedAt: now - 90_000_000,
    now,
    readiness: { ready: true, reasons: [], degraded: [], rules: [] },
    publicUrl: 'https://hooks.example.com/podio',
    ingress: { host: '127.0.0.1', port: 8080 },
    admin: { host: '127.0.0.1', port: 8081 },
    head: 1234,
    waiting: 0,
    diskFree: 5_000_000_000,
    retention: {
      eventsMs: 90 * 86_400_000,
      runsMs: 30 * 86_400_000,
      size: 2 * 1024 ** 3,
      usage: {
        used: 1_500_000,
        free: 65_536,
        oldest: { seq: 101, receivedAt: now - 89 * 86_400_000 },
        removed: { events: 100, lastAt: now - 3_600_000 },
      },
      lastRoundAt: now - 300_000,
      lastError: undefined,
      heldBy: undefined,
      waitsFor: undefined,
      over: undefined,
    },
    lanes: [
      {
        rule: 'won-leads',
        loadedAt: 0,
        cursor: 1231,
        lag: 3,
        lastRunAt: now - 65_000,
        lastOutcome: 'settled',
        counts: { settled: 900, filtered: 300, parked: 2, dropped: 1 },
      },
      {
        rule: 'old',
        loadedAt: 0,
        cursor: 10,
        lag: 1224,
        lastRunAt: now - 864_000_000,
        lastOutcome: 'parked',
        counts: { settled: 0, filtered: 0, parked: 1, dropped: 0 },
      },
    ],
    disabled: [],
    replays: [{ id: '3', rule: 'won-leads', from: 10, to: 900, cursor: 255, askedAt: now - 60_000 }],
    paused: [],
    itemRuns: [],
    timers: [],
    armed: new Map(),
    breakers: [
      { plugin: 'audit', state: 'closed' },
      {
        plugin: 'sales-slack',
        state: 'open',
        since: new Date(now - 180_000).toISOString(),
        error: 'Slack answered 503',
        nextTryAt: new Date(now + 7000).toISOString(),
      },
    ],
    running: [
      { rule: 'won-leads', state: 'running', inHand: 1, waiting: 1, position: 1234 },
      {
        rule: 'morning',
        state: 'waiting for setup',
        error: 'no such file',
        inHand: 0,
        waiting: 0,
        position: 0,
      },
    ],
    parked: new Map([
      ['won-leads', 2],
      ['old', 1],
    ]),
    definitions: { news: [], unread: [] },
    reconcile: {
      running: false,
      lastRunAt: new Date(now - 300_000).toISOString(),
      lastError: undefined,
      hooks: [
        hook(1, 'active', 'ours'),
        hook(2, 'active', 'ours'),
        hook(3, 'inactive', 'ours'),
        hook(4, 'active', 'foreign'),
      ],
      degraded: [],
      leftovers: [],
      plan: {
        actions: [],
        summary: {
          create: 1,
          verify: 1,
          replace: 0,
          delete: 0,
          keep: 2,
          orphan: 0,
          elsewhere: 0,
          foreign: 1,
        },
      },
      refusedDeletions: 0,
      outdated: 0,
      everyMs: 900_000,
      pace: [
        { identity: 'app/101', refs: 2, everyMs: 900_000 },
        { identity: 'login/bot@example.com', refs: 200, everyMs: 2_400_000 },
      ],
    },
    budgets: [
      { identity: 'app/101', general: { limit: 1000, remaining: 980 }, limited: undefined, pausedMs: 0 },
      {
        identity: 'login/bot@example.com',
        general: { limit: 1000, remaining: 0 },
        limited: { limit: 250, remaining: 12 },
        pausedMs: 90_000,
      },
    ],
    sweeps: [
      {
        app: 'leads',
        everyMs: 3_600_000,
        isSweeping: false,
        lastSweepAt: new Date(now - 1_200_000).toISOString(),
        watermark: new Date(now - 1_260_000).toISOString(),
      },
    ],
    alarms: [],
    completeness: [
      {
        app: 'leads',
        delivered: 1200,
        recovered: 30,
        own: 4,
        unprovable: [{ why: 'Podio no longer lists the revision', count: 2, lastAt: now - 86_400_000 }],
        open: 1,
      },
    ],
    ...but,
  };
}

const hook = (hookId: number, status: 'active' | 'inactive', owner: 'ours' | 'foreign') =>
  ({
    ref: { type: 'app', id: 101 },
    type: 'item.update',
    hookId,
    status,
    owner,
    url: 'https://hooks.example.com/podio/***/app/101/item.update',
    rules: ['won-leads'],
  }) as const;
