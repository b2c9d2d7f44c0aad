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
    try {
      closing?.db.close();
    } catch {
      // Its file is closed at the latest when the process ends.
    }
  };

  const answer = (command: Command, mayRepeat: boolean): Answer => {
    try {
      current ??= open();
      const { db, reads } = current;
      return { value: inSnapshot(db, () => perform(reads, command)) };
    } catch (error) {
      if (!isDoubtful(error)) return { failure: failureOf(error) };
      // What the connection remembers of the file is in doubt: a disk that failed for a moment can show as a damaged file.
      close();
      return mayRepeat ? answer(command, false) : { failure: failureOf(error) };
    }
  };
  return {
    head: 0,
    // One by one: a short read must not wait for a long one that came in with it.
    answer: (commands, reply) => {
      for (const command of commands) reply([answer(command, true)]);
    },
    close,
  };
});
