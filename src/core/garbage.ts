import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (how: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

let collect: Collect | undefined;

/**
 * Has V8 collect all garbage of this thread and give back what it keeps for later. Takes tens of milliseconds in which
 * nothing else goes on in the thread, so: only where nothing does, and only in a process of podiod's own.
 */
export function giveBackMemory(): void {
  if (collect === undefined) {
    // Contexts made from now on have it.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as Collect;
  }
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
