import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { coerceError, UsageError } from '../../core/errors.ts';
import type { PodioEvent } from '../../core/event.ts';
import type { FieldDifference, Item } from '../../core/podio.ts';
import type { Changes } from '../../plugin/contract.ts';
import type { ItemReader } from '../../podio/contract.ts';
import { readDifference, readItem } from '../../podio/shapes.ts';
import type { Cli } from '../io.ts';

/** What a file holds that was named on the command line. */
export async function readText({ io }: Cli, file: string): Promise<string> {
  try {
    return await readFile(resolve(io.cwd, file), 'utf8');
  } catch (error) {
    throw new UsageError(`${file} can't be read: ${coerceError(error).message}`);
  }
}

/** A saved delivery comes with no comment, files or task. */
const NOTHING_ELSE: Omit<ItemReader, 'item' | 'changes' | 'spanned'> = {
  actor: async () => undefined,
  comment: async () => undefined,
  files: async () => [],
  task: async () => undefined,
};

export interface GivenReader extends ItemReader {
  /** False: nobody has said what an edit has changed, so it looks as if it were nothing. */
  readonly hasChanges: boolean;
}

/** The item of `--item` for every delivery, else an empty one. */
export async function itemFile(cli: Cli, file: string | undefined): Promise<GivenReader> {
  if (file === undefined) {
    return {
      item: async ({ itemId }) => ({ item_id: itemId ?? 0, title: '', fields: [] }),
      changes: async () => new Map(),
      spanned: async () => new Map(),
      hasChanges: false,
      ...NOTHING_ELSE,
    };
  }
  const { item, changes } = itemIn(await readText(cli, file), file);
  const changed: Changes = new Map(
    changes?.map(({ external_id, field_id: fieldId, type, label, from, to, config }) => [
      external_id,
      { fieldId, type, label, from, to, ...(config && { config }) },
    ]),
  );
  /** A creation is a change from empty. */
  const filled: Changes = new Map(
    item.fields.map(({ external_id, field_id: fieldId, type, label, values, config }) => [
      external_id,
      { fieldId, type, label, from: [], to: values, ...(config && { config }) },
    ]),
  );
  const changesOf = async ({ type }: PodioEvent): Promise<Changes> =>
    changes === undefined && type === 'item.create' ? filled : changed;
  return {
    item: async () => item,
    changes: changesOf,
    spanned: async ([first]) => (first ? changesOf(first) : changed),
    hasChanges: changes !== undefined,
    ...NOTHING_ELSE,
  };
}

/** An item as Podio answers it, or one together with a revision difference. */
export function itemIn(
  text: string,
  file: string,
): { item: Item; changes: readonly FieldDifference[] | undefined } {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} is not JSON: ${coerceError(error).message}`);
  }
  const whole = isObject(given) && 'item' in given ? given : { item: given };
  const { item: saved, changes: told } = whole as { item: unknown; changes?: unknown };
  const item = readItem(saved, () => {});
  const changes = told === undefined ? undefined : readDifference(told, () => {});
  if (item && (told === undefined || changes)) return { item, changes };
  throw new UsageError(
    `${file} holds no item`,
    'Save what Podio answers to GET /item/{item_id}, or {"item": ..., "changes": [...]}.',
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
