/** Hooks without a daemon: what `podiod plan` and `podiod apply` do where none is running. */
import { makeMetrics } from '../admin/metrics.ts';
import type { Config } from '../config/model.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { isPodiodError } from '../core/errors.ts';
import type { Secrets } from '../core/hook.ts';
import type { Log } from '../core/log.ts';
import { noMetrics } from '../core/metrics.ts';
import { beginNewLanes } from '../dispatch/new-lanes.ts';
import type { Address } from '../http/server.ts';
import type { FieldDirectory } from '../podio/contract.ts';
import {
  type HandshakeAnswer,
  type HookPlace,
  makeReconciler,
  makeVerifier,
  type Reconciler,
} from '../reconcile/index.ts';
import type { Settings } from '../store/contract.ts';
import { readGoodSecretFile, readPreviousSecrets, readSecretFile } from '../store/files.ts';
import { openReader } from '../store/index.ts';
import { type BaseOptions, openBase, openFront } from './base.ts';
import { Closing } from './closing.ts';
import {
  type CommandTokens,
  isTokenKey,
  makeCommandTokens,
  withoutRefresh,
  withTokensOfCommands,
} from './command-tokens.ts';
import { type Connection, connect, loginsAheadMs } from './connect.ts';

export interface OfflineHooks extends AsyncDisposable {
  readonly reconciler: Reconciler;
  /** What of it is known by then. */
  readonly fields: FieldDirectory;
  readonly podio: Connection['podio'];
  readonly identities: Connection['identities'];
  /** How long the logins take about that are still to be made, since Podio limits these. */
  readonly loginsTakeMs: number;
}

/** With an ingress of its own. */
export interface ListeningHooks extends OfflineHooks {
  readonly ingress: Address;
  /** Has Podio ping a hook, which tries the whole way there and back. */
  handshake(hook: HookPlace): Promise<HandshakeAnswer>;
}

/**
 * A reconciler with an ingress of its own under the data lock, so that new hooks can be verified; what arrives meanwhile
 * is taken in for the daemon to come. Rejects with STORE_LOCKED when a daemon runs.
 */
export async function openHooks(config: Config, options: BaseOptions): Promise<ListeningHooks> {
  await using starting = new Closing();
  const base = await openBase(config, options, makeMetrics(), starting);
  await beginNewLanes(base.store.lanes, config.rules);
  const { reconciler, ingress, handshake } = await openFront(base, starting);
  const running = starting.move();
  const { fields, podio, identities, log, clock } = base;
  const settings = withTokensOfCommands(
    base.store.settings,
    makeCommandTokens(config.dataDir, log, clock.now),
  );
  return {
    reconciler,
    fields,
    podio,
    identities,
    loginsTakeMs: await loginsAheadMs(config, { identities, settings, clock, log }),
    handshake,
    ingress: ingress.address,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

/** A reconciler that can only look: it writes nothing, at Podio or here, and a running daemon does not mind it. */
export async function openHooksForReading(
  config: Config,
  { log, clock = systemClock, fetch = globalThis.fetch }: BaseOptions,
): Promise<OfflineHooks> {
  const settings = await readingSettings(config, log, clock);
  const { podio, identities, fields } = await connect(config, {
    settings,
    log,
    clock,
    fetch,
    metrics: noMetrics,
  });
  const verifier = makeVerifier({ podio, identities, clock, log });
  // Without a secret there can be no hooks of ours yet: any secret tells the same.
  const read =
    config.server.secret === undefined
      ? readSecretFile(config.dataDir, 'secret')
      : readGoodSecretFile(config.dataDir);
  const inUse = (await read) ?? 'not-made-yet';
  const kept = await readPreviousSecrets(config.dataDir);
  const { secret = inUse, previousSecrets } = config.server;
  const secrets: Secrets = [secret, ...previousSecrets, inUse, ...kept];
  const { publicUrl } = config.server;
  const reconciler = makeReconciler({
    config: () => ({ ...config, publicUrl, secrets }),
    podio,
    identities,
    fields,
    settings,
    verifier,
    clock,
    log,
    random: Math.random,
  });
  return {
    reconciler,
    fields,
    podio,
    identities,
    loginsTakeMs: await loginsAheadMs(config, { identities, settings, clock, log }),
    async [Symbol.asyncDispose]() {
      await reconciler.stop();
      verifier.stop();
    },
  };
}

/**
 * Podio, for a command that asks it something; tokens that a daemon or another command has kept are used again.
 * @param about the apps that it will ask about, by name; left out: any
 */
export async function connectForReading(
  config: Config,
  { log, clock = systemClock, fetch = globalThis.fetch }: BaseOptions,
  about?: readonly string[],
): Promise<Connection & Pick<OfflineHooks, 'loginsTakeMs'>> {
  const settings = await readingSettings(config, log, clock);
  const connection = await connect(config, { settings, log, clock, fetch, metrics: noMetrics });
  const asked = about
    ? {
        ...config,
        apps: new Map([...config.apps].filter(([name]) => about.includes(name))),
        spaces: new Map(),
      }
    : config;
  return {
    ...connection,
    loginsTakeMs: await loginsAheadMs(asked, { ...connection, settings, clock, log }),
  };
}

const readingSettings = async ({ dataDir }: Config, log: Log, clock: Clock): Promise<Settings> =>
  overlay(await keptSettings(dataDir), makeCommandTokens(dataDir, log, clock.now));

/** Tokens, field ids and refs that a daemon has kept; nothing where none has run. */
async function keptSettings(dataDir: string): Promise<ReadonlyMap<string, unknown>> {
  try {
    const reader = openReader(dataDir);
    try {
      return await reader.settings.list('');
    } finally {
      await reader.close();
    }
  } catch (error) {
    // What has no use for it does without; who needs what else is in dataDir is told so there.
    if (isPodiodError(error) && ['STORE_UNAVAILABLE', 'STORE_ACCESS'].includes(error.code)) return new Map();
    throw error;
  }
}

/** Settings that are there for as long as the command, but for tokens, which it leaves to the next one. */
function overlay(kept: ReadonlyMap<string, unknown>, tokens: CommandTokens): Settings {
  const values = new Map(kept);
  return {
    async get(key) {
      if (!isTokenKey(key)) return values.get(key);
      const token = withoutRefresh(values.get(key));
      // What the daemon has may have ended since.
      return tokens.isGood(token) ? token : ((await tokens.get(key)) ?? token);
    },
    async set(key, value) {
      values.set(key, value);
      if (isTokenKey(key)) await tokens.keep(key, value);
    },
    async delete(key) {
      values.delete(key);
    },
    list: async prefix => new Map([...values].filter(([key]) => key.startsWith(prefix))),
  };
}
