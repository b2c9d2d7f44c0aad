import { parentPort, workerData } from 'node:worker_threads';
import { giveBackMemory } from '../../core/garbage.ts';
import { openingFailure } from './failure.ts';
import { type Answer, CLOSE, type Hello, OPEN, REST, type Request, type ThreadData } from './protocol.ts';
import type { Upgrade } from './upgrade.ts';

/** An opened database as a thread serves it. */
export interface Served {
  /** The journal's head at opening. */
  readonly head: number;
  /** What the opening has made of it. */
  readonly upgrade?: Upgrade | undefined;
  /** Answers all commands in their order, in as many parts as it likes. */
  answer(commands: Exclude<Request, string>, reply: (answers: readonly Answer[]) => void): void;
  close(): void;
}

/** The life of a thread: opens when told, answers, closes when told. */
export function serve(open: (path: string) => Served): void {
  const port = parentPort;
  if (!port) throw new Error('this file is a thread of the store');
  const { path } = workerData as ThreadData;
  let served: Served | undefined;

  const hello = (): Hello => {
    try {
      served = open(path);
      return { head: served.head, upgrade: served.upgrade };
    } catch (error) {
      return { failure: openingFailure(error, path) };
    }
  };

  port.on('message', (request: Request) => {
    if (request === OPEN) return port.postMessage(hello());
    if (request === REST.kept) return giveBackMemory('kept');
    if (request === REST.dropped) return giveBackMemory('dropped');
    if (request === CLOSE) {
      served?.close();
      return port.close();
    }
    return served?.answer(request, answers => port.postMessage(answers));
  });
}
