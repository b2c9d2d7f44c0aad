import { ALARM_NAMES, alarmType } from '../core/alarm.ts';
import type { CatalogField } from '../core/catalog.ts';
import { NO_OFFSET, parseDateOffset } from '../core/date-offset.ts';
import { HOOK_EVENTS } from '../core/event.ts';
import type {
  AppTrigger,
  DateTrigger,
  FieldChange,
  FieldValue,
  ItemSelection,
  LastedTrigger,
  PodiodTrigger,
  ScheduleTrigger,
  SpaceTrigger,
  Trigger,
} from '../core/rule.ts';
import { didYouMean, suggestion } from '../core/suggest.ts';
import { check } from './check.ts';
import { resolveItemWhere } from './conditions.ts';
import { type Context, complain, each, namesOf, wildcard } from './context.ts';
import { showGiven } from './explain.ts';
import { type FieldCheck, type FieldName, fieldNameOf } from './field-check.ts';
import { nameOf } from './field-values.ts';
import { type ConfigNode, child, isInterpolated, type Path, showPath } from './node.ts';
import { nodeCron } from './node-cron.ts';
import {
  AppTriggerSchema,
  DateTriggerSchema,
  PodiodTriggerSchema,
  ScheduleTriggerSchema,
  SpaceTriggerSchema,
} from './schema.ts';

/** What triggers are resolved with. */
export interface TriggerContext extends Context {
  readonly fields: FieldCheck;
}

const KINDS = ['app', 'space', 'schedule', 'podiod'] as const;

/** Resolves what stands under `on`. Undefined when a trigger has a problem (reported) or can't be known. */
export async function resolveTriggers(
  context: TriggerContext,
  node: ConfigNode,
  path: Path,
  timezone: string,
): Promise<readonly Trigger[] | undefined> {
  if (node.kind === 'list' && node.items.length === 0) {
    complain(context, 'CONFIG_TRIGGER', path, `\`${showPath(path)}\` has no trigger`, { hint: WHAT_STARTS });
  }
  const triggers: (readonly Trigger[] | undefined)[] = [];
  for (const trigger of each(node, path))
    triggers.push(await resolveTrigger(context, trigger.node, trigger.path, timezone));
  return triggers.length > 0 && triggers.every(trigger => trigger !== undefined)
    ? triggers.flat()
    : undefined;
}

const WHAT_STARTS =
  'say what starts the rule: `app` with `events`, `fields` or `date`, `space` with `events`, `schedule`, or `podiod`';

async function resolveTrigger(
  context: TriggerContext,
  node: ConfigNode,
  path: Path,
  timezone: string,
): Promise<readonly Trigger[] | undefined> {
  if (node.kind === 'unknown') return undefined;
  if (node.kind !== 'map') {
    const said = `\`${showPath(path)}\` must be a map, given ${showGiven(node)}`;
    complain(context, 'CONFIG_TYPE', path, said, { hint: WHAT_STARTS });
    return undefined;
  }
  const kinds = KINDS.filter(kind => node.entries.has(kind));
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    const given = [...node.entries.keys()];
    const said =
      kind === undefined
        ? `\`${showPath(path)}\` does not say what starts the rule`
        : `one trigger cannot have ${kinds.join(' and ')}`;
    const near =
      kind === undefined
        ? given.map(key => didYouMean(key, KINDS)).find(hint => hint !== undefined)
        : undefined;
    complain(context, 'CONFIG_TRIGGER', path, said, {
      hint:
        near ?? (kind === undefined ? WHAT_STARTS : 'make a list of triggers: any of them starts the rule'),
    });
    return undefined;
  }
  if (kind === 'app' && !node.entries.has('date')) return resolveApp(context, node, path);
  const trigger = await (async (): Promise<Trigger | undefined> => {
    switch (kind) {
      case 'app':
        return resolveDate(context, node, path, timezone);
      case 'space':
        return resolveSpace(context, node, path);
      case 'schedule':
        return resolveSchedule(context, node, path, timezone);
      case 'podiod':
        return resolvePodiod(context, node, path);
    }
  })();
  return trigger && [trigger];
}

async function resolveApp(
  context: TriggerContext,
  node: ConfigNode,
  path: Path,
): Promise<readonly (AppTrigger | LastedTrigger)[] | undefined> {
  const parsed = await check(AppTriggerSchema, node, { ...context, path });
  const apps = resolveNames(context, 'apps', child(node, 'app'), [...path, 'app']);
  const withFields = child(node, 'fields') !== undefined;
  const known = Object.keys(withFields ? HOOK_EVENTS.app_field : HOOK_EVENTS.app);
  const written = child(node, 'events');
  if (parsed && !written && !withFields) {
    complain(
      context,
      'CONFIG_TRIGGER',
      path,
      `\`${showPath(path)}\` does not say which changes of the app start the rule`,
      {
        hint: 'add `events: item.update`, `fields: [...]` or `date: ...`',
      },
    );
    return undefined;
  }
  const events = written
    ? resolveEvents(context, written, [...path, 'events'], known, withFields ? ' of fields' : ' of apps')
    : ['item.create', 'item.update'];
  if (apps) checkFields(context, child(node, 'fields'), [...path, 'fields'], apps);
  if (apps && events) checkSides(context, child(node, 'fields'), [...path, 'fields'], { apps, events });
  const isSound = checkDurations(context, child(node, 'fields'), written, path);
  if (!parsed || !apps || !events || !isSound) return undefined;
  if (parsed.fields === undefined) return [{ kind: 'app', apps, events }];
  const changes = fieldChanges(parsed.fields);
  const fields = changes.filter(({ forMs }) => forMs === undefined).map(({ forMs: _, ...change }) => change);
  const lasted = changes.flatMap(({ field, from, to, forMs }): LastedTrigger[] =>
    forMs === undefined || to === undefined
      ? []
      : [{ kind: 'lasted', apps, field, ...(from && { from }), to, forMs }],
  );
  return [...(fields.length > 0 ? [{ kind: 'app' as const, apps, events, fields }] : []), ...lasted];
}

/** Of these types one value follows another only where it is another one: what several are held of may stay. */
const isOneValue = ({ type, multiple }: CatalogField): boolean =>
  type === 'number' ||
  type === 'progress' ||
  ((type === 'category' || type === 'question') && multiple === false);

/** What no such event is: a change that never is, whatever the item holds. */
function checkSides(
  context: TriggerContext,
  fields: ConfigNode | undefined,
  path: Path,
  { apps, events }: { readonly apps: readonly string[]; readonly events: readonly string[] },
): void {
  if (fields?.kind !== 'map') return;
  const isOnly = (event: string) => events.every(one => one === event);
  for (const [name, { value }] of fields.entries) {
    if (child(value, 'for')) continue;
    const [from, to] = (['from', 'to'] as const).map(side => wantedIn(child(value, side)));
    const tell = (side: 'from' | 'to', message: string, hint: string) =>
      complain(context, 'CONFIG_TRIGGER', [...path, name, side], `${message}: this never starts the rule`, {
        hint,
      });
    const given = from ? 'from' : 'to';
    if (isOnly('item.delete') && (from ?? to))
      tell(
        given,
        'a deletion changes no field',
        'leave out `from` and `to`, or let the rule have `item.update`',
      );
    else if (isOnly('item.create') && from?.every(one => !isNothing(one)))
      tell(
        'from',
        'before it was made an item held nothing',
        'leave it out, or let the rule have `item.update` too',
      );
    else if (isOnly('item.create') && to?.every(isNothing))
      tell(
        'to',
        'what is empty when an item is made has not changed',
        'use `item.create` without `fields`, and `where`',
      );
    else if (from?.every(isNothing) && to?.every(isNothing))
      tell('to', 'from empty to empty is no change', 'leave out one of the two');
    else if (from?.length === 1 && to?.length === 1 && from[0] === to[0]) {
      const found = context.fields.peek(name, apps);
      if (found.length > 0 && found.every(isOneValue))
        tell('to', 'from a value to the same is no change', 'leave out one of the two');
    }
  }
}

/** What a side is compared with; undefined where it says nothing, or is not known. */
function wantedIn(node: ConfigNode | undefined): readonly unknown[] | undefined {
  const all = each(node, []).map(({ node: one }) => one);
  if (all.length === 0 || all.some(one => one.kind !== 'scalar' || one.standIn)) return undefined;
  return all.map(one => (one.kind === 'scalar' ? one.value : undefined));
}

const isNothing = (value: unknown): boolean => value === null || value === '';

/** `for` says how long a field has been at something, and nothing of changes. */
function checkDurations(
  context: TriggerContext,
  fields: ConfigNode | undefined,
  events: ConfigNode | undefined,
  path: Path,
): boolean {
  if (fields?.kind !== 'map') return true;
  let isSound = true;
  const all = [...fields.entries].map(([name, { value }]) => ({ name, value, lasts: child(value, 'for') }));
  for (const { name, value, lasts } of all) {
    if (lasts === undefined || child(value, 'to') !== undefined) continue;
    isSound = false;
    complain(
      context,
      'CONFIG_TRIGGER',
      [...path, 'fields', name, 'for'],
      '`for` without `to`: what is it that lasts?',
      {
        hint: 'write `{ to: Waiting, for: 3d }`; several values are one state, and null is empty',
        atKey: true,
      },
    );
  }
  if (events && all.length > 0 && all.every(({ lasts }) => lasts !== undefined)) {
    isSound = false;
    complain(
      context,
      'CONFIG_TRIGGER',
      [...path, 'events'],
      '`events` says nothing where every field has a `for`',
      {
        hint: 'remove it: the rule runs when the time is over, for no change',
        atKey: true,
      },
    );
  }
  return isSound;
}

async function resolveDate(
  context: TriggerContext,
  node: ConfigNode,
  path: Path,
  timezone: string,
): Promise<DateTrigger | undefined> {
  const parsed = await check(DateTriggerSchema, node, { ...context, path });
  const apps = resolveNames(context, 'apps', child(node, 'app'), [...path, 'app']);
  const written = child(node, 'date');
  const name = written && fieldNameOf(written);
  const isDate = !apps || !name || checkDateField(context, name, [...path, 'date'], apps);
  const own = child(node, 'timezone');
  const zone =
    own?.kind === 'scalar' && typeof own.value === 'string' && own.value !== ''
      ? checkTimezone(context, own.value, own, [...path, 'timezone'])
      : timezone;
  if (!parsed || !apps || !isDate || zone === undefined) return undefined;
  return {
    kind: 'date',
    apps,
    field: String(parsed.date),
    at: (parsed.at === undefined ? undefined : parseDateOffset(parsed.at)) ?? NO_OFFSET,
    timezone: zone,
    missed: parsed.missed,
  };
}

function checkDateField(
  context: TriggerContext,
  name: FieldName,
  path: Path,
  apps: readonly string[],
): boolean {
  const found = context.fields.field(name, path, apps, { rule: String(path[1]), values: [] });
  const other = found.find(({ type }) => type !== 'date');
  if (other === undefined) return true;
  complain(context, 'CONFIG_FIELD_VALUE', path, `${nameOf(other)} is of type ${other.type}, and no date`, {
    hint: 'name a field of type date',
  });
  return false;
}

function checkFields(
  { fields }: TriggerContext,
  node: ConfigNode | undefined,
  path: Path,
  apps: readonly string[],
): void {
  const rule = String(path[1]);
  if (node?.kind === 'map') {
    for (const [name, { value }] of node.entries) {
      const at = [...path, name];
      const values = (['from', 'to'] as const).map(use => child(value, use));
      const found = fields.field({ name, shown: name, atKey: true }, at, apps, { rule, values });
      for (const use of ['from', 'to'] as const) fields.values(child(value, use), [...at, use], found, use);
    }
  }
  if (node?.kind !== 'list') return;
  for (const { node: item, path: at } of each(node, path)) {
    const name = fieldNameOf(item);
    if (name) fields.field(name, at, apps, { rule, values: [] });
  }
}

type WrittenFields =
  | readonly (string | number)[]
  | Readonly<Record<string, { from?: unknown; to?: unknown; for?: number | undefined } | null>>;

function fieldChanges(fields: WrittenFields): readonly (FieldChange & { readonly forMs?: number })[] {
  if (Array.isArray(fields)) return fields.map(field => ({ field: String(field) }));
  const list = (values: unknown) => (Array.isArray(values) ? values : [values]) as readonly FieldValue[];
  return Object.entries(
    fields as Record<string, { from?: unknown; to?: unknown; for?: number | undefined } | null>,
  ).map(([field, condition]) => ({
    field,
    ...(condition?.from === undefined ? {} : { from: list(condition.from) }),
    ...(condition?.to === undefined ? {} : { to: list(condition.to) }),
    ...(condition?.for === undefined ? {} : { forMs: condition.for }),
  }));
}

async function resolveSpace(
  context: Context,
  node: ConfigNode,
  path: Path,
): Promise<SpaceTrigger | undefined> {
  const parsed = await check(SpaceTriggerSchema, node, { ...context, path });
  const spaces = resolveNames(context, 'spaces', child(node, 'space'), [...path, 'space']);
  const events = resolveEvents(
    context,
    child(node, 'events'),
    [...path, 'events'],
    Object.keys(HOOK_EVENTS.space),
    ' of spaces',
  );
  return parsed && spaces && events ? { kind: 'space', spaces, events } : undefined;
}

async function resolveSchedule(
  context: TriggerContext,
  node: ConfigNode,
  path: Path,
  timezone: string,
): Promise<ScheduleTrigger | undefined> {
  const parsed = await check(ScheduleTriggerSchema, node, { ...context, path });
  const written = child(node, 'schedule');
  const isText = written?.kind === 'scalar' && typeof written.value === 'string';
  // Also where another key is wrong: all problems at once.
  const cron = isText ? String(written.value).trim().replace(/\s+/g, ' ') : '';
  const problem = cron === '' ? undefined : scheduleProblem(cron, !isInterpolated(written));
  if (problem !== undefined) {
    complain(context, 'CONFIG_SCHEDULE', [...path, 'schedule'], problem, {
      hint: 'minute, hour, day of month, month, day of week: "0 9 * * 1-5" is 9:00 on working days',
    });
  }
  const own = child(node, 'timezone');
  const zone =
    own?.kind === 'scalar' && typeof own.value === 'string' && own.value !== ''
      ? checkTimezone(context, own.value, own, [...path, 'timezone'])
      : timezone;
  const selected = child(node, 'items');
  const items = selected && resolveItems(context, selected, [...path, 'items']);
  if (!parsed || problem !== undefined || zone === undefined || (selected && !items)) return undefined;
  return { kind: 'schedule', cron, timezone: zone, missed: parsed.missed, ...(items && { items }) };
}

/** What its schema says of it is checked with the trigger. */
function resolveItems(context: TriggerContext, node: ConfigNode, path: Path): ItemSelection | undefined {
  const name = child(node, 'app');
  if (name?.kind === 'scalar' && typeof name.value === 'string' && wildcard(name.value)) {
    complain(context, 'CONFIG_VALUE', [...path, 'app'], 'items are read of one app, not of a pattern', {
      hint: 'make a trigger for each app',
    });
    return undefined;
  }
  const [app] = name?.kind === 'scalar' ? (resolveNames(context, 'apps', name, [...path, 'app']) ?? []) : [];
  const written = child(node, 'where');
  const where =
    written && resolveItemWhere(context, written, [...path, 'where'], app === undefined ? [] : [app]);
  const view = child(node, 'view');
  if (app === undefined || (written && !where)) return undefined;
  return {
    app,
    ...(where && { where }),
    ...(view?.kind === 'scalar' && { view: Number(view.value) }),
  };
}

async function resolvePodiod(
  context: Context,
  node: ConfigNode,
  path: Path,
): Promise<PodiodTrigger | undefined> {
  const parsed = await check(PodiodTriggerSchema, node, { ...context, path });
  const alarms = resolveEvents(
    context,
    child(node, 'podiod'),
    [...path, 'podiod'],
    ALARM_NAMES,
    ' of podiod itself',
  );
  return parsed && alarms && { kind: 'podiod', events: alarms.map(alarmType) };
}

function scheduleProblem(cron: string, isShown: boolean): string | undefined {
  const fields = cron.split(' ').length;
  if (fields !== 5) return `a schedule has five fields, this one has ${fields}`;
  const result = nodeCron().validateDetailed(cron);
  if (result.valid) return undefined;
  const [error] = result.errors;
  const names: Readonly<Record<string, string>> = { dayOfMonth: 'day of month', dayOfWeek: 'day of week' };
  const where = error === undefined ? '' : ` in the field ${names[error.field] ?? error.field}`;
  const what = isShown && error?.value !== undefined ? `\`${error.value}\`` : 'something';
  return `not a schedule: ${what}${where} means nothing`;
}

/** The zone, or undefined when it is none (reported). */
export function checkTimezone(
  context: Context,
  zone: string,
  node: ConfigNode | undefined,
  path: Path,
): string | undefined {
  try {
    if (!/^[A-Za-z]/.test(zone)) throw new RangeError();
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone;
  } catch {
    const given = node ? showGiven(node) : zone;
    complain(context, 'CONFIG_TIMEZONE', path, `${given} is not a time zone`, {
      hint:
        didYouMean(zone, Intl.supportedValuesOf('timeZone')) ?? 'write an IANA name like Europe/Copenhagen',
    });
    return undefined;
  }
}

/** Names and patterns to the names they stand for, in the config's order, each once. */
function resolveNames(
  context: Context,
  section: 'apps' | 'spaces',
  node: ConfigNode | undefined,
  path: Path,
): readonly string[] | undefined {
  const known = namesOf(context.root, section);
  const what = section === 'apps' ? 'app' : 'space';
  const found = new Set<string>();
  let whole = known !== undefined;
  for (const { node: item, path: at } of each(node, path)) {
    if (item.kind !== 'scalar' || typeof item.value !== 'string') {
      whole = false;
      continue;
    }
    if (known === undefined) continue;
    const pattern = wildcard(item.value);
    const matches = known.filter(pattern ?? (name => name === item.value));
    for (const match of matches) found.add(match);
    if (matches.length > 0) continue;
    whole = false;
    if (pattern) {
      complain(context, 'CONFIG_NO_MATCH', at, `${showGiven(item)} matches no ${what}`, {
        hint: known.length > 0 ? `configured: ${known.join(', ')}` : `\`${section}\` is empty`,
      });
    } else {
      complain(
        context,
        section === 'apps' ? 'CONFIG_UNKNOWN_APP' : 'CONFIG_UNKNOWN_SPACE',
        at,
        `unknown ${what} ${showGiven(item)}`,
        {
          hint: suggestion(item.value, known, 'configured') ?? `add it to \`${section}\``,
        },
      );
    }
  }
  return whole && found.size > 0 ? [...found] : undefined;
}

/** Event names, `item.*` and `"*"` to exact names. */
function resolveEvents(
  context: Context,
  node: ConfigNode | undefined,
  path: Path,
  known: readonly string[],
  of: string,
): readonly string[] | undefined {
  const found = new Set<string>();
  let whole = node !== undefined;
  for (const { node: item, path: at } of each(node, path)) {
    if (item.kind !== 'scalar' || typeof item.value !== 'string') {
      whole = false;
      continue;
    }
    const matches = known.filter(wildcard(item.value) ?? (name => name === item.value));
    for (const match of matches) found.add(match);
    if (matches.length > 0) continue;
    whole = false;
    complain(context, 'CONFIG_UNKNOWN_EVENT', at, `unknown event${of}: ${showGiven(item)}`, {
      hint: elsewhere(item.value) ?? suggestion(item.value, known, 'known are'),
    });
  }
  return whole ? [...found] : undefined;
}

/** The event is there, only not for this kind of trigger. */
function elsewhere(event: string): string | undefined {
  const alarm = ALARM_NAMES.find(name => alarmType(name) === event);
  if (alarm !== undefined) return `write \`podiod: ${alarm}\``;
  if (Object.hasOwn(HOOK_EVENTS.space, event))
    return `${event} is an event of spaces: use \`space\` instead of \`app\``;
  if (Object.hasOwn(HOOK_EVENTS.app, event)) {
    return `${event} is an event of a whole app: use \`app\` without \`fields\``;
  }
  return undefined;
}
