/** Group commit: all commands that waited for the writer share one transaction and one flush. */
import type { DatabaseSync } from 'node:sqlite';
import { isPodiodError } from '../../core/errors.ts';
import { failureOf } from './failure.ts';
import { type Answer, type Command, type Operations, perform } from './protocol.ts';

export interface Group {
  readonly operations: Operations;
  /** Writes what was gathered over the group; the last thing before the commit. */
  flush(): void;
  /** After a rollback. */
  forget(): void;
}

export function makeGroupRunner(
  db: DatabaseSync,
  { operations, flush, forget }: Group,
): (commands: readonly Command[]) => readonly Answer[] {
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');

  /** A refusal on purpose (a stale lease) comes before a command's first write, so it leaves nothing behind. */
  const answer = (command: Command): Answer => {
    try {
      return { value: perform(operations, command) };
    } catch (error) {
      if (isPodiodError(error)) return { failure: failureOf(error) };
      throw error;
    }
  };

  return function run(commands: readonly Command[]): readonly Answer[] {
    try {
      begin.run();
      const answers = commands.map(answer);
      flush();
      commit.run();
      return answers;
    } catch (error) {
      // A full disk may have ended the transaction already.
      if (db.isTransaction) db.exec('ROLLBACK');
      forget();
      const failure = failureOf(error);
      // A fault of one command is no reason to refuse its neighbours: alone, only the one at fault fails.
      if (failure.code === 'INTERNAL' && commands.length > 1)
        return commands.flatMap(command => run([command]));
      return commands.map(() => ({ failure }));
    }
  };
}
