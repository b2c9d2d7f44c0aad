/** The events that schedules become. Their identity makes each of them safe to append again. */
import type { NewEvent } from '../core/event.ts';
import type { Item } from '../core/podio.ts';
import type { Rule } from '../core/rule.ts';
import { keyOf } from '../core/rule-key.ts';
import { makeCron } from './cron.ts';

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

/** The event of one item at a tick. */
export function itemEvent(
  rule: KeyedRule,
  tick: number,
  app: { readonly name: string; readonly id: number },
  { item_id: itemId, external_id: externalId }: Pick<Item, 'item_id' | 'external_id'>,
): NewEvent {
  return {
    id: `schedule.item:${keyOf(rule)}:${minuteOf(tick)}:${itemId}`,
    type: 'schedule.item',
    source: 'schedule',
    ref: { type: 'app', id: app.id },
    app: app.name,
    itemId,
    ...(typeof externalId === 'string' && { externalId }),
    params: { rule: keyOf(rule), scheduled_for: new Date(tick).toISOString(), item_id: String(itemId) },
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
