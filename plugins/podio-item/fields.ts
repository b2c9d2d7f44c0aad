import { type App, PermanentError, type PluginPodio } from 'podiod/plugin';

export type Field = App['fields'][number];

/** The fields of an app that items are written to. */
export interface Definition {
  readonly appId: number;
  /** By alias, external id or field id. Throws PermanentError when there is none. */
  field(name: string): Field;
  has(name: string): boolean;
}

/** A definition changes rarely; what is refused because it did is tried again with a new one. */
const KEPT_MS = 5 * 60_000;

export interface Definitions {
  of(app: string | number): Promise<Definition>;
  /** What was read of an app may be old. */
  forget(app: string | number): void;
}

export function makeDefinitions(
  podio: PluginPodio,
  aliasesOf: (app: string | number) => Readonly<Record<string, string>>,
): Definitions {
  const kept = new Map<string | number, { readonly at: number; readonly read: Promise<Definition> }>();
  return {
    of(app) {
      const known = kept.get(app);
      if (known && Date.now() - known.at < KEPT_MS) return known.read;
      const read = podio.apps.get(app).then(definition => define(definition, aliasesOf(app)));
      kept.set(app, { at: Date.now(), read });
      read.catch(() => kept.delete(app));
      return read;
    },
    forget: app => void kept.delete(app),
  };
}

function define(app: App, aliases: Readonly<Record<string, string>>): Definition {
  const active = app.fields.filter(({ status }) => status === 'active');
  const find = (name: string): Field | undefined => {
    const externalId = Object.hasOwn(aliases, name) ? aliases[name] : name;
    return active.find(one => one.external_id === externalId || String(one.field_id) === externalId);
  };
  return {
    appId: app.app_id,
    has: name => find(name) !== undefined,
    field(name) {
      const found = find(name);
      if (found) return found;
      throw new PermanentError(`the app ${app.config.name} has no field ${name}`, {
        hint: `It has ${active.map(({ external_id }) => external_id).join(', ')}.`,
      });
    },
  };
}
