/**
 * Loaded into each thread of a daemon before all else: now and then collects all garbage and writes down what is left. The
 * resident size alone can't tell a leak from what the allocators keep for later. Not in TypeScript, whose being stripped
 * of types would take more memory than what is looked for.
 */
import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { threadId as thread } from 'node:worker_threads';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const { SOAK_HEAP_LOG, SOAK_HEAP_MS } = process.env;
let round = 0;
setInterval(() => {
  // What finalizers hold goes with the second one.
  collect();
  collect();
  round += 1;
  const line = { pid: process.pid, thread, round, used: process.memoryUsage().heapUsed };
  appendFileSync(SOAK_HEAP_LOG, `${JSON.stringify(line)}\n`);
}, Number(SOAK_HEAP_MS)).unref();
