/** The servers that are measured: the built daemon, and the two references. */
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hookUrl } from '../../src/core/hook.ts';
import type { Target } from './load.ts';
import {
  cpuSeconds,
  LOAD_CORE,
  type Running,
  rssMiB,
  SERVER_CORE,
  type SpawnChoice,
  startNode,
} from './processes.ts';

export interface Server extends Target {
  readonly name: string;
  cpuSeconds(): number;
  rssMiB(): number;
  stop(): Promise<void>;
}

export interface Daemon extends Server {
  readonly dataDir: string;
  /** Of the config's folder. */
  readonly folder: string;
  /** From the admin API, with its token. */
  admin(path: string): Promise<Response>;
  /** The value of a line of /metrics; NaN where there is none. `line` is the name with its labels. */
  metric(line: string): Promise<number>;
  /** Waits until /readyz says so. */
  ready(timeoutMs?: number): Promise<void>;
  /** Waits until every hook is there and active. */
  converged(timeoutMs: number): Promise<void>;
}

/** Servers of one scenario, in a folder that goes with them. */
export class Stage implements AsyncDisposable {
  /** Of the checkout whose built daemon is measured. */
  readonly #checkout: string;
  readonly folder = mkdtempSync(join(tmpdir(), 'podiod-bench-'));
  readonly #stops: (() => Promise<void>)[] = [];

  constructor(checkout: string) {
    this.#checkout = checkout;
  }

  async r0(port = 0): Promise<Server> {
    return this.#reference('R0', ['r0.js', String(port)]);
  }

  async r1(env: Readonly<Record<string, string>> = {}): Promise<Server> {
    return this.#reference('R1', ['r1.js', join(this.folder, 'r1.journal')], env);
  }

  /** An emulated Podio on the core of the load: it has nothing to do while something is measured. */
  async podio(apps = 1): Promise<Podio> {
    const running = startNode(
      ['--conditions=source', join(import.meta.dirname, '../servers/emulator.ts'), String(apps)],
      { core: LOAD_CORE },
    );
    this.#stops.push(() => running.stop());
    const port = Number(await running.line());
    return {
      url: `http://127.0.0.1:${port}`,
      calls: async () => {
        running.child.stdin?.write('\n');
        return JSON.parse(await running.line()) as Record<string, number>;
      },
    };
  }

  /** Writes the config and starts `podiod run` on it; resolves when it is ready. */
  async podiod(podio: Podio, choice: DaemonChoice = {}): Promise<Daemon> {
    const site = writeSite(mkdtempSync(join(this.folder, 'site-')), podio, choice);
    const daemon = await this.start(site, choice);
    await daemon.ready();
    return daemon;
  }

  async start(site: Site, choice: Pick<DaemonChoice, 'env'> = {}): Promise<Daemon> {
    const running = startNode([join(this.#checkout, 'bin/podiod.js'), 'run', '--config', site.configFile], {
      core: SERVER_CORE,
      ...(choice.env && { env: choice.env }),
      stderr: createWriteStream(join(site.folder, 'log'), { flags: 'a' }),
    } satisfies SpawnChoice);
    this.#stops.push(() => running.stop());
    const runFile = join(site.dataDir, 'run.json');
    const { ingress, admin } = await until(() => {
      mustRun(running, site);
      if (!existsSync(runFile)) return undefined;
      const found = JSON.parse(readFileSync(runFile, 'utf8')) as RunFile;
      return found.pid === running.pid ? found : undefined;
    });
    const adminApi = (path: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${admin.port}${path}`, {
        headers: {
          authorization: `Bearer ${readFileSync(join(site.dataDir, 'admin-token'), 'utf8').trim()}`,
        },
      });
    const metric = async (line: string): Promise<number> => {
      const text = await (await adminApi('/metrics')).text();
      const found = text.split('\n').find(one => one.startsWith(`${line} `));
      return Number(found?.slice(line.length + 1) ?? Number.NaN);
    };
    return {
      name: 'podiod',
      folder: site.folder,
      dataDir: site.dataDir,
      port: ingress.port,
      path: site.hookPath,
      cpuSeconds: () => cpuSeconds(running.pid),
      rssMiB: () => rssMiB(running.pid),
      stop: () => running.stop(),
      admin: adminApi,
      metric,
      async ready(timeoutMs = 60_000) {
        await until(async () => {
          mustRun(running, site);
          return (await adminApi('/readyz')).ok || undefined;
        }, timeoutMs);
      },
      async converged(timeoutMs) {
        const count = async (status: string) => Number(await metric(`podiod_hooks{status="${status}"}`));
        await until(
          async () => {
            mustRun(running, site);
            const [missing, inactive] = [await count('missing'), await count('inactive')];
            return (!missing && !inactive && (await count('active')) > 0) || undefined;
          },
          timeoutMs,
          500,
        );
      },
    };
  }

  async #reference(
    name: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Server> {
    const [file = '', ...rest] = args;
    const running = startNode([join(import.meta.dirname, '../servers', file), ...rest], {
      core: SERVER_CORE,
      env,
    });
    this.#stops.push(() => running.stop());
    return {
      name,
      port: Number(await running.line()),
      path: '/hook',
      cpuSeconds: () => cpuSeconds(running.pid),
      rssMiB: () => rssMiB(running.pid),
      stop: () => running.stop(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Podio {
  readonly url: string;
  /** Calls by operation since it was asked last. */
  calls(): Promise<Readonly<Record<string, number>>>;
}

export interface DaemonChoice {
  /** Of the config; default: one rule that no delivery matches. */
  readonly rules?: Readonly<Record<string, unknown>>;
  readonly apps?: number;
  readonly plugins?: Readonly<Record<string, unknown>>;
  /** Keys of the config; each replaces what is there. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Site {
  readonly folder: string;
  readonly configFile: string;
  readonly dataDir: string;
  readonly hookPath: string;
}

interface RunFile {
  readonly pid: number;
  readonly ingress: { readonly port: number };
  readonly admin: { readonly port: number };
}

const SECRET = 'a-secret-for-the-bench';
const LOGGER = { use: 'file-logger', path: './events.ndjson' };

/** A rule that is there and wants none of what the load sends. */
const NO_MATCH = { idle: { on: { app: 'app-0', events: 'item.create' }, steps: ['audit'] } };

export function writeSite(folder: string, podio: Podio, choice: DaemonChoice = {}): Site {
  mkdirSync(folder, { recursive: true });
  const dataDir = join(folder, 'data');
  const configFile = join(folder, '.podiorc.json');
  const publicUrl = 'http://127.0.0.1:9/podio';
  const apps = Array.from({ length: choice.apps ?? 1 }, (_, n) => [
    `app-${n}`,
    { id: 101 + n, token: `token-${101 + n}` },
  ]);
  const config = {
    server: { publicUrl, port: 0, secret: SECRET, allowNonPublicUrl: true },
    admin: { port: 0 },
    podio: { apiUrl: podio.url, clientId: 'podiod', clientSecret: 'client-secret' },
    dataDir,
    apps: Object.fromEntries(apps),
    plugins: { audit: LOGGER, ...choice.plugins },
    rules: choice.rules ?? NO_MATCH,
    // Hooks are not what is measured: none is made on the emulated Podio, whose calls could not reach the load's server.
    reconcile: { mode: 'plan' },
    ...choice.config,
  };
  writeFileSync(configFile, JSON.stringify(config));
  const url = hookUrl(publicUrl, SECRET, { type: 'app', id: 101 }, 'item.update');
  return { folder, configFile, dataDir, hookPath: new URL(url).pathname };
}

function mustRun({ child }: Running, site: Site): void {
  if (child.exitCode === null && child.signalCode === null) return;
  throw new Error(`podiod has ended:\n${readFileSync(join(site.folder, 'log'), 'utf8')}`);
}

/** Looks again and again until there is something. */
export async function until<T>(
  look: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 60_000,
  everyMs = 5,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error('waited in vain');
    await sleep(everyMs);
  }
}
