/** How a round begins, and how it ends: when nothing goes wrong any more, everything that was begun has to come to its end. */
import { setTimeout as pause } from 'node:timers/promises';
import type { World } from '../../src/emulator/index.ts';
import { until } from '../support/wait.ts';
import type { Daemon } from './daemon.ts';
import type { Storm } from './storm.ts';

export interface Restless {
  readonly world: World;
  readonly storm: Storm;
  /** A daemon that has no trouble. */
  start(): Daemon;
  /** In peace. */
  stop(daemon: Daemon): Promise<void>;
}

/** Between two looks at the status. */
const LOOK_MS = 200;

/** Remembers where the apps stand: nothing that was edited in that second or before is ever told. */
export async function beginToWatch(first: Daemon): Promise<void> {
  await first.ready();
  await until(async () => {
    const { apps, hooks } = await first.status();
    return (
      apps.length === 3 && apps.every(({ watermark }) => watermark !== undefined) && hooks.inactive === 0
    );
  }, 'the first look at the apps');
  const second = Date.now() + 1100;
  await until(() => Date.now() > second, 'the second to be over');
}

/** Rejects, with what is left to do, when that takes too long. Nobody works any more, and no daemon runs before or after. */
export async function bringToRest({ world, storm, start, stop }: Restless): Promise<void> {
  const first = start();
  await first.ready();
  await storm.end();
  await until(() => world.pendingDeliveries() === 0, 'every delivery of Podio to be over', 120_000);
  await until(
    async () => {
      await pause(LOOK_MS);
      const { hooks, rules } = await first.status();
      if (hooks.inactive + hooks.missing > 0) throw new Error(`hooks: ${JSON.stringify(hooks)}`);
      const late = rules.filter(({ lag }) => lag > 0);
      if (late.length > 0) throw new Error(late.map(({ rule, lag }) => `${rule} lags by ${lag}`).join(', '));
      return true;
    },
    'the hooks and the rules',
    300_000,
  );
  await stop(first);
  // Once more: it looks for what was missed when it starts.
  const second = start();
  await second.ready();
  // Twice in a row: a status is not of one moment, and what ends last may be told of last.
  let quiet = 0;
  await until(
    async () => {
      await pause(LOOK_MS);
      const { apps, rules, hooks, degraded, alarms } = await second.status();
      const unseen = apps.filter(app => app.sweeping || app.lastSweepAt === undefined || app.open > 0);
      const late = rules.filter(
        ({ lag, waiting, inHand, gathered = 0 }) => lag + waiting + inHand + gathered > 0,
      );
      const left = unseen.length + late.length + degraded.length + alarms.length;
      quiet = left + hooks.inactive + hooks.missing === 0 ? quiet + 1 : 0;
      if (quiet > 0) return quiet > 1;
      throw new Error(JSON.stringify({ unseen, late, degraded, alarms, hooks }));
    },
    'nothing to be left to do',
    // What was left open is tried again after minutes.
    600_000,
  );
  await stop(second);
}
