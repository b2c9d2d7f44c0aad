// npm run fuzz [-- INPUTS [SEED]]: hands podiod what it can't expect. Ends with 1 and the input where that was too much.
import { fuzz } from './fuzz.ts';

const [count = '100000', seed = '1'] = process.argv.slice(2);
const begin = performance.now();
const { inputs, heap, slowest } = await fuzz(Number(count), Number(seed), {
  progress: done => process.stderr.write(`${done} of ${count}\n`),
});
const mb = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} mb`;
for (const [target, fed] of inputs) console.log(`${target}: ${fed}`);
console.log(
  `what lives in the heap: ${mb(heap.from)} at half time, ${mb(heap.to)} at the end: ${heap.verdict}`,
);
console.log(`slowest: ${slowest.target}, ${Math.round(slowest.ms)} ms`);
console.log(`${count} inputs of seed ${seed} in ${Math.round((performance.now() - begin) / 1000)} s`);
process.exit(heap.verdict === 'grows' ? 1 : 0);
