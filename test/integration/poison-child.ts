// A daemon's lanes over a real store: works through what is in the journal and ends. A run in `poison` (`rule/item`, by
// commas) kills the process in its step. Says on stdout when it has begun.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { silentLog } from '../../src/core/log.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { makeDispatcher } from '../../src/dispatch/dispatcher.ts';
import { openStore } from '../../src/store/index.ts';
import { fakeStep, itemUpdate, known, makeRule, viewOf } from '../unit/dispatch/support.ts';

const [dataDir = '', rules = '', events = '', ms = '', poison = '', speed = ''] = process.argv.slice(2);
const guilty = new Set(poison.split(','));
const store = await openStore({ dataDir });
if (store.journal.head() === 0) {
  await store.journal.append(Array.from({ length: Number(events) }, (_, n) => itemUpdate(n + 1, 1)));
}
/** Nobody wants to wait as long as the real one does. */
const clock = {
  ...systemClock,
  monotonic: () => systemClock.monotonic() * Number(speed),
  after: (wait: number, fn: () => void) => systemClock.after(wait / Number(speed), fn),
};
const dispatcher = makeDispatcher({
  rules: rules.split(',').map(name => makeRule(name, { concurrency: 4 })),
  store,
  plugins: {
    prepare: (rule, step) =>
      fakeStep(rule.name, step, async ({ event }) => {
        const run = `${rule.name}/${event.itemId}`;
        if (guilty.has(run)) {
          appendFileSync(join(dataDir, 'died'), `${run}\n`);
          process.kill(process.pid, 'SIGKILL');
        }
        await new Promise(resolve => setTimeout(resolve, Number(ms)));
        appendFileSync(join(dataDir, 'done'), `${run}\n`);
        return undefined;
      }),
    view: (_rule, event, data) => viewOf(event, data),
  },
  reader: { changes: async () => new Map(), spanned: async () => new Map() },
  known,
  clock,
  log: silentLog,
  metrics: noMetrics,
});
await dispatcher.open();
dispatcher.start();
process.stdout.write('begun\n');
const settled = async () => (await store.lanes.status()).every(({ cursor }) => cursor === Number(events));
while (!(await settled())) await new Promise(resolve => setTimeout(resolve, 10));
await dispatcher.stop(1000);
await store.close();
