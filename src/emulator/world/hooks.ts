/** Hooks and their life: inactive, pinged, validated, active, switched off. */
import { ApiError, invalid, notFound, refusal } from '../api-error.ts';
import type { Context } from '../context.ts';
import type { Hook, HookRef, Occurrence } from '../model.ts';
import { HOOK_TYPES } from '../model.ts';
import type { Accounts, ChangeOptions } from './accounts.ts';
import type { Log } from './log.ts';
import { type Delivery, isSuccess, type Letter, makeSender, type Sender } from './sender.ts';

export interface NewHook {
  readonly ref: HookRef;
  readonly type: string;
  readonly url: string;
}

export interface Hooks {
  /** All, or those of one object, in the order of their ids. */
  hooks(ref?: HookRef): readonly Hook[];
  hook(hookId: number): Hook | undefined;
  /** A hook that somebody else made, with no questions asked and no ping sent. Default: active. */
  addHook(hook: NewHook & { readonly status?: Hook['status'] }, options?: ChangeOptions): Hook;
  /** As Podio does after too many failures. */
  suspendHook(hookId: number): void;
  deleteHook(hookId: number): void;
  /** What a client may do: checked, and pinged at once. `pinged` resolves when the ping was answered or lost. */
  createHook(hook: NewHook, options: ChangeOptions): { hook: Hook; pinged: Promise<void> };
  requestVerify(hookId: number): Promise<void>;
  validateHook(hookId: number, code: string): void;
  /** Deliveries that are on their way or will be tried again. */
  pendingDeliveries(): number;
}

export interface HookBook extends Hooks {
  tell(occurrence: Occurrence): void;
  stop(): void;
}

const same = (one: HookRef, other: HookRef): boolean => one.type === other.type && one.id === other.id;

const indexKey = (ref: HookRef, type: string): string => `${ref.type}/${ref.id}/${type}`;

export function makeHooks(context: Context, accounts: Accounts, deliveries: Log<Delivery>): HookBook {
  const { clock, random, switches } = context;
  const byId = new Map<number, Hook>();
  /** Events are many and hooks are few: each event looks up its own. */
  const index = new Map<string, Set<Hook>>();

  const sender: Sender = makeSender(context, deliveries, {
    mayDeliver: letter => {
      const hook = byId.get(letter.hookId);
      return hook !== undefined && (letter.type === 'hook.verify' || hook.status === 'active');
    },
    onTried: count,
  });

  function count(letter: Letter, delivery: Delivery): void {
    const hook = byId.get(letter.hookId);
    if (!hook || letter.type === 'hook.verify') return;
    if (isSuccess(delivery)) {
      hook.failures = 0;
      return;
    }
    if (delivery.attempt > 1 && !switches.switchOffCountsRetries) return;
    if (delivery.outcome === 'timeout' && !switches.switchOffCountsTimeouts) return;
    hook.failures += 1;
    if (switches.switchOffAfter > 0 && hook.failures >= switches.switchOffAfter) switchOff(hook);
  }

  function switchOff(hook: Hook): void {
    hook.status = 'inactive';
    hook.switchedOff = true;
    context.changed();
  }

  function add({ ref, type, url }: NewHook, status: Hook['status'], options: ChangeOptions): Hook {
    const hook: Hook = {
      hookId: context.nextId('hook'),
      ref,
      type,
      url,
      status,
      switchedOff: false,
      failures: 0,
      codes: [],
      created: accounts.authorship(options),
    };
    byId.set(hook.hookId, hook);
    const key = indexKey(ref, type);
    index.set(key, (index.get(key) ?? new Set()).add(hook));
    context.changed();
    return hook;
  }

  function check({ ref, type, url }: NewHook): void {
    const types: readonly string[] = HOOK_TYPES[ref.type];
    if (!types.includes(type))
      throw invalid(`Invalid value "${type}" for "type": must be one of ${types.join(', ')}`);
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
      throw invalid(`Invalid value "${url}" for "url": must be a valid URL`);
    const { port } = new URL(url);
    if (!switches.allowAnyPort && !['', '80', '443'].includes(port))
      throw invalid(`Invalid value "${url}" for "url": only the ports 80 and 443 are supported`);
    const alike = [...byId.values()].filter(hook => hook.type === type && same(hook.ref, ref));
    if (alike.length >= switches.hookLimit)
      throw refusal(
        switches.hookLimitStatus,
        `No more than ${switches.hookLimit} hooks of type ${type} are allowed on one object`,
      );
    if (switches.duplicateHooks === 'refuse' && alike.some(hook => hook.url === url))
      throw new ApiError(409, 'conflict', 'A hook with this type and url exists');
  }

  const need = (hookId: number): Hook => {
    const hook = byId.get(hookId);
    if (!hook) throw notFound(`No hook with id ${hookId} could be found`);
    return hook;
  };

  function ping(hook: Hook): Promise<void> {
    const code = random.hex(8);
    if (switches.newCodeCancelsOld) hook.codes.length = 0;
    hook.codes.push({ code, on: clock.now() });
    return sender.send({
      hookId: hook.hookId,
      url: hook.url,
      type: 'hook.verify',
      params: [
        ['type', 'hook.verify'],
        ['hook_id', String(hook.hookId)],
        ['code', code],
      ],
    });
  }

  return {
    hooks: ref => [...byId.values()].filter(hook => ref === undefined || same(hook.ref, ref)),
    hook: hookId => byId.get(hookId),
    addHook: ({ status = 'active', ...hook }, options = {}) => add(hook, status, options),
    suspendHook: hookId => switchOff(need(hookId)),
    deleteHook(hookId) {
      const hook = need(hookId);
      byId.delete(hookId);
      index.get(indexKey(hook.ref, hook.type))?.delete(hook);
      context.changed();
    },
    createHook(given, options) {
      check(given);
      const hook = add(given, 'inactive', options);
      return { hook, pinged: ping(hook) };
    },
    requestVerify: hookId => ping(need(hookId)),
    validateHook(hookId, code) {
      // As for a foreign hook, which a client may not tell from one that doesn't exist.
      const hook = byId.get(hookId);
      const known = hook?.codes.find(each => each.code === code);
      const { codeLifetimeMs, codeSingleUse, reverifyRevives } = switches;
      const isOld = known && codeLifetimeMs > 0 && clock.now() - known.on > codeLifetimeMs;
      if (!hook || !known || isOld) throw invalid('The verification code is not valid');
      if (hook.switchedOff && !reverifyRevives) throw invalid('The hook was switched off');
      if (codeSingleUse) hook.codes.splice(hook.codes.indexOf(known), 1);
      hook.status = 'active';
      hook.switchedOff = false;
      hook.failures = 0;
      context.changed();
    },
    pendingDeliveries: () => sender.pending(),
    tell({ type, refs, params }) {
      for (const ref of refs) {
        for (const hook of index.get(indexKey(ref, type)) ?? []) {
          if (hook.status !== 'active') continue;
          void sender.send({
            hookId: hook.hookId,
            url: hook.url,
            type,
            params: [...params, ['type', type], ['hook_id', String(hook.hookId)]],
          });
        }
      }
    },
    stop: () => sender.stop(),
  };
}
