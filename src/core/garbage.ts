import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (how: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

let collect: Collect | undefined;

/** How many collections code may go unused before V8 drops it, to compile it again when it is called. 6 is its own. */
const UNUSED = { now: 1, always: 6 };

/**
 * Has V8 collect all garbage of this thread and give back what it keeps for later, the code of what is not being used
 * included: most of a start's. Takes tens of milliseconds in which nothing else goes on in the thread, so: only where
 * nothing does, and only in a process of podiod's own.
 */
export function giveBackMemory(): void {
  if (collect === undefined) {
    // Contexts made from now on have it.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as Collect;
  }
  setFlagsFromString(`--bytecode-old-age=${UNUSED.now}`);
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  setFlagsFromString(`--bytecode-old-age=${UNUSED.always}`);
}
