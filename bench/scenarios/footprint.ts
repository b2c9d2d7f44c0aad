import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { deliver } from '../lib/load.ts';
import { freePort } from '../lib/ports.ts';
import { figureOf } from '../lib/report.ts';
import type { Scenario } from '../lib/scenario.ts';
import { type Server, Stage, until, writeSite } from '../lib/servers.ts';

/** Until the garbage of the start is gone, or as good as. */
const SETTLE_MS = 5000;

export const footprint: Scenario = {
  name: 'footprint',
  about:
    'memory when idle and time from start to the first 200, of a daemon that has run before, against bare Node',
  async run({ rounds, checkout, progress }) {
    await using stage = new Stage(checkout);
    const podio = await stage.podio();
    const port = await freePort();
    const site = writeSite(join(stage.folder, 'site'), podio, { config: { server: serverOn(port) } });
    const target = { port, path: site.hookPath };

    /** Starts it, waits for its first 200 and until it is idle, ends it. */
    const once = async (start: () => Promise<Server>): Promise<{ firstMs: number; mib: number }> => {
      const begin = performance.now();
      const server = start();
      await until(
        () =>
          deliver(target).then(
            status => (status === 200 ? true : undefined),
            () => undefined,
          ),
        60_000,
        1,
      );
      const firstMs = performance.now() - begin;
      await sleep(SETTLE_MS);
      const mib = (await server).rssMiB();
      await (await server).stop();
      return { firstMs, mib };
    };

    const samples = {
      podiod: [] as { firstMs: number; mib: number }[],
      bare: [] as { firstMs: number; mib: number }[],
    };
    await once(() => stage.start(site));
    for (let round = 0; round < rounds; round++) {
      samples.bare.push(await once(() => stage.r0(port)));
      samples.podiod.push(await once(() => stage.start(site)));
      const [bare, podiod] = [samples.bare.at(-1), samples.podiod.at(-1)];
      progress(
        `bare ${bare?.firstMs.toFixed(0)} ms, ${bare?.mib.toFixed(0)} MiB; podiod ${podiod?.firstMs.toFixed(0)} ms, ${podiod?.mib.toFixed(0)} MiB`,
      );
    }
    return [
      figureOf({
        name: 'memory when idle',
        unit: 'MiB',
        podiod: samples.podiod.map(({ mib }) => mib),
        reference: { name: 'bare Node', values: samples.bare.map(({ mib }) => mib) },
        target: { most: 2.2 },
      }),
      figureOf({
        name: 'start to first 200',
        unit: 'ms',
        podiod: samples.podiod.map(({ firstMs }) => firstMs),
        reference: { name: 'bare Node', values: samples.bare.map(({ firstMs }) => firstMs) },
        target: { most: 8 },
      }),
    ];
  },
};

const serverOn = (port: number) => ({
  publicUrl: `http://127.0.0.1:${port}/podio`,
  port,
  secret: 'a-secret-for-the-bench',
  allowNonPublicUrl: true,
});
