// What systemd is to a service, for tests: somebody who listens to its messages, and somebody who holds its socket.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { until } from './wait.ts';

const left = new Set<ChildProcess>();

afterEach(async () => {
  const ended = Array.from(left, child => once(child, 'exit'));
  for (const child of left) child.kill('SIGKILL');
  await Promise.all(ended);
});

function track(child: ChildProcess): ChildProcess {
  left.add(child);
  child.once('exit', () => left.delete(child));
  return child;
}

export interface NotifySocket {
  /** For NOTIFY_SOCKET. */
  readonly path: string;
  /** Every message so far, as its variables: `{ READY: '1', STATUS: '...' }`. */
  messages(): readonly Readonly<Record<string, string>>[];
}

/**
 * socat listens. It must have no descriptor free: `systemd-notify` sends one along and waits until it is closed, and socat
 * would keep it.
 */
export async function startNotifySocket(folder: string): Promise<NotifySocket> {
  const path = join(folder, 'notify.sock');
  const command = `ulimit -n 7; exec socat -v -u UNIX-RECV:"$0" OPEN:/dev/null`;
  const child = track(spawn('bash', ['-c', command, path], { stdio: ['ignore', 'ignore', 'pipe'] }));
  let heard = '';
  (child.stderr as Readable).setEncoding('utf8').on('data', chunk => {
    heard += chunk;
  });
  await until(() => existsSync(path), 'socat to listen');
  return {
    path,
    messages: () =>
      heard
        .split(/> \S+ \S+ +length=\d+ from=\d+ to=\d+\n/)
        .filter(message => message !== '' && message !== 'BARRIER=1')
        .map(message => Object.fromEntries(message.split('\n').map(line => line.split(/=(.*)/s, 2)))),
  };
}

export interface SocketParent {
  readonly port: number;
  /** Starts the program once more, with the socket. */
  start(): void;
  /** What all of them have said on stderr. */
  log(): string;
}

/** Holds a socket and starts a command on it, its pid in LISTEN_PID. */
export async function startSocketParent(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<SocketParent> {
  const script = join(import.meta.dirname, 'hold-socket.pl');
  const { PATH, HOME } = process.env;
  const child = track(
    spawn('perl', [script, '0', ...command], {
      env: { PATH, HOME, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    }),
  );
  let log = '';
  (child.stderr as Readable).setEncoding('utf8').on('data', chunk => {
    log += chunk;
  });
  const [port] = await once((child.stdout as Readable).setEncoding('utf8'), 'data');
  return { port: Number(port), start: () => void (child.stdin as Writable).write('\n'), log: () => log };
}
