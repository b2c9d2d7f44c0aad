import { constants } from 'node:os';
import type { Io } from './io.ts';

/** SIGHUP is what a terminal sends that is closed. */
const STOP = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** This process as a command sees it. A second signal ends it at once, which is safe: all that counts is on disk. */
export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process;
  return {
    stdin,
    stdout,
    stderr,
    env,
    cwd: process.cwd(),
    onStop(stop) {
      let asked = false;
      for (const signal of STOP) {
        process.on(signal, () => {
          if (asked) process.exit(128 + constants.signals[signal]);
          asked = true;
          stop(signal);
        });
      }
    },
    onUncaught(deal) {
      // Rejections too: Node hands unhandled ones to this handler when there is none for them alone.
      process.on('uncaughtException', thrown => {
        if (!deal(thrown)) process.exit(1);
      });
    },
  };
}
