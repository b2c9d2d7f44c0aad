/** The thread that writes. A flush may take seconds on a sick disk: here it stops nothing but other writes. */
import { parentPort, workerData } from 'node:worker_threads';
import { failureOf } from './failure.ts';
import { makeGroupRunner } from './group.ts';
import { CLOSE, type Command, type Hello, type ThreadData } from './protocol.ts';
import { openForWriting } from './schema.ts';
import { makeWrites } from './writes/index.ts';

const port = parentPort;
if (!port) throw new Error('this file is a thread of the store');
const { path } = workerData as ThreadData;

const start = (): Hello => {
  try {
    const db = openForWriting(path);
    const writes = makeWrites(db);
    const run = makeGroupRunner(db, writes);
    port.on('message', (message: readonly Command[] | typeof CLOSE) => {
      if (message !== CLOSE) return port.postMessage(run(message));
      db.close();
      port.close();
    });
    return { head: writes.head() };
  } catch (error) {
    return { failure: failureOf(error) };
  }
};

port.postMessage(start());
