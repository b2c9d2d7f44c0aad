/** The thread that reads, so that no read waits behind a flush and no long listing stops the main loop. */
import { failureOf, isDoubtful } from './failure.ts';
import { type Answer, type Command, perform } from './protocol.ts';
import { inSnapshot, makeReads } from './reads/index.ts';
import { openForReading } from './schema.ts';
import { serve } from './serve.ts';

serve(path => {
  const open = () => {
    const db = openForReading(path);
    return { db, reads: makeReads(db) };
  };
  let current: ReturnType<typeof open> | undefined = open();

  const close = (): void => {
    const closing = current;
    current = undefined;
    closing?.db.close();
  };

  const answer = (command: Command): Answer => {
    try {
      current ??= open();
      const { db, reads } = current;
      return { value: inSnapshot(db, () => perform(reads, command)) };
    } catch (error) {
      // What the connection remembers of the file is in doubt: opened anew for the next read.
      if (isDoubtful(error)) close();
      return { failure: failureOf(error) };
    }
  };
  return {
    head: 0,
    // One by one: a short read must not wait for a long one that came in with it.
    answer: (commands, reply) => {
      for (const command of commands) reply([answer(command)]);
    },
    close,
  };
});
