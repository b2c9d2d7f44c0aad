// npm run torture [-- --seed N] [--kills N] [--events N] [--minutes N]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type CampaignResult, runCampaign } from './campaign.ts';
import { compileFaults } from './faults.ts';

const USAGE = `npm run torture [-- --seed N] [--kills N] [--events N] [--minutes N] [--rounds N]

  --seed N      the plan of all that goes wrong (default: another one each time)
  --kills N     how often the daemon is killed in a round (default 20)
  --events N    how many events are delivered in a round, beside what people do (default 100000)
  --rows N      how many rows people import at once in a round (default 5000)
  --rounds N    how many rounds, each with a folder and a seed of its own (default 1; round n has seed + n)
  --minutes N   no further round begins after so long (default 60)
  --keep        leave the folder there even if all is well`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    kills: { type: 'string', default: '20' },
    events: { type: 'string', default: '100000' },
    rows: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '60' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const number = (name: 'kills' | 'events' | 'rows' | 'rounds' | 'minutes'): number => {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} is a whole number, and ${values[name]} is none\n\n${USAGE}`);
  process.exit(2);
};
if (process.platform !== 'linux') {
  console.error('the torture needs Linux: its faults come by LD_PRELOAD');
  process.exit(2);
}
const kills = number('kills');
const events = number('events');
const rows = number('rows');
const rounds = number('rounds');
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const end = performance.now() + number('minutes') * 60_000;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const results: CampaignResult[] = [];
for (let round = 0; round < rounds && performance.now() < end; round++) {
  const ownSeed = seed + round;
  const folder = mkdtempSync(join(tmpdir(), 'podiod-torture-'));
  console.log(`seed ${ownSeed}: ${kills} kills, ${events} events, in ${folder}`);
  let problems: readonly string[];
  try {
    const result = await runCampaign({
      seed: ownSeed,
      kills,
      events,
      rows,
      folder,
      shim: compileFaults(folder),
      say: line => console.log(line),
    });
    results.push(result);
    problems = result.problems;
    console.log(JSON.stringify({ ...result, problems: problems.length }));
  } catch (error) {
    problems = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
  if (problems.length > 0) {
    console.error(`\nseed ${ownSeed} has broken something:`);
    for (const problem of problems) console.error(`  ${problem}`);
    console.error(
      `\nagain: npm run torture -- --seed ${ownSeed} --kills ${kills} --events ${events} --rows ${rows}\nwhat is left of it: ${folder}`,
    );
    process.exit(1);
  }
  if (!values.keep) rmSync(folder, { recursive: true, force: true });
}
const sum = (of: (result: CampaignResult) => number): number =>
  results.reduce((total, each) => total + of(each), 0);
console.log(
  JSON.stringify({
    seeds: results.map(each => each.seed),
    kills: sum(({ kills }) => Object.values(kills).reduce((total, n) => total + n, 0)),
    diedWriting: sum(each => each.diedWriting),
    answered: sum(each => each.answered),
    journaled: sum(each => each.journaled),
    settled: sum(each => each.settled),
    effects: sum(each => each.effects),
    lost: sum(each => each.lost),
    repeatedInHand: sum(each => each.repeatedInHand),
    repeatedBeyond: sum(each => each.repeatedBeyond),
    diskEpisodes: sum(({ diskEpisodes }) => Object.values(diskEpisodes).reduce((total, n) => total + n, 0)),
    clockJumps: sum(each => each.clockJumps),
    seconds: sum(each => each.seconds),
  }),
);
process.exit(0);
