import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { makeRandom } from '../support/random.ts';
import { makeMutator } from './mutate.ts';
import { makeTargets } from './targets.ts';

export interface FuzzReport {
  readonly inputs: ReadonlyMap<string, number>;
  /** Bytes of the heap after a collection: when a tenth was done, and at the end. */
  readonly heap: readonly [early: number, late: number];
  /** The slowest input, milliseconds. */
  readonly slowest: { readonly target: string; readonly ms: number };
}

/** The input that did it, so that a test can be made of it. */
export class FuzzFailure extends Error {}

/** @param progress called now and then with how many are done */
export async function fuzz(
  count: number,
  seed: number,
  progress: (done: number) => void = () => {},
): Promise<FuzzReport> {
  const random = makeRandom(seed);
  const mutate = makeMutator(random);
  const targets = await makeTargets();
  const shares = targets.flatMap(target => Array<typeof target>(target.share).fill(target));
  const inputs = new Map<string, number>();
  let slowest = { target: '', ms: 0 };
  let early = 0;
  for (let done = 0; done < count; done++) {
    if (done === Math.floor(count / 10)) early = heapUsed();
    if (done % 10_000 === 0) progress(done);
    const target = shares[Math.floor(random() * shares.length)] ?? shares[0];
    if (!target) break;
    const input = mutate(target.corpus);
    const begin = performance.now();
    try {
      await target.feed(input);
    } catch (cause) {
      throw new FuzzFailure(`${target.name}, seed ${seed}, input ${done}: ${JSON.stringify(input)}`, {
        cause,
      });
    }
    const ms = performance.now() - begin;
    if (ms > slowest.ms) slowest = { target: target.name, ms };
    inputs.set(target.name, (inputs.get(target.name) ?? 0) + 1);
  }
  for (const { end } of targets) await end?.();
  return { inputs, heap: [early, heapUsed()], slowest };
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
