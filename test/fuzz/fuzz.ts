import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Trend, trendOf } from '../soak/heap.ts';
import { makeRandom } from '../support/random.ts';
import { makeMutator } from './mutate.ts';
import type { Target } from './target.ts';
import { makeTargets } from './targets.ts';

export interface FuzzReport {
  readonly inputs: ReadonlyMap<string, number>;
  /** Of what lives in the heap, all garbage collected, over the later half. */
  readonly heap: Trend;
  /** The slowest input: milliseconds of this thread's processor. */
  readonly slowest: { readonly target: string; readonly ms: number };
}

export interface FuzzOptions {
  /** Default: all there are. */
  readonly targets?: readonly Target[];
  /** Called now and then with how many are done. */
  readonly progress?: (done: number) => void;
}

/** The input that did it, so that a test can be made of it. */
export class FuzzFailure extends Error {}

/** One input may take so long, and leave or leave behind so much. */
const MOST_MS = 1500;
const MOST_BYTES = 256 * 1024 ** 2;
/** Whoever takes less than this can't have taken much memory. */
const QUICK_MS = 30;
/** So often it is looked what lives in the heap. */
const LOOKS = 32;

export async function fuzz(count: number, seed: number, options: FuzzOptions = {}): Promise<FuzzReport> {
  const { targets = await makeTargets(), progress = () => {} } = options;
  const random = makeRandom(seed);
  const mutate = makeMutator(random);
  const shares = targets.flatMap(target => Array<Target>(target.share).fill(target));
  const inputs = new Map<string, number>();
  const heap: number[] = [];
  const prototypes = watchPrototypes();
  let slowest = { target: '', ms: 0 };
  for (let done = 0; done < count; done++) {
    if (done % Math.ceil(count / LOOKS) === 0) heap.push(living());
    if (done % 10_000 === 0) progress(done);
    const target = shares[Math.floor(random() * shares.length)] ?? shares[0];
    if (!target) break;
    const input = mutate(target);
    const failed = (cause: unknown): FuzzFailure =>
      new FuzzFailure(`${target.name}, seed ${seed}, input ${done}: ${JSON.stringify(input)}`, { cause });
    const begin = processorMs();
    try {
      await target.feed(input);
      prototypes.check();
    } catch (cause) {
      throw failed(cause);
    }
    const ms = processorMs() - begin;
    if (ms > MOST_MS) throw failed(new Error(`took ${Math.round(ms)} ms`));
    if (ms > QUICK_MS && getHeapStatistics().used_heap_size > (heap[0] ?? 0) + MOST_BYTES)
      throw failed(new Error('took more memory than there should be need for'));
    if (ms > slowest.ms) slowest = { target: target.name, ms };
    inputs.set(target.name, (inputs.get(target.name) ?? 0) + 1);
  }
  for (const { end } of targets) await end?.();
  return { inputs, heap: trendOf([...heap, living()]), slowest };
}

/** Of this thread alone, so that a busy machine makes nothing slow. */
function processorMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

const SHARED: readonly object[] = [Object, Array, Function, String, Number, Promise, Map, Error].map(
  one => one.prototype,
);

/** What all objects share must stay as it was. */
function watchPrototypes(): { check(): void } {
  const keys = (): number => SHARED.reduce<number>((sum, one) => sum + Reflect.ownKeys(one).length, 0);
  const before = keys();
  return {
    check() {
      if (keys() !== before) throw new Error('what all objects share was changed');
    },
  };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function living(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
