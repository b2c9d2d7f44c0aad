/** Steps that are about the event's item, in rules whose events have none. */
import type { Rule, Trigger } from '../core/rule.ts';
import { type Context, complain } from './context.ts';

/** A tick is of no item; a schedule with `items` has an event for each. */
const isItemless = (trigger: Trigger): boolean => trigger.kind === 'schedule' && trigger.items === undefined;

/** What can be done to nothing but an item. A task may be about nothing. */
const NEEDS_ITEM: ReadonlySet<string> = new Set(['item.update', 'item.delete', 'comment.create']);

export function checkItemless(context: Context, rules: readonly Rule[]): void {
  for (const { name, triggers, steps } of rules) {
    if (!triggers.every(isItemless)) continue;
    for (const [index, { plugin, writes = [] }] of steps.entries()) {
      if (!writes.some(({ app, event }) => app === undefined && NEEDS_ITEM.has(event))) continue;
      complain(
        context,
        'CONFIG_MISSING',
        ['rules', name, 'steps', index],
        `${plugin} is about the event's item, and no event of this rule has one`,
        {
          severity: 'warning',
          hint: 'name the item in the step (`item` or `match` of podio-item, `on` of podio-comment), or give the schedule `items`',
        },
      );
    }
  }
}
