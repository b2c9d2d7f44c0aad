/** What hook URLs are made with, and how that is exchanged while deliveries go on. */
import type { Subscription } from 'rxjs';
import type { ServerConfig } from '../config/model.ts';
import type { Clock } from '../core/clock.ts';
import { coerceError, PodiodError } from '../core/errors.ts';
import type { Secrets } from '../core/hook.ts';
import type { Log } from '../core/log.ts';
import type { Reconciler } from '../reconcile/index.ts';
import type { Settings } from '../store/contract.ts';
import {
  ensureSecretFile,
  exchangeSecretFile,
  newSecret,
  previousSecretsSince,
  readPreviousSecrets,
  writePreviousSecrets,
  writeSecretFile,
} from '../store/files.ts';

export interface HookSecrets {
  /** The current one first. The same array for as long as nothing has changed. */
  all(): Secrets;
  /** What they would be with this config. */
  with(server: Server): Secrets;
  /**
   * Makes sure that the one before can be kept, should this config have another. Rejects where dataDir can't be written.
   * Either `use` or `abandon` is to be called then.
   */
  prepare(server: Server): Promise<NextSecrets>;
  /** Whether hooks may still be made with a secret that was replaced and that nobody has to name in the config. */
  isRotating(): boolean;
  /** When the latest of these was replaced, UTC milliseconds; undefined where there is none. */
  replacedAt(): number | undefined;
  /** From now on hooks are to be made with a new one; the old one is accepted until `forget`. Rejects with USAGE. */
  rotate(): Promise<void>;
  forget(): Promise<void>;
}

export interface NextSecrets {
  /** This config holds. May be tried again when it rejects. */
  use(): Promise<void>;
  /** It does not. */
  abandon(): Promise<void>;
}

type Server = Pick<ServerConfig, 'secret' | 'previousSecrets'>;

interface HookSecretsParts {
  readonly dataDir: string;
  readonly server: Server;
  readonly log: Log;
  /** Keeps them out of the log. */
  readonly hide: ((secrets: Iterable<string>) => void) | undefined;
}

/**
 * dataDir's file has the one that hooks are made with, also where it is the config's: so the one before is known whichever way
 * another one came into the config, and a config that has none any more goes on with it.
 */
export async function makeHookSecrets({
  dataDir,
  server: started,
  log,
  hide,
}: HookSecretsParts): Promise<HookSecrets> {
  if (started.secret !== undefined) await exchangeSecretFile(dataDir, started.secret);
  let server = started;
  let current = started.secret ?? (await ensureSecretFile(dataDir, 'secret'));
  const found = await readPreviousSecrets(dataDir);
  let kept = found.filter(secret => secret !== current);
  // A reload that was killed before it held has left the current one among those before it.
  if (kept.length < found.length) await writePreviousSecrets(dataDir, kept).catch(() => {});
  let all: Secrets;
  const settle = (): void => {
    all = allOf(current, [...server.previousSecrets, ...kept]);
    hide?.(all);
  };
  settle();
  if (kept.length > 0)
    log.info('hooks that are made with an old secret are replaced; it is accepted until then');

  /** One after the other: they write the same files. */
  let tail: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = tail.then(work);
    tail = done.catch(() => {});
    return done;
  };
  /** Whatever stops it, each hook's secret is in one of the files. */
  const exchange = async (secret: string): Promise<void> => {
    const before = [current, ...kept];
    await writePreviousSecrets(dataDir, before);
    await writeSecretFile(dataDir, 'secret', secret);
    kept = before.filter(one => one !== secret);
    current = secret;
    settle();
    log.info(
      'hooks are made with a new secret from now on; the one before is accepted until all are replaced',
    );
  };
  const secretOf = (next: Server): string => next.secret ?? current;

  return {
    all: () => all,
    with: next => allOf(secretOf(next), [...next.previousSecrets, current, ...kept]),
    prepare: next =>
      inTurn(async () => {
        if (secretOf(next) !== current) await writePreviousSecrets(dataDir, [current, ...kept]);
        return {
          use: () =>
            inTurn(async () => {
              if (secretOf(next) !== current) await exchange(secretOf(next));
              server = next;
              settle();
            }),
          // Where that fails, a later start finds the current one among those before it, which means nothing.
          abandon: () => inTurn(() => writePreviousSecrets(dataDir, kept).catch(() => {})),
        };
      }),
    isRotating: () => kept.length > 0,
    replacedAt: () => (kept.length > 0 ? previousSecretsSince(dataDir) : undefined),
    rotate: () =>
      inTurn(async () => {
        if (server.secret !== undefined) throw configured();
        await exchange(newSecret());
      }),
    forget: () =>
      inTurn(async () => {
        await writePreviousSecrets(dataDir, []);
        kept = [];
        settle();
        log.info('no hook is made with an old secret any more; it is forgotten');
      }),
  };
}

const allOf = (current: string, previous: readonly string[]): Secrets => [
  current,
  ...new Set(previous.filter(secret => secret !== current)),
];

export const configured = (): PodiodError =>
  new PodiodError('USAGE', 'the secret stands in the config (server.secret), where only you can change it', {
    hint: 'Change it there, then run podiod reload: the old one is accepted until every hook is replaced.',
    retry: 'never',
  });

/** Deliveries on their way to a URL that was just replaced still get in, milliseconds. */
const GRACE_MS = 10 * 60_000;

/** After this it is said loudly that an old secret is still good: whoever exchanged it because somebody has seen it wants to know. */
const REMIND_AFTER_MS = 60 * 60_000;
const REMIND_EVERY_MS = 24 * 60 * 60_000;

/** An old secret that is accepted. */
export interface OldSecret {
  /** When it was replaced, UTC milliseconds. */
  readonly since: number;
  /** Why it can not be forgotten, in plain words. */
  readonly because?: string;
  /** When it will be, where nothing stands against it; UTC milliseconds. */
  readonly until?: number;
}

/** Since when no hook is made with an old secret. Outlives a restart, or one that is restarted often would never forget it. */
export interface Unused {
  /** Of which secret: when it was replaced, UTC milliseconds. */
  readonly replacedAt: number;
  /** UTC milliseconds. */
  readonly since: number;
}

export interface UnusedKeep {
  /** As the last life of the daemon left it. */
  readonly kept: Unused | undefined;
  keep(unused: Unused | undefined): Promise<void>;
}

const UNUSED = 'hooks/old-secret-unused';

/** Rejects with a StoreError. */
export async function keepUnused(settings: Pick<Settings, 'get' | 'set' | 'delete'>): Promise<UnusedKeep> {
  return {
    kept: (await settings.get(UNUSED)) as Unused | undefined,
    keep: unused => (unused === undefined ? settings.delete(UNUSED) : settings.set(UNUSED, unused)),
  };
}

export interface OldSecrets {
  status(): OldSecret | undefined;
  stop(): void;
}

/**
 * Forgets old secrets once every hook at Podio is made with the current one, and no sooner, however long that takes: what a
 * hook delivers that could not be replaced would be refused and lost.
 */
export function forgetWhenReplaced(
  secrets: HookSecrets,
  reconciler: Pick<Reconciler, 'finished$' | 'status'>,
  clock: Clock,
  log: Log,
  { kept, keep }: UnusedKeep,
): OldSecrets {
  let unused = kept;
  /** The same by a clock that nobody sets, milliseconds. */
  let forgetAt: number | undefined;
  const note = (next: Unused | undefined): void => {
    if (next === undefined && unused === undefined) return;
    unused = next;
    keep(next).catch(error => log.debug('not kept since when an old secret is unused', { error }));
  };
  const over = (): void => {
    forgetAt = undefined;
    note(undefined);
  };
  let cancel = (): void => {};
  const look = (): void => {
    cancel();
    const replacedAt = secrets.replacedAt();
    if (replacedAt === undefined || whatIsLeft(reconciler) !== undefined) {
      over();
      return;
    }
    const now = clock.now();
    if (unused?.replacedAt !== replacedAt) {
      // Another one was replaced meanwhile: what is on its way to its hooks has its own time.
      note({ replacedAt, since: now });
      forgetAt = undefined;
    }
    // A clock that was set back makes it no longer than it would have been.
    const ago = Math.max(0, now - (unused?.since ?? now));
    forgetAt ??= clock.monotonic() + Math.max(0, GRACE_MS - ago);
    const left = forgetAt - clock.monotonic();
    if (left > 0) {
      cancel = clock.after(left, look);
      return;
    }
    over();
    secrets.forget().catch(error => log.warn('old secrets not forgotten yet', { error: coerceError(error) }));
  };
  const looks: Subscription = reconciler.finished$.subscribe(look);

  const status = (): OldSecret | undefined => {
    const replacedAt = secrets.replacedAt();
    if (replacedAt === undefined) return undefined;
    const because = whatIsLeft(reconciler);
    if (because !== undefined) return { since: replacedAt, because };
    const leftMs = forgetAt === undefined ? GRACE_MS : Math.max(0, forgetAt - clock.monotonic());
    return { since: replacedAt, until: clock.now() + leftMs };
  };
  let remindIn = (_ms: number): void => {};
  let cancelReminder = (): void => {};
  remindIn = ms => {
    cancelReminder = clock.after(ms, () => {
      const old = status();
      if (old) {
        log.warn('deliveries with an old secret are still accepted', {
          since: new Date(old.since).toISOString(),
          because: old.because,
          next: 'docs/operations.md (Keys) says how to refuse it at once',
        });
      }
      remindIn(old ? REMIND_EVERY_MS : REMIND_AFTER_MS);
    });
  };
  remindIn(REMIND_AFTER_MS);
  return {
    status,
    stop() {
      looks.unsubscribe();
      cancel();
      cancelReminder();
    },
  };
}

/** Why hooks may still be made with an old secret; undefined: none that is needed is. */
function whatIsLeft({ status }: Pick<Reconciler, 'status'>): string | undefined {
  const { running, lastRunAt, lastError, degraded, leftovers, refusedDeletions, outdated, plan } = status();
  if (lastError !== undefined) return `hooks can not be looked at: ${lastError}`;
  if (running || lastRunAt === undefined) return 'hooks are being looked at';
  const refs = [...new Set([...degraded, ...leftovers].map(({ ref }) => ref))];
  const [first] = refs;
  if (first !== undefined) {
    const others = refs.length === 1 ? '' : ` and ${refs.length - 1} more`;
    return `${first}${others} can not be looked after, and may have hooks made with it`;
  }
  const { create, verify, replace, delete: gone } = plan.summary;
  const changes = create + verify + replace + gone + refusedDeletions;
  if (changes > 0)
    return `${changes === 1 ? 'a hook waits' : `${changes} hooks wait`} to be set right: podiod plan`;
  if (outdated === 0) return undefined;
  const kept = outdated === 1 ? 'a hook is' : `${outdated} hooks are`;
  return `${kept} made with it and stay so, as reconcile.mode says`;
}
