import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (how: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

let collect: Collect | undefined;

/**
 * What becomes of code. V8 drops all that is not running at the moment, most of a start's, and that of the work in hand with
 * it, which it then has to compile and optimise anew: to be dropped only where nothing goes on.
 */
export type Code = 'kept' | 'dropped';

/** How many collections code may go unused before V8 drops it, to compile it again when it is called. */
const UNUSED = { kept: 100, dropped: 1 } satisfies Record<Code, number>;
const UNUSED_ALWAYS = 6;

/**
 * Has V8 collect all garbage of this thread and give back what it keeps for later. Takes tens of milliseconds in which nothing
 * else goes on in the thread, so: seldom, and only in a process of podiod's own.
 */
export function giveBackMemory(code: Code): void {
  if (collect === undefined) {
    // Contexts made from now on have it.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as Collect;
  }
  setFlagsFromString(`--bytecode-old-age=${UNUSED[code]}`);
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  setFlagsFromString(`--bytecode-old-age=${UNUSED_ALWAYS}`);
}
