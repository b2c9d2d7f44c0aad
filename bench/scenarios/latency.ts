import { asMuchAsGoes, atRate } from '../lib/load.ts';
import { type Figure, figureOf } from '../lib/report.ts';
import type { Scenario } from '../lib/scenario.ts';
import { type Server, Stage } from '../lib/servers.ts';

export const latency: Scenario = {
  name: 'latency',
  about: 'p99 of the answer at 200/s and 2,000/s, warm, against R1',
  async run({ rounds, seconds, checkout, progress }) {
    await using stage = new Stage(checkout);
    const daemon = await stage.podiod(await stage.podio());
    const r1 = await stage.r1();
    const figures: Figure[] = [];
    for (const server of [r1, daemon]) await asMuchAsGoes(server, 64, 3);
    for (const rate of [200, 2000]) {
      const once = async (server: Server) => {
        const result = await atRate(server, { rate, seconds, warmUpSeconds: 2, connections: 64 });
        if (result.failed > 0) throw new Error(`${server.name}: ${result.failed} requests failed`);
        progress(
          `${rate}/s, ${server.name}: p50 ${result.p50.toFixed(2)} ms, p99 ${result.p99.toFixed(2)} ms`,
        );
        return result;
      };
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let round = 0; round < rounds; round++) {
        theirs.push((await once(r1)).p99);
        ours.push((await once(daemon)).p99);
      }
      figures.push(
        figureOf({
          name: `p99 at ${rate}/s`,
          unit: 'ms',
          podiod: ours,
          reference: { name: 'R1', values: theirs },
          target: { most: 4 },
        }),
      );
    }
    return figures;
  },
};
