/** systemd's units for a machine, made of the ones in config/: these have places that fit most machines. Pure. */

export interface Unit {
  /** `podiod.service` */
  readonly name: string;
  readonly text: string;
}

export interface UnitOptions {
  /** The texts of config/podiod.service and config/podiod.socket. */
  readonly service: string;
  readonly socket: string;
  /** Absolute: what runs podiod, and podiod. */
  readonly node: string;
  readonly script: string;
  /** Absolute. Of an instance `%i` stands for its name. */
  readonly config: string;
  /** Where deliveries come in. */
  readonly listen: { readonly host: string; readonly port: number };
  /** What the config wants of `${credential:NAME}`. */
  readonly credentials: readonly string[];
  /** One of several: a client's own key, budget and data. */
  readonly instance?: string;
  /** For the service manager of one user, in place of the machine's. */
  readonly user?: boolean;
}

/** The folder that everything of podiod's is in. */
const HOME = '/etc/podiod';

/** The folder of one instance, or of the only one. */
export const homeOf = (instance: string | undefined): string =>
  instance === undefined ? HOME : `${HOME}/${instance}`;

/** Where the config of the instance called `%i` is. */
export const instanceConfig = (name: string): string => `${homeOf(name)}/podiorc.yml`;

export function unitsOf(options: UnitOptions): readonly Unit[] {
  const { instance, config, node, script, credentials, listen, user = false } = options;
  const podiod = [node, script].map(word => quoted(word)).join(' ');
  const command = (name: string): string =>
    `${podiod} ${name} --config ${quoted(config, instance !== undefined)}`;
  const base = user
    ? userUnit(options.service)
    : instance === undefined
      ? options.service
      : instanceUnit(options.service);
  const loads = credentials.map(name =>
    user
      ? `LoadCredential=${name}:%E/podiod/credentials/${name}`
      : loadCredential(name, instance !== undefined),
  );
  const service = base
    .replace(/^# npm puts podiod.*\n/m, '')
    .replace(/^ExecStart=.*$/m, () => `ExecStart=${command('run')}`)
    .replace(/^ExecReload=.*$/m, () => `ExecReload=${command('reload')}`)
    .replace(/^# \$\{credential:.*\nLoadCredential=.*\n/m, () =>
      credentialLines(loads, user ? '~/.config/podiod/credentials' : '/etc/credstore'),
    )
    .replace(/^ProtectHome=yes$/m, isAtHome([node, script, config]) ? 'ProtectHome=read-only' : '$&');
  const { host, port } = listen;
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const socket = options.socket.replace(/^ListenStream=.*$/m, () => `ListenStream=${address}`);
  return [
    { name: instance === undefined ? 'podiod.service' : 'podiod@.service', text: service },
    {
      name: instance === undefined ? 'podiod.socket' : `podiod@${instance}.socket`,
      text:
        instance === undefined ? socket : socket.replace(/^Description=.*$/m, line => `${line}, ${instance}`),
    },
  ];
}

/** config/podiod@.service: one instance a client, each with a config, data and credentials of its own. */
export const instanceUnit = (service: string): string =>
  service
    .replace(/^Description=.*$/m, '$&, for %i')
    .replaceAll(`${HOME}/`, `${HOME}/%i/`)
    .replace(/^(State|Cache)Directory=podiod$/gm, '$&/%i')
    .replace(
      /^# \$\{credential:.*$/m,
      `# \${credential:podio-client-secret} in the config; in /etc/credstore it is podiod.NAME.podio-client-secret.`,
    )
    .replace(/^LoadCredential=(.*)$/m, '$&:podiod.%i.$1');

const loadCredential = (name: string, isInstance: boolean): string =>
  isInstance ? `LoadCredential=${name}:podiod.%i.${name}` : `LoadCredential=${name}`;

const credentialLines = (loads: readonly string[], place: string): string =>
  loads.length === 0
    ? ''
    : [`# \${credential:...} in the config; looked for in ${place}.`, ...loads, ''].join('\n');

/** What only the machine's service manager can do, or knows of: users, namespaces, devices, the network's targets. */
const OF_THE_SYSTEM =
  /^(Wants|After|DynamicUser|StateDirectory|StateDirectoryMode|CacheDirectory|CacheDirectoryMode|ProtectSystem|ProtectHome|PrivateTmp|RemoveIPC|CapabilityBoundingSet|AmbientCapabilities|PrivateDevices|DevicePolicy|PrivateUsers|ProtectClock|ProtectControlGroups|ProtectHostname|ProtectKernelLogs|ProtectKernelModules|ProtectKernelTunables|ProtectProc|ProcSubset)=.*\n/gm;

/** As one user: in that user's own places, with what of the fence needs no rights. */
const userUnit = (service: string): string =>
  service
    .replace(OF_THE_SYSTEM, '')
    .replace(/^# A user of its own.*\n/m, '# What it makes is closed to others.\n')
    .replace(/^# No rights.*$/m, '# No more rights than it has.')
    .replaceAll(`${HOME}/`, '%E/podiod/')
    .replace(/^WantedBy=multi-user\.target$/m, 'WantedBy=default.target')
    // What is behind a colon above has gone.
    .replace(/\n{3,}/g, '\n\n');

/** Folders that ProtectHome=yes hides. */
const isAtHome = (paths: readonly string[]): boolean =>
  paths.some(path => /^\/(home|root|run\/user)\//.test(path));

/** One word of a command line. systemd replaces `%` and `$` in it. @param isTemplate leaves `%i` to systemd */
function quoted(word: string, isTemplate = false): string {
  const escaped = word
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('$', '$$$$')
    .replace(isTemplate ? /%(?!i)/g : /%/g, '%%');
  return /^[\w./:@%+,=-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}
