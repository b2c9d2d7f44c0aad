/** The thread that writes. A flush may take seconds on a sick disk: here it stops nothing but other writes. */
import { makeGroupRunner } from './group.ts';
import { openForWriting } from './schema.ts';
import { serve } from './serve.ts';
import { makeWrites } from './writes/index.ts';

serve(path => {
  const db = openForWriting(path);
  const writes = makeWrites(db);
  const run = makeGroupRunner(db, writes);
  return {
    head: writes.head(),
    answer: (commands, reply) => reply(run(commands)),
    close: () => db.close(),
  };
});
