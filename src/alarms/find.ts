/** What is wrong now, and what is not known now. Pure: everything it needs to know is passed in. */
import type { AlarmName, Outage } from '../core/alarm.ts';
import { showDuration } from '../core/duration.ts';
import { refKey } from '../core/event.ts';
import { howLeft, type LeftRule } from '../core/left.ts';
import { showSize } from '../core/units.ts';
import { showWeekdays } from '../core/weekdays.ts';
import type { BreakerStatus } from '../dispatch/breaker.ts';
import type { RuleStatus } from '../dispatch/lane.ts';
import type { BudgetStatus, OutageStatus } from '../podio/contract.ts';
import type { Degraded } from '../reconcile/degraded.ts';
import type { ReconcileStatus } from '../reconcile/status.ts';
import type { RetentionStatus } from '../retention/retention.ts';
import type { Silence } from './silence.ts';

export interface AlarmLimits {
  /** So long something that may mend by itself has to last. */
  readonly afterMs: number;
  /** Bytes of room left. */
  readonly disk: number;
  /** Of an hour's calls, 0..1. */
  readonly budget: number;
}

export type RuleFacts = Pick<RuleStatus, 'rule' | 'state' | 'error' | 'inHand' | 'waiting'> & {
  /** That its steps use. */
  readonly plugins: readonly string[];
};

/** What each part of the daemon knows. */
export interface AlarmFacts {
  /** UTC milliseconds. */
  readonly now: number;
  /** How long the process has run. */
  readonly upMs: number;
  readonly limits: AlarmLimits;
  readonly rules: readonly RuleFacts[];
  /** By rule. */
  readonly parked: ReadonlyMap<string, number>;
  /** Rules that are gone, and what waits of them. */
  readonly left: readonly LeftRule[];
  readonly plugins: readonly BreakerStatus[];
  readonly reconcile: Pick<ReconcileStatus, 'lastRunAt' | 'hooks' | 'plan' | 'degraded'>;
  readonly podio: OutageStatus;
  readonly budgets: readonly BudgetStatus[];
  readonly diskFree: number | undefined;
  readonly retention: Pick<RetentionStatus, 'usage' | 'size' | 'over' | 'lastError' | 'lastRoundAt'>;
  /** Rules with `expect` for which nothing came; undefined: not known yet. */
  readonly silences: readonly Silence[] | undefined;
  /** Why the last config that was to be taken was not, ISO 8601; undefined where it was. */
  readonly refused: { readonly error: string; readonly at: string } | undefined;
}

/** An alarm that is not there now. */
export type Asked = Pick<Outage, 'alarm' | 'subject' | 'of'> & {
  /** It was raised since the start. */
  readonly isOwn?: boolean;
};

export interface Found {
  readonly outages: readonly Outage[];
  /** Whether this is known: what is not may go on or be over. A start knows little of what was before it. */
  isKnown(outage: Asked): boolean;
}

/** What may mend by itself before anybody has to hear of it. */
const PATIENT: ReadonlySet<AlarmName> = new Set([
  'halted',
  'plugin-down',
  'hook-down',
  'degraded',
  'podio-down',
  'budget',
  'cleanup',
  // Whoever reloads a file with a mistake in it mends that, mostly.
  'config',
]);

export const isPatient = (alarm: AlarmName): boolean => PATIENT.has(alarm);

/** So much more room than the limit there must be before it is over: a disk that hovers about it is one outage. */
const ROOM_AGAIN = 1.1;

const BUDGET_HOUR_MS = 60 * 60 * 1000;
const BUCKETS = ['general', 'limited'] as const;

/** @param isRaised whether there is an alarm already, by its name and subject */
export function findOutages(
  facts: AlarmFacts,
  isRaised: (alarm: AlarmName, subject: string) => boolean,
): Found {
  const outages = [
    ...parkedOutages(facts),
    ...haltedOutages(facts),
    ...silenceOutages(facts),
    ...pluginOutages(facts),
    ...hookOutages(facts),
    ...degradedOutages(facts),
    ...podioOutages(facts),
    ...budgetOutages(facts),
    ...diskOutages(facts, isRaised('disk', '')),
    ...retentionOutages(facts),
    ...configOutages(facts),
  ];
  return { outages, isKnown: outage => isKnown(facts, outage) };
}

function isKnown(facts: AlarmFacts, { alarm, subject, of, isOwn = false }: Asked): boolean {
  switch (alarm) {
    case 'parked':
    // A process begins with the file as it is.
    case 'config':
      return true;
    case 'halted':
      // It begins again at a start, and halts again where it did.
      return facts.upMs >= facts.limits.afterMs || !facts.rules.some(({ rule }) => rule === subject);
    case 'silence':
      return facts.silences !== undefined;
    case 'plugin-down': {
      const plugin = facts.plugins.find(one => one.plugin === subject);
      return plugin === undefined || plugin.hasWorked === true || isUnneeded(facts, subject);
    }
    case 'podio-down':
      return facts.podio.hasAnswered;
    case 'degraded':
      // That it is not there now says nothing of what was wrong before.
      return facts.reconcile.lastRunAt !== undefined && !facts.reconcile.degraded.some(isAway(subject));
    case 'hook-down':
      return facts.reconcile.lastRunAt !== undefined;
    case 'budget': {
      const budget = facts.budgets.find(({ identity }) => identity === subject);
      // Of what was not asked for since the start nothing is known; by then the hour is another one.
      const isTold = BUCKETS.every(name => !(of?.includes(name) ?? true) || budget?.[name] !== undefined);
      return budget === undefined || isOwn || isTold || facts.upMs >= BUDGET_HOUR_MS;
    }
    case 'disk':
      return facts.diskFree !== undefined;
    case 'size':
    case 'cleanup':
      return facts.retention.lastRoundAt !== undefined;
  }
}

/**
 * No run waits for the plugin, after long enough for those that a start found to have been tried: so nothing is held back,
 * and whether it works nobody knows before it is used.
 */
const isUnneeded = ({ upMs, limits, rules }: AlarmFacts, plugin: string): boolean =>
  upMs >= limits.afterMs &&
  rules
    .filter(({ plugins }) => plugins.includes(plugin))
    .every(({ state, inHand, waiting }) => state === 'running' && inHand === 0 && waiting === 0);

const runs = (count: number): string => (count === 1 ? '1 run' : `${count} runs`);

/** What has begun of a rule that is gone waits for a person like what is parked. */
const parkedOutages = ({ parked, left }: AlarmFacts): Outage[] => [
  ...left
    .map(one => ({ ...one, count: one.begun + one.gathered + (parked.get(one.rule) ?? 0) }))
    .filter(({ count }) => count > 0)
    .map(
      ({ rule, count, ...how }): Outage => ({
        alarm: 'parked',
        subject: rule,
        rule,
        count,
        text: `${runs(count)} of rule ${rule} ${count === 1 ? 'waits' : 'wait'}, and it ${howLeft(how)}: podiod parked says what to do`,
      }),
    ),
  ...[...parked]
    .filter(([rule, count]) => count > 0 && !left.some(one => one.rule === rule))
    .map(
      ([rule, count]): Outage => ({
        alarm: 'parked',
        subject: rule,
        rule,
        count,
        text: `${runs(count)} of rule ${rule} gave up: podiod parked --rule ${rule} says why`,
      }),
    ),
];

const haltedOutages = ({ rules }: AlarmFacts): Outage[] =>
  rules
    .filter(({ state }) => state === 'halted' || state === 'waiting for setup')
    .map(({ rule, state, error }) => ({
      alarm: 'halted',
      subject: rule,
      rule,
      count: 1,
      text: `rule ${rule} ${state === 'halted' ? 'has halted' : 'can not be set up'}${because(error)}`,
    }));

const silenceOutages = ({ silences = [], now }: AlarmFacts): Outage[] =>
  silences.map(({ rule, since, everyMs, days }) => ({
    alarm: 'silence',
    subject: rule,
    rule,
    count: 1,
    since,
    text: `nothing came for rule ${rule} in ${showDuration(now - since)}, and it expects something every ${showDuration(everyMs)}${days ? ` of ${showWeekdays(days)}` : ''}`,
  }));

const pluginOutages = ({ plugins }: AlarmFacts): Outage[] =>
  plugins
    .filter(({ state }) => state === 'open')
    .map(({ plugin, since, error }) => ({
      alarm: 'plugin-down',
      subject: plugin,
      count: 1,
      ...sinceOf(since),
      text: `plugin ${plugin} keeps failing${because(error)}`,
    }));

/** One for each app, field or space: hooks that are not there, or that Podio does not call. */
function hookOutages({ reconcile }: AlarmFacts): Outage[] {
  const down = new Map<string, { types: string[]; rules: Set<string> }>();
  const note = (ref: string, type: string, rules: readonly string[]): void => {
    const known = down.get(ref) ?? { types: [], rules: new Set() };
    known.types.push(type);
    for (const rule of rules) known.rules.add(rule);
    down.set(ref, known);
  };
  for (const { ref, type, owner, status, rules } of reconcile.hooks) {
    if (owner === 'ours' && status === 'inactive' && rules.length > 0) note(refKey(ref), type, rules);
  }
  for (const { action, ref, type, rules } of reconcile.plan.actions) {
    if (action === 'create') note(refKey(ref), type, rules);
  }
  return [...down].map(([ref, { types, rules }]) => ({
    alarm: 'hook-down',
    subject: ref,
    ...soleRule([...rules]),
    count: types.length,
    text: `Podio does not tell of ${types.join(', ')} of ${ref}: no active hook${concerns([...rules])}`,
  }));
}

const isAway =
  (subject: string) =>
  ({ ref, away }: Degraded): boolean =>
    ref === subject && away === true;

/** What fails since Podio is away is one outage, of Podio. */
const degradedOutages = ({ reconcile }: AlarmFacts): Outage[] =>
  [...new Map(reconcile.degraded.filter(({ away }) => !away).map(one => [one.ref, one])).values()].map(
    ({ ref, error, hint, since, rules }) => ({
      alarm: 'degraded',
      subject: ref,
      ...soleRule(rules),
      count: 1,
      ...sinceOf(since),
      text: `${ref}: ${error}${hint === undefined ? '' : `. ${hint}`}${concerns(rules)}`,
    }),
  );

const podioOutages = ({ podio: { down }, now }: AlarmFacts): Outage[] =>
  down === undefined
    ? []
    : [
        {
          alarm: 'podio-down',
          subject: '',
          count: 1,
          since: now - Math.round(down.ms),
          text: `Podio does not answer: ${down.error}. Events are taken in; what needs Podio waits`,
        },
      ];

/** Podio counts some operations by themselves, with fewer calls: nothing left of these stops rules as well. */
const budgetOutages = ({ budgets, limits }: AlarmFacts): Outage[] =>
  budgets.flatMap(({ identity, general, limited, pausedMs }): Outage[] => {
    const told = { general, limited };
    const used = BUCKETS.filter(name => {
      const calls = told[name];
      return calls !== undefined && calls.remaining <= calls.limit * limits.budget;
    });
    const gone = used[0] && told[used[0]];
    if (gone === undefined && pausedMs <= 0) return [];
    const left = gone === undefined ? '' : `: ${gone.remaining} of ${gone.limit} are left`;
    const text =
      pausedMs > 0
        ? `Podio has asked ${identity} to wait: no calls for ${showDuration(pausedMs)}`
        : `the calls of ${identity} to Podio are used up${left}`;
    // A wait that Podio has asked for is known over a restart.
    return [{ alarm: 'budget', subject: identity, count: 1, text, of: used }];
  });

function diskOutages({ diskFree, limits }: AlarmFacts, isRaised: boolean): Outage[] {
  if (diskFree === undefined || diskFree >= limits.disk * (isRaised ? ROOM_AGAIN : 1)) return [];
  const text = `${showSize(diskFree)} are left where podiod keeps its data: events are refused when it is full`;
  return [{ alarm: 'disk', subject: '', count: 1, text }];
}

function retentionOutages({ retention: { over, lastError, usage, size } }: AlarmFacts): Outage[] {
  const found: Outage[] = [];
  if (over !== undefined) {
    const text = `the database has ${showSize(usage.used)}, retention.size allows ${showSize(size)}: ${over}`;
    found.push({ alarm: 'size', subject: '', count: 1, text });
  }
  if (lastError !== undefined) {
    found.push({
      alarm: 'cleanup',
      subject: '',
      count: 1,
      text: `old events can not be removed: ${lastError}`,
    });
  }
  return found;
}

const configOutages = ({ refused }: AlarmFacts): Outage[] =>
  refused === undefined
    ? []
    : [
        {
          alarm: 'config',
          subject: '',
          count: 1,
          ...sinceOf(refused.at),
          text: `the config was to be read again and was not taken, the one before goes on: ${refused.error}`,
        },
      ];

/** For people, when it is over. */
export function overText({ alarm, subject }: Pick<Outage, 'alarm' | 'subject'>): string {
  switch (alarm) {
    case 'parked':
      return `no run of rule ${subject} is parked any more`;
    case 'halted':
      return `rule ${subject} does not stand still any more`;
    case 'silence':
      return `something came for rule ${subject} again, or it expects nothing any more`;
    case 'plugin-down':
      return `plugin ${subject} works again, or nothing waits for it any more`;
    case 'hook-down':
      return `the hooks of ${subject} are as they should be`;
    case 'degraded':
      return `${subject} is looked after again`;
    case 'podio-down':
      return 'Podio answers again';
    case 'budget':
      return `${subject} has calls to Podio again`;
    case 'disk':
      return 'there is room on the disk again';
    case 'size':
      return 'the database fits into retention.size again';
    case 'cleanup':
      return 'old events are removed again';
    case 'config':
      return 'what runs is the config again that was to be taken';
  }
}

const because = (error: string | undefined): string => (error === undefined ? '' : `: ${error}`);

const concerns = (rules: readonly string[]): string =>
  rules.length === 0 ? '' : ` (concerns ${rules.join(', ')})`;

const soleRule = (rules: readonly string[]): { rule?: string } => {
  const [rule] = rules;
  return rules.length === 1 && rule !== undefined ? { rule } : {};
};

const sinceOf = (iso: string | undefined): { since?: number } => {
  const since = Date.parse(iso ?? '');
  return Number.isNaN(since) ? {} : { since };
};
