/** Group commit: all commands that waited for the writer share one transaction and one flush. */
import type { DatabaseSync } from 'node:sqlite';
import { isPodiodError } from '../../core/errors.ts';
import { failureOf, isDoubtful } from './failure.ts';
import { type Answer, type Command, type Operations, perform } from './protocol.ts';

export interface Group {
  readonly db: DatabaseSync;
  readonly operations: Operations;
  /** Writes what was gathered over the group; the last thing before the commit. */
  flush(): void;
  /** After a rollback. */
  forget(): void;
}

export interface GroupRunner {
  /** Never throws: whatever happens, each command has its answer. */
  run(commands: readonly Command[]): readonly Answer[];
  close(): void;
}

/** Their statements are prepared once for each opening: a group may be one small command. */
const prepared = (group: Group) => ({
  ...group,
  begin: group.db.prepare('BEGIN IMMEDIATE'),
  commit: group.db.prepare('COMMIT'),
});
type Prepared = ReturnType<typeof prepared>;

/** @param open opens the database anew; after a failure of the disk that is done before the next group */
export function makeGroupRunner(first: Group, open: () => Group): GroupRunner {
  let current: Prepared | undefined = prepared(first);

  /** A refusal on purpose (a stale lease) comes before a command's first write, so it leaves nothing behind. */
  const answer = ({ operations }: Group, command: Command): Answer => {
    try {
      return { value: perform(operations, command) };
    } catch (error) {
      if (isPodiodError(error)) return { failure: failureOf(error) };
      throw error;
    }
  };

  /** Takes back what was written. Where that fails as well, or the disk did, what the connection remembers is in doubt. */
  const undo = ({ db, forget }: Group, error: unknown): void => {
    try {
      // A full disk may have ended the transaction already.
      if (db.isTransaction) db.exec('ROLLBACK');
      forget();
      if (!isDoubtful(error)) return;
    } catch {
      // The error that is told is the first one.
    }
    close();
  };

  function close(): void {
    const closing = current;
    current = undefined;
    try {
      closing?.db.close();
    } catch {
      // Its file is closed at the latest when the process ends.
    }
  }

  function run(commands: readonly Command[]): readonly Answer[] {
    let group: Prepared;
    try {
      current ??= prepared(open());
      group = current;
    } catch (error) {
      return commands.map(() => ({ failure: failureOf(error) }));
    }
    try {
      group.begin.run();
      const answers = commands.map(command => answer(group, command));
      group.flush();
      group.commit.run();
      return answers;
    } catch (error) {
      undo(group, error);
      const failure = failureOf(error);
      // A fault of one command is no reason to refuse its neighbours: alone, only the one at fault fails.
      if (failure.code === 'INTERNAL' && commands.length > 1)
        return commands.flatMap(command => run([command]));
      return commands.map(() => ({ failure }));
    }
  }

  return { run, close };
}
