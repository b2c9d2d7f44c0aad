/** Items of an app whose fields are known: with the types that `podiod pull --types` writes. */
import type { FieldValueJson, Item, ItemField, ItemHead } from '../core/podio.ts';

export interface TextValue {
  readonly value: string;
  readonly format?: string;
}
/** Podio writes numbers as text with four decimals: `282.0000`. */
export interface NumberValue {
  readonly value: string;
}
export interface MoneyValue<Currency extends string = string> {
  readonly value: string;
  readonly currency: Currency;
}
/** 0 to 100. */
export interface ProgressValue {
  readonly value: number;
}
/** Seconds. */
export interface DurationValue {
  readonly value: number;
}
export interface CategoryValue<Option extends { id: number; text: string } = { id: number; text: string }> {
  readonly value: Readonly<Option> & { readonly color?: string; readonly status?: string };
}
/** Local time as in Podio's UI; the `_utc` ones beside it. */
export interface DateValue {
  readonly start: string;
  readonly end?: string | null;
  readonly start_date?: string;
  readonly start_time?: string | null;
  readonly end_date?: string | null;
  readonly end_time?: string | null;
  readonly start_utc?: string;
  readonly end_utc?: string | null;
}
export interface AppValue<AppId extends number = number> {
  readonly value: {
    readonly item_id: number;
    readonly app_item_id?: number;
    readonly title: string;
    readonly link?: string;
    readonly app?: { readonly app_id: AppId; readonly [key: string]: unknown };
    readonly [key: string]: unknown;
  };
}
export interface ContactValue {
  readonly value: {
    readonly profile_id: number;
    readonly user_id?: number | null;
    readonly name: string;
    readonly mail?: readonly string[];
    readonly phone?: readonly string[];
    readonly [key: string]: unknown;
  };
}
export interface FileValue {
  readonly value: {
    readonly file_id: number;
    readonly name?: string;
    readonly link?: string;
    readonly mimetype?: string;
    readonly size?: number;
    readonly [key: string]: unknown;
  };
}
export interface EmbedValue {
  readonly embed: {
    readonly embed_id: number;
    readonly original_url: string;
    readonly resolved_url?: string;
    readonly title?: string | null;
    readonly [key: string]: unknown;
  };
  readonly file?: Readonly<Record<string, unknown>> | null;
}
export interface LocationValue {
  readonly value: string;
  readonly formatted?: string;
  readonly street_address?: string;
  readonly postal_code?: string;
  readonly city?: string;
  readonly state?: string;
  readonly country?: string;
  readonly lat?: number;
  readonly lng?: number;
}
export interface PhoneValue {
  readonly value: string;
  readonly type: string;
}
export interface EmailValue {
  readonly value: string;
  readonly type: string;
}
/** Of a type that podiod has no shape for. */
export type UnknownValue = FieldValueJson;

/** An interface that `podiod pull --types` has written: external id to what one of the field's values looks like. */
export type FieldsOf<Fields> = {
  readonly [Name in keyof Fields]: { readonly type: string; readonly value: object };
};

/** One field of an item, by its external id. */
export type TypedField<Fields extends FieldsOf<Fields>, Name extends keyof Fields = keyof Fields> = {
  [Each in Name]: Omit<ItemField, 'external_id' | 'type' | 'values'> & {
    readonly external_id: Each;
    readonly type: Fields[Each]['type'];
    readonly values: readonly Fields[Each]['value'][];
  };
}[Name];

/** An item of an app whose fields are known. Empty fields are left out, as Podio does. */
export interface TypedItem<Fields extends FieldsOf<Fields>> extends ItemHead {
  readonly fields: readonly TypedField<Fields>[];
}

/**
 * Says which app an item is of, for the compiler: `itemOf<Leads>(await message.item())`. Nothing is checked at run time,
 * so a type is as true as the latest `podiod pull`.
 */
export const itemOf = <Fields extends FieldsOf<Fields>>(item: Item): TypedItem<Fields> =>
  item as unknown as TypedItem<Fields>;

/** A field's values, typed; none where it is empty. */
export function valuesOf<Fields extends FieldsOf<Fields>, Name extends keyof Fields>(
  item: TypedItem<Fields>,
  name: Name,
): readonly Fields[Name]['value'][] {
  const field = item.fields.find(({ external_id }) => external_id === name);
  return (field?.values ?? []) as readonly Fields[Name]['value'][];
}
