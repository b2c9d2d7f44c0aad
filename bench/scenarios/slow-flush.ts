import { asMuchAsGoes, atRate } from '../lib/load.ts';
import { type Figure, figureOf } from '../lib/report.ts';
import type { Scenario, Settings } from '../lib/scenario.ts';
import { type Daemon, Stage } from '../lib/servers.ts';
import { slowFlush } from '../lib/slow-flush.ts';

const LOOP_P99 = 'podiod_event_loop_delay_seconds{quantile="0.99"}';

/** Each scrape tells of the time since the one before. */
async function loopDelayMs(daemon: Daemon, load: () => Promise<unknown>): Promise<number> {
  await daemon.metric(LOOP_P99);
  await load();
  return (await daemon.metric(LOOP_P99)) * 1000;
}

/** The log is moved into the database every nine seconds or so: what is shorter sees that once, or never. */
const PACED_SECONDS = 20;

async function measure(settings: Settings, flushMs: number, rate: number): Promise<readonly Figure[]> {
  const { rounds, seconds, progress } = settings;
  await using stage = new Stage(settings.checkout);
  const env = slowFlush(stage.folder, flushMs);
  const podio = await stage.podio();
  const daemon = await stage.podiod(podio, { env });
  const r1 = await stage.r1(env);
  const throughput: number[] = [];
  const reference: number[] = [];
  const loop: number[] = [];
  const p99: number[] = [];
  await asMuchAsGoes(daemon, 64, 2);
  for (let round = 0; round < rounds; round++) {
    const ours = await asMuchAsGoes(daemon, 64, seconds);
    const theirs = await asMuchAsGoes(r1, 64, seconds);
    throughput.push(ours.requests / ours.seconds);
    reference.push(theirs.requests / theirs.seconds);
    loop.push(
      await loopDelayMs(daemon, async () => {
        const load = { rate, seconds: Math.max(seconds, PACED_SECONDS), warmUpSeconds: 1, connections: 256 };
        const paced = await atRate(daemon, load);
        if (paced.failed > 0) throw new Error(`${paced.failed} requests failed`);
        p99.push(paced.p99 / flushMs);
      }),
    );
    progress(
      `${flushMs} ms: ${Math.round(ours.requests / ours.seconds)}/s, p99 ${p99.at(-1)?.toFixed(2)} flushes`,
    );
  }
  return [
    figureOf({
      name: `ingest, flush ${flushMs} ms slower, 64 connections`,
      unit: '/s',
      podiod: throughput,
      ...(flushMs === 5 && { target: { least: 4500 } }),
    }),
    figureOf({
      name: `the same beside R1`,
      unit: '/s',
      podiod: throughput,
      reference: { name: 'R1', values: reference },
    }),
    figureOf({
      name: `p99 at ${rate}/s, flush ${flushMs} ms slower`,
      unit: 'x the added flush time',
      podiod: p99,
      ...(flushMs === 5 && { target: { most: 4 } }),
    }),
    figureOf({
      name: `event loop delay p99 at ${rate}/s, flush ${flushMs} ms slower`,
      unit: 'ms',
      podiod: loop,
      target: { most: 10 },
    }),
  ];
}

export const slowFlushes: Scenario = {
  name: 'slow-flush',
  about: 'every fsync and fdatasync 5 and 50 ms slower: throughput, p99 at 2,000/s, event loop delay',
  run: async settings => [...(await measure(settings, 5, 2000)), ...(await measure(settings, 50, 2000))],
};
