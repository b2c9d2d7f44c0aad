// Runs every test. Those with whole daemons (test/e2e) mostly wait, all others mostly compute, so the two go side by side.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const mocha = join(import.meta.dirname, '../node_modules/mocha/bin/mocha.js');

/** Root can run every test (test/support/root.ts), so there none may be left out. */
const strictly = process.getuid?.() === 0 ? ['--forbid-pending'] : [];

const begin = (spec: string, output: 'inherit' | 'pipe') => {
  const child = spawn(process.execPath, [mocha, ...strictly, spec], { stdio: ['ignore', output, 'inherit'] });
  return {
    said: child.stdout === null ? Promise.resolve('') : text(child.stdout),
    exited: once(child, 'exit'),
  };
};
/** Told while they run; of the others when these are over. */
const others = begin('test/!(e2e)/**/*.test.ts', 'inherit');
if (availableParallelism() < 2) await others.exited;
const daemons = begin('test/e2e/**/*.test.ts', 'pipe');
const codes = (await Promise.all([others.exited, daemons.exited])).map(([code]: unknown[]) => code);
console.log(await daemons.said);
process.exit(codes.every(code => code === 0) ? 0 : 1);
