/**
 * Talks to systemd (sd_notify(3)). Node has no unix datagram sockets, so `systemd-notify` does the talking, a process a
 * message: hence one at a time, and what waits meanwhile goes as one.
 */
import { spawn } from 'node:child_process';
import { coerceError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/** `{ READY: '1', STATUS: '12 rules' }` */
export type Message = Readonly<Record<string, string>>;

export interface Notifier {
  /**
   * Resolves when it is said, or could not be. A message that waits is joined by the next ones, whose values go over
   * its own: wait for one that must not be, such as RELOADING.
   */
  tell(message: Message): Promise<void>;
}

export interface NotifierOptions {
  /** NOTIFY_SOCKET: where systemd listens. */
  readonly socket: string;
  /** Where `systemd-notify` is looked for. */
  readonly path: string | undefined;
  readonly log: Log;
}

/** It waits until systemd has read the message, so that systemd still finds out who spoke. */
const TIMEOUT_MS = 10_000;

export function makeNotifier({ socket, path, log }: NotifierOptions): Notifier {
  const env = { NOTIFY_SOCKET: socket, ...(path !== undefined && { PATH: path }) };
  let failing = false;
  let waiting: { message: Message; readonly said: PromiseWithResolvers<void> } | undefined;
  let speaking = false;

  const speak = async (): Promise<void> => {
    speaking = true;
    for (let next = waiting; next; next = waiting) {
      waiting = undefined;
      try {
        await say(env, next.message);
        failing = false;
      } catch (error) {
        if (!failing) {
          log.warn('systemd could not be told', {
            error: coerceError(error),
            next: 'Install systemd-notify (it comes with systemd), or set Type=exec and no WatchdogSec.',
          });
        }
        failing = true;
      }
      next.said.resolve();
    }
    speaking = false;
  };

  return {
    tell(message) {
      waiting = {
        message: { ...waiting?.message, ...message },
        said: waiting?.said ?? Promise.withResolvers<void>(),
      };
      const { promise } = waiting.said;
      if (!speaking) void speak();
      return promise;
    },
  };
}

function say(env: NodeJS.ProcessEnv, message: Message): Promise<void> {
  const args = Object.entries(message).map(([key, value]) => `${key}=${oneLine(value)}`);
  return new Promise((resolve, reject) => {
    const child = spawn('systemd-notify', args, { env, stdio: 'ignore', timeout: TIMEOUT_MS });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`systemd-notify ended with ${signal ?? code}`));
    });
  });
}

/** A line of the message is a variable of its own. */
const oneLine = (text: string): string => text.replace(/\s+/g, ' ');
