import { type HookRefType, refKey } from '../core/event.ts';
import {
  type HookOwner,
  type HookRef,
  type HookSpec,
  type ObservedHook,
  ownerOf,
  type Secrets,
} from '../core/hook.ts';

/** In the order of a plan: what adds comes before what takes away, then what is only shown. */
export const ACTIONS = [
  'create',
  'verify',
  'replace',
  'delete',
  'keep',
  'orphan',
  'elsewhere',
  'foreign',
] as const;

/**
 * `create`: make a hook and see it active. `verify`: have an inactive one verified again. `replace`: create, and delete
 * `hookId` once the new one is active. `delete`: delete `hookId`, provided that the actions before it on the same
 * (ref, type) succeeded. The rest is left alone.
 */
export type ActionKind = (typeof ACTIONS)[number];

export type HookAction = HookChange | (Planned & { readonly action: Shown; readonly hookId: number });

/** An action that changes something at Podio. */
export type HookChange = Planned &
  (
    | { readonly action: 'create'; readonly hookId: undefined }
    | { readonly action: Exclude<ActionKind, 'create' | Shown>; readonly hookId: number }
  );

type Shown = 'keep' | 'orphan' | 'elsewhere' | 'foreign';

interface Planned {
  readonly ref: HookRef;
  readonly type: string;
  /** Of the hook to be made with `create` and `replace`, else of the one there is. Holds a key: mask it before showing. */
  readonly url: string;
  /** Who needs the hook; empty when nobody does. */
  readonly rules: readonly string[];
  readonly reason: string;
  /** A deletion over `maxDelete`: told, not carried out. */
  readonly refused: boolean;
}

/** What an operator allows once, by flags of `podiod apply`. */
export interface ApplyOptions {
  /** Delete orphans. */
  readonly prune?: boolean;
  /** Delete hooks under another URL. */
  readonly move?: boolean;
  /** Carry out deletions that `maxDelete` refuses. */
  readonly allowDeletes?: boolean;
}

export interface PlanOptions extends ApplyOptions {
  readonly publicUrl: string;
  readonly secrets: Secrets;
  /** `repair`: nothing that works is touched. `plan` makes the plan of `apply`; whoever runs it stops there. */
  readonly mode: 'apply' | 'repair' | 'plan';
  readonly delete: 'owned' | 'never';
  /** Share of our hooks that may be deleted in one go, 0..1. */
  readonly maxDelete: number;
  /** Keys of the refs whose hooks were listed. Nothing is planned for any other: what can't be seen isn't changed. */
  readonly refsObserved: ReadonlySet<string>;
  /** Keys of refs that rules may need in a way not known now: what seems left over there stays. */
  readonly uncertain?: ReadonlySet<string>;
}

/** This many deletions are never refused: a small installation has to be able to change its rules. */
const DELETE_FREELY = 3;

/** What is to be done at Podio, in order. Pure: a converged world gives actions that change nothing. */
export function planHooks(
  declared: readonly HookSpec[],
  observed: readonly ObservedHook[],
  options: PlanOptions,
): readonly HookAction[] {
  const groups = new Map<string, Group>();
  const groupOf = (ref: HookRef, type: string): Group => {
    const key = `${refKey(ref)}/${type}`;
    const group = groups.get(key) ?? { spec: undefined, found: [] };
    groups.set(key, group);
    return group;
  };
  const isObserved = ({ ref }: { ref: HookRef }) => options.refsObserved.has(refKey(ref));
  for (const spec of declared.filter(isObserved)) groupOf(spec.ref, spec.type).spec = spec;
  for (const hook of observed.filter(isObserved)) {
    const owner = ownerOf(hook, options.publicUrl, options.secrets);
    groupOf(hook.ref, hook.type).found.push({ ...hook, owner });
  }
  const actions = [...groups.values()].flatMap(group => planGroup(group, options)).sort(inOrder);
  return refuseTooMany(actions, observed, options);
}

interface Found extends ObservedHook {
  readonly owner: HookOwner;
}

type NotOurs = Found & { readonly owner: Exclude<HookOwner, 'ours'> };

const isNotOurs = (hook: Found): hook is NotOurs => hook.owner !== 'ours';

/** All there is of one (ref, type). */
interface Group {
  spec: HookSpec | undefined;
  readonly found: Found[];
}

/** Why a deletion that would be right is not made; undefined: it is. */
function deletionBar(options: PlanOptions): string | undefined {
  if (options.delete === 'never') return 'reconcile.delete is never';
  if (options.mode === 'repair') return 'reconcile.mode is repair';
  return undefined;
}

function planGroup({ spec, found }: Group, options: PlanOptions): HookAction[] {
  const inOrderOfAge = found.toSorted((a, b) => a.hookId - b.hookId);
  const ours = inOrderOfAge.filter(hook => hook.owner === 'ours');
  return [
    ...(spec ? planDeclared(spec, ours, options) : planLeftover(ours, options)),
    ...inOrderOfAge.filter(isNotOurs).map(hook => planNotOurs(hook, options)),
  ];
}

function planDeclared(spec: HookSpec, ours: readonly Found[], options: PlanOptions): HookAction[] {
  const { rules } = spec;
  const bar = deletionBar(options);
  const isActive = (hook: Found) => hook.status === 'active';
  const current = ours.filter(hook => hook.url === spec.url);
  // A hook made with a previous secret works as long as that is listed: where only repairs are wanted, it will do.
  const active = current.find(isActive) ?? (options.mode === 'repair' ? ours.find(isActive) : undefined);
  const chosen = active ?? current[0];
  const replaced = chosen || bar ? undefined : (ours.find(isActive) ?? ours[0]);

  const actions: HookAction[] = [];
  if (chosen)
    actions.push(active ? of('keep', chosen, rules, 'active') : of('verify', chosen, rules, 'inactive'));
  else if (replaced) actions.push(of('replace', { ...replaced, url: spec.url }, rules, PREVIOUS));
  else actions.push(toCreate(spec, ours.length > 0 ? `the one there was ${PREVIOUS}` : 'missing'));

  for (const hook of ours) {
    if (hook === chosen || hook === replaced) continue;
    const reason = hook.url === spec.url ? `duplicate of ${chosen?.hookId}` : PREVIOUS;
    actions.push(bar ? of('keep', hook, rules, `${reason}; ${bar}`) : of('delete', hook, rules, reason));
  }
  return actions;
}

const PREVIOUS = 'made with a previous secret';

function planLeftover(ours: readonly Found[], options: PlanOptions): HookAction[] {
  const reason = 'no rule needs it';
  const bar = deletionBar(options);
  return ours.map(hook => {
    if (options.uncertain?.has(refKey(hook.ref))) {
      return of('keep', hook, [], 'a rule may need it: fields of its app could not be looked up');
    }
    return bar ? of('keep', hook, [], `${reason}; ${bar}`) : of('delete', hook, [], reason);
  });
}

/** What is not ours, yet goes when its flag says so. Flags are above the cap, but not above `delete: never`. */
const FLAGGED = {
  orphan: { reason: 'under our URL with an unknown key', flag: 'prune' },
  elsewhere: { reason: 'our key under another URL', flag: 'move' },
} as const;

function planNotOurs(hook: NotOurs, options: PlanOptions): HookAction {
  if (hook.owner === 'foreign') return of('foreign', hook, [], 'not ours');
  const { reason, flag } = FLAGGED[hook.owner];
  if (!options[flag]) return of(hook.owner, hook, [], `${reason}; podiod apply --${flag} deletes it`);
  const bar = deletionBar(options);
  return bar ? of(hook.owner, hook, [], `${reason}; ${bar}`) : of('delete', hook, [], reason);
}

function of(
  action: Exclude<ActionKind, 'create'>,
  { ref, type, url, hookId }: ObservedHook,
  rules: readonly string[],
  reason: string,
): HookAction {
  return { action, ref, type, url, hookId, rules, reason, refused: false };
}

function toCreate({ ref, type, url, rules }: HookSpec, reason: string): HookAction {
  return { action: 'create', ref, type, url, hookId: undefined, rules, reason, refused: false };
}

/**
 * Many hooks that nobody needs at once are more likely a mistake in the config than a wish. What goes because another
 * hook takes its place is no loss and doesn't count.
 */
function refuseTooMany(
  actions: readonly HookAction[],
  observed: readonly ObservedHook[],
  options: PlanOptions,
): readonly HookAction[] {
  if (options.allowDeletes) return actions;
  const isLoss = (action: HookAction) =>
    action.action === 'delete' &&
    action.rules.length === 0 &&
    ownerOf(action, options.publicUrl, options.secrets) === 'ours';
  const losses = actions.filter(isLoss).length;
  const owned = observed.filter(hook => ownerOf(hook, options.publicUrl, options.secrets) === 'ours').length;
  if (losses <= DELETE_FREELY || losses <= owned * options.maxDelete) return actions;
  const share = `${Number((options.maxDelete * 100).toFixed(2))}%`;
  const why = `refused: ${losses} of our ${owned} is over maxDelete ${share}`;
  return actions.map(action =>
    isLoss(action) ? { ...action, reason: `${action.reason}; ${why}`, refused: true } : action,
  );
}

const REF_ORDER: readonly HookRefType[] = ['app', 'app_field', 'space'];

function inOrder(a: HookAction, b: HookAction): number {
  return (
    ACTIONS.indexOf(a.action) - ACTIONS.indexOf(b.action) ||
    REF_ORDER.indexOf(a.ref.type) - REF_ORDER.indexOf(b.ref.type) ||
    a.ref.id - b.ref.id ||
    (a.type < b.type ? -1 : a.type > b.type ? 1 : 0) ||
    (a.hookId ?? 0) - (b.hookId ?? 0)
  );
}

/** Whether anything is wanted at Podio that isn't so, refused deletions included. */
export const isChange = (action: HookAction): action is HookChange =>
  action.action === 'create' ||
  action.action === 'verify' ||
  action.action === 'replace' ||
  action.action === 'delete';

/** What applying the plan would carry out. */
export const changesOf = (plan: readonly HookAction[]): readonly HookChange[] =>
  plan.filter(isChange).filter(action => !action.refused);
