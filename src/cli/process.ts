import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { EXIT } from './exit.ts';
import type { Io } from './io.ts';

export interface ProcessIo extends Io {
  /** Ends the process. */
  end(code: number): never;
}

/** SIGHUP is what a terminal sends that is closed; who can read its config again does that on it where there is none. */
const STOP = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** This process as a command sees it. A second signal ends it at once, which is safe: all that counts is on disk. */
export function processIo(): ProcessIo {
  const { stdin, stdout, stderr, env } = process;
  let reload: (() => void) | undefined;
  let isOurs = false;
  const end = (code: number): never => {
    isOurs = true;
    process.exit(code);
  };
  let tellForeign = (code: number): void => {
    stderr.write(
      `podiod: ended with exit code ${code}, not by podiod itself: does a plugin call process.exit()?\n`,
    );
  };
  // Node ends it then, and says why: nothing needs to be guessed.
  process.on('uncaughtExceptionMonitor', () => {
    if (process.listenerCount('uncaughtException') === 0) isOurs = true;
  });
  process.on('exit', code => {
    if (isOurs) return;
    // With 0 no service manager would start it again, with 78 neither.
    process.exitCode = EXIT.failed;
    tellForeign(code);
  });
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
          if (signal === 'SIGHUP' && reload && !hasLostTerminal(stderr.isTTY)) return reload();
          if (asked) end(128 + constants.signals[signal]);
          asked = true;
          stop(signal);
        });
      }
    },
    onReload(then) {
      // Windows has no such signal, and sends what is called so when a console closes.
      if (process.platform !== 'win32') reload = then;
    },
    onUncaught(deal) {
      // Rejections too: Node hands unhandled ones to this handler when there is none for them alone.
      process.on('uncaughtException', thrown => {
        if (!deal(thrown)) end(EXIT.failed);
      });
    },
    onForeignExit(tell) {
      tellForeign = tell;
    },
    end,
  };
}

/** One that is closed can't be opened any more. */
function hasLostTerminal(hadOne: boolean): boolean {
  if (!hadOne) return false;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    return true;
  }
}
