import { asMuchAsGoes, type LoadResult } from '../lib/load.ts';
import { type Figure, figureOf } from '../lib/report.ts';
import type { Scenario, Settings } from '../lib/scenario.ts';
import { type Daemon, type DaemonChoice, type Server, Stage } from '../lib/servers.ts';
import { spreadOf } from '../lib/stats.ts';

interface Sample extends LoadResult {
  /** Microseconds of CPU for a request, all threads. */
  readonly cpu: number;
}

async function sample(server: Server, connections: number, seconds: number): Promise<Sample> {
  const before = server.cpuSeconds();
  const result = await asMuchAsGoes(server, connections, seconds);
  if (result.failed > 0) throw new Error(`${server.name}: ${result.failed} requests failed`);
  return { ...result, cpu: ((server.cpuSeconds() - before) / result.requests) * 1e6 };
}

/** Every server in every round, one after the other, so that what the machine does meanwhile meets all of them. */
async function rounds(
  servers: readonly Server[],
  connections: number,
  { rounds, seconds, progress }: Settings,
): Promise<readonly (readonly Sample[])[]> {
  const samples: Sample[][] = servers.map(() => []);
  for (const server of servers) await sample(server, connections, Math.min(2, seconds));
  for (let round = 0; round < rounds; round++) {
    for (const [i, server] of servers.entries()) {
      const one = await sample(server, connections, seconds);
      samples[i]?.push(one);
      const rate = Math.round(one.requests / one.seconds);
      progress(`${connections} connections, ${server.name}: ${rate}/s, ${one.cpu.toFixed(1)} us CPU each`);
    }
  }
  return samples;
}

const rates = (samples: readonly Sample[] = []): readonly number[] =>
  samples.map(({ requests, seconds }) => requests / seconds);
const cpu = (samples: readonly Sample[] = []): string =>
  spreadOf(samples.map(one => one.cpu)).median.toFixed(1);

async function measure(
  settings: Settings,
  choice: DaemonChoice,
  wanted: readonly (readonly [connections: number, least: number | undefined])[],
  title: string,
  after?: (daemon: Daemon) => Promise<void>,
): Promise<readonly Figure[]> {
  await using stage = new Stage(settings.checkout);
  const daemon = await stage.podiod(await stage.podio(), choice);
  const servers = [await stage.r0(), await stage.r1(), daemon];
  const figures: Figure[] = [];
  for (const [connections, least] of wanted) {
    const [r0, r1, podiod] = await rounds(servers, connections, settings);
    const note = `CPU us a request: R0 ${cpu(r0)}, R1 ${cpu(r1)}, podiod ${cpu(podiod)}`;
    const name = `${title}, ${connections} connections`;
    figures.push(
      figureOf({
        name,
        unit: '/s',
        podiod: rates(podiod),
        reference: { name: 'R1', values: rates(r1) },
        ...(least !== undefined && { target: { least } }),
        note,
      }),
      figureOf({
        name: `R1 itself, ${connections} connections`,
        unit: '/s',
        podiod: rates(r1),
        reference: { name: 'R0', values: rates(r0) },
      }),
    );
    await after?.(daemon);
  }
  return figures;
}

export const ingest: Scenario = {
  name: 'ingest',
  about: 'durable ingest, rules that match nothing, at 1, 16, 64 and 256 connections, against R1',
  run: settings =>
    measure(
      settings,
      {},
      [
        [1, 0.4],
        [16, 0.6],
        [64, 0.6],
        [256, 0.6],
      ],
      'ingest',
    ),
};

const everyUpdate = (path: string) => ({
  on: { app: 'app-0', events: 'item.update' },
  steps: [{ 'file-logger': { path } }],
});

export const ingestRules: Scenario = {
  name: 'ingest-rules',
  about: 'durable ingest while two rules run every event through file-logger, at 64 connections, against R1',
  run: settings =>
    measure(
      settings,
      { rules: { one: everyUpdate('./one.ndjson'), two: everyUpdate('./two.ndjson') } },
      [[64, 0.3]],
      'ingest with two rules',
    ),
};
