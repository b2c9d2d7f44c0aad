/** What hook URLs are made with, and how that is exchanged while deliveries go on. */
import type { Subscription } from 'rxjs';
import type { ServerConfig } from '../config/model.ts';
import type { Clock } from '../core/clock.ts';
import { coerceError, PodiodError } from '../core/errors.ts';
import type { Secrets } from '../core/hook.ts';
import type { Log } from '../core/log.ts';
import type { Reconciler } from '../reconcile/index.ts';
import {
  ensureSecretFile,
  forgetPreviousSecrets,
  keepPreviousSecret,
  readPreviousSecrets,
  rotateSecretFile,
} from '../store/files.ts';

export interface HookSecrets {
  /** The current one first. The same array for as long as nothing has changed. */
  all(): Secrets;
  /** Whether this config has another secret and says nothing of the one that hooks are made with now. */
  omits(server: Server): boolean;
  /**
   * For another config: answers what to call when it holds. What it omits is kept in dataDir before, and accepted until
   * `forget`: no delivery is to be lost for it. Rejects where dataDir can't be read or written.
   */
  prepare(server: Server): Promise<() => void>;
  /** Whether hooks may still be made with a secret that was replaced and that the config does not name. */
  isRotating(): boolean;
  /** From now on hooks are to be made with a new one; the old one is accepted until `forget`. Rejects with USAGE. */
  rotate(): Promise<void>;
  forget(): Promise<void>;
}

type Server = Pick<ServerConfig, 'secret' | 'previousSecrets'>;

interface HookSecretsParts {
  readonly dataDir: string;
  readonly server: Server;
  /** The current one. */
  readonly secret: string;
  readonly log: Log;
  /** Keeps them out of the log. */
  readonly hide: ((secrets: Iterable<string>) => void) | undefined;
}

export async function makeHookSecrets(parts: HookSecretsParts): Promise<HookSecrets> {
  const { dataDir, log, hide } = parts;
  let { server } = parts;
  let isOwn = server.secret === undefined;
  let kept = await readPreviousSecrets(dataDir);
  let current = parts.secret;
  let all: Secrets;
  const settle = (): void => {
    all = [...new Set([current, ...server.previousSecrets, ...kept])] as unknown as Secrets;
    hide?.(all);
  };
  const omits = (next: Server): boolean => {
    // One of dataDir stays what it is.
    const isSame = next.secret === undefined ? isOwn : next.secret === current;
    return !isSame && !next.previousSecrets.includes(current);
  };
  settle();
  return {
    all: () => all,
    omits,
    async prepare(next) {
      // Read only where it was not before: a rotation may go on meanwhile.
      const own = next.secret === undefined && !isOwn ? await ensureSecretFile(dataDir, 'secret') : undefined;
      if (omits(next)) await keepPreviousSecret(dataDir, current);
      return () => {
        if (omits(next)) kept = [current, ...kept];
        server = next;
        isOwn = next.secret === undefined;
        current = next.secret ?? own ?? current;
        settle();
      };
    },
    isRotating: () => kept.length > 0,
    async rotate() {
      if (!isOwn) throw configured();
      current = await rotateSecretFile(dataDir);
      kept = await readPreviousSecrets(dataDir);
      settle();
      log.info(
        'hooks are made with a new secret from now on; the one before is accepted until all are replaced',
      );
    },
    async forget() {
      await forgetPreviousSecrets(dataDir);
      kept = [];
      settle();
      log.info('no hook is made with an old secret any more; it is forgotten');
    },
  };
}

export const configured = (): PodiodError =>
  new PodiodError('USAGE', 'the secret stands in the config (server.secret), where only you can change it', {
    hint: 'Put the new one there and the old one into server.previousSecrets, podiod reload, and take it out when podiod plan is empty.',
    retry: 'never',
  });

/** Deliveries on their way to a URL that was just replaced still get in, milliseconds. */
const GRACE_MS = 10 * 60_000;

/** Forgets old secrets once every hook at Podio is made with the current one. Answers how to end that. */
export function forgetWhenReplaced(
  secrets: HookSecrets,
  reconciler: Pick<Reconciler, 'finished$' | 'status'>,
  clock: Clock,
  log: Log,
): () => void {
  let since: number | undefined;
  let cancel = (): void => {};
  const look = (): void => {
    cancel();
    if (!secrets.isRotating()) return;
    if (!isReplaced(reconciler)) {
      since = undefined;
      return;
    }
    since ??= clock.monotonic();
    const left = since + GRACE_MS - clock.monotonic();
    if (left > 0) {
      cancel = clock.after(left, look);
      return;
    }
    since = undefined;
    secrets.forget().catch(error => log.warn('old secrets not forgotten yet', { error: coerceError(error) }));
  };
  const looks: Subscription = reconciler.finished$.subscribe(look);
  return () => {
    looks.unsubscribe();
    cancel();
  };
}

function isReplaced({ status }: Pick<Reconciler, 'status'>): boolean {
  const { running, lastError, degraded, leftovers, refusedDeletions, plan } = status();
  const { create, verify, replace, delete: gone } = plan.summary;
  const left = create + verify + replace + gone + refusedDeletions + degraded.length + leftovers.length;
  return !running && lastError === undefined && left === 0;
}
