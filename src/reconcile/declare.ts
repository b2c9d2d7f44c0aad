import type { AppConfig, SpaceConfig } from '../config/model.ts';
import { coerceError, PodioError } from '../core/errors.ts';
import { type HookRefType, refKey } from '../core/event.ts';
import { type HookRef, type HookSpec, hookUrl, PODIOD_ITSELF } from '../core/hook.ts';
import { type AppTrigger, hookedBy, type Rule } from '../core/rule.ts';

type Hooked = Omit<AppTrigger, 'kind'>;

import type { FieldDirectory, Identities, Priority } from '../podio/contract.ts';
import { identityFor } from './identity.ts';
import type { Limit } from './limit.ts';

/** What a field of a trigger turned out to be, or why that isn't known. */
export type FieldLookup = { readonly fieldId: number } | { readonly error: Error };

/** By app and field: `101/status`, aliases resolved. */
export type FieldLookups = ReadonlyMap<string, FieldLookup>;

/** A trigger's field that no hook could be declared for. */
export interface UnresolvedField {
  readonly rule: string;
  /** Names from the config. */
  readonly app: string;
  readonly appId: number;
  /** As written. */
  readonly field: string;
  /** Of the lookup, in {@link FieldLookups}. */
  readonly key: string;
  readonly error: Error;
}

export interface Declaration {
  /** In the order in which rules first need them. */
  readonly hooks: readonly HookSpec[];
  readonly unresolved: readonly UnresolvedField[];
}

type Apps = ReadonlyMap<string, AppConfig>;
type Spaces = ReadonlyMap<string, SpaceConfig>;

const fieldKey = (appId: number, field: string): string => `${appId}/${field}`;

/** Only these fire on fields (reference, 4.2); a trigger's other events always come from the app. */
const isItemEvent = (event: string): boolean => event.startsWith('item.');

const isFieldTrigger = (trigger: Hooked): boolean => (trigger.fields?.length ?? 0) > 0;

/** An alias's external id; external ids and field ids stand for themselves. */
const fieldOf = (app: AppConfig, written: string): string =>
  Object.hasOwn(app.fields, written) ? (app.fields[written] as string) : written;

export interface WantedField {
  readonly app: AppConfig;
  /** External id or field id: the alias is resolved. */
  readonly field: string;
}

/** Every (app, field) that the rules' triggers name, once each. */
export function wantedFields(rules: readonly Rule[], apps: Apps): readonly WantedField[] {
  const wanted = new Map<string, WantedField>();
  for (const rule of rules) {
    for (const one of rule.triggers) {
      const trigger = hookedBy(one);
      if (trigger === undefined) continue;
      for (const app of appsOf(trigger, apps)) {
        for (const { field: written } of trigger.fields ?? []) {
          const field = fieldOf(app, written);
          wanted.set(fieldKey(app.id, field), { app, field });
        }
      }
    }
  }
  return [...wanted.values()];
}

const appsOf = (trigger: Hooked, apps: Apps): readonly AppConfig[] =>
  trigger.apps.flatMap(name => apps.get(name) ?? []);

/**
 * Looks up the ids of all fields that rules hang hooks on, before anything is declared. A field that can't be looked up
 * costs the rules that name it their hooks on that app, and nobody else anything. `hold` may answer a lookup that failed
 * lately, so that it isn't tried again yet. Rejects only when the signal is aborted.
 */
export async function resolveFields(
  rules: readonly Rule[],
  apps: Apps,
  effects: {
    readonly fields: FieldDirectory;
    readonly identities: Identities;
    readonly limit: Limit;
    readonly signal: AbortSignal;
    readonly priority: Priority;
    readonly hold?: (key: string) => FieldLookup | undefined;
  },
): Promise<FieldLookups> {
  const { fields, identities, limit, signal, priority, hold } = effects;
  const look = async ({ app, field }: WantedField): Promise<FieldLookup> => {
    const known = fields.known(app.id, field);
    if (known) return { fieldId: known.fieldId };
    const held = hold?.(fieldKey(app.id, field));
    if (held) return held;
    try {
      const as = identityFor(identities, { type: 'app', id: app.id });
      const found = await limit(() => fields.find(as, app.id, field, { priority, signal }));
      return found ? { fieldId: found.fieldId } : { error: noSuchField(app.name, field) };
    } catch (thrown) {
      signal.throwIfAborted();
      return { error: coerceError(thrown) };
    }
  };
  const entries = wantedFields(rules, apps).map(
    async wanted => [fieldKey(wanted.app.id, wanted.field), await look(wanted)] as const,
  );
  return new Map(await Promise.all(entries));
}

const noSuchField = (app: string, field: string): PodioError =>
  new PodioError('PODIO_NOT_FOUND', `app ${app} has no field "${field}"`, {
    hint: 'Podio shows the external ids of fields under Developer in the menu of the app.',
  });

/**
 * The smallest set of hooks that the rules need: one per (ref, type); and `app.update` of apps whose fields they name,
 * which tells podiod itself that a field may not be what it was.
 */
export function declareHooks(
  rules: readonly Rule[],
  apps: Apps,
  spaces: Spaces,
  fields: FieldLookups,
  publicUrl: string,
  secret: string,
  /** Names of the apps whose definition podiod follows itself. */
  followed: readonly string[] = [],
): Declaration {
  const hooks = new Map<string, HookSpec & { rules: string[] }>();
  const unresolved: UnresolvedField[] = [];

  const need = (rule: string, refType: HookRefType, id: number, type: string) => {
    const ref: HookRef = { type: refType, id };
    const key = `${refKey(ref)}/${type}`;
    const spec = hooks.get(key);
    if (!spec) hooks.set(key, { ref, type, url: hookUrl(publicUrl, secret, ref, type), rules: [rule] });
    else if (!spec.rules.includes(rule)) spec.rules.push(rule);
  };

  const needOfApp = (rule: string, trigger: Hooked, app: AppConfig) => {
    const onFields = isFieldTrigger(trigger);
    for (const event of trigger.events) {
      if (!onFields || !isItemEvent(event)) need(rule, 'app', app.id, event);
    }
    for (const { field: written } of trigger.fields ?? []) {
      const field = fieldOf(app, written);
      const key = fieldKey(app.id, field);
      const lookup = fields.get(key) ?? { error: noSuchField(app.name, field) };
      if ('fieldId' in lookup) {
        for (const event of trigger.events.filter(isItemEvent)) {
          need(rule, 'app_field', lookup.fieldId, event);
        }
      } else {
        unresolved.push({ rule, app: app.name, appId: app.id, field: written, key, error: lookup.error });
      }
    }
  };

  for (const rule of rules) {
    for (const trigger of rule.triggers) {
      const hooked = hookedBy(trigger);
      if (hooked) {
        for (const app of appsOf(hooked, apps)) needOfApp(rule.name, hooked, app);
      } else if (trigger.kind === 'space') {
        for (const name of trigger.spaces) {
          const space = spaces.get(name);
          if (space) for (const event of trigger.events) need(rule.name, 'space', space.id, event);
        }
      }
    }
  }
  for (const name of followed) {
    const app = apps.get(name);
    if (app) need(PODIOD_ITSELF, 'app', app.id, 'app.update');
  }
  return { hooks: [...hooks.values()], unresolved };
}
