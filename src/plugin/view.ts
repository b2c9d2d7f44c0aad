import type { PodioEvent } from '../core/event.ts';
import { showValues } from '../core/values.ts';
import type { Message, View } from './contract.ts';

/** What the config says of an app. */
export interface AppNames {
  readonly id: number;
  /** Alias to external id. */
  readonly fields: Readonly<Record<string, string>>;
}

/** An app of the config by its name or its id. */
export const findApp = <T extends AppNames>(
  apps: ReadonlyMap<string, T>,
  app: string | number,
): T | undefined =>
  typeof app === 'string' ? apps.get(app) : [...apps.values()].find(({ id }) => id === app);

const NO_FIELDS: AppNames['fields'] = Object.freeze({});

export const fieldsOf = (app: AppNames | undefined): AppNames['fields'] => app?.fields ?? NO_FIELDS;

/** The external id that a name written in the config stands for; a field id stays as it is. */
export const resolveAlias = (app: AppNames | undefined, name: string): string => {
  const fields = fieldsOf(app);
  return Object.hasOwn(fields, name) ? (fields[name] ?? name) : name;
};

/** Adds every alias beside its field. An alias wins over another field's external id, as it does in the config. */
function withAliases<T>(byExternalId: ReadonlyMap<string, T>, app: AppNames | undefined): Record<string, T> {
  const all = new Map(byExternalId);
  for (const [alias, externalId] of Object.entries(fieldsOf(app))) {
    const value = byExternalId.get(externalId);
    if (value === undefined) all.delete(alias);
    else all.set(alias, value);
  }
  return Object.fromEntries(all);
}

const appIdOf = ({ ref, params }: PodioEvent): number | undefined => {
  if (ref.type === 'app') return Number(ref.id);
  return params.app_id ? Number(params.app_id) : undefined;
};

/** Template variables of one message. Fetches only what is asked for. */
export function makeView(message: Message, app: AppNames | undefined, now: () => number): View {
  const { event } = message;
  return {
    event: () => event,
    async item() {
      const item = await message.item();
      return { ...item, id: item.item_id };
    },
    async fields() {
      const { fields } = await message.item();
      return withAliases(
        new Map(
          fields.map(({ external_id, type, values, config }) => [
            external_id,
            showValues(type, values, { config }),
          ]),
        ),
        app,
      );
    },
    async changes() {
      const shown = new Map<string, { from: string; to: string }>();
      for (const [externalId, { type, from, to, config }] of await message.changes()) {
        shown.set(externalId, {
          from: showValues(type, from, { config }),
          to: showValues(type, to, { config }),
        });
      }
      return withAliases(shown, app);
    },
    app: () => ({ name: event.app, id: app?.id ?? appIdOf(event) }),
    data: () => message.data,
    now: () => new Date(now()),
  };
}
