// Processes that tests start: the built `podiod`, and an emulated Podio. What a test leaves running is killed after it, for
// whoever imports this file.
import { type ChildProcess, fork, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { World, WorldOptions } from '../../src/emulator/index.ts';
import { until } from './wait.ts';

const root = join(import.meta.dirname, '../..');
const podiodBin = join(root, 'bin/podiod.js');

/** What `import 'podiod'` finds in an installed package. */
export const podiodEntry = join(root, 'dist/src/index.js');

/** Also when mocha gives up a test that hangs: nothing is left to a `finally` that may never come. */
const left = new Set<ChildProcess>();

const isAlive = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode === null && signalCode === null;

function track<Child extends ChildProcess>(child: Child): Child {
  left.add(child);
  child.once('exit', () => left.delete(child));
  return child;
}

afterEach(async () => {
  const ended = Array.from(left, child => isAlive(child) && once(child, 'exit'));
  for (const child of left) child.kill('SIGKILL');
  await Promise.all(ended);
});

export interface PodiodOptions {
  readonly cwd?: string;
  /** Beside PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  /** As whom; both or none. */
  readonly uid?: number;
  readonly gid?: number;
}

/** A script, by this very Node. */
export function spawnNode(
  args: readonly string[],
  stdio: NonNullable<SpawnOptions['stdio']>,
  { cwd = root, env, ...user }: PodiodOptions = {},
): ChildProcess {
  const { PATH, HOME } = process.env;
  return track(spawn(process.execPath, args, { cwd, env: { PATH, HOME, ...env }, stdio, ...user }));
}

/** The built `podiod`, as a user would start it. */
export const spawnPodiod: typeof spawnNode = (args, stdio, options) =>
  spawnNode([podiodBin, ...args], stdio, options);

// ---------------------------------------------------------------------------------------------- emulated Podio

/** The world's methods and lists, over a process boundary: everything is asked for and answers later. */
export type RemoteWorld = {
  readonly [Name in keyof Omit<World, 'until' | 'clock'>]: World[Name] extends (
    ...args: infer Args
  ) => infer Result
    ? (...args: Args) => Promise<Result>
    : () => Promise<World[Name]>;
};

/** A Podio in a process of its own, so that the daemon's world does not share an event loop with the test. */
export interface EmulatorProcess {
  readonly url: string;
  readonly world: RemoteWorld;
}

/** What the emulator's process answers a call with. */
export type EmulatorAnswer = readonly [call: number, result: unknown, error: string | undefined];

export async function startEmulatorProcess(options: WorldOptions = {}): Promise<EmulatorProcess> {
  const child = track(
    fork(join(import.meta.dirname, 'emulator-child.ts'), [JSON.stringify(options)], {
      // Without mocha's: the built emulator starts three times as fast.
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // Values of items are maps, which JSON does not know.
      serialization: 'advanced',
    }),
  );
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const started = Promise.withResolvers<string>();
  child.once('exit', code => {
    const error = new Error(`the emulator ended with ${code}`);
    started.reject(error);
    for (const { reject } of waiting.values()) reject(error);
  });
  child.on('message', (message: EmulatorAnswer | string) => {
    if (typeof message === 'string') return started.resolve(message);
    const [id, result, error] = message;
    const call = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(error));
  });
  const url = await started.promise;

  let calls = 0;
  const call = (name: string, args: readonly unknown[]): Promise<unknown> => {
    const id = calls++;
    const answer = Promise.withResolvers<unknown>();
    waiting.set(id, answer);
    child.send([id, name, args]);
    return answer.promise;
  };
  const world = new Proxy({} as RemoteWorld, {
    get:
      (_, name: string) =>
      (...args: unknown[]) =>
        call(name, args),
  });
  return { url, world };
}

// ---------------------------------------------------------------------------------------------- daemon

/** The answer of /readyz. */
export interface ReadinessAnswer {
  readonly status: number;
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly degraded: readonly { readonly ref: string; readonly error: string; readonly since: string }[];
  readonly rules: readonly { readonly rule: string; readonly state: string; readonly error?: string }[];
}

export interface RunFile {
  readonly pid: number;
  readonly version: string;
  readonly startedAt: string;
  readonly ingress: { readonly host: string; readonly port: number };
  readonly admin: { readonly host: string; readonly port: number };
}

/** The exit code, or the signal that it died of. */
export type Ending = number | NodeJS.Signals;

/** `podiod run` in a process of its own. */
export interface DaemonProcess {
  readonly pid: number;
  /** Everything it has said on stderr so far. */
  log(): string;
  /** What run.json says, as soon as this process has written it. */
  runFile(): Promise<RunFile>;
  /** Asks /readyz. */
  readiness(): Promise<ReadinessAnswer>;
  /** Waits until /readyz says so. */
  ready(timeoutMs?: number): Promise<void>;
  /** A request to the admin API, with its token; POST where there is a body. */
  admin(path: string, body?: unknown): Promise<Response>;
  signal(signal: NodeJS.Signals): void;
  /** Waits for its end. */
  readonly ended: Promise<Ending>;
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Ending>;
}

export function startDaemonProcess(
  configFile: string,
  dataDir: string,
  { args = [], ...options }: PodiodOptions & { readonly args?: readonly string[] } = {},
): DaemonProcess {
  const child = spawnPodiod(['run', '--config', configFile, ...args], ['ignore', 'ignore', 'pipe'], options);
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', chunk => {
    log += chunk;
  });
  const ended = once(child, 'close').then(([code, signal]) => (signal ?? code) as Ending);
  const mustRun = () => {
    if (!isAlive(child))
      throw new Error(`the daemon has ended with ${child.signalCode ?? child.exitCode}:\n${log}`);
  };

  const runFile = async (): Promise<RunFile> => {
    const path = join(dataDir, 'run.json');
    const found = await until(
      () => {
        if (!isAlive(child)) return 'ended';
        const run = JSON.parse(readFileSync(path, 'utf8')) as RunFile;
        return run.pid === child.pid && run;
      },
      `run.json of ${child.pid}`,
      15_000,
    );
    if (found === 'ended') mustRun();
    return found as RunFile;
  };
  const admin = async (path: string, body?: unknown): Promise<Response> => {
    const { host, port } = (await runFile()).admin;
    const token = readFileSync(join(dataDir, 'admin-token'), 'utf8').trim();
    return fetch(`http://${host}:${port}${path}`, {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
  };
  const readiness = async (): Promise<ReadinessAnswer> => {
    const response = await admin('/readyz');
    return { status: response.status, ...((await response.json()) as Omit<ReadinessAnswer, 'status'>) };
  };
  return {
    pid: child.pid ?? 0,
    log: () => log,
    runFile,
    admin,
    readiness,
    async ready(timeoutMs = 20_000) {
      await runFile();
      await until(async () => !isAlive(child) || (await readiness()).ready, 'readiness', timeoutMs);
      mustRun();
    },
    signal: signal => void child.kill(signal),
    ended,
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}
