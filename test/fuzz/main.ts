// npm run fuzz [-- INPUTS [SEED]]: hands podiod what it can't expect. Ends with 1 and the input where that was too much.
import { fuzz } from './fuzz.ts';

const [count = '100000', seed = '1'] = process.argv.slice(2);
const begin = performance.now();
const { inputs, heap, slowest } = await fuzz(Number(count), Number(seed), done =>
  process.stderr.write(`${done} of ${count}\n`),
);
const mb = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} mb`;
for (const [target, fed] of inputs) console.log(`${target}: ${fed}`);
console.log(`heap after a tenth ${mb(heap[0])}, at the end ${mb(heap[1])}`);
console.log(`slowest: ${slowest.target}, ${Math.round(slowest.ms)} ms`);
console.log(`${count} inputs of seed ${seed} in ${Math.round((performance.now() - begin) / 1000)} s`);
process.exit(heap[1] > heap[0] + 32 * 1024 ** 2 ? 1 : 0);
