// npm run bench [-- NAMES] [--rounds N] [--seconds S] [--checkout DIR]
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { killAll, mustHave } from './lib/processes.ts';
import { type Figure, tableOf } from './lib/report.ts';
import { SCENARIOS } from './scenarios/index.ts';

const root = join(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    checkout: { type: 'string', default: root },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log('npm run bench [-- NAMES] [--rounds N] [--seconds S] [--checkout DIR]\n');
  for (const { name, about } of SCENARIOS) console.log(`${name.padEnd(14)} ${about}`);
  process.exit(0);
}
const unknown = positionals.filter(name => !SCENARIOS.some(scenario => scenario.name === name));
if (unknown.length > 0) {
  console.error(
    `no scenario is called ${unknown.join(', ')}; there are ${SCENARIOS.map(s => s.name).join(', ')}`,
  );
  process.exit(2);
}
mustHave('wrk', 'apt-get install wrk');
mustHave('taskset', 'apt-get install util-linux');
mustHave('cc', 'apt-get install gcc');
process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const checkout = resolve(values.checkout);
const git = spawnSync('git', ['describe', '--always', '--dirty'], { cwd: checkout, encoding: 'utf8' });
const machine = {
  date: new Date().toISOString(),
  commit: git.stdout?.trim() || 'unknown',
  node: process.version,
  cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  load: readFileSync('/proc/loadavg', 'utf8').split(' ')[0],
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
};
console.log(JSON.stringify(machine));

const figures: Figure[] = [];
for (const scenario of SCENARIOS) {
  if (positionals.length > 0 && !positionals.includes(scenario.name)) continue;
  console.error(`\n${scenario.name}: ${scenario.about}`);
  const found = await scenario.run({
    rounds: machine.rounds,
    seconds: machine.seconds,
    checkout,
    progress: text => console.error(`  ${text}`),
  });
  figures.push(...found);
}

console.log(`\n${tableOf(figures)}`);
const results = join(import.meta.dirname, 'results');
mkdirSync(results, { recursive: true });
const file = join(results, `${machine.date.replace(/[:.]/g, '-')}.json`);
writeFileSync(file, `${JSON.stringify({ machine, figures }, null, 2)}\n`);
console.log(`\n${file}`);
