/** The thread that reads, so that no read waits behind a flush and no long listing stops the main loop. */
import { parentPort, workerData } from 'node:worker_threads';
import { failureOf } from './failure.ts';
import { type Answer, CLOSE, type Command, type Hello, perform, type ThreadData } from './protocol.ts';
import { inSnapshot, makeReads } from './reads/index.ts';
import { openForReading } from './schema.ts';

const port = parentPort;
if (!port) throw new Error('this file is a thread of the store');
const { path } = workerData as ThreadData;

const start = (): Hello => {
  try {
    const db = openForReading(path);
    const reads = makeReads(db);
    const answer = (command: Command): Answer => {
      try {
        return { value: inSnapshot(db, () => perform(reads, command)) };
      } catch (error) {
        return { failure: failureOf(error) };
      }
    };
    port.on('message', (message: readonly Command[] | typeof CLOSE) => {
      // One by one: a short read must not wait for a long one that came in with it.
      if (message !== CLOSE) return message.forEach(command => void port.postMessage([answer(command)]));
      db.close();
      port.close();
    });
    return { head: 0 };
  } catch (error) {
    return { failure: failureOf(error) };
  }
};

port.postMessage(start());
