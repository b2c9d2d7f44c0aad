import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './wait.ts';

const root = join(import.meta.dirname, '../..');
export const podiodBin = join(root, 'bin/podiod.js');

/** The emulator in a process of its own, so that the daemon's world does not share an event loop with the test. */
export interface EmulatorProcess extends AsyncDisposable {
  readonly url: string;
  /** `call('world.addApp', {...})`. */
  call<T = unknown>(path: string, ...args: unknown[]): Promise<T>;
}

export async function startEmulatorProcess(options: object = {}): Promise<EmulatorProcess> {
  const child = fork(join(import.meta.dirname, 'emulator-child.ts'), [JSON.stringify(options)], {
    execArgv: ['--conditions=source'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let calls = 0;
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', code => reject(new Error(`the emulator ended with ${code}`)));
    child.on('message', ([id, result, error]: [number | 'ready', unknown, string | undefined]) => {
      if (id === 'ready') return resolve(result as string);
      const call = waiting.get(id);
      waiting.delete(id);
      if (error) call?.reject(new Error(error));
      else call?.resolve(result);
    });
  });
  return {
    url,
    call: <T>(path: string, ...args: unknown[]) =>
      new Promise<T>((resolve, reject) => {
        const id = calls++;
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
        child.send([id, path, args]);
      }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode) return;
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

export interface RunFile {
  readonly pid: number;
  readonly ingress: { readonly host: string; readonly port: number };
  readonly admin: { readonly host: string; readonly port: number };
}

/** `podiod run` in a process of its own. */
export interface DaemonProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly dataDir: string;
  /** Everything it has said on stderr so far. */
  log(): string;
  /** What run.json says, as soon as this process has written it. */
  runFile(): Promise<RunFile>;
  ready(timeoutMs?: number): Promise<void>;
  admin(path: string, body?: unknown): Promise<Response>;
  /** Sends the signal and waits for the end. Answers the exit code, or the signal it died of. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

export function startDaemonProcess(
  configFile: string,
  dataDir: string,
  options: { env?: Record<string, string>; args?: string[] } = {},
): DaemonProcess {
  const child = spawn(process.execPath, [podiodBin, 'run', '--config', configFile, ...(options.args ?? [])], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', chunk => {
    log += chunk;
  });
  const exited = once(child, 'exit').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals);
  const alive = () => child.exitCode === null && child.signalCode === null;
  const runFile = async (): Promise<RunFile> => {
    const found = await until(
      () => {
        if (!alive()) return 'ended';
        const run = JSON.parse(readFileSync(join(dataDir, 'run.json'), 'utf8')) as RunFile;
        return run.pid === child.pid && run;
      },
      `run.json of ${child.pid}`,
      15_000,
    );
    if (typeof found !== 'object') throw new Error(`the daemon ended with ${child.exitCode}:\n${log}`);
    return found;
  };
  const admin = async (path: string, body?: unknown) => {
    const run = await runFile();
    const token = readFileSync(join(dataDir, 'admin-token'), 'utf8').trim();
    return fetch(`http://${run.admin.host}:${run.admin.port}${path}`, {
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
  };
  return {
    child,
    dataDir,
    log: () => log,
    runFile,
    admin,
    async ready(timeoutMs = 20_000) {
      await runFile();
      await until(async () => !alive() || (await admin('/readyz')).ok, `readiness; log:\n${log}`, timeoutMs);
      if (!alive()) throw new Error(`the daemon ended with ${child.exitCode}:\n${log}`);
    },
    async end(signal) {
      if (alive()) child.kill(signal);
      return exited;
    },
    async [Symbol.asyncDispose]() {
      if (alive()) child.kill('SIGKILL');
      await exited;
    },
  };
}
