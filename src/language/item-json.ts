/** Items in plain JSON, for `data`: small enough to keep, and their fields still compared and shown by type. */
import type { FieldValueJson, Item } from '../core/podio.ts';
import { isRecord } from '../core/values.ts';
import type { FieldJson } from './field-view.ts';

export interface ItemJson {
  readonly id: number;
  readonly number: number | undefined;
  readonly title: string;
  readonly link: string | undefined;
  readonly externalId: string | undefined;
  /** By external id, and by alias where one is given. */
  readonly fields: Readonly<Record<string, FieldJson>>;
}

/** What is needed of a value to show and compare it, and to write it again. A reference embeds a whole item otherwise. */
const KEPT: ReadonlySet<string> = new Set([
  'value',
  'currency',
  'text',
  'id',
  'color',
  'title',
  'item_id',
  'app_item_id',
  'link',
  'name',
  'mail',
  'phone',
  'profile_id',
  'user_id',
  'file_id',
  'mimetype',
  'size',
  'embed_id',
  'original_url',
  'resolved_url',
  'formatted',
  'type',
  'format',
  'start',
  'start_date',
  'start_time',
  'start_utc',
  'start_date_utc',
  'start_time_utc',
  'end',
  'end_date',
  'end_time',
  'end_utc',
  'end_date_utc',
  'end_time_utc',
]);

const isSmall = (value: unknown): boolean =>
  typeof value !== 'object' || value === null || (Array.isArray(value) && value.every(isSmall));

function slim(value: FieldValueJson): FieldValueJson {
  const kept: Record<string, unknown> = {};
  for (const [key, part] of Object.entries(value)) {
    if (isRecord(part)) {
      if (key === 'value' || key === 'embed') kept[key] = slim(part);
    } else if (KEPT.has(key) && part !== null && isSmall(part)) kept[key] = part;
  }
  return kept;
}

/** The settings that say how a value is shown. */
function slimConfig(config: Readonly<Record<string, unknown>> | undefined): FieldJson['config'] {
  const settings = isRecord(config?.settings) ? config.settings : {};
  const kept = Object.fromEntries(
    ['decimals', 'return_type', 'format'].flatMap(key =>
      settings[key] === undefined || settings[key] === null ? [] : [[key, settings[key]]],
    ),
  );
  return Object.keys(kept).length > 0 ? { settings: kept } : undefined;
}

/** @param aliases to external ids, as in the config */
export function itemJson(item: Item, aliases: Readonly<Record<string, string>> = {}): ItemJson {
  const fields = new Map<string, FieldJson>();
  for (const { external_id, type, values, config } of item.fields) {
    if (values.length === 0) continue;
    const slimmed = slimConfig(config);
    fields.set(external_id, {
      podioField: type,
      values: values.map(slim),
      ...(slimmed && { config: slimmed }),
    });
  }
  for (const [alias, externalId] of Object.entries(aliases)) {
    const field = fields.get(externalId);
    if (field) fields.set(alias, field);
    else fields.delete(alias);
  }
  return {
    id: item.item_id,
    number: item.app_item_id,
    title: item.title,
    link: item.link,
    externalId: item.external_id ?? undefined,
    fields: Object.fromEntries(fields),
  };
}
