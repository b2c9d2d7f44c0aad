/** The events that time brings. Their identity makes each of them safe to append again. */
import { type Check, packCheck } from '../core/condition.ts';
import type { NewEvent } from '../core/event.ts';
import type { Item } from '../core/podio.ts';
import type { Rule } from '../core/rule.ts';
import { keyOf } from '../core/rule-key.ts';
import { makeCron } from './cron.ts';
import type { Due } from './due.ts';
import type { State } from './lasted.ts';
import type { Watch } from './watches.ts';

type KeyedRule = Pick<Rule, 'name' | 'key'>;

/** `2026-01-31T08:00Z`: a tick as identities have it. */
export const minuteOf = (tick: number): string =>
  `${new Date(tick).toISOString().slice(0, 'yyyy-mm-ddThh:mm'.length)}Z`;

/** The event of a tick. `tick` is the start of a minute, UTC milliseconds. */
export function tickEvent(rule: KeyedRule & Pick<Rule, 'triggers'>, tick: number): NewEvent {
  const key = keyOf(rule);
  const fitting = rule.triggers
    .filter(trigger => trigger.kind === 'schedule')
    .filter(trigger => makeCron(trigger).latest(tick) === tick);
  // A tick that is also one of a schedule without items is a run itself.
  const isOfItems = fitting.length > 0 && fitting.every(({ items }) => items !== undefined);
  const items = [...new Set(fitting.map(trigger => trigger.items?.app))].join(', ');
  return {
    id: `schedule.fire:${key}:${minuteOf(tick)}`,
    type: 'schedule.fire',
    source: 'schedule',
    ref: { type: 'schedule', id: key },
    params: { scheduled_for: new Date(tick).toISOString(), ...(isOfItems && { items }) },
  };
}

/** The event of one item at a tick. `checks`: what of the item was looked at, as `podiod why` shows it. */
export function itemEvent(
  rule: KeyedRule,
  tick: number,
  app: { readonly name: string; readonly id: number },
  { item_id: itemId, external_id: externalId }: Pick<Item, 'item_id' | 'external_id'>,
  checks: readonly Check[] = [],
): NewEvent {
  const looked = checks.length > 0 && { where: JSON.stringify(checks.map(packCheck)) };
  return {
    id: `schedule.item:${keyOf(rule)}:${minuteOf(tick)}:${itemId}`,
    type: 'schedule.item',
    source: 'schedule',
    ref: { type: 'app', id: app.id },
    app: app.name,
    itemId,
    ...(typeof externalId === 'string' && { externalId }),
    params: {
      rule: keyOf(rule),
      scheduled_for: new Date(tick).toISOString(),
      item_id: String(itemId),
      ...looked,
    },
  };
}

/** After the last item of a tick. */
export function endEvent(
  rule: KeyedRule,
  tick: number,
  {
    items,
    looked,
    complete,
  }: { readonly items: number; readonly looked: number; readonly complete: boolean },
): NewEvent {
  return {
    id: `schedule.end:${keyOf(rule)}:${minuteOf(tick)}`,
    type: 'schedule.end',
    source: 'schedule',
    ref: { type: 'schedule', id: keyOf(rule) },
    params: {
      rule: keyOf(rule),
      scheduled_for: new Date(tick).toISOString(),
      items: String(items),
      looked: String(looked),
      complete: String(complete),
    },
  };
}

/** An item is due by one of its dates. `revision`: the one that it had when this was first seen. */
export const dateEvent = (
  watch: Watch,
  item: Pick<Item, 'item_id' | 'external_id'>,
  due: Due,
  revision?: number,
): NewEvent =>
  timedEvent(watch, item, 'item.date', secondOf(due.at), {
    date: due.date,
    due: iso(due.at),
    ...(revision !== undefined && { revision: String(revision) }),
  });

/** A field has been for so long what the rule waits for. */
export const lastedEvent = (
  watch: Watch,
  item: Pick<Item, 'item_id' | 'external_id'>,
  { began, at }: State,
): NewEvent =>
  timedEvent(watch, item, 'item.lasted', String(began), { revision: String(began), since: iso(at) });

const iso = (ms: number): string => new Date(ms).toISOString();

/** `2026-01-31T08:00:00Z` */
const secondOf = (ms: number): string => `${iso(ms).slice(0, 19)}Z`;

function timedEvent(
  { rule, app, field }: Watch,
  { item_id: itemId, external_id: externalId }: Pick<Item, 'item_id' | 'external_id'>,
  type: 'item.date' | 'item.lasted',
  what: string,
  params: Readonly<Record<string, string>>,
): NewEvent {
  const key = keyOf(rule);
  return {
    id: `${type}:${key}:${itemId}:${what}`,
    type,
    source: 'daemon',
    ref: { type: 'app', id: app.id },
    app: app.name,
    itemId,
    ...(typeof externalId === 'string' && { externalId }),
    params: { rule: key, item_id: String(itemId), field, ...params },
  };
}
