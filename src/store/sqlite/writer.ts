/** The thread that writes. A flush may take seconds on a sick disk: here it stops nothing but other writes. */
import { makeGroupRunner } from './group.ts';
import { openForWriting } from './schema.ts';
import { serve } from './serve.ts';
import { makeWrites } from './writes/index.ts';

serve(path => {
  let firstEpoch: number | undefined;
  const open = () => {
    const db = openForWriting(path);
    const writes = makeWrites(db, firstEpoch);
    ({ firstEpoch } = writes);
    return { db, ...writes };
  };
  const first = open();
  const { run, close } = makeGroupRunner(first, open);
  return {
    head: first.head(),
    answer: (commands, reply) => reply(run(commands)),
    close,
  };
});
