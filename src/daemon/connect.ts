import type { Config } from '../config/model.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import { type Identities, identityKey, type Names } from '../podio/contract.ts';
import type { LearningFieldDirectory } from '../podio/fields.ts';
import {
  type HearingPodioClient,
  loginsTakeMs,
  makeFieldDirectory,
  makeIdentities,
  makeNames,
  makePodioClient,
  makeTokenKeep,
} from '../podio/index.ts';
import type { Settings } from '../store/contract.ts';
import type { Terms } from './live.ts';

/** Podio as one config sees it: who may call, and what the ids stand for. */
export interface Connection {
  readonly podio: HearingPodioClient;
  readonly identities: Identities;
  readonly fields: LearningFieldDirectory;
  readonly names: Names;
}

export interface ConnectEffects {
  /** Keeps tokens and field ids. */
  readonly settings: Settings;
  readonly log: Log;
  readonly clock: Clock;
  readonly fetch: typeof globalThis.fetch;
  readonly metrics: Metrics;
}

/** Calls nobody yet: a login is made when the first call needs one. */
export async function connect(config: Config, effects: ConnectEffects): Promise<Connection> {
  const { settings } = effects;
  const podio = makePodioClient({ ...config.podio, ...effects });
  const fields = await makeFieldDirectory({ settings, apps: podio.apps });
  const { identities, names } = await termsOf(config, { settings, fields });
  return { podio, identities, fields, names };
}

/** What a config says of Podio, where the rest stands already. */
export async function termsOf(
  config: Config,
  { settings, fields }: { readonly settings: Settings; readonly fields: LearningFieldDirectory },
): Promise<Terms> {
  return {
    config,
    identities: await makeIdentities(config, { settings, fields }),
    names: makeNames(config, fields),
  };
}

/** How long the logins take about that the apps and spaces of a config still need. */
export async function loginsAheadMs(
  config: Pick<Config, 'apps' | 'spaces'> & { readonly podio: Pick<Config['podio'], 'apiUrl' | 'clientId'> },
  {
    identities,
    settings,
    clock,
    log,
  }: Pick<ConnectEffects, 'settings' | 'clock' | 'log'> & Pick<Connection, 'identities'>,
): Promise<number> {
  const { apiUrl, clientId } = config.podio;
  const keep = makeTokenKeep({ settings, apiUrl, clientId, log });
  const all = [
    ...Array.from(config.apps.keys(), name => identities.forApp(name)),
    ...Array.from(config.spaces.values(), ({ id }) => identities.forRef({ type: 'space', id })),
  ];
  const keys = new Set(all.flatMap(identity => (identity ? [identityKey(identity)] : [])));
  const tokens = await Promise.all(Array.from(keys, key => keep.load(key)));
  return loginsTakeMs(tokens.filter(token => !token || token.expiresAt <= clock.now()).length);
}
