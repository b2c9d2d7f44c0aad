// What commands work on: an emulated Podio, and a folder with a config that knows it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { buildWorld, startEmulator, type World, type WorldOptions } from '../../../src/emulator/index.ts';
import {
  type CliOptions,
  type CommandEnd,
  podiodHere,
  type RunningCommand,
  startCommand,
} from '../../support/cli.ts';
import { temporaryFolder } from '../../support/folder.ts';

export interface Site extends AsyncDisposable {
  readonly podio: World;
  readonly podioUrl: string;
  readonly folder: string;
  readonly dataDir: string;
  readonly publicUrl: string;
  /** Writes a file beside the config; JSON where it is not text. Answers its path. */
  write(name: string, content: string | object): string;
  /** Writes the config anew: these keys over what is there. */
  configure(changes: object): void;
  /** Runs a command that ends by itself, in the config's folder. */
  podiod(argv: readonly string[], options?: CliOptions): Promise<CommandEnd>;
  start(argv: readonly string[], options?: CliOptions): RunningCommand;
}

export const RULES = {
  won: { on: { app: 'leads', fields: { status: { to: 'Won' } } }, steps: ['audit'] },
  everything: { on: { app: ['leads', 'deals'], events: 'item.*' }, steps: ['audit'] },
};

/** What stands in a config for a value of the environment. */
export const fromEnv = (name: string): string => `\${${name}}`;

/** A Podio with the apps `leads` and `deals`, and a config with {@link RULES}. */
export async function makeSite(changes: object = {}, options: WorldOptions = {}): Promise<Site> {
  const ending = new AsyncDisposableStack();
  const { path: folder } = ending.use(temporaryFolder());
  const emulator = await startEmulator({ allowAnyPort: true, ...options });
  ending.defer(() => emulator.stop());
  buildWorld(emulator.world, {
    clientId: 'podiod',
    clientSecret: 'client-secret',
    apps: [
      { name: 'leads', id: 101, token: 'leads-token', fields: { status: ['Open', 'Won'] } },
      { name: 'deals', id: 102, token: 'deals-token' },
    ],
  });

  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}/podio`;
  const dataDir = join(folder, 'data');
  const base = {
    server: { publicUrl, port, allowNonPublicUrl: true },
    admin: { port: 0 },
    podio: { apiUrl: emulator.url, clientId: 'podiod', clientSecret: 'client-secret' },
    dataDir,
    apps: { leads: { id: 101, token: 'leads-token' }, deals: { id: 102, token: 'deals-token' } },
    plugins: { audit: { use: 'file-logger', path: './audit.ndjson' } },
    rules: RULES,
  };
  const write = (name: string, content: string | object): string => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  const configure = (more: object) => void write('.podiorc.yml', { ...base, ...changes, ...more });
  configure({});
  return {
    podio: emulator.world,
    podioUrl: emulator.url,
    folder,
    dataDir,
    publicUrl,
    write,
    configure,
    podiod: (argv, options) => podiodHere(argv, { cwd: folder, ...options }),
    start: (argv, options) => startCommand(argv, { cwd: folder, ...options }),
    [Symbol.asyncDispose]: () => ending.disposeAsync(),
  };
}

/** Free a moment ago: hooks hold their port, so it has to be known before anything listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise(closed => server.close(closed));
  return port;
}
