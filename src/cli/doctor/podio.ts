/** What Podio says: clocks, who may log in, hooks. */
import { isRateLimited, statedWaitMs } from '../../core/backoff.ts';
import { showDuration } from '../../core/duration.ts';
import { coerceError, type ErrorCode, isPodiodError } from '../../core/errors.ts';
import { type HookRef, maskHookUrl } from '../../core/hook.ts';
import type { OfflineHooks } from '../../daemon/index.ts';
import { type Identities, identityKey } from '../../podio/contract.ts';
import type { HookAction, HookPlan } from '../../reconcile/index.ts';
import { fail, ok, type Tell, warn } from './findings.ts';

/** Clocks that agree within this do; podiod allows for more by itself. */
const APART_MS = 60_000;

const MADE_BY = 'podiod apply makes them; a running daemon does so by itself.';
const ASKED_BY = 'podiod apply asks for it; a running daemon does so by itself.';

const TYPES = new Intl.ListFormat('en', { type: 'conjunction' });

export interface PodioLook {
  readonly plan: HookPlan;
  /** Those that are active and needed. */
  readonly active: readonly (HookAction & { readonly hookId: number })[];
}

/** Lists the hooks of every ref, which also shows who can log in. Undefined where nothing could be planned. */
export async function lookAtHooks(
  hooks: OfflineHooks,
  nameOf: (ref: HookRef) => string | undefined,
  tell: Tell,
): Promise<PodioLook | undefined> {
  let plan: HookPlan;
  try {
    // It leaves what live work needs, but shares nothing with the daemon's background work: that may have used up all of its share.
    plan = await hooks.reconciler.plan({}, 'recovery');
  } catch (thrown) {
    tell(fail('Podio', coerceError(thrown).message, null));
    return undefined;
  }
  const place = (ref: HookRef) => `${nameOf(ref) ?? `${ref.type}/${ref.id}`}`;
  for (const { ref, error } of plan.failed) {
    if (!isRateLimited(error)) tell(fail(`Podio, ${place(ref)}`, error.message, hintFor(error)));
  }
  tellSpared(plan, hooks.identities, place, tell);
  const fields = Map.groupBy(plan.unresolved, ({ app, field }) => `field ${app}.${field}`);
  for (const [name, [first]] of fields) {
    // Several rules may name it.
    if (first === undefined || isRateLimited(first.error)) continue;
    const { error } = first;
    const isMisnamed = isPodiodError(error) && error.code === 'PODIO_NOT_FOUND';
    tell(fail(name, error.message, isMisnamed ? 'Mend its name in the config.' : hintFor(error)));
  }
  const wanted = plan.actions.filter(
    ({ action }) => action !== 'foreign' && action !== 'orphan' && action !== 'elsewhere',
  );
  const nothingYet = wanted.length > 1 && wanted.every(({ action }) => action === 'create');
  if (nothingYet)
    tell(fail('hooks', `none of the ${wanted.length} that the rules need is there yet`, MADE_BY));
  for (const [name, actions] of Map.groupBy(plan.actions, ({ ref }) => place(ref))) {
    const lost = nothingYet ? [] : actions.filter(({ action }) => action === 'create');
    const inactive = actions.filter(({ action }) => action === 'verify');
    if (lost.length > 0) tell(fail(`hooks, ${name}`, `${typesOf(lost)} missing`, MADE_BY));
    if (inactive.length > 0)
      tell(fail(`hooks, ${name}`, `${typesOf(inactive)} inactive: nothing of it is delivered`, ASKED_BY));
    const others = actions.filter(({ action }) => !['keep', 'foreign', 'create', 'verify'].includes(action));
    for (const action of others) tell(troubleOf(name, action));
    const kept = actions.filter(({ action }) => action === 'keep').length;
    if (lost.length + inactive.length + others.length === 0 && kept > 0) {
      tell(ok(`hooks, ${name}`, `${kept === 1 ? 'its hook is' : `its ${kept} hooks are`} active`));
    }
  }
  const active = plan.actions.flatMap(action =>
    action.action === 'keep' && action.hookId !== undefined ? { ...action, hookId: action.hookId } : [],
  );
  return { plan, active };
}

/** So many are named; the others are counted. */
const NAMED = 3;
/** What a wait says that is no longer: when a call may find out whether there are more by then. */
const TRY_MS = 300_000;

/** A limit is one thing to be told for all that share it, and nothing is wrong with any of them. */
function tellSpared(
  { failed, unresolved }: HookPlan,
  identities: Identities,
  place: (ref: HookRef) => string,
  tell: Tell,
): void {
  const fields = new Map(
    unresolved.map(({ app, appId, field, error }) => [`${app}.${field}`, { appId, error }]),
  );
  const spared = [
    ...failed.map(({ ref, error }) => ({ name: place(ref), as: identities.forRef(ref), error })),
    ...Array.from(fields, ([name, { appId, error }]) => ({ name, as: identities.forApp(appId), error })),
  ].filter(({ error }) => isRateLimited(error));
  for (const [who, those] of Map.groupBy(spared, ({ as }) => (as ? identityKey(as) : 'nobody'))) {
    const names = those.slice(0, NAMED).map(({ name }) => name);
    const more = those.length > NAMED ? ` and ${those.length - NAMED} more` : '';
    const waitMs = Math.max(...those.map(({ error }) => statedWaitMs(error) ?? 0));
    const again = waitMs <= TRY_MS ? 'later' : `in ${showDuration(waitMs)}`;
    tell(
      warn(
        `budget, ${who}`,
        `not looked at are ${names.join(', ')}${more}: ${those.at(-1)?.error.message}`,
        `What is left of its calls is kept for the daemon; Podio counts them by the hour. Run podiod doctor again ${again}.`,
      ),
    );
  }
}

/** A Podio that did not answer has said nothing of a token. */
const hintFor = (error: Error): string =>
  (isPodiodError(error) && (error.hint || hintOf(error.code))) || hintOf(undefined);

export function hintOf(code: ErrorCode | undefined): string {
  if (code === 'PODIO_UNAVAILABLE')
    return 'Look at podio.apiUrl, the network of this machine (DNS, firewall, proxy), and whether Podio is up.';
  if (code === 'PODIO_RATE_LIMITED') return 'Try again later: no call is left now.';
  return 'Look at its token or login, and whether it is still there.';
}

/** "item.create is", "item.create and item.update are" */
const typesOf = (actions: readonly HookAction[]): string =>
  `${TYPES.format(actions.map(({ type }) => type))} ${actions.length === 1 ? 'is' : 'are'}`;

function troubleOf(name: string, { action, type, url, reason }: HookAction) {
  const check = `hooks, ${name}`;
  const shown = `${type} (${maskHookUrl(url)})`;
  switch (action) {
    case 'orphan':
      return warn(
        check,
        `${shown} is one of podiod's with a key that is not known`,
        'podiod apply --prune deletes it.',
      );
    case 'elsewhere':
      return warn(
        check,
        `${shown} is podiod's under another address`,
        'podiod apply --move deletes it, unless another podiod needs it.',
      );
    default:
      return warn(check, `${shown}: ${reason}`, 'podiod plan shows more, podiod apply carries it out.');
  }
}

/** @param aheadMs how far Podio's clock is ahead, as its answers told; undefined where none came */
export function lookAtClock(aheadMs: number | undefined, tell: Tell): void {
  if (aheadMs === undefined) {
    const message = "it can't be compared with the one of Podio, which has not answered";
    tell(warn('clock', message, 'Run podiod doctor again once Podio answers.'));
    return;
  }
  if (Math.abs(aheadMs) < APART_MS) {
    tell(ok('clock', 'it agrees with the one of Podio'));
    return;
  }
  const apart = showDuration(Math.abs(aheadMs));
  const message = `this machine is ${apart} ${aheadMs > 0 ? 'behind' : 'ahead of'} Podio`;
  tell(
    warn('clock', message, 'Let it be set by NTP (timedatectl set-ntp true): schedules run by this clock.'),
  );
}
