// npm run soak [-- --minutes N] [--seed N] [--rate N] [--every SECONDS]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compileFaults } from '../torture/faults.ts';
import { soak } from './soak.ts';

const USAGE = `npm run soak [-- --minutes N] [--seed N] [--rate N] [--every SECONDS] [--keep]

  --minutes N   how long there is load (default 2, and no less; hours are 60 each)
  --seed N      the plan of all that happens (default: another one each time)
  --rate N      events a second, besides what people do (default 20)
  --every N     seconds from one disturbance to the next, on average (default 10)
  --keep        leave the folder there even if all is well`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 30) },
    rate: { type: 'string', default: '20' },
    every: { type: 'string', default: '10' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const number = (name: 'minutes' | 'seed' | 'rate' | 'every', least: number): number => {
  const value = Number(values[name]);
  if (Number.isFinite(value) && value >= least) return value;
  console.error(`--${name} is a number from ${least} on, and ${values[name]} is none\n\n${USAGE}`);
  process.exit(2);
};
if (process.platform !== 'linux') {
  console.error('the soak needs Linux: its faults come by LD_PRELOAD');
  process.exit(2);
}
// Less would leave no time for each kind of trouble between its quiet beginning and its quiet end.
const minutes = number('minutes', 2);
const seed = number('seed', 0);
const rate = number('rate', 1);
const everySeconds = number('every', 1);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const folder = mkdtempSync(join(tmpdir(), 'podiod-soak-'));
console.error(`seed ${seed}: ${minutes} minutes at ${rate} events a second, in ${folder}`);
let problems: readonly string[];
try {
  const result = await soak({
    seed,
    minutes,
    rate,
    everySeconds,
    folder: join(folder, 'site'),
    shim: compileFaults(folder),
    say: line => console.error(line),
  });
  ({ problems } = result);
  console.log(JSON.stringify({ ...result, problems: problems.length }));
} catch (error) {
  problems = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
}
if (problems.length > 0) {
  console.error('\nsomething is broken:');
  for (const problem of problems) console.error(`  ${problem}`);
  console.error(
    `\nagain: npm run soak -- --seed ${seed} --minutes ${minutes} --rate ${rate} --every ${everySeconds}\nwhat is left of it: ${folder}`,
  );
  process.exit(1);
}
if (!values.keep) rmSync(folder, { recursive: true, force: true });
process.exit(0);
