import { join } from 'node:path';
import { fillJournal } from '../lib/journal.ts';
import { type Figure, figureOf } from '../lib/report.ts';
import type { Scenario, Settings } from '../lib/scenario.ts';
import { type Daemon, Stage, until, writeSite } from '../lib/servers.ts';

const drained = async (daemon: Daemon, rules: readonly string[]): Promise<true | undefined> => {
  const text = await (await daemon.admin('/metrics')).text();
  const lags = rules.map(rule =>
    Number(new RegExp(`^podiod_lane_lag_events\\{rule="${rule}"\\} (.*)$`, 'm').exec(text)?.[1]),
  );
  return lags.every(lag => lag === 0) || undefined;
};

interface Drain {
  readonly seconds: number;
  /** MiB, sampled while it drained. */
  readonly memory: readonly number[];
  /** Microseconds of CPU for an event, all threads. */
  readonly cpu: number;
  /** Events a second in the first and the last tenth of the time. */
  readonly speeds: readonly [first: number, last: number];
}

/** Starts the daemon on a journal full of events and waits until every rule has run for all of them. */
async function drain(
  settings: Settings,
  events: number,
  rules: Readonly<Record<string, unknown>>,
): Promise<Drain> {
  await using stage = new Stage(settings.checkout);
  const podio = await stage.podio();
  const site = writeSite(join(stage.folder, 'site'), podio, { rules, plugins });
  await fillJournal(settings.checkout, site.dataDir, events);
  const daemon = await stage.start(site);
  const begin = performance.now();
  const cpuBefore = daemon.cpuSeconds();
  const memory: number[] = [];
  const lags: { at: number; lag: number }[] = [];
  const [first = ''] = Object.keys(rules);
  const sampler = setInterval(async () => {
    memory.push(daemon.rssMiB());
    const lag = await daemon.metric(`podiod_lane_lag_events{rule="${first}"}`);
    lags.push({ at: performance.now(), lag });
  }, 1000);
  await until(() => drained(daemon, Object.keys(rules)), 600_000, 250);
  clearInterval(sampler);
  const seconds = (performance.now() - begin) / 1000;
  return {
    seconds,
    memory: [...memory, daemon.rssMiB()],
    cpu: ((daemon.cpuSeconds() - cpuBefore) / events) * 1e6,
    speeds: [
      speed(lags.slice(0, Math.ceil(lags.length / 10) + 1)),
      speed(lags.slice(-Math.ceil(lags.length / 10) - 1)),
    ],
  };
}

function speed(lags: readonly { at: number; lag: number }[]): number {
  const [from, to] = [lags[0], lags.at(-1)];
  return from && to && to.at > from.at ? ((from.lag - to.lag) / (to.at - from.at)) * 1000 : Number.NaN;
}

const delivery = { concurrency: 64 };
/** The rules are new to the journal, and want all of it. */
const startAt = 'earliest';
const updates = { app: 'app-0', events: 'item.update' };
const logging = {
  logged: { on: updates, steps: [{ 'file-logger': { path: './events.ndjson' } }], delivery, startAt },
};
const plugins = { never: { use: join(import.meta.dirname, '../plugins/never.js') } };
const filtering = Object.fromEntries(
  Array.from({ length: 10 }, (_, n) => [`filter-${n}`, { on: updates, steps: ['never'], delivery, startAt }]),
);

async function rounds(
  settings: Settings,
  run: () => Promise<Drain>,
  events: number,
  title: string,
): Promise<readonly Drain[]> {
  const all: Drain[] = [];
  for (let round = 0; round < settings.rounds; round++) {
    const one = await run();
    settings.progress(
      `${title}: ${Math.round(events / one.seconds)}/s, ${one.cpu.toFixed(1)} us CPU an event`,
    );
    all.push(one);
  }
  return all;
}

export const runs: Scenario = {
  name: 'runs',
  about: 'runs recorded durably: one rule with file-logger, ten rules that filter, concurrency 64',
  async run(settings) {
    const logged = await rounds(settings, () => drain(settings, 100_000, logging), 100_000, 'file-logger');
    const filtered = await rounds(settings, () => drain(settings, 50_000, filtering), 500_000, 'ten filters');
    return [
      figureOf({
        name: 'events through one rule with file-logger',
        unit: '/s',
        podiod: logged.map(({ seconds }) => 100_000 / seconds),
        target: { least: 10_000 },
      }),
      figureOf({
        name: 'runs of ten rules that filter',
        unit: '/s',
        podiod: filtered.map(({ seconds }) => 500_000 / seconds),
        target: { least: 30_000 },
      }),
    ];
  },
};

export const backlog: Scenario = {
  name: 'backlog',
  about:
    'a backlog of 1,000,000 events drained through one rule with file-logger: memory, and speed at its ends',
  async run(settings) {
    const { seconds, memory, speeds } = await drain(settings, 1_000_000, logging);
    const figures: Figure[] = [
      figureOf({ name: 'backlog of 1,000,000 events', unit: '/s', podiod: [1_000_000 / seconds] }),
      figureOf({
        name: 'memory while it drains, highest',
        unit: 'MiB',
        podiod: [Math.max(...memory)],
        target: { most: 200 },
      }),
      figureOf({
        name: 'speed of the last tenth over the first',
        unit: '',
        podiod: [speeds[1] / speeds[0]],
        target: { least: 0.9 },
      }),
    ];
    return figures;
  },
};
