import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { deliver } from '../lib/load.ts';
import { figureOf } from '../lib/report.ts';
import type { Scenario } from '../lib/scenario.ts';
import { type Server, Stage } from '../lib/servers.ts';
import { spreadOf } from '../lib/stats.ts';

const EVENTS = 100;
const PAUSE_MS = 20;

export const reach: Scenario = {
  name: 'reach',
  about: 'from the delivery to the plugin, idle, beside what R1 takes to flush and answer',
  async run({ rounds, checkout, progress }) {
    await using stage = new Stage(checkout);
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const daemon = await stage.podiod(await stage.podio(), {
      plugins: { stamp: { use: join(import.meta.dirname, '../plugins/stamp.js') } },
      rules: {
        one: {
          on: { app: 'app-0', events: 'item.update' },
          steps: [{ stamp: { port: socket.address().port } }],
        },
      },
    });
    const r1 = await stage.r1();

    const times = async (server: Server, reached: () => Promise<unknown> | undefined): Promise<number> => {
      const all: number[] = [];
      for (let n = 0; n < EVENTS; n++) {
        await sleep(PAUSE_MS);
        const begin = performance.now();
        const waiting = reached();
        const answer = deliver(server);
        await (waiting ?? answer);
        all.push(performance.now() - begin);
        await answer;
      }
      return spreadOf(all).median;
    };
    const toPlugin: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const flush = await times(r1, () => undefined);
      const plugin = await times(daemon, () => once(socket, 'message'));
      progress(`R1 answers after ${flush.toFixed(2)} ms, the plugin has it after ${plugin.toFixed(2)} ms`);
      toPlugin.push(plugin - flush);
    }
    socket.close();
    return [
      figureOf({
        name: 'delivery to plugin, median, beside the flush',
        unit: 'ms',
        podiod: toPlugin,
        target: { most: 2 },
      }),
    ];
  },
};
