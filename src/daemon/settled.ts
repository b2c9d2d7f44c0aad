/** Settings that a process takes when it starts, and for good. Pure. */
import type { Config } from '../config/model.ts';

const SERVER = [
  'host',
  'port',
  'path',
  'maxBody',
  'maxWaiting',
  'maxConnections',
  'rateLimit',
  'trustProxy',
] as const;
const ADMIN = ['host', 'port', 'token'] as const;
const PODIO = ['apiUrl', 'clientId', 'clientSecret', 'tokenEndpoint', 'backgroundShare'] as const;

export interface Settled {
  /** The new config, with what can't be exchanged as it was. */
  readonly config: Config;
  /** What of the new one waits for a restart: `server.port`. */
  readonly needsRestart: readonly string[];
}

/** @param started the config that the process was started with */
export function settle(started: Config, next: Config): Settled {
  const needsRestart = [
    ...SERVER.filter(key => started.server[key] !== next.server[key]).map(key => `server.${key}`),
    ...ADMIN.filter(key => started.admin[key] !== next.admin[key]).map(key => `admin.${key}`),
    ...PODIO.filter(key => started.podio[key] !== next.podio[key]).map(key => `podio.${key}`),
    ...(started.dataDir === next.dataDir ? [] : ['dataDir']),
  ];
  // Podio would be told to call where nobody listens.
  const moves = started.server.path !== next.server.path;
  if (moves && started.server.publicUrl !== next.server.publicUrl) needsRestart.push('server.publicUrl');
  const pick = <K extends keyof Config['server']>(keys: readonly K[]) =>
    Object.fromEntries(keys.map(key => [key, started.server[key]])) as Pick<Config['server'], K>;
  return {
    config: {
      ...next,
      server: {
        ...next.server,
        ...pick(SERVER),
        ...(moves && { publicUrl: started.server.publicUrl }),
      },
      admin: started.admin,
      podio: started.podio,
      dataDir: started.dataDir,
    },
    needsRestart,
  };
}
