/** The thread that reads, so that no read waits behind a flush and no long listing stops the main loop. */
import { failureOf } from './failure.ts';
import { type Answer, type Command, perform } from './protocol.ts';
import { inSnapshot, makeReads } from './reads/index.ts';
import { openForReading } from './schema.ts';
import { serve } from './serve.ts';

serve(path => {
  const db = openForReading(path);
  const reads = makeReads(db);
  const answer = (command: Command): Answer => {
    try {
      return { value: inSnapshot(db, () => perform(reads, command)) };
    } catch (error) {
      return { failure: failureOf(error) };
    }
  };
  return {
    head: 0,
    // One by one: a short read must not wait for a long one that came in with it.
    answer: (commands, reply) => {
      for (const command of commands) reply([answer(command)]);
    },
    close: () => db.close(),
  };
});
