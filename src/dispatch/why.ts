/** Why a rule ran for a change or did not. Pure: it reads what is on record, and goes by the rules there are now. */
import { type Check, type CheckTuple, unpackCheck } from '../core/condition.ts';
import { showDuration } from '../core/duration.ts';
import { onlyFor, type PodioEvent } from '../core/event.ts';
import { type LedgerEntry, type Range, without } from '../core/ledger.ts';
import { howLeft, type LeftRule, leftHint } from '../core/left.ts';
import {
  type AppTrigger,
  type FieldChange,
  isTimed,
  type LastedTrigger,
  type Rule,
  type ScheduleTrigger,
  type Trigger,
} from '../core/rule.ts';
import { keyOf } from '../core/rule-key.ts';
import { type StepJson, type StepVerdict, stepToJson } from '../core/run.ts';
import type { LaneStatus, Paused, TracedEntry, TracedRun } from '../store/contract.ts';
import { CONFIRM, isCondition, MODE, ON, ON_FIELDS, OWN, RECOVERED, WHERE } from './deliver.ts';
import type { RuleStatus } from './lane.ts';
import { type Known, makeMatcher, showWanted } from './match.ts';
import { isBefore } from './recovered.ts';
import type { RunInHand } from './runner.ts';

/**
 * `open`: begun and not finished. `waiting`: the rule has not come to it yet. `before`: the change came before the rule did.
 * `paused`: it has not either, since an operator paused it or a plugin of it.
 * `passed`: the rule's triggers fit now, but did not when the event came by.
 */
export type WhyVerdict =
  | 'settled'
  | 'filtered'
  | 'own'
  | 'parked'
  | 'dropped'
  | 'open'
  | 'waiting'
  | 'paused'
  | 'before'
  | 'passed'
  | 'unmatched'
  | 'disabled';

export interface RuleWhy {
  readonly rule: string;
  readonly verdict: WhyVerdict;
  /** A sentence for people. */
  readonly why: string;
  /** What to do about it, where there is something. */
  readonly next?: string;
  /** Parts of the trigger on account of which it ran, if the rule has it still; where none fits, of the one that fits best. */
  readonly trigger: readonly Check[];
  /** Oldest first, replays last. */
  readonly runs: readonly WhyRun[];
}

/** A run as it stands on disk; its times are ISO 8601, UTC. */
export interface WhyRun extends Omit<TracedRun, 'rule' | 'steps' | 'endedAt'> {
  readonly steps: readonly StepJson[];
  readonly endedAt?: string;
}

export interface ChangeWhy {
  /** The first entry that told of it. */
  readonly event: PodioEvent;
  /** Of every entry: there is one for each hook that told of it. */
  readonly seqs: readonly number[];
  /** Those that ran first, then the nearest miss. */
  readonly rules: readonly RuleWhy[];
  /** Names of all rules of which a step ran for it, also where one rule was asked about. */
  readonly ran: readonly string[];
  /** Names of all that have begun with it and are not done, or have not come to it yet. */
  readonly pending: readonly string[];
}

export interface RulesWorld {
  readonly rules: readonly Rule[];
  readonly disabled: readonly string[];
  readonly known: Known;
  readonly lanes: readonly Pick<LaneStatus, 'rule' | 'cursor' | 'loadedAt'>[];
  /** By operators: rules and plugins. */
  readonly paused: readonly Paused[];
  /** What only a running daemon knows; empty where none runs. */
  readonly running: readonly RuleStatus[];
  /** What that is trying at this moment. */
  readonly inHand?: readonly RunInHand[];
  /** By rule: the first event before this one, of the same item, that it has begun with and is not done with. */
  readonly ahead?: ReadonlyMap<string, number>;
}

/** @param only this rule, else all; one that is not there has an answer too where it has left a record */
export function whyChange(world: RulesWorld, entries: readonly TracedEntry[], only?: string): ChangeWhy {
  const [first] = entries;
  if (first === undefined) throw new TypeError('a change has at least one entry');
  const runs = Map.groupBy(
    entries.flatMap(entry => entry.runs),
    ({ rule }) => rule,
  );
  const events = entries.map(({ event }) => event);
  const answers = new Map<string, Ranked>();
  for (const rule of world.rules) {
    const ran = runs.get(rule.name) ?? [];
    const told = entries.filter(entry => entry.runs.some(run => run.rule === rule.name));
    const answer =
      ran.length > 0
        ? whileHeld(world, whyRan(rule.name, ran, startedBy(world.known, rule, told)))
        : whyNot(world, rule, events);
    answers.set(rule.name, whileInHand(world, rule, events, whilePaused(world, rule, answer)));
  }
  for (const rule of world.disabled) {
    const ran = runs.get(rule) ?? [];
    answers.set(rule, ran.length > 0 ? whileAway(whyRan(rule, ran, [], true), true) : disabled(rule));
  }
  for (const [rule, ran] of runs)
    if (!answers.has(rule)) answers.set(rule, whileAway(whyRan(rule, ran, [], true), false));
  if (only !== undefined && !answers.has(only)) answers.set(only, gone(only));
  const all = [...answers.values()]
    .sort((a, b) => a.rank - b.rank || a.misses - b.misses || (a.answer.rule < b.answer.rule ? -1 : 1))
    .map(({ answer }) => answer);
  return {
    event: first.event,
    seqs: events.map(({ seq }) => seq),
    rules: all.filter(({ rule }) => only === undefined || rule === only),
    ran: all.filter(hasRun).map(({ rule }) => rule),
    pending: all.filter(({ verdict }) => PENDING.has(verdict)).map(({ rule }) => rule),
  };
}

const PENDING: ReadonlySet<WhyVerdict> = new Set(['open', 'waiting', 'paused']);

/** What its conditions, or the first of its steps, kept from beginning did not run. */
const hasRun = ({ runs }: RuleWhy): boolean =>
  runs.some(
    ({ outcome, steps }) =>
      (outcome !== 'filtered' && outcome !== 'open') ||
      steps.some(one => !isCondition(one.step) && BEGUN.has(one.outcome)),
  );

const BEGUN: ReadonlySet<StepVerdict['outcome']> = new Set(['done', 'continued', 'failed']);

const toRun = ({ rule: _, steps, endedAt, ...run }: TracedRun): WhyRun => ({
  ...run,
  steps: steps.map(stepToJson),
  ...(endedAt !== undefined && { endedAt: new Date(endedAt).toISOString() }),
});

/** How near a rule was: by what became of it, then by how much of it did not fit. */
interface Ranked {
  readonly answer: RuleWhy;
  readonly rank: number;
  readonly misses: number;
}

const RANKS: Readonly<Record<WhyVerdict, number>> = {
  parked: 0,
  settled: 0,
  dropped: 0,
  open: 1,
  waiting: 2,
  paused: 2,
  filtered: 3,
  own: 3,
  before: 4,
  passed: 4,
  unmatched: 5,
  disabled: 6,
};

const disabled = (rule: string): Ranked => ({
  answer: {
    rule,
    verdict: 'disabled',
    why: 'the rule is disabled',
    next: 'Set `enabled: true`.',
    trigger: [],
    runs: [],
  },
  rank: RANKS.disabled,
  misses: 0,
});

const gone = (rule: string): Ranked => ({
  answer: {
    rule,
    verdict: 'disabled',
    why: 'the rule has left the config, and nothing on record of this',
    trigger: [],
    runs: [],
  },
  rank: RANKS.disabled,
  misses: 0,
});

function whyRan(
  rule: string,
  runs: readonly TracedRun[],
  trigger: readonly Check[] = [],
  isAway = false,
): Ranked {
  const last = runs.at(-1) as TracedRun;
  const verdict = last.parked || last.outcome === 'parked' ? 'parked' : isOwn(last) ? 'own' : last.outcome;
  const next = nextOf(last);
  const misses = verdict === 'filtered' ? missesOf(last.steps) : 0;
  return {
    answer: {
      rule,
      verdict,
      why: sentenceOf(last, isAway),
      ...(next !== undefined && { next }),
      trigger,
      runs: runs.map(toRun),
    },
    rank: RANKS[verdict],
    misses,
  };
}

const BY_TRIGGER: ReadonlySet<string> = new Set([ON, ON_FIELDS, RECOVERED]);

/** How far a filtered run was from its end: stopped by its trigger, by `where`, by a step; then by how many tests failed. */
function missesOf(steps: readonly StepVerdict[]): number {
  const last = steps.at(-1);
  if (last === undefined || BY_TRIGGER.has(last.step)) return 2000 + failuresOf(last);
  if (last.step === CONFIRM || last.step === MODE) return 0;
  if (last.step === WHERE) return 1000 + failuresOf(last);
  return 1000 / (1 + steps.length);
}

const failuresOf = (verdict: StepVerdict | undefined): number =>
  verdict?.checks?.filter(({ holds }) => !holds).length ?? 0;

/** What became of a run, or what it waits for; for people. */
export function sentenceOf(
  { outcome, steps, error, tries, parked, branches, replay, shadow, gathered }: TracedRun,
  /** Nothing runs for the rule, so no time is known at which it goes on. */
  isAway = false,
): string {
  const again = replay > 0 ? ` (replay ${replay})` : '';
  if (shadow)
    return `in shadow: ${shadowOf({ outcome, steps, ...(error !== undefined && { error }) })}${again}`;
  if (parked) {
    const asked = parked.requested ? '; it has been asked for, and has not run again yet' : '';
    return `parked at ${parked.step} after ${times(parked.attempts)}: ${parked.error}${asked}${again}`;
  }
  if (branches && outcome !== 'open') {
    const [{ branch, step, attempts, error: why }] = branches as [TracedBranch, ...TracedBranch[]];
    const first = `${branch} at ${step} after ${times(attempts)}: ${why}`;
    const more = branches.length > 1 ? `, and ${branches.length - 1} more` : '';
    return `parked in part, the rest of it ran: ${first}${more}${again}`;
  }
  switch (outcome) {
    case 'settled':
      return `it ran${togetherOf(steps)}${again}${steps.length === 0 ? FORGOTTEN : ''}`;
    case 'filtered':
      return `${filteredBy(steps)}${again}`;
    case 'dropped':
      return `it was given up, and dropped by a person${error === undefined ? '' : `: ${error}`}${again}`;
    case 'parked':
      return `it was parked${togetherOf(steps)}${error === undefined ? '' : `: ${error}`}${again}`;
    case 'open': {
      const failing = tries?.at(-1);
      if (gathered !== undefined && failing === undefined) return gatheredSentence(gathered, isAway);
      if (failing === undefined) return `it ${isAway ? 'has begun' : 'is under way'}${again}`;
      const wait = Math.max(0, Math.ceil(failing.waitMs / 1000));
      const of = failing.branch ? ` for ${failing.branch}` : '';
      // An open breaker, a paused plugin and what asks to be tried later use up no try.
      const isHeld = failing.attempts === 0;
      const so = isHeld ? 'waits' : `has failed ${times(failing.attempts)}`;
      const now = isHeld ? '' : ', next try now';
      const next = wait > 0 ? `, next try in ${showDuration(1000 * wait)}` : now;
      return `${failing.step}${of} ${so}${isAway ? '' : next}: ${failing.error}${again}`;
    }
  }
}

/** There is a verdict at least in every record, as long as it is kept. */
const FORGOTTEN = '; what its conditions saw and its steps did is kept no more';

/** Of what was run with others: how, and under which event. */
function togetherOf(steps: readonly StepVerdict[]): string {
  const [check] = steps.find(({ step }) => step === MODE)?.checks ?? [];
  return check ? `, ${check.seen} (mode ${check.test})` : '';
}

function gatheredSentence(
  { mode, count, since, waitMs, lead }: NonNullable<TracedRun['gathered']>,
  isAway: boolean,
): string {
  const came = `${count === 1 ? '1 event' : `${count} events`} since ${new Date(since).toISOString()}`;
  if (lead !== undefined) return `it waits for its turn with ${came}, to be run as ${lead} (mode ${mode})`;
  if (waitMs === undefined) return `it waits for the end of its schedule's run: ${came} (mode ${mode})`;
  const seconds = Math.max(0, Math.ceil(waitMs / 1000));
  const left = seconds > 0 ? `, ${showDuration(1000 * seconds)} more` : mode === 'latest' ? '' : ', due now';
  const what = {
    settle: 'for the edits of its item to stop',
    batch: 'to be run with others',
    latest: 'for the run before it of its item',
  }[mode];
  return `it waits ${what}: ${came}${isAway ? '' : left} (mode ${mode})`;
}

const shadowOf = ({ outcome, steps, error }: Pick<TracedRun, 'outcome' | 'steps' | 'error'>): string => {
  if (outcome === 'filtered') return filteredBy(steps);
  return outcome === 'settled' ? 'it ran, and nothing was done outside' : (error ?? outcome);
};

function filteredBy(steps: readonly StepVerdict[]): string {
  const last = steps.at(-1);
  if (last === undefined) return `it let nothing through${FORGOTTEN}`;
  if (last.step === ON_FIELDS) return 'the fields of its trigger did not change as `on` asks for';
  if (last.step === RECOVERED) return 'the change was missed and found later, and `recovered` leaves it out';
  if (last.step === ON) return 'it had begun before the rule was changed, and its triggers fit no more';
  if (last.step === WHERE) return 'its `where` does not hold';
  if (last.step === OWN) return ownSentence(last);
  if (last.step === MODE) return last.checks?.[0]?.seen ?? 'its mode let nothing through';
  return `${last.step} let nothing through`;
}

type TracedBranch = NonNullable<TracedRun['branches']>[number];

function nextOf({ outcome, parked, branches = [], shadow, gathered }: TracedRun): string | undefined {
  if (outcome === 'parked' && !parked && branches.length === 0 && gathered?.lead !== undefined) {
    return `It is parked with others: podiod why --event ${gathered.lead} says under which number.`;
  }
  const left = [...(parked ? [parked] : []), ...branches].filter(({ requested }) => !requested);
  if (left.length > 0) {
    const ids = left.slice(0, MAX_IDS).map(({ id }) => id);
    const [what, which] =
      left.length > 1 ? ['them', `${ids.join(' ')}${left.length > MAX_IDS ? ' ...' : ''}`] : ['it', ids[0]];
    return `podiod parked retry ${which} tries ${what} again, podiod parked drop ${which} gives ${what} up.`;
  }
  return outcome === 'dropped' && !shadow ? 'podiod replay runs the rule again over old events.' : undefined;
}

const isOwn = ({ outcome, steps }: TracedRun): boolean =>
  outcome === 'filtered' && steps.at(-1)?.step === OWN && steps.at(-1)?.checks?.[0]?.path === 'event';

function ownSentence({ checks = [] }: StepVerdict): string {
  const [check] = checks;
  if (check?.path === 'event') return `${check.seen}; the rule hears of those only with \`includeOwn: true\``;
  return `stopped: rules set each other off, and ${check?.seen ?? 'as many as may be'} runs had followed one from the other`;
}

/** So many are named. */
const MAX_IDS = 10;

const times = (attempts: number): string => (attempts === 1 ? '1 try' : `${attempts} tries`);

function whyNot(world: RulesWorld, rule: Rule, events: readonly PodioEvent[]): Ranked {
  const { match } = makeMatcher(rule, world.known);
  const wanted = events.filter(event => match(event) !== 'no');
  const isOpen = wanted.every(event => match(event) === 'ask');
  const answer = (verdict: WhyVerdict, told: string, next?: string): Ranked => {
    const why =
      isOpen && verdict === 'waiting' ? `${told}; whether its fields changed is looked at then` : told;
    return {
      answer: { rule: rule.name, verdict, why, ...(next !== undefined && { next }), trigger: [], runs: [] },
      rank: RANKS[verdict],
      misses: 0,
    };
  };
  const [first] = wanted;
  if (first === undefined) return unmatched(world, rule, events);

  const lane = world.lanes.find(({ rule: name }) => name === rule.name);
  if (lane === undefined)
    return answer('waiting', 'no daemon has loaded the rule yet', 'Start or restart podiod.');
  const loaded = new Date(lane.loadedAt).toISOString();
  const replay = `podiod replay --rule ${rule.name} --from ${first.seq} --to ${first.seq} runs it.`;
  const before = events.find(event => isBefore(event, rule, lane.loadedAt));
  if (before !== undefined) {
    const when = before.params.changed_at ?? before.receivedAt;
    return answer(
      'before',
      `the change was made at ${when}, before the rule was first loaded at ${loaded}`,
      replay,
    );
  }
  if (lane.cursor >= first.seq) {
    const came = Date.parse(first.receivedAt);
    if (rule.startAt === 'head' && came <= lane.loadedAt) {
      return answer('before', `it came before the rule was first loaded at ${loaded}`, replay);
    }
    const why = 'the rule passed it by: its triggers, or the names in them, were others then';
    return answer('passed', why, replay);
  }
  const live = liveOf(world, rule.name);
  const behind = `the rule has settled everything up to ${lane.cursor}, this is ${first.seq}`;
  if (live === undefined) return answer('waiting', behind, NOBODY);
  const holds = heldBy(live);
  if (holds) return answer('waiting', holds.why, holds.next);
  const ahead = world.ahead?.get(rule.name);
  if (ahead !== undefined) {
    const tell = `podiod why --event ${ahead} --rule ${rule.name} says what that waits for.`;
    return answer('waiting', `it waits for event ${ahead} of the same item, which is not done yet`, tell);
  }
  const { inHand, throttled, waiting } = live;
  if (throttled === undefined || rule.mode?.kind !== 'throttle')
    return answer('waiting', `${behind}; ${inHand} are in hand, ${waiting} wait to try again`);
  const { max, perMs } = rule.mode;
  const most = `${max === 1 ? '1 run begins' : `${max} runs begin`} in ${showDuration(perMs)} at most`;
  const others = throttled.runs > 1 ? `, ${throttled.runs} wait` : '';
  const turn = `it ${inHand > 0 ? 'is in hand, or ' : ''}waits for its turn: ${most}${others}`;
  return answer('waiting', `${turn}, the next one at ${throttled.nextAt} (mode throttle)`);
}

const NOBODY = 'Is podiod running? podiod status tells.';

const liveOf = ({ running }: RulesWorld, name: string): RuleStatus | undefined =>
  running.find(({ rule }) => rule === name);

/** Why the rule starts nothing at all. */
function heldBy({ rule, state, error }: RuleStatus): Pick<RuleWhy, 'why' | 'next'> | undefined {
  if (state === 'halted') {
    const next = `When it is mended: podiod parked retry --rule ${rule}.`;
    return { why: `the rule is halted: ${error ?? 'a step gave up'}`, next };
  }
  if (state !== 'waiting for setup') return undefined;
  return { why: `a step is not set up yet${error === undefined ? '' : `: ${error}`}` };
}

/** What is under way gets no further where nothing runs. */
function whileHeld(world: RulesWorld, ranked: Ranked): Ranked {
  const { answer } = ranked;
  if (answer.verdict !== 'open') return ranked;
  const live = liveOf(world, answer.rule);
  const held = live === undefined ? { next: NOBODY } : heldBy(live);
  return { ...ranked, answer: { ...answer, ...held } };
}

/** Of a rule that nothing runs for: what is under way or parked waits for it to come back. */
function whileAway(ranked: Ranked, isDisabled: boolean): Ranked {
  const { answer } = ranked;
  if (answer.verdict !== 'open' && answer.verdict !== 'parked') return ranked;
  const how = { rule: answer.rule, ...(isDisabled && { disabled: true as const }) };
  return { ...ranked, answer: { ...answer, why: `${answer.why}; ${awayOf(how)}`, next: leftHint(how) } };
}

/** Why what has begun gets no further. */
export const awayOf = (how: Pick<LeftRule, 'disabled'>): string =>
  `the rule ${howLeft(how)}, and it stays so until that is changed`;

/** What of the rule is paused, if anything: itself, or a plugin that its steps use. */
const pausedBy = ({ paused }: RulesWorld, { name, steps }: Rule): Paused | undefined =>
  paused.find(one =>
    one.kind === 'rule' ? one.name === name : steps.some(({ plugin }) => plugin === one.name),
  );

/** What would run now, or try again, waits for the operator. */
function whilePaused(world: RulesWorld, rule: Rule, ranked: Ranked): Ranked {
  const { verdict } = ranked.answer;
  const paused = verdict === 'waiting' || verdict === 'open' ? pausedBy(world, rule) : undefined;
  if (paused === undefined) return ranked;
  const { kind, name, since } = paused;
  const what = kind === 'rule' ? 'the rule' : `its plugin ${name}`;
  const why = `${what} is paused since ${new Date(since).toISOString()}`;
  const next = `podiod resume --${kind} ${name} lets it go on.`;
  return { ...ranked, answer: { ...ranked.answer, verdict: 'paused', why, next } };
}

/** Of what a step has in its hands nothing may be on disk yet, and a pause does not stop it. */
function whileInHand(
  { inHand = [] }: RulesWorld,
  { name, steps }: Rule,
  events: readonly PodioEvent[],
  ranked: Ranked,
): Ranked {
  const [now] = inHand.filter(one => one.rule === name && events.some(({ seq }) => one.seqs.includes(seq)));
  if (now === undefined) return ranked;
  const { step, branch, attempt, since, replay } = now;
  const nth = attempt > 1 ? `, try ${attempt}` : '';
  const again = replay > 0 ? ` (replay ${replay})` : '';
  const of = branch === '' ? '' : ` for ${branch}`;
  const deadlineMs = steps.find(one => one.name === step)?.delivery.deadlineMs;
  const most = deadlineMs === undefined ? '' : `; a try may take ${showDuration(deadlineMs)}`;
  const what = isCondition(step) ? `${step} is being looked at` : `${step}${of} is running`;
  const why = `${what} since ${new Date(since).toISOString()}${nth}${most}${again}`;
  const { next: _, ...answer } = ranked.answer;
  return { ...ranked, rank: RANKS.open, answer: { ...answer, verdict: 'open', why } };
}

function unmatched({ known }: RulesWorld, rule: Rule, events: readonly PodioEvent[]): Ranked {
  const why = madeByPodiod(rule, events);
  if (why !== undefined) {
    const answer: RuleWhy = { rule: rule.name, verdict: 'unmatched', why, trigger: [], runs: [] };
    return { answer, rank: RANKS.unmatched, misses: 1000 };
  }
  const attempts = rule.triggers.flatMap(trigger =>
    events.map(event => {
      const parts = partsOf(rule, trigger, event, known);
      return { parts, misses: parts.filter(({ holds }) => !holds).length };
    }),
  );
  const [nearest] = attempts.sort((a, b) => a.misses - b.misses || b.parts.length - a.parts.length);
  const parts = nearest?.parts ?? [];
  const misses = nearest?.misses ?? 0;
  const failed = parts.filter(({ holds }) => !holds).map(({ path }) => path);
  return {
    answer: {
      rule: rule.name,
      verdict: 'unmatched',
      why: `no trigger fits: ${failed.join(' and ')} of the nearest one ${failed.length === 1 ? 'does' : 'do'} not`,
      trigger: parts,
      runs: [],
    },
    rank: RANKS.unmatched,
    // Of a trigger with more parts more has fitted.
    misses: misses - parts.length / 10,
  };
}

/** Parts of the trigger that fits the entries under which the rule has run. */
function startedBy(known: Known, rule: Rule, entries: readonly TracedEntry[]): readonly Check[] {
  for (const { event, runs } of entries) {
    if (onlyFor(event) !== undefined) return madeFor(rule, event, known);
    if (event.ref.type === 'schedule') return tickParts(rule.triggers, event);
    const isJudged = runs.some(
      run => run.rule === rule.name && run.steps.some(({ step }) => step === ON_FIELDS),
    );
    for (const trigger of rule.triggers) {
      const parts = partsOf(rule, trigger, event, known);
      // What was seen of the fields themselves stands with the run.
      const told = isJudged ? parts.filter(({ path }) => path !== ON_FIELDS) : parts;
      if (told.every(({ holds }) => holds)) return told;
    }
  }
  return [];
}

/** What podiod makes an event of, for one rule. */
function madeFor(rule: Rule, event: PodioEvent, known: Known): readonly Check[] {
  const { type, params } = event;
  if (type === 'item.fire') return [{ path: 'on', test: 'podiod fire', seen: 'by hand', holds: true }];
  const app = placeOf(event, known);
  for (const trigger of rule.triggers) {
    const isOf =
      trigger.kind === 'schedule' ? trigger.items?.app === app : isOfField(trigger, app, params.field);
    if (!isOf || type !== MADE_BY[trigger.kind]) continue;
    switch (trigger.kind) {
      case 'schedule':
        return [
          ...tickParts([trigger], event),
          { path: 'on.items.app', test: app, seen: app, holds: true },
          ...pickedBy(params.where),
        ];
      case 'date': {
        const seen = `${params.date}, due ${params.due}`;
        return [{ path: 'on.date', test: trigger.field, seen, holds: true }];
      }
      case 'lasted':
        return [
          { path: ON_FIELDS, test: showLasted(trigger), seen: `so since ${params.since}`, holds: true },
        ];
    }
  }
  return [];
}

/** What of an item was looked at when it was picked, as its event keeps it. */
function pickedBy(where: string | undefined): readonly Check[] {
  if (where === undefined) return [];
  const checks = (JSON.parse(where) as CheckTuple[]).map(unpackCheck);
  return checks.map(check => ({ ...check, path: `on.items.where ${check.path}` }));
}

const MADE_BY: Partial<Readonly<Record<Trigger['kind'], string>>> = {
  schedule: 'schedule.item',
  date: 'item.date',
  lasted: 'item.lasted',
};

const isOfField = (trigger: Trigger, app: string, field: string | undefined): boolean =>
  isTimed(trigger) && trigger.apps.includes(app) && trigger.field === field;

const showLasted = ({ field, from, to, forMs }: LastedTrigger): string =>
  `${field} ${showWanted({ field, ...(from && { from }), to })} for ${showDuration(forMs)}`;

function tickParts(triggers: readonly Trigger[], { params }: PodioEvent): readonly Check[] {
  const crons = triggers
    .filter((one): one is ScheduleTrigger => one.kind === 'schedule')
    .map(({ cron }) => cron);
  if (crons.length === 0) return [];
  return [{ path: 'on.schedule', test: crons.join(' or '), seen: params.scheduled_for ?? '', holds: true }];
}

/** Of what podiod itself makes for one rule: why another one, or even that one, has no run of it. */
function madeByPodiod(rule: Rule, events: readonly PodioEvent[]): string | undefined {
  for (const event of events) {
    const only = onlyFor(event);
    if (only !== undefined && only !== keyOf(rule)) return `the event was made for the rule ${only} alone`;
    if (event.type === 'schedule.end') return 'it ends what the rule runs for, and is no run itself';
    const { items } = event.params;
    if (event.type === 'schedule.fire' && event.ref.id === keyOf(rule) && items !== undefined)
      return `the rule runs for each item of ${items}, not for the tick`;
  }
  return undefined;
}

function partsOf(rule: Rule, trigger: Trigger, event: PodioEvent, known: Known): readonly Check[] {
  switch (trigger.kind) {
    case 'schedule': {
      const holds = event.type === 'schedule.fire' && event.ref.id === keyOf(rule);
      return [{ path: 'on.schedule', test: trigger.cron, seen: event.type, holds }];
    }
    case 'podiod': {
      const ofItself = event.ref.type === 'daemon' && event.params.rule === rule.name;
      const of = ofItself
        ? [{ path: 'event.params.rule', test: 'another rule', seen: rule.name, holds: false }]
        : [];
      return [typePart(trigger, event), ...of];
    }
    case 'space': {
      const space = event.ref.type === 'space' ? Number(event.ref.id) : undefined;
      const holds = trigger.spaces.some(name => known.spaces.get(name)?.id === space);
      const seen = space === undefined ? placeOf(event, known) : (event.space ?? `space/${space}`);
      return [{ path: 'on.space', test: trigger.spaces.join(', '), seen, holds }, typePart(trigger, event)];
    }
    case 'date':
    case 'lasted': {
      const appId = appIdOf(event, known);
      const holds = trigger.apps.some(name => known.apps.get(name)?.id === appId);
      const part = { path: 'on.app', test: trigger.apps.join(', '), seen: placeOf(event, known), holds };
      return [part, typePart({ events: [`item.${trigger.kind}`] }, event)];
    }
    case 'app': {
      const appId = appIdOf(event, known);
      const app = trigger.apps.flatMap(name => known.apps.get(name) ?? []).find(({ id }) => id === appId);
      const part = {
        path: 'on.app',
        test: trigger.apps.join(', '),
        seen: placeOf(event, known),
        holds: app !== undefined,
      };
      const parts = [part, typePart(trigger, event)];
      const { fields } = trigger;
      return fields === undefined ? parts : [...parts, fieldsPart(fields, app, event, known)];
    }
  }
}

const typePart = ({ events }: Pick<AppTrigger, 'events'>, { type }: PodioEvent): Check => ({
  path: 'on.events',
  test: events.join(', '),
  seen: type,
  holds: events.includes(type),
});

function fieldsPart(
  wanted: readonly FieldChange[],
  app: { readonly id: number; readonly fields: Readonly<Record<string, string>> } | undefined,
  event: PodioEvent,
  { fields }: Known,
): Check {
  const field = event.ref.type === 'app_field' ? Number(event.ref.id) : undefined;
  const idOf = (name: string): number | undefined => {
    if (app === undefined) return undefined;
    const external = app.fields[name] ?? name;
    return /^\d+$/.test(external) ? Number(external) : fields.known(app.id, external)?.fieldId;
  };
  return {
    path: 'on.fields',
    test: wanted.map(one => `${one.field} ${showWanted(one)}`.trimEnd()).join(', '),
    seen:
      field === undefined
        ? 'a change that no hook of such a field told of'
        : (fields.byId(field)?.externalId ?? `field ${field}`),
    holds: field !== undefined && wanted.some(({ field: name }) => idOf(name) === field),
  };
}

function appIdOf({ app, ref }: PodioEvent, { apps, fields }: Known): number | undefined {
  if (ref.type === 'app') return Number(ref.id);
  if (ref.type !== 'app_field') return undefined;
  return fields.byId(Number(ref.id))?.appId ?? apps.get(app ?? '')?.id;
}

function placeOf(event: PodioEvent, known: Known): string {
  const id = appIdOf(event, known);
  const named = [...known.apps.values()].find(app => app.id === id)?.name;
  return named ?? event.app ?? event.space ?? `${event.ref.type}/${event.ref.id}`;
}

/**
 * Revisions of an item that are accounted for while no event tells of them: from the first that there is an event of, and
 * where there is none, those that are known singly.
 * @param seen revisions that there are events of
 */
export function silentRevisions(
  seen: ReadonlySet<number>,
  { upTo, above, missing }: LedgerEntry,
): readonly Range[] {
  const first = Math.min(...seen);
  const known: Range[] = above.map(revision => [revision, revision]);
  // A delivery may name any number: ranges are never counted through.
  if (upTo !== undefined && first < upTo) known.unshift([first, upTo]);
  let silent: readonly Range[] = known;
  for (const range of missing) silent = without(silent, range);
  for (const revision of seen) silent = without(silent, [revision, revision]);
  return silent;
}
