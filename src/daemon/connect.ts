import type { Config } from '../config/model.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { Identities, Names, PodioClient } from '../podio/contract.ts';
import type { LearningFieldDirectory } from '../podio/fields.ts';
import {
  makeFieldDirectory,
  makeIdentities,
  makeNames,
  makePodioClient,
  type PodioClock,
} from '../podio/index.ts';
import type { Settings } from '../store/contract.ts';

/** Podio as one config sees it: who may call, and what the ids stand for. */
export interface Connection {
  readonly podio: PodioClient & { readonly clock: PodioClock };
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
  const podio = makePodioClient({ ...config.podio, ...effects });
  const fields = await makeFieldDirectory({ settings: effects.settings, apps: podio.apps });
  const identities = await makeIdentities(config, { settings: effects.settings, fields });
  return { podio, identities, fields, names: makeNames(config, fields) };
}
