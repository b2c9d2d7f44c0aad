/** Keeps the memory of a process that is podiod's own near what it needs. V8 by itself grows and never gives back. */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { type Cancel, type Clock, sleep } from '../core/clock.ts';
import { type Code, giveBackMemory } from '../core/garbage.ts';
import type { Store } from '../store/contract.ts';

/**
 * How large V8's space for new objects may become, bytes. Its own limit is 128 MB on a machine with much memory, of which
 * a burst of deliveries takes all.
 */
const YOUNG_BYTES = 16 * 1024 * 1024;

/** How much garbage may gather among old objects before V8 looks at them, in percent of what lives. Its own is 300. */
const OLD_GARBAGE_PERCENT = 45;

/**
 * How much a function of WebAssembly may run before V8 optimises it, roughly in bytes of its code: the most that V8 takes. Its
 * own measure, 13 million, is full after some calls by Node's `fetch`, whose parser is one huge function of it. Optimising that
 * takes 20 MB for a moment and 10 from then on, and makes no call quicker. What really computes gets there all the same.
 */
const WASM_BUDGET = 2 ** 31 - 1;

/**
 * V8 asks for it whenever a module of WebAssembly is loaded, and `fetch` loads its own when it first calls somebody. Once any flag
 * was set, V8 takes no code that was compiled before: a thread that starts then compiles all that Node itself is made of, which
 * takes 30 ms, and so does what this one still loads.
 */
export function optimiseWasmLate(): void {
  setFlagsFromString(`--wasm-tiering-budget=${WASM_BUDGET}`);
}

/** V8 takes limits only when it starts, but asks these flags each time. Answers how to end it. */
export function boundHeap(): Cancel {
  setFlagsFromString(`--heap-growing-percent=${OLD_GARBAGE_PERCENT}`);
  // Else V8 puts what has often lived through a collection among the old objects from the start. Under load that is all a delivery
  // is made of, which lives for some milliseconds and is then garbage among old objects, several times a second.
  setFlagsFromString('--no-allocation-site-pretenuring');
  let grows = true;
  const observer = new PerformanceObserver(() => {
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    if (young === undefined || grows === young.space_size < YOUNG_BYTES) return;
    grows = !grows;
    setFlagsFromString(`--semi-space-growth-factor=${grows ? 2 : 1}`);
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}

/** The garbage of the start is given back so soon after it, milliseconds: what a backlog makes would come on top of it. */
const START_MS = 300;
/** How long nothing has to come before memory is given back, milliseconds. */
const QUIET_MS = 2000;
/** And by how much it has to have grown since the last time. */
const GROWTH = 1.2;

/**
 * Gives memory back after the start, when it is quiet for the first time (the first look at the hooks is done by then), and in
 * the quiet after every burst: it stops all that runs for some tens of milliseconds, which a backlog being worked off would pay
 * for again and again.
 */
export function restWhenQuiet(
  store: Pick<Store, 'journal' | 'rest'>,
  lanes: { done(): number },
  clock: Clock,
  rss: () => number = process.memoryUsage.rss,
): Cancel {
  const stopping = new AbortController();
  const moves = () => store.journal.head() + lanes.done();
  const giveBack = (code: Code) => {
    giveBackMemory(code);
    store.rest(code);
  };
  const watch = async (): Promise<void> => {
    await sleep(clock, START_MS, stopping.signal);
    giveBack('kept');
    for (let enough = 0; ; enough = rss() * GROWTH) {
      let before: number;
      do {
        before = moves();
        await sleep(clock, QUIET_MS, stopping.signal);
      } while (before !== moves() || rss() < enough);
      giveBack('dropped');
    }
  };
  // It ends by the signal, or with the store.
  watch().catch(() => {});
  return () => stopping.abort();
}
