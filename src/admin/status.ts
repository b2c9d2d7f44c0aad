/** What `podiod status` and the admin API tell: one shape, put together from what each part knows. Pure. */
import type { Outage, RaisedAlarm } from '../core/alarm.ts';
import type { DefinitionStatus } from '../core/field-use.ts';
import { type LeftRule, leftRules } from '../core/left.ts';
import type { Outcome } from '../core/run.ts';
import type { BreakerStatus } from '../dispatch/breaker.ts';
import type { RuleStatus as LaneReport, LaneState } from '../dispatch/lane.ts';
import type { Address } from '../http/server.ts';
import type { BudgetStatus } from '../podio/contract.ts';
import type { Pace } from '../reconcile/rota.ts';
import type { HookStatus, Leftover, ReconcileStatus } from '../reconcile/status.ts';
import type { SweepStatus } from '../recover/recovery.ts';
import type { RetentionStatus } from '../retention/retention.ts';
import type { ItemRunStatus } from '../schedule/item-runs.ts';
import type { TimersStatus } from '../schedule/timers.ts';
import type { Completeness, LaneStatus, Pausable, Paused, Replay, TimerCount } from '../store/contract.ts';
import { type AppStatus, appsOf, UNRECOVERABLE } from './completeness.ts';

/** Something outside that fails while the rest goes on. */
export interface DegradedRef {
  /** `app/101` */
  readonly ref: string;
  readonly error: string;
  readonly hint?: string;
  /** ISO 8601, UTC. */
  readonly since: string;
  /** Those that lack something by it; empty when that isn't known or is none. */
  readonly rules: readonly string[];
}

/** A rule that has halted, or a plugin of which is not set up. */
export type StandingRule = Pick<RuleStatus, 'rule' | 'state' | 'error'>;

/** The answer of `/readyz`. */
export interface Readiness {
  readonly ready: boolean;
  /** What is not up yet; empty when ready. */
  readonly reasons: readonly string[];
  /** Told, but no reason not to be ready. */
  readonly degraded: readonly DegradedRef[];
  /** Those that stand still, which is no reason either: others go on, and their events wait. */
  readonly rules: readonly StandingRule[];
}

export interface RuleStatus {
  readonly rule: string;
  /** `gone`: not in the config, or `disabled`; what waits of it is still told. */
  readonly state: LaneState | 'gone';
  /** `enabled: false`. */
  readonly disabled?: true;
  /** `enabled: shadow`: what it would do outside is shown and not done. */
  readonly shadow?: true;
  /** Why it is halted or not set up yet. */
  readonly error?: string;
  /** When an operator paused it; ISO 8601, UTC. */
  readonly pausedSince?: string;
  /** It runs, but lacks events: something that it needs at Podio is degraded. */
  readonly degraded: boolean;
  /** Entries of the journal that it has not settled; of one that is gone, those from before that which it had not come to. */
  readonly lag: number;
  /** Everything up to here is settled. */
  readonly cursor: number;
  /** Runs that are being worked on. */
  readonly inHand: number;
  /** Runs that wait to try a step again; of a rule that is gone, those that have begun. */
  readonly waiting: number;
  /** Of these, how many wait for their turn (mode `throttle`), and when the next one may begin. */
  readonly throttled?: { readonly runs: number; readonly nextAt: string };
  /** Events that wait to be run together, and those that are so just now; absent: none. */
  readonly gathered?: number;
  readonly parked: number;
  /** ISO 8601, UTC. */
  readonly lastRunAt?: string;
  readonly lastOutcome?: Outcome;
  /** Runs that ended, by outcome. */
  readonly counts: Readonly<Record<Outcome, number>>;
}

export interface ReplayStatus {
  readonly id: string;
  readonly rule: string;
  /** seqs, both included. */
  readonly from: number;
  readonly to: number;
  /** Everything up to here has been run. */
  readonly at: number;
  /** ISO 8601, UTC. */
  readonly askedAt: string;
}

/** Something that an operator has paused, whether this daemon runs it or not. */
export interface PausedStatus extends Pausable {
  /** ISO 8601, UTC. */
  readonly since: string;
}

export interface AlarmStatus extends Omit<Outage, 'since'> {
  /** ISO 8601, UTC. */
  readonly since: string;
}

export interface WaitingStatus extends Omit<TimersStatus, 'key'> {
  /** Items that the rule will look at when their time has come, of all its apps. */
  readonly armed: number;
  /** For how long the one has been due that waits longest, milliseconds; absent: none is. */
  readonly lateMs?: number;
}

export interface HookCounts {
  readonly active: number;
  readonly inactive: number;
  /** Needed and not there. */
  readonly missing: number;
}

/** What is kept, and what had to go. Times are ISO 8601, UTC; sizes are bytes. */
export interface KeptStatus {
  /** As configured. */
  readonly eventsMs: number;
  readonly runsMs: number;
  readonly size: number;
  /** What the database takes up. */
  readonly used: number;
  /** Of its file, free for what comes. */
  readonly free: number;
  readonly oldest?: { readonly seq: number; readonly receivedAt: string };
  /** Events that went, ever. */
  readonly removed: number;
  readonly lastRemovedAt?: string;
  readonly lastRoundAt?: string;
  readonly lastError?: string;
  /** Nothing is removed until this has come about: after a start, until Podio has told the time. */
  readonly waitsFor?: string;
  /** Older events stay, since this rule has not settled those after `cursor`. */
  readonly heldBy?: { readonly rule: string; readonly cursor: number };
  /** Why it is larger than `size` and yet nothing more goes. */
  readonly over?: string;
}

export interface Status {
  readonly version: string;
  readonly pid: number;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly uptimeMs: number;
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly publicUrl: string;
  readonly ingress: Address;
  readonly admin: Address;
  /** `waiting`: events that have come in and are not on disk yet. */
  readonly journal: { readonly head: number; readonly waiting: number };
  readonly retention: KeptStatus;
  readonly rules: readonly RuleStatus[];
  /** Every plugin that a rule uses, and whether it is held back since it keeps failing. */
  readonly plugins: readonly BreakerStatus[];
  /** What operators have asked to be run again and is not through yet. */
  readonly replays: readonly ReplayStatus[];
  readonly paused: readonly PausedStatus[];
  /** Ticks of schedules whose items are still being read. */
  readonly itemRuns: readonly ItemRunStatus[];
  /** What rules wait for that time brings: a date that comes, a state that lasts. */
  readonly timers: readonly WaitingStatus[];
  readonly hooks: HookCounts;
  readonly degraded: readonly DegradedRef[];
  /** Those that were raised and are not over, oldest first. */
  readonly alarms: readonly AlarmStatus[];
  /** Hooks of apps that left the config and can't be reached any more. */
  readonly leftovers: readonly Leftover[];
  /** Deletions that wait for `podiod apply --allow-deletes`. */
  readonly refusedDeletions: number;
  /** A replaced secret of hook URLs that is still accepted: since when, and why or until when. Times are ISO 8601, UTC. */
  readonly oldSecret?: { readonly since: string; readonly because?: string; readonly until?: string };
  readonly reconcile: {
    readonly running: boolean;
    /** ISO 8601, UTC. */
    readonly lastRunAt?: string;
    readonly lastError?: string;
    /** As configured. */
    readonly everyMs: number;
    /** How often hooks are looked at, by identity, as its budget allows. */
    readonly pace: readonly Pace[];
  };
  readonly podio: readonly BudgetStatus[];
  /** Fields that rules name and that are no longer as they were, and apps that could not be read again since. */
  readonly definitions: DefinitionStatus;
  /** Absent while nobody has asked for another config. */
  readonly config?: ConfigStatus;
  /** How completely the changes of items have been seen, for each app that a rule wants them of. */
  readonly apps: readonly AppStatus[];
  /** What can't be found out once its delivery is lost. */
  readonly unrecoverable: readonly string[];
}

/** What became of the config since the start. */
export interface ConfigStatus {
  /** When it was last exchanged, ISO 8601, UTC. */
  readonly reloadedAt?: string;
  /** Why the last one was not taken, and since when; absent where it was. */
  readonly refused?: { readonly error: string; readonly at: string };
  /** What of it holds after a restart only. */
  readonly needsRestart: readonly string[];
}

/** What each part of the daemon knows. */
export interface StatusFacts {
  readonly version: string;
  readonly pid: number;
  /** UTC milliseconds. */
  readonly startedAt: number;
  readonly now: number;
  readonly readiness: Readiness;
  readonly publicUrl: string;
  readonly ingress: Address;
  readonly admin: Address;
  readonly head: number;
  /** Events that have come in and are not on disk yet. */
  readonly waiting: number;
  /** Bytes left where dataDir is; undefined where the system does not tell. */
  readonly diskFree: number | undefined;
  readonly retention: RetentionStatus;
  /** From the store: every lane that ever was. */
  readonly lanes: readonly LaneStatus[];
  /** Rules of the config with `enabled: false`. */
  readonly disabled: readonly string[];
  /** From the dispatcher: the lanes of this process. */
  readonly running: readonly LaneReport[];
  readonly breakers: readonly BreakerStatus[];
  readonly replays: readonly Replay[];
  readonly paused: readonly Paused[];
  readonly itemRuns: readonly ItemRunStatus[];
  readonly timers: readonly TimersStatus[];
  /** How many items each rule waits for, by its key. */
  readonly armed: ReadonlyMap<string, TimerCount>;
  /** By rule. */
  readonly parked: ReadonlyMap<string, number>;
  readonly reconcile: ReconcileStatus;
  readonly budgets: readonly BudgetStatus[];
  /** In the order of the config. */
  readonly sweeps: readonly SweepStatus[];
  readonly completeness: readonly Completeness[];
  readonly definitions: DefinitionStatus;
  readonly config?: ConfigStatus | undefined;
  readonly oldSecret?:
    | { readonly since: number; readonly because?: string; readonly until?: number }
    | undefined;
  /** Those that last. */
  readonly alarms: readonly RaisedAlarm[];
}

const NO_RUNS: Readonly<Record<Outcome, number>> = { settled: 0, filtered: 0, parked: 0, dropped: 0 };

export function statusOf(facts: StatusFacts): Status {
  const { reconcile, readiness } = facts;
  return {
    version: facts.version,
    pid: facts.pid,
    startedAt: new Date(facts.startedAt).toISOString(),
    uptimeMs: Math.max(0, facts.now - facts.startedAt),
    ready: readiness.ready,
    reasons: readiness.reasons,
    publicUrl: facts.publicUrl,
    ingress: facts.ingress,
    admin: facts.admin,
    journal: { head: facts.head, waiting: facts.waiting },
    retention: keptOf(facts.retention),
    rules: rulesOf(facts),
    plugins: facts.breakers,
    replays: facts.replays.map(({ id, rule, from, to, cursor, askedAt }) => ({
      id,
      rule,
      from,
      to,
      at: cursor,
      askedAt: new Date(askedAt).toISOString(),
    })),
    paused: facts.paused.map(({ since, ...what }) => ({ ...what, since: iso(since) })),
    itemRuns: facts.itemRuns,
    timers: facts.timers.map(timers => waitingOf(timers, facts.armed.get(timers.key))),
    hooks: countHooks(reconcile),
    degraded: readiness.degraded,
    alarms: facts.alarms.map(({ since, raisedAt, ...alarm }) => ({ ...alarm, since: iso(since) })),
    leftovers: reconcile.leftovers,
    refusedDeletions: reconcile.refusedDeletions,
    ...(facts.oldSecret && { oldSecret: oldSecretOf(facts.oldSecret) }),
    reconcile: {
      running: reconcile.running,
      ...(reconcile.lastRunAt === undefined ? {} : { lastRunAt: reconcile.lastRunAt }),
      ...(reconcile.lastError === undefined ? {} : { lastError: reconcile.lastError }),
      everyMs: reconcile.everyMs,
      pace: reconcile.pace,
    },
    podio: facts.budgets,
    definitions: facts.definitions,
    ...(facts.config && { config: facts.config }),
    apps: appsOf(facts.sweeps, facts.completeness),
    unrecoverable: UNRECOVERABLE,
  };
}

const iso = (time: number): string => new Date(time).toISOString();

function keptOf({
  usage,
  lastRoundAt,
  lastError,
  waitsFor,
  heldBy,
  over,
  ...limits
}: RetentionStatus): KeptStatus {
  const { oldest, removed } = usage;
  return {
    ...limits,
    used: usage.used,
    free: usage.free,
    ...(oldest && { oldest: { seq: oldest.seq, receivedAt: iso(oldest.receivedAt) } }),
    removed: removed.events,
    ...(removed.lastAt !== undefined && { lastRemovedAt: iso(removed.lastAt) }),
    ...(lastRoundAt !== undefined && { lastRoundAt: iso(lastRoundAt) }),
    ...(lastError !== undefined && { lastError }),
    ...(waitsFor !== undefined && { waitsFor }),
    ...(heldBy && { heldBy }),
    ...(over !== undefined && { over }),
  };
}

/** The config's rules in its order, then those that left it with something still open. */
export function rulesOf({
  running,
  lanes,
  parked,
  readiness,
  disabled,
}: Pick<StatusFacts, 'running' | 'lanes' | 'parked' | 'readiness' | 'disabled'>): readonly RuleStatus[] {
  const degraded = new Set(readiness.degraded.flatMap(({ rules }) => rules));
  const stored = new Map(lanes.map(lane => [lane.rule, lane]));
  const present = new Set(running.map(({ rule }) => rule));
  const waits = leftRules(lanes, disabled).map(({ rule }) => rule);
  const gone = [...new Set([...parked.keys(), ...waits])].filter(rule => !present.has(rule));
  return [
    ...running.map(report => ({
      ...ruleOf(report.rule, report, stored.get(report.rule), parked),
      degraded: degraded.has(report.rule),
    })),
    ...gone.map(rule => ({
      ...ruleOf(rule, undefined, stored.get(rule), parked),
      ...(disabled.includes(rule) && { disabled: true as const }),
      degraded: false,
    })),
  ];
}

const oldSecretOf = ({
  since,
  because,
  until,
}: NonNullable<StatusFacts['oldSecret']>): NonNullable<Status['oldSecret']> => ({
  since: new Date(since).toISOString(),
  ...(because !== undefined && { because }),
  ...(until !== undefined && { until: new Date(until).toISOString() }),
});

/** What waits of a rule that is gone, parked runs left out of account. */
export const leftOf = ({ rule, disabled, waiting, gathered = 0, lag }: RuleStatus): LeftRule => ({
  rule,
  ...(disabled && { disabled }),
  begun: waiting,
  gathered,
  behind: lag,
});

function ruleOf(
  rule: string,
  report: LaneReport | undefined,
  lane: LaneStatus | undefined,
  parked: ReadonlyMap<string, number>,
): Omit<RuleStatus, 'degraded'> {
  return {
    rule,
    state: report?.state ?? 'gone',
    ...(report?.shadow && { shadow: true }),
    ...(report?.error === undefined ? {} : { error: report.error }),
    ...(report?.pausedSince === undefined ? {} : { pausedSince: report.pausedSince }),
    lag: lagOf(report, lane),
    cursor: lane?.cursor ?? 0,
    inHand: report?.inHand ?? 0,
    waiting: (report ? report.waiting : lane?.left?.begun) ?? 0,
    ...(report?.throttled && { throttled: report.throttled }),
    ...(lane?.gathered === undefined ? {} : { gathered: lane.gathered }),
    parked: parked.get(rule) ?? 0,
    ...(lane?.lastRunAt === undefined ? {} : { lastRunAt: new Date(lane.lastRunAt).toISOString() }),
    ...(lane?.lastOutcome === undefined ? {} : { lastOutcome: lane.lastOutcome }),
    counts: lane?.counts ?? NO_RUNS,
  };
}

/**
 * Behind a run that is tried again the store takes all that came since for unsettled; the lane knows what of it concerns the rule.
 * What comes once it has left the config is nobody's lag.
 */
const lagOf = (report: LaneReport | undefined, lane: LaneStatus | undefined): number =>
  report ? Math.min(lane?.lag ?? 0, report.unsettled ?? Number.POSITIVE_INFINITY) : (lane?.left?.behind ?? 0);

function waitingOf({ key: _, ...timers }: TimersStatus, count: TimerCount | undefined): WaitingStatus {
  const { lateSince } = timers;
  const lateMs = Math.max(
    -(count?.nextMs ?? 0),
    lateSince === undefined ? 0 : Date.now() - Date.parse(lateSince),
  );
  return { ...timers, armed: count?.count ?? 0, ...(lateMs > 0 && { lateMs }) };
}

export function countHooks({ hooks, plan }: ReconcileStatus): HookCounts {
  const count = (status: HookStatus['status']): number =>
    hooks.filter(hook => hook.owner === 'ours' && hook.status === status).length;
  return { active: count('active'), inactive: count('inactive'), missing: plan.summary.create };
}
