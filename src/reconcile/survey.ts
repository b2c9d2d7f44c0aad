import type { Config } from '../config/model.ts';
import { refKey } from '../core/event.ts';
import { appsInUse } from '../core/field-use.ts';
import type { HookRef, ObservedHook, Secrets } from '../core/hook.ts';
import type { FieldDirectory, Identities, PodioClient, Priority } from '../podio/contract.ts';
import {
  type Declaration,
  declareHooks,
  type FieldLookup,
  type FieldLookups,
  resolveFields,
  type UnresolvedField,
} from './declare.ts';
import type { HookedRef, HookedRefs } from './hooked-refs.ts';
import type { Limit } from './limit.ts';
import { distinctRefs, type Observation, observeHooks } from './observe.ts';
import { type ApplyOptions, type HookAction, planHooks } from './plan.ts';

/** What of the config reconciling goes by. */
export interface ReconcileConfig
  extends Pick<Config, 'rules' | 'apps' | 'spaces' | 'reconcile'>,
    Partial<Pick<Config, 'fieldUses'>> {
  /** Without a slash at its end. */
  readonly publicUrl: string;
  readonly secrets: Secrets;
}

export interface SurveyEffects {
  readonly podio: PodioClient;
  readonly identities: Identities;
  readonly fields: FieldDirectory;
  readonly hookedRefs: HookedRefs;
  readonly limit: Limit;
  readonly signal: AbortSignal;
  /** The daemon's own rounds are background work; what somebody waits for (a person, readiness) is not. */
  readonly priority: Priority;
}

/** What failed lately and isn't looked at again yet. */
export interface Hold {
  ref(key: string): boolean;
  field(key: string): FieldLookup | undefined;
}

/** What should be and what is. */
export interface Survey {
  readonly config: ReconcileConfig;
  readonly lookups: FieldLookups;
  readonly declaration: Declaration;
  /** Those the store remembers. */
  readonly hooked: readonly HookedRef[];
  /** By key: all refs that are of interest, held ones too. */
  readonly refs: ReadonlyMap<string, HookRef>;
  /** Keys of those that the config names itself or by its rules; the others are only remembered. */
  readonly configured: ReadonlySet<string>;
  readonly observation: Observation;
}

/** One list call a ref: the declared ones, every app and space of the config, and those that once had hooks. */
export async function takeSurvey(
  config: ReconcileConfig,
  effects: SurveyEffects,
  hold: Hold = { ref: () => false, field: () => undefined },
): Promise<Survey> {
  const { rules, apps, spaces, publicUrl, secrets } = config;
  const lookups = await resolveFields(rules, apps, { ...effects, hold: hold.field });
  const followed = appsInUse(config.fieldUses ?? []);
  const declaration = declareHooks(rules, apps, spaces, lookups, publicUrl, secrets[0], followed);
  const hooked = await effects.hookedRefs.list();
  const configured = distinctRefs([
    ...declaration.hooks.map(({ ref }) => ref),
    ...[...apps.values()].map(({ id }) => ({ type: 'app', id }) as const),
    ...[...spaces.values()].map(({ id }) => ({ type: 'space', id }) as const),
  ]);
  const refs = distinctRefs([...configured, ...hooked.map(({ ref }) => ref)]);
  const due = refs.filter(ref => !hold.ref(refKey(ref)));
  return {
    config,
    lookups,
    declaration,
    hooked,
    refs: new Map(refs.map(ref => [refKey(ref), ref])),
    configured: new Set(configured.map(refKey)),
    observation: await observeHooks(due, effects),
  };
}

/** Hooks by the key of their ref. A ref that is absent could not be looked at, one with none has none. */
export type World = ReadonlyMap<string, readonly ObservedHook[]>;

/** The plan for a world, in which refs that may be needed in an unknown way keep what they have. */
export function planWorld(
  config: ReconcileConfig,
  declaration: Declaration,
  world: World,
  fields: FieldDirectory,
  options: ApplyOptions,
): readonly HookAction[] {
  const { publicUrl, secrets, reconcile } = config;
  return planHooks(declaration.hooks, [...world.values()].flat(), {
    ...options,
    publicUrl,
    secrets,
    mode: reconcile.mode,
    delete: reconcile.delete,
    maxDelete: reconcile.maxDelete,
    refsObserved: new Set(world.keys()),
    uncertain: uncertainRefs(declaration.unresolved, world, fields),
  });
}

/** Field refs that a rule may need through a field whose id could not be looked up. */
function uncertainRefs(
  unresolved: readonly UnresolvedField[],
  world: World,
  fields: FieldDirectory,
): ReadonlySet<string> {
  const apps = new Set(unresolved.map(({ appId }) => appId));
  const isUncertain = (key: string): boolean => {
    const [type, id] = key.split('/');
    if (type !== 'app_field' || apps.size === 0) return false;
    const appId = fields.byId(Number(id))?.appId;
    return appId === undefined || apps.has(appId);
  };
  return new Set([...world.keys()].filter(isUncertain));
}
