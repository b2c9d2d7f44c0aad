/** What rules wait for that time brings: a date that comes, a state that lasts. */
import { createHash } from 'node:crypto';
import type { AppConfig } from '../config/model.ts';
import type { FieldValueJson, Item } from '../core/podio.ts';
import { type DateTrigger, isTimed, type LastedTrigger, type Rule } from '../core/rule.ts';
import { keyOf } from '../core/rule-key.ts';

/** One trigger for one of its apps. */
export interface Watch<T extends DateTrigger | LastedTrigger = DateTrigger | LastedTrigger> {
  /** Names it in the store. Another one as soon as it waits for something else. */
  readonly id: string;
  readonly rule: Rule;
  readonly app: AppConfig;
  /** External id, or field id in digits: the alias is resolved. */
  readonly field: string;
  readonly trigger: T;
}

export function watchesOf(rules: readonly Rule[], apps: ReadonlyMap<string, AppConfig>): readonly Watch[] {
  return rules.flatMap(rule =>
    rule.triggers.filter(isTimed).flatMap(trigger =>
      trigger.apps.flatMap((name): Watch[] => {
        const app = apps.get(name);
        if (app === undefined) return [];
        const field = Object.hasOwn(app.fields, trigger.field)
          ? (app.fields[trigger.field] ?? trigger.field)
          : trigger.field;
        return [{ id: idOf(app.id, field, trigger), rule, app, field, trigger }];
      }),
    ),
  );
}

/** Whether it fires what is late is no part of what it waits for. */
function idOf(app: number, field: string, trigger: DateTrigger | LastedTrigger): string {
  const what =
    trigger.kind === 'date'
      ? [trigger.at.days, trigger.at.ms, trigger.at.minutes ?? null, trigger.timezone]
      : [trigger.from ?? null, trigger.to, trigger.forMs];
  const text = JSON.stringify([trigger.kind, app, field, ...what]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 12);
}

/** How the keys of its timers begin. */
export const timerKeys = ({ id }: Pick<Watch, 'id'>): string => `${id}/`;

/** Under which a timer of it stands. */
export const timerKey = (watch: Pick<Watch, 'id'>, itemId: number): string => `${timerKeys(watch)}${itemId}`;

/** How the keys begin of items that are to be looked at. */
export const LOOK_KEYS = 'look/';

/** Under which stands that an item of the rule is to be looked at. */
export const lookKey = (itemId: number): string => `${LOOK_KEYS}${itemId}`;

export const ruleKeyOf = ({ rule }: Pick<Watch, 'rule'>): string => keyOf(rule);

export const isField = (
  { field }: Pick<Watch, 'field'>,
  one: { readonly external_id: string; readonly field_id: number },
): boolean => one.external_id === field || String(one.field_id) === field;

/** What the field holds; nothing where it is empty. */
export const valuesOf = (
  watch: Pick<Watch, 'field'>,
  item: Pick<Item, 'fields'>,
): readonly FieldValueJson[] => item.fields.find(one => isField(watch, one))?.values ?? [];
