/** The built daemon in a process of its own, as a supervisor sees it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Status } from '../../src/admin/status.ts';
import { until } from '../support/wait.ts';

const bin = join(import.meta.dirname, '../../bin/podiod.js');

export interface Daemon {
  readonly pid: number;
  isAlive(): boolean;
  /** Its start is over. */
  isUp(): boolean;
  /** The exit code, or the signal that it died of. */
  readonly ended: Promise<number | NodeJS.Signals>;
  signal(signal: NodeJS.Signals): void;
  /** Rejects when it has ended, or is not ready in time. */
  ready(timeoutMs?: number): Promise<void>;
  status(): Promise<Status>;
  /** Has it read its config again. Answers the status of the answer: 200 when it goes on with that. */
  reload(): Promise<number>;
}

export interface DaemonPlace {
  readonly configFile: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Killed when this process ends, however it does. */
const running = new Set<{ kill(signal: NodeJS.Signals): boolean }>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function startDaemon({ configFile, dataDir, logFile, env }: DaemonPlace): Daemon {
  const log = openSync(logFile, 'a');
  const { size: before } = fstatSync(log);
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [bin, 'run', '--config', configFile], {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'ignore', log],
  });
  closeSync(log);
  running.add(child);
  const ended = once(child, 'exit').then(([code, signal]) => {
    running.delete(child);
    return (signal ?? code) as number | NodeJS.Signals;
  });
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null;

  const ask = (path: string, init: RequestInit): Promise<Response> => {
    const run = JSON.parse(readFileSync(join(dataDir, 'run.json'), 'utf8')) as {
      pid: number;
      admin: { host: string; port: number };
    };
    if (run.pid !== child.pid) throw new Error('run.json is of a process before');
    const token = readFileSync(join(dataDir, 'admin-token'), 'utf8').trim();
    return fetch(`http://${run.admin.host}:${run.admin.port}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });
  };
  const admin = async <T>(path: string): Promise<T> => {
    const response = await ask(path, { signal: AbortSignal.timeout(10_000) });
    return (await response.json()) as T;
  };

  return {
    pid: child.pid ?? 0,
    isAlive,
    isUp: () => readFileSync(logFile).subarray(before).includes('"podiod is up"'),
    ended,
    signal: signal => void child.kill(signal),
    async ready(timeoutMs = 60_000) {
      await until(
        async () => !isAlive() || (await admin<{ ready: boolean }>('/readyz')).ready,
        `pid ${child.pid} to be ready`,
        timeoutMs,
      );
      if (!isAlive()) throw new Error(`the daemon has ended with ${child.signalCode ?? child.exitCode}`);
    },
    status: () => admin<Status>('/api/status'),
    async reload() {
      const response = await ask('/api/reload', { method: 'POST', body: '{}' });
      await response.arrayBuffer();
      return response.status;
    },
  };
}
