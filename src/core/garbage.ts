import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (how: { type: 'major'; execution: 'sync'; flavor: 'regular' | 'last-resort' }) => void;

let collect: Collect | undefined;

function collector(): Collect {
  if (collect === undefined) {
    // Contexts made from now on have it.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as Collect;
  }
  return collect;
}

/** How many collections code may go unused before V8 drops it, to compile it again when it is called. 6 is its own. */
const UNUSED = { now: 1, always: 6 };

/**
 * Has V8 collect all garbage of this thread and give back what it keeps for later, the code of what is not being used
 * included: most of a start's. Takes tens of milliseconds in which nothing else goes on in the thread, so: only where
 * nothing does, and only in a process of podiod's own.
 */
export function giveBackMemory(): void {
  const collectAll = collector();
  setFlagsFromString(`--bytecode-old-age=${UNUSED.now}`);
  collectAll({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  setFlagsFromString(`--bytecode-old-age=${UNUSED.always}`);
}

/** How often it is looked, in calls, and how much may gather, bytes. */
const LOOK_EVERY = 100;
const MAY_GATHER = 2 * 1024 * 1024;

/**
 * For a thread in which little lives: V8 lets eight megabytes of garbage gather among old objects, however few these are. Answers
 * what is to be called over and over between two pieces of work. Once in some hundred thousand, it takes as many milliseconds
 * as megabytes live.
 */
export function keepSmall(used: () => number = () => getHeapStatistics().used_heap_size): () => void {
  let calls = 0;
  let before = Number.POSITIVE_INFINITY;
  return () => {
    calls++;
    if (calls % LOOK_EVERY !== 0) return;
    const now = used();
    // It has become less by itself, or it is looked at for the first time.
    before = Math.min(before, now);
    if (now - before < MAY_GATHER) return;
    collector()({ type: 'major', execution: 'sync', flavor: 'regular' });
    before = used();
  };
}
