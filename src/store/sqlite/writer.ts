/** The thread that writes. A flush may take seconds on a sick disk: here it stops nothing but other writes. */
import { makeGroupRunner } from './group.ts';
import { openForWriting } from './schema.ts';
import { serve } from './serve.ts';
import { keepCopy, type Upgrade } from './upgrade.ts';
import { makeWrites } from './writes/index.ts';

serve(path => {
  let firstEpoch: number | undefined;
  let upgrade: Upgrade | undefined;
  const open = () => {
    const db = openForWriting(path, (old, from, to) => {
      upgrade = { ...keepCopy(old, path, from), to };
    });
    const writes = makeWrites(db, firstEpoch);
    ({ firstEpoch } = writes);
    return { db, ...writes };
  };
  const first = open();
  const { run, close } = makeGroupRunner(first, open);
  return {
    head: first.head(),
    upgrade,
    answer: (commands, reply) => reply(run(commands)),
    close,
  };
});
