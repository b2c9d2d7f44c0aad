import type { App } from '../core/podio.ts';
import type { Settings } from '../store/contract.ts';
import type { FieldDirectory, Identity, KnownField, PodioClient } from './contract.ts';
import { isRecord } from './json.ts';

const PREFIX = 'fields/';

/** A field as it stands in the store, under `fields/{appId}`. */
interface KeptField extends KnownField {
  /** Deleted at Podio. Kept, so that hooks left on it are still known to belong to this app. */
  readonly gone?: boolean;
}

/** One that can be told what an app is like by now. */
export interface LearningFieldDirectory extends FieldDirectory {
  take(app: App): Promise<void>;
}

async function keptByApp(
  settings: Pick<Settings, 'list'>,
): Promise<readonly (readonly [appId: number, fields: readonly KeptField[]])[]> {
  return [...(await settings.list(PREFIX))].flatMap(([key, value]) =>
    Array.isArray(value) ? [[Number(key.slice(PREFIX.length)), value.filter(isKept)] as const] : [],
  );
}

/** What the store has of fields, those that are gone at Podio included. */
export const keptFields = async (settings: Pick<Settings, 'list'>): Promise<readonly KnownField[]> =>
  (await keptByApp(settings)).flatMap(([, fields]) => fields);

/**
 * Field ids by name, kept over restarts so that a converged one asks nothing. Resolves when what the store has is
 * loaded. Of Podio's answers only the fields are kept, never the app's token.
 */
export async function makeFieldDirectory(options: {
  readonly settings: Pick<Settings, 'set' | 'list'>;
  readonly apps: PodioClient['apps'];
}): Promise<LearningFieldDirectory> {
  const { settings, apps } = options;
  const byApp = new Map<number, readonly KeptField[]>();
  const byId = new Map<number, KeptField>();
  const reading = new Map<number, Promise<void>>();

  const put = (appId: number, fields: readonly KeptField[]) => {
    byApp.set(appId, fields);
    for (const field of fields) byId.set(field.fieldId, field);
  };

  for (const [appId, kept] of await keptByApp(settings)) put(appId, kept);

  const known = (appId: number, field: string): KnownField | undefined => {
    const fields = byApp.get(appId)?.filter(({ gone }) => !gone);
    return (
      fields?.find(({ externalId }) => externalId === field) ??
      fields?.find(({ fieldId }) => String(fieldId) === field)
    );
  };

  const take = async (app: App) => {
    const appId = app.app_id;
    const present = app.fields
      .filter(({ status }) => status !== 'deleted')
      .map(field => toKept(appId, field));
    const ids = new Set(present.map(({ fieldId }) => fieldId));
    const gone = (byApp.get(appId) ?? [])
      .filter(({ fieldId }) => !ids.has(fieldId))
      .map(field => ({ ...field, gone: true }));
    put(appId, [...present, ...gone]);
    await settings.set(PREFIX + appId, byApp.get(appId));
  };

  const read = async (as: Identity, appId: number, options: Parameters<FieldDirectory['find']>[3]) =>
    take(await apps.get(as, appId, options));

  return {
    take,
    known,
    byId: fieldId => byId.get(fieldId),
    hasRead: appId => byApp.has(appId),
    async find(as, appId, field, options) {
      const found = known(appId, field);
      if (found) return found;
      let answer = reading.get(appId);
      if (!answer) {
        answer = read(as, appId, options).finally(() => reading.delete(appId));
        reading.set(appId, answer);
      }
      await answer;
      return known(appId, field);
    },
  };
}

/** Whether an app of the config has a field of that name, or alias. Undefined: it has not been read yet. */
export const knowsField = (
  fields: Pick<FieldDirectory, 'known' | 'hasRead'>,
  app: { readonly id: number; readonly fields: Readonly<Record<string, string>> },
  written: string,
): boolean | undefined =>
  fields.hasRead(app.id) ? fields.known(app.id, app.fields[written] ?? written) !== undefined : undefined;

function toKept(appId: number, field: App['fields'][number]): KeptField {
  const { field_id: fieldId, external_id: externalId, type } = field;
  return { appId, fieldId, externalId, type, label: field.label ?? field.config?.label ?? externalId };
}

const isKept = (value: unknown): value is KeptField =>
  isRecord(value) &&
  typeof value.appId === 'number' &&
  typeof value.fieldId === 'number' &&
  typeof value.externalId === 'string' &&
  typeof value.type === 'string' &&
  typeof value.label === 'string';
