/** Which events a rule wants. Pure: everything it needs to know is passed in. */
import type { AppConfig, SpaceConfig } from '../config/model.ts';
import type { Check } from '../core/condition.ts';
import { onlyFor, type PodioEvent } from '../core/event.ts';
import type { AppTrigger, FieldChange, FieldValue, Rule } from '../core/rule.ts';
import { keyOf } from '../core/rule-key.ts';
import { showValues, testValues } from '../core/values.ts';
import type { Changes, FieldChanged } from '../plugin/contract.ts';
import type { FieldDirectory } from '../podio/contract.ts';

/** `ask`: the event alone does not tell; {@link Matcher.decide} does, given what the event changed. */
export type Match = 'no' | 'yes' | 'ask';

export interface Matcher {
  match(event: PodioEvent): Match;
  /** Whether the rule wants the event for the fields that it changed, and for nothing else. */
  isOnFields(event: PodioEvent): boolean;
  /** Whether the fields that changed are among those the rule waits for. Only for events that `ask`. */
  decide(event: PodioEvent, changes: Changes): boolean;
  /** For people: how each of the conditions that {@link decide} looks at went. */
  checks(event: PodioEvent, changes: Changes): readonly Check[];
}

/** Where names in triggers lead. */
export interface Known {
  readonly apps: ReadonlyMap<string, AppConfig>;
  readonly spaces: ReadonlyMap<string, SpaceConfig>;
  readonly fields: Pick<FieldDirectory, 'byId' | 'known' | 'hasRead'>;
}

/** A trigger on fields, for one of its apps. */
interface FieldTrigger {
  readonly app: AppConfig;
  readonly events: ReadonlySet<string>;
  /** `field` is an external id or a field id in digits: the app's aliases are resolved. */
  readonly changes: readonly FieldChange[];
}

const NO_TYPES: ReadonlySet<string> = new Set();
const NO_TRIGGERS: readonly FieldTrigger[] = [];

/**
 * Compiles a rule's triggers. Apps and spaces are compared by id, not by the name in the event: events that were
 * journaled before a name was changed still find their rule.
 */
export function makeMatcher(rule: Rule, { apps, spaces, fields }: Known): Matcher {
  const key = keyOf(rule);
  const appTypes = new Map<number, Set<string>>();
  const spaceTypes = new Map<number, Set<string>>();
  const fieldTriggers = new Map<number, FieldTrigger[]>();
  const alarmTypes = new Set<string>();
  let scheduled = false;
  /** Types of events that podiod makes for this rule. */
  const made = new Set(['item.fire']);

  for (const trigger of rule.triggers) {
    switch (trigger.kind) {
      case 'app':
        for (const app of pick(apps, trigger.apps)) {
          if (trigger.fields === undefined) addAll(appTypes, app.id, trigger.events);
          else addTo(fieldTriggers, app.id, resolveAliases(app, trigger, trigger.fields));
        }
        break;
      case 'space':
        for (const space of pick(spaces, trigger.spaces)) addAll(spaceTypes, space.id, trigger.events);
        break;
      case 'schedule':
        if (trigger.items === undefined) scheduled = true;
        else made.add('schedule.item');
        break;
      case 'date':
        made.add('item.date');
        break;
      case 'lasted':
        made.add('item.lasted');
        break;
      case 'podiod':
        for (const type of trigger.events) alarmTypes.add(type);
        break;
    }
  }

  // It ends a batch of what the run of a schedule has brought, and is nothing to anyone else.
  if (rule.mode?.kind === 'batch' && rule.mode.closes.kind === 'run') made.add('schedule.end');

  const appIdOf = (event: PodioEvent): number | undefined => {
    if (event.ref.type === 'app') return Number(event.ref.id);
    return fields.byId(Number(event.ref.id))?.appId ?? apps.get(event.app ?? '')?.id;
  };

  const fieldIdOf = (app: AppConfig, field: string): number | undefined =>
    /^\d+$/.test(field) ? Number(field) : fields.known(app.id, field)?.fieldId;

  /** Podio calls a field's hook for changes of that field only, so without conditions the call itself is the answer. */
  const matchField = (event: PodioEvent, triggers: readonly FieldTrigger[]): Match => {
    let match: Match = 'no';
    for (const trigger of triggers) {
      if (!trigger.events.has(event.type)) continue;
      for (const change of trigger.changes) {
        const fieldId = fieldIdOf(trigger.app, change.field);
        if (fieldId === Number(event.ref.id)) {
          if (change.from === undefined && change.to === undefined) return 'yes';
          match = 'ask';
        } else if (fieldId === undefined && !fields.hasRead(trigger.app.id)) {
          // Which field it is can't be told yet. The difference names fields itself, so asking can't be wrong.
          match = 'ask';
        }
      }
    }
    return match;
  };

  return {
    match(event) {
      const only = onlyFor(event);
      if (only !== undefined) return only === key && made.has(event.type) ? 'yes' : 'no';
      switch (event.ref.type) {
        case 'app': {
          const appId = Number(event.ref.id);
          if (appTypes.get(appId)?.has(event.type)) return 'yes';
          // What the app's own hook delivers reaches a rule on fields by their hooks as well, at no call. A recovered
          // change comes this way only.
          if (event.source !== 'recovered') return 'no';
          const triggers = fieldTriggers.get(appId);
          return triggers?.some(trigger => trigger.events.has(event.type)) ? 'ask' : 'no';
        }
        case 'app_field': {
          if (fieldTriggers.size === 0) return 'no';
          const appId = appIdOf(event);
          if (appId === undefined) return 'no';
          const match = matchField(event, fieldTriggers.get(appId) ?? NO_TRIGGERS);
          // A rule that wants every such change of the app as well must not hear `no` for this one: its twin from the
          // app's hook would find the rule has run.
          return match === 'ask' && (appTypes.get(appId) ?? NO_TYPES).has(event.type) ? 'yes' : match;
        }
        case 'space':
          return spaceTypes.get(Number(event.ref.id))?.has(event.type) ? 'yes' : 'no';
        case 'schedule':
          return scheduled && isPlainTick(event) && event.ref.id === key ? 'yes' : 'no';
        case 'daemon':
          // A rule hears nothing of itself: one that tells people and fails would be told so, and fail.
          return alarmTypes.has(event.type) && event.params.rule !== rule.name ? 'yes' : 'no';
      }
    },

    isOnFields(event) {
      const appId = appIdOf(event) ?? Number.NaN;
      const isOf = event.ref.type === 'app' || event.ref.type === 'app_field';
      return (
        isOf &&
        onlyFor(event) === undefined &&
        !(appTypes.get(appId) ?? NO_TYPES).has(event.type) &&
        (fieldTriggers.get(appId) ?? NO_TRIGGERS).some(trigger => trigger.events.has(event.type))
      );
    },

    decide(event, changes) {
      const triggers = fieldTriggers.get(appIdOf(event) ?? Number.NaN) ?? NO_TRIGGERS;
      // Every condition is looked at, also those of other fields: the twin from the other field's hook won't run again.
      return triggers.some(
        trigger =>
          trigger.events.has(event.type) && trigger.changes.some(change => fulfilled(change, changes)),
      );
    },

    checks(event, changes) {
      const triggers = fieldTriggers.get(appIdOf(event) ?? Number.NaN) ?? NO_TRIGGERS;
      return triggers
        .filter(trigger => trigger.events.has(event.type))
        .flatMap(trigger => trigger.changes.map(change => checkOf(change, changes)));
    },
  };
}

/** A tick of items alone begins the reading of them and is no run itself. */
const isPlainTick = ({ type, params }: PodioEvent): boolean =>
  type === 'schedule.fire' && params.items === undefined;

/** Of values that were seen, no more than this is kept. */
const MAX_SEEN = 120;

function checkOf(wanted: FieldChange, changes: Changes): Check {
  const changed = changeOf(wanted, changes);
  const show = (values: FieldChanged['from']): string =>
    (changed && showValues(changed.type, values, { config: changed.config })) || 'empty';
  return {
    path: `changes.${wanted.field}`,
    test: showWanted(wanted) || 'any',
    seen: changed ? clip(`from ${show(changed.from)} to ${show(changed.to)}`) : 'unchanged',
    holds: fulfilled(wanted, changes),
  };
}

const clip = (text: string): string => (text.length > MAX_SEEN ? `${text.slice(0, MAX_SEEN - 3)}...` : text);

/** `from Open to Won or Signed`; '' where any change will do. */
export function showWanted({ from, to }: FieldChange): string {
  const list = (values: readonly FieldValue[]): string => values.map(showValue).join(' or ');
  return [from && `from ${list(from)}`, to && `to ${list(to)}`].filter(Boolean).join(' ');
}

function showValue(value: FieldValue): string {
  if (value === null) return 'empty';
  if (typeof value !== 'object') return String(value);
  return value.currency === undefined ? String(value.value) : `${value.value} ${value.currency}`;
}

const changeOf = ({ field }: FieldChange, changes: Changes): FieldChanged | undefined =>
  /^\d+$/.test(field)
    ? changes.values().find(({ fieldId }) => fieldId === Number(field))
    : changes.get(field);

function fulfilled(wanted: FieldChange, changes: Changes): boolean {
  const changed = changeOf(wanted, changes);
  if (changed === undefined) return false;
  const { type, from, to, config } = changed;
  return (
    (wanted.from === undefined || testValues(type, from, wanted.from, { config })) &&
    (wanted.to === undefined || testValues(type, to, wanted.to, { config }))
  );
}

function resolveAliases(app: AppConfig, trigger: AppTrigger, changes: readonly FieldChange[]): FieldTrigger {
  return {
    app,
    events: new Set(trigger.events),
    changes: changes.map(change => ({ ...change, field: app.fields[change.field] ?? change.field })),
  };
}

function* pick<T>(all: ReadonlyMap<string, T>, names: readonly string[]): Generator<T> {
  for (const name of names) {
    const found = all.get(name);
    if (found !== undefined) yield found;
  }
}

function addAll(sets: Map<number, Set<string>>, key: number, values: readonly string[]): void {
  const set = sets.get(key) ?? new Set();
  for (const value of values) set.add(value);
  sets.set(key, set);
}

function addTo<T>(lists: Map<number, T[]>, key: number, value: T): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
