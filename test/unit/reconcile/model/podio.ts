import type { Config } from '../../../../src/config/model.ts';
import { PodioError } from '../../../../src/core/errors.ts';
import { refKey } from '../../../../src/core/event.ts';
import type { HookRef, ObservedHook } from '../../../../src/core/hook.ts';
import type { FieldDirectory, Identities, KnownField, PodioClient } from '../../../../src/podio/contract.ts';
import type { Settings } from '../../../../src/store/contract.ts';

export type Operation = 'list' | 'create' | 'delete' | 'requestVerify' | 'validate' | 'find';

export interface Ping {
  readonly ref: HookRef;
  readonly type: string;
  readonly hookId: number;
  readonly code: string;
}

interface ModelHook {
  readonly ref: HookRef;
  readonly hookId: number;
  readonly type: string;
  readonly url: string;
  status: 'active' | 'inactive';
  code: string | undefined;
  /** Switched off for good: a re-verification is answered and does nothing. */
  readonly beyondHelp: boolean;
}

/** The part of Podio that hooks live in, small enough to be seen to be right. */
export class ModelPodio {
  readonly hooks = new Map<number, ModelHook>();
  readonly calls: { readonly operation: Operation; readonly ref: string }[] = [];
  /** Where the daemon takes pings; undefined: they get lost. */
  onPing: ((ping: Ping) => void) | undefined;
  /** Asked before each call is carried out: an error makes it fail without effect. */
  fault: (operation: Operation, ref: string) => Error | undefined = () => undefined;
  /** Asked for each ping: how many times it is delivered. */
  pings: (hookId: number) => number = () => 1;
  /** Called after every change. */
  onChange: () => void = () => {};
  fields: readonly KnownField[] = [];
  /** Of each identity, for background work, calls an hour. */
  share = { general: 300, limited: 75 };
  #lastId = 1000;

  /** Puts a hook there as if it had been for long. */
  put(
    ref: HookRef,
    hook: { type: string; url: string; status?: 'active' | 'inactive'; beyondHelp?: boolean },
  ) {
    this.#lastId += 1;
    const { type, url, status = 'active', beyondHelp = false } = hook;
    const hookId = this.#lastId;
    this.hooks.set(hookId, { ref, hookId, type, url, status, code: undefined, beyondHelp });
    return hookId;
  }

  list(ref?: HookRef): readonly ObservedHook[] {
    return [...this.hooks.values()]
      .filter(hook => !ref || refKey(hook.ref) === refKey(ref))
      .map(({ ref, hookId, type, url, status }) => ({ ref, hookId, type, url, status }));
  }

  /** `item.create active`, ... of one ref, in order of age. */
  shown(ref: HookRef): readonly string[] {
    return this.list(ref).map(({ type, status }) => `${type} ${status}`);
  }

  count(...operations: readonly Operation[]): number {
    return this.calls.filter(({ operation }) => operations.includes(operation)).length;
  }

  readonly identities: { -readonly [K in keyof Identities]: Identities[K] } = {
    forRef: ref => ({ kind: 'app', appId: ref.id, token: 'token' }),
    forApp: app => ({ kind: 'app', appId: Number(app), token: 'token' }),
  };

  /** Knows nothing by itself; what was found is known from then on. */
  readonly directory = (): FieldDirectory => {
    const found: KnownField[] = [];
    const fits = (appId: number, field: string) => (known: KnownField) =>
      known.appId === appId && (known.externalId === field || String(known.fieldId) === field);
    return {
      known: (appId, field) => found.find(fits(appId, field)),
      hasRead: appId => found.some(known => known.appId === appId),
      byId: fieldId => found.find(known => known.fieldId === fieldId),
      find: async (_as, appId, field) => {
        this.#called('find', `app/${appId}`);
        const known = this.fields.find(fits(appId, field));
        if (known) found.push(known);
        return known;
      },
    };
  };

  readonly client: PodioClient = {
    hooks: {
      list: async (_as, ref) => {
        this.#called('list', refKey(ref));
        return this.list(ref);
      },
      create: async (_as, ref, { type, url }) => {
        this.#called('create', refKey(ref));
        const hookId = this.put(ref, { type, url, status: 'inactive' });
        this.onChange();
        this.#ping(hookId);
        return hookId;
      },
      delete: async (_as, hookId) => {
        this.#called('delete', this.#refOf(hookId));
        this.hooks.delete(hookId);
        this.onChange();
      },
      requestVerify: async (_as, hookId) => {
        this.#called('requestVerify', this.#refOf(hookId));
        const hook = this.hooks.get(hookId);
        if (!hook) throw new PodioError('PODIO_NOT_FOUND', 'no such hook', { retry: 'never' });
        if (!hook.beyondHelp) this.#ping(hookId);
      },
      validate: async (_as, hookId, code) => {
        this.#called('validate', this.#refOf(hookId));
        const hook = this.hooks.get(hookId);
        if (!hook || hook.code !== code) {
          throw new PodioError('PODIO_INVALID', 'wrong code', { retry: 'never' });
        }
        hook.status = 'active';
        this.onChange();
      },
    },
    request: unexpected,
    items: {
      get: unexpected,
      difference: unexpected,
      revisions: unexpected,
      revision: unexpected,
      filter: unexpected,
    },
    apps: { get: unexpected },
    comments: { get: unexpected, list: unexpected },
    tasks: { get: unexpected, list: unexpected },
    files: { get: unexpected, download: unexpected },
    share: () => this.share,
    budgets: () => [],
    outage: () => ({ hasAnswered: true }),
  };

  #called(operation: Operation, ref: string): void {
    this.calls.push({ operation, ref });
    const error = this.fault(operation, ref);
    if (error) throw error;
  }

  #refOf(hookId: number): string {
    const hook = this.hooks.get(hookId);
    return hook ? refKey(hook.ref) : 'gone';
  }

  /** Delivered before the call that caused it has answered, as Podio may. */
  #ping(hookId: number): void {
    const hook = this.hooks.get(hookId);
    if (!hook) return;
    hook.code = `code-${hookId}-${this.calls.length}`;
    const { ref, type, code } = hook;
    for (let n = this.pings(hookId); n > 0; n -= 1) this.onPing?.({ ref, type, hookId, code });
  }
}

const unexpected = (): Promise<never> => Promise.reject(new Error('not a call of the reconciler'));

export const unavailable = (): PodioError => new PodioError('PODIO_UNAVAILABLE', 'Podio answered 503');

export const revoked = (): PodioError =>
  new PodioError('PODIO_UNAUTHORIZED', 'Podio refused the token', {
    retry: 'never',
    hint: 'Make a new token.',
  });

/** Settings that outlive a daemon within a test. */
export function makeSettings(): Settings {
  const values = new Map<string, unknown>();
  return {
    get: async key => values.get(key),
    set: async (key, value) => {
      values.set(key, structuredClone(value));
    },
    delete: async key => {
      values.delete(key);
    },
    list: async prefix => new Map([...values].filter(([key]) => key.startsWith(prefix))),
  };
}

export const reconcileDefaults: Config['reconcile'] = {
  everyMs: 900_000,
  mode: 'apply',
  delete: 'owned',
  maxDelete: 0.2,
};
