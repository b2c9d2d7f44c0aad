import { join } from 'node:path';
import { freePort } from '../lib/ports.ts';
import { figureOf } from '../lib/report.ts';
import type { Scenario } from '../lib/scenario.ts';
import { Stage, writeSite } from '../lib/servers.ts';

const APPS = 200;

export const boot: Scenario = {
  name: 'boot',
  about:
    'a restart with 200 apps and 600 hooks that are all as they should be: calls to Podio, time until ready',
  async run({ rounds, checkout, progress }) {
    await using stage = new Stage(checkout);
    const podio = await stage.podio(APPS);
    const port = await freePort();
    const site = writeSite(join(stage.folder, 'site'), podio, {
      apps: APPS,
      rules: {
        all: {
          on: { app: 'app-*', events: ['item.create', 'item.update', 'item.delete'] },
          steps: ['audit'],
        },
      },
      config: {
        server: {
          publicUrl: `http://127.0.0.1:${port}/podio`,
          port,
          secret: 'a-secret-for-the-bench',
          allowNonPublicUrl: true,
        },
        reconcile: { mode: 'apply' },
        catchUp: { onStart: false },
      },
    });
    const first = await stage.start(site);
    progress('the first start makes the hooks');
    await first.ready(900_000);
    await first.converged(900_000);
    progress(`calls of the first start: ${JSON.stringify(await podio.calls())}`);
    await first.stop();

    const seconds: number[] = [];
    const calls: Readonly<Record<string, number>>[] = [];
    for (let round = 0; round < rounds; round++) {
      await podio.calls();
      const begin = performance.now();
      const daemon = await stage.start(site);
      await daemon.ready();
      seconds.push((performance.now() - begin) / 1000);
      await daemon.stop();
      calls.push(await podio.calls());
      progress(`ready after ${seconds.at(-1)?.toFixed(2)} s, calls: ${JSON.stringify(calls.at(-1))}`);
    }
    return [
      figureOf({
        name: `lists of hooks at a converged boot, ${APPS} apps, ${3 * APPS} hooks`,
        unit: 'calls',
        podiod: calls.map(counts => counts['hooks.list'] ?? 0),
        target: { most: APPS },
        note: `all calls: ${JSON.stringify(calls[0])}`,
      }),
      figureOf({
        name: 'logins of it',
        unit: 'calls',
        podiod: calls.map(counts => counts.login ?? 0),
        target: { most: 0 },
      }),
      figureOf({ name: 'time until it is ready', unit: 's', podiod: seconds }),
    ];
  },
};
