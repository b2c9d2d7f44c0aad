import type { ItemWhere, RuleCondition } from './condition.ts';
import type { DateOffset } from './date-offset.ts';
import type { AppField } from './podio.ts';

/** What a field is compared with: a scalar, `{ value, currency }` for money, or null for empty. */
export type FieldValue =
  | string
  | number
  | boolean
  | null
  | { readonly value: string | number; readonly currency?: string };

/** A date of items, and when they are due by it. */
export interface DateTrigger {
  readonly kind: 'date';
  /** Names from the config, patterns expanded. */
  readonly apps: readonly string[];
  /** As written: alias, external id or (digits) field id. */
  readonly field: string;
  readonly at: DateOffset;
  /** IANA name. */
  readonly timezone: string;
  /** Whether what became due while podiod was down fires at its start. */
  readonly missed: 'skip' | 'run';
}

/** A field that has been what it is for some time. */
export interface LastedTrigger {
  readonly kind: 'lasted';
  readonly apps: readonly string[];
  readonly field: string;
  /** What it was before, where that matters. */
  readonly from?: readonly FieldValue[];
  readonly to: readonly FieldValue[];
  readonly forMs: number;
}

/** A condition on one field of a trigger. Both lists absent: any change of the field. */
export interface FieldChange {
  /** As written: alias, external id or (digits) field id. */
  readonly field: string;
  /** Each a list of alternatives. */
  readonly from?: readonly FieldValue[];
  readonly to?: readonly FieldValue[];
}

export interface AppTrigger {
  readonly kind: 'app';
  /** Names from the config, patterns expanded. */
  readonly apps: readonly string[];
  /** Exact event types, patterns expanded. */
  readonly events: readonly string[];
  /** At least one of these must have changed. Then hooks hang on the fields and not on the app. */
  readonly fields?: readonly FieldChange[];
}

export interface SpaceTrigger {
  readonly kind: 'space';
  readonly spaces: readonly string[];
  readonly events: readonly string[];
}

/** Items of an app: all, or those that a condition or a view of Podio's picks. */
export interface ItemSelection {
  /** By its name in the config. */
  readonly app: string;
  readonly where?: ItemWhere;
  /** The view's id. */
  readonly view?: number;
}

export interface ScheduleTrigger {
  readonly kind: 'schedule';
  /** Five fields. */
  readonly cron: string;
  /** IANA name. */
  readonly timezone: string;
  /** Whether the latest tick missed while the daemon was down fires once at start. */
  readonly missed: 'skip' | 'run';
  /** A tick then gives a run for each of these items, and none of its own. */
  readonly items?: ItemSelection;
}

/** News of the daemon itself. */
export interface PodiodTrigger {
  readonly kind: 'podiod';
  /** Exact event types, `podiod.parked`, patterns expanded. */
  readonly events: readonly string[];
}

export type Trigger =
  | AppTrigger
  | SpaceTrigger
  | ScheduleTrigger
  | PodiodTrigger
  | DateTrigger
  | LastedTrigger;

/** Those that go by the time that passes, and by what Podio has of an item then. */
export const isTimed = (trigger: Trigger): trigger is DateTrigger | LastedTrigger =>
  trigger.kind === 'date' || trigger.kind === 'lasted';

/** What of a trigger hooks on apps and fields tell; undefined for a trigger that needs none there. */
export function hookedBy(trigger: Trigger): Omit<AppTrigger, 'kind'> | undefined {
  if (trigger.kind === 'app') return trigger;
  if (!isTimed(trigger)) return undefined;
  const { apps, field } = trigger;
  return { apps, events: ['item.create', 'item.update'], fields: [{ field }] };
}

const appsIn = (trigger: Trigger): readonly string[] => {
  if (trigger.kind === 'app' || isTimed(trigger)) return trigger.apps;
  return trigger.kind === 'schedule' && trigger.items ? [trigger.items.app] : [];
};

/** Every app that an item of these triggers' events can be in, by name. */
export const appsOf = (triggers: readonly Trigger[]): readonly string[] => [
  ...new Set(triggers.flatMap(appsIn)),
];

/** The types of events that these triggers start a rule for. */
export const eventTypesOf = (triggers: readonly Trigger[]): readonly string[] => [
  ...new Set(triggers.flatMap(typesIn)),
];

function typesIn(trigger: Trigger): readonly string[] {
  switch (trigger.kind) {
    case 'date':
      return ['item.date'];
    case 'lasted':
      return ['item.lasted'];
    case 'schedule':
      return [trigger.items ? 'schedule.item' : 'schedule.fire'];
    default:
      return trigger.events;
  }
}

/** How a step is tried (`delivery` in docs/config.md). All times are milliseconds. */
export interface DeliveryPolicy {
  /** Tries of one step, the first included; undefined: no limit but `retryForMs`. */
  readonly attempts?: number;
  /** From a step's first try until it is parked. */
  readonly retryForMs: number;
  /** The n-th wait is min(from * 2^n, to), random between half and whole. */
  readonly backoff: { readonly fromMs: number; readonly toMs: number };
  readonly deadlineMs: number;
  readonly whenExhausted: 'park' | 'halt';
}

/** One kind of change that a step makes at Podio. */
export interface StepWrite {
  /** By its name in the config; left out: the app of the event's item. */
  readonly app?: string | undefined;
  /** The event that hooks would tell of it: `item.create`, `comment.create`, ... */
  readonly event: string;
  /** By alias or external id; left out: any. */
  readonly fields?: readonly string[] | undefined;
  /** What some of these fields are set to, as the config says it, templates and all. Left out: anything. */
  readonly values?: Readonly<Record<string, unknown>> | undefined;
  /** What is wrong with what the config says under a field's name, templates and all; undefined where it may fit. */
  wrong?(field: AppField, value: unknown): ValueFault | undefined;
  /** Whether Podio tells hooks of it. Left out: it does not, and nobody has said so. */
  readonly hook?: boolean | undefined;
}

/** One field that the options of a step name and that it looks at, or looks for. */
export interface StepRead {
  /** By its name in the config; left out: the app of the event's item. */
  readonly app?: string | undefined;
  /** Where it is named in the options: a key of a map (`['match', 'status']`), or an element of a list (`['copy', 0]`). */
  readonly at: readonly (string | number)[];
  /** The field, where what stands there is not its name alone: `value` of `-value`. */
  readonly name?: string | undefined;
  /** What stands under that key is a value of the field. */
  readonly compared?: boolean | undefined;
  /** What is wrong with that value, as in {@link StepWrite}. */
  wrong?(field: AppField, value: unknown): ValueFault | undefined;
  /** Types of fields that won't do, and why: `can't be copied`. */
  readonly unfit?: { readonly types: readonly string[]; readonly why: string } | undefined;
  /** The field that its value goes into. */
  readonly into?: ReadInto | undefined;
}

/** Why a value is none of a field's. */
export interface ValueFault {
  readonly message: string;
  readonly hint?: string | undefined;
}

export interface ReadInto {
  /** By its name in the config; left out: the app of the event's item. */
  readonly app?: string | undefined;
  readonly field: string;
  /** Why a value of the one type never goes into a field of the other; undefined where it may. */
  misfit(from: string, to: string): string | undefined;
}

export interface Step {
  /** Unique within the rule: its `id`, else its plugin's name, with `-2` ... among equals. */
  readonly name: string;
  /** A key of `plugins` or a built-in. */
  readonly plugin: string;
  /** What to load: a built-in's name, a path (absolute) or a package. */
  readonly use: string;
  /** Those of `plugins` with the step's merged over, as parsed by the plugin's schema. */
  readonly options: unknown;
  readonly onError: 'park' | 'continue';
  readonly delivery: DeliveryPolicy;
  /** What it writes at Podio, as far as its plugin can tell from the options. */
  readonly writes?: readonly StepWrite[];
  /** What templates of it may name beside the usual: names that steps before have given. */
  readonly names?: readonly string[];
  /** Where it does not hold, the step is passed over and the message goes on to the next one. */
  readonly when?: RuleCondition;
}

/** How the events of a rule come together into runs. All times are milliseconds. */
export type Mode =
  /** Of an item's events that wait, only the latest is run. */
  | { readonly kind: 'latest' }
  /** One run when an item has had no event for so long, or the first has waited so long. */
  | { readonly kind: 'settle'; readonly quietMs: number; readonly atMostMs: number }
  /** One run for so many events at most. */
  | { readonly kind: 'batch'; readonly max: number; readonly closes: BatchEnd }
  /** Runs of their own, of which no more than so many begin within any stretch of so long. */
  | { readonly kind: 'throttle'; readonly max: number; readonly perMs: number };

/** When a batch is run that is not full. */
export type BatchEnd =
  | { readonly kind: 'within'; readonly ms: number }
  /** At these times of the day in the rule's time zone: minutes since midnight, ascending. */
  | { readonly kind: 'at'; readonly minutes: readonly number[] }
  /** When the run of the schedule over items that its events belong to is through. */
  | { readonly kind: 'run' };

export interface Rule {
  readonly name: string;
  readonly triggers: readonly Trigger[];
  /** Decided before the first step. */
  readonly where?: RuleCondition;
  /** Left out: each event is a run of its own. */
  readonly mode?: Mode;
  /** At least one. */
  readonly steps: readonly Step[];
  /** How many items are handled at the same time. */
  readonly concurrency: number;
  readonly startAt: 'head' | 'earliest';
  /** What to do with changes that were missed and found later. Age: from the change until it was found. Default: run. */
  readonly recovered?: 'run' | 'skip' | { readonly maxAgeMs: number };
  readonly timezone: string;
  /** It runs with what it does outside captured and shown. */
  readonly shadow?: true;
  /** It is an alarm when nothing has come for the rule for so long; `days`: of time on these days of the week, 0 is Sunday. */
  readonly expect?: { readonly everyMs: number; readonly days?: readonly number[] };
  /** It may set itself off, by way of other rules too: it comes to an end by itself. */
  readonly loop?: 'allowed';
  /** It hears of what podiod made itself. Undefined: not, and nobody has said so. */
  readonly includeOwn?: boolean;
  /** How many runs may follow one from the other until it hears of no more. Default: MAX_DEPTH of own.ts. */
  readonly maxDepth?: number;
  /** Changes when the steps do (fingerprint.ts): from the first one that does, the work of a run in hand is begun again. */
  readonly fingerprint: string;
  /** What it was called before: all that is kept of that rule is this one's. */
  readonly was?: string;
  /** What stands for it where its name must not change (rule-key.ts). Left out: its name. */
  readonly key?: string;
  /**
   * What stands for all that it goes by, by the key in the config: a rule of which all of this is as before is the same.
   * Means something within this process only.
   */
  readonly definition?: Readonly<Record<string, string>>;
}
