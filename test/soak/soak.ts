/**
 * A daemon under steady load for as long as one likes, while what happens to daemons happens to it, and a look at what
 * came of it all. The world, its troubles and the look are the torture's; here most of the time is work as on any day.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { medianIn, residentOf, type Sample } from '../support/memory.ts';
import { makeRandom, shuffled } from '../support/random.ts';
import { type Daemon, startDaemon } from '../torture/daemon.ts';
import { type Faults, makeFaults } from '../torture/faults.ts';
import { peek } from '../torture/peek.ts';
import { type People, startPeople } from '../torture/people.ts';
import { freePort } from '../torture/port.ts';
import { beginToWatch, bringToRest } from '../torture/rest.ts';
import { bulkOf, EXTRA, makeSite, RULE_NAMES, type Site } from '../torture/site.ts';
import { type Storm, startStorm } from '../torture/storm.ts';
import { type Findings, type Lived, verify } from '../torture/verify.ts';
import { heapsOf, probeEnv, type Trend, trendOf } from './heap.ts';

export interface SoakOptions {
  readonly seed: number;
  readonly minutes: number;
  /** Events a second, besides what people do. */
  readonly rate: number;
  /** From one disturbance to the next, on average, seconds. */
  readonly everySeconds: number;
  /** Everything is left there. */
  readonly folder: string;
  readonly shim: string;
  readonly say: (line: string) => void;
}

/**
 * `kill`: in full work. `restart`: asked to stop, started again. `reload`: another config, edited rules and ones that come and
 * go. `wrong config`: one that must be refused. `kill in a reload`: as it says. The disks for some seconds.
 */
const KINDS = [
  'kill',
  'restart',
  'reload',
  'wrong config',
  'kill in a reload',
  'full disk',
  'slow disk',
] as const;
type Disturbance = (typeof KINDS)[number];

const endsLife = (kind: Disturbance): boolean =>
  kind === 'kill' || kind === 'restart' || kind === 'kill in a reload';

export interface SoakResult extends Findings {
  readonly seed: number;
  readonly minutes: number;
  readonly disturbances: Readonly<Record<Disturbance, number>>;
  /** What went wrong at Podio. */
  readonly podio: ReturnType<People['troubles']>;
  /** What a daemon takes, in MiB. */
  readonly memory: {
    readonly start: number;
    /** Of the last daemon, which runs for a third of the time at least: when it had been at work for a while, and at its end. */
    readonly lastFrom: number;
    readonly lastTo: number;
    readonly most: number;
    /** What lived in the last one's heaps, all garbage collected, in the later half of its life. */
    readonly heap: Trend;
  };
}

/** After this part of the time the daemon lives to the end: what it takes can be seen to stay. */
const LAST_LIFE = 2 / 3;
/** So long nothing happens at the beginning and at the end, and memory is looked at. */
const QUIET_MS = 20_000;
const LOOK_MS = 1000;
const MIB = 1024 * 1024;
const mib = (bytes: number): number => Math.round((bytes / MIB) * 10) / 10;

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { folder, shim, seed } = options;
  mkdirSync(folder, { recursive: true });
  // An even seed: Podio switches no hook off on account of failures, which would be a matter of the machine's speed.
  await using site = await makeSite(folder, await freePort(Math.random), seed * 2);
  const faults = makeFaults(shim, folder, site.dataDir);
  const run = new Soak(options, site, faults);
  try {
    return await run.run();
  } finally {
    run.end();
    faults.close();
  }
}

class Soak {
  readonly #options: SoakOptions;
  readonly #site: Site;
  readonly #faults: Faults;
  readonly #random: () => number;
  readonly #lives: Lived[] = [];
  readonly #problems: string[] = [];
  readonly #samples: Sample[] = [];
  /** What comes next, the last first. In the beginning what ends a life: later no life ends. */
  readonly #bag: Disturbance[] = [];
  readonly #counts = Object.fromEntries(KINDS.map(kind => [kind, 0])) as Record<Disturbance, number>;
  /** Kinds that have not been yet. */
  #toCome: number;
  #configs = 0;
  #storm: Storm | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #daemon: Daemon;

  constructor(options: SoakOptions, site: Site, faults: Faults) {
    this.#options = options;
    this.#site = site;
    this.#faults = faults;
    this.#random = makeRandom(options.seed);
    const first = shuffled(KINDS, this.#random);
    this.#bag.push(...first.filter(kind => !endsLife(kind)), ...first.filter(endsLife));
    this.#toCome = first.length;
    this.#daemon = this.#start();
  }

  end(): void {
    clearInterval(this.#ticker);
    this.#storm?.kill();
  }

  async run(): Promise<SoakResult> {
    const { seed, minutes, rate, everySeconds, say } = this.#options;
    await beginToWatch(this.#daemon);
    const storm = startStorm({
      ...bulkOf(this.#site),
      connections: 6,
      depth: 2,
      itemsPerConnection: 200,
      seed,
    });
    this.#storm = storm;
    const people = startPeople(this.#site.podio.world, makeRandom(seed + 1), {
      deedMs: 400,
      troubleMs: everySeconds * 500,
      patienceMs: 10_000,
    });
    const begin = performance.now();
    const end = begin + minutes * 60_000;
    this.#ticker = setInterval(() => {
      storm.more(rate);
      const resident = residentOf(this.#daemon.pid);
      if (resident !== undefined)
        this.#samples.push({ at: performance.now(), pid: this.#daemon.pid, resident });
    }, LOOK_MS);

    await this.#live(QUIET_MS);
    const start = medianIn(this.#samples, begin + QUIET_MS / 2, performance.now());
    while (performance.now() < end - QUIET_MS) {
      const left = Math.max(0, end - QUIET_MS - performance.now());
      const waitMs = everySeconds * 1000 * (0.5 + this.#random());
      await this.#live(Math.min(waitMs, left / (this.#toCome + 1)));
      if (performance.now() >= end - QUIET_MS) break;
      const isLastLife = performance.now() - begin >= (end - begin) * LAST_LIFE;
      await this.#disturb(this.#draw(isLastLife), storm);
      const { answered } = storm.progress();
      say(
        `  ${((performance.now() - begin) / 60_000).toFixed(1)} min: ${JSON.stringify(this.#counts)}, ${answered} answered, ${Math.round((this.#samples.at(-1)?.resident ?? 0) / MIB)} MiB`,
      );
    }
    await this.#live(Math.max(0, end - performance.now()));
    clearInterval(this.#ticker);
    const memory = this.#memory(start);
    await this.#stop(this.#daemon);
    return this.#look(storm, people, memory);
  }

  /** The daemon works; that it ends by itself would be a fault. */
  async #live(ms: number): Promise<void> {
    const daemon = this.#daemon;
    const ended = await Promise.race([daemon.ended, pause(ms)]);
    if (ended === undefined) return;
    throw new Error(`the daemon has ended by itself with ${ended}: see daemon.log`);
  }

  /** All of them by turns, in an order that is another one each time. Each in time, however short the soak. */
  #draw(isLastLife: boolean): Disturbance {
    for (;;) {
      const next = this.#bag.pop();
      if (next !== undefined && !(isLastLife && endsLife(next))) return next;
      if (next === undefined) this.#bag.push(...shuffled(KINDS, this.#random));
    }
  }

  async #disturb(kind: Disturbance, storm: Storm): Promise<void> {
    if (this.#counts[kind] === 0) this.#toCome -= 1;
    this.#counts[kind] += 1;
    switch (kind) {
      case 'kill':
        await this.#kill();
        break;
      case 'restart':
        await this.#stop(this.#daemon);
        this.#daemon = this.#start();
        break;
      case 'reload': {
        this.#configure();
        const status = await this.#daemon.reload();
        if (status !== 200) this.#problems.push(`a reload was answered ${status}`);
        const { rules } = await this.#daemon.status();
        // One that has left is still told of while something waits of it.
        if (rules.some(({ rule, state }) => rule === 'extra' && state !== 'gone') !== this.#hasExtra)
          this.#problems.push('a reload was answered 200, and the rules are those of before');
        break;
      }
      case 'wrong config': {
        this.#site.configure({ wrong: { on: { app: 'nobody' }, steps: ['nothing'] } });
        const status = await this.#daemon.reload();
        if (status < 400) this.#problems.push(`a config that is wrong was answered ${status}`);
        this.#configure();
        break;
      }
      case 'kill in a reload':
        this.#configure();
        this.#daemon.signal('SIGHUP');
        await this.#live(this.#random() * 600);
        await this.#kill();
        break;
      case 'full disk': {
        const refused = (): number => storm.progress().statuses[503] ?? 0;
        const before = refused();
        this.#faults.disk({ error: 'ENOSPC', calls: ['writes', 'truncates'], permille: 1000 });
        await this.#live(2000 + this.#random() * 4000);
        if (refused() === before) this.#problems.push('the disk was full, and nothing was answered 503');
        this.#faults.disk(undefined);
        break;
      }
      case 'slow disk': {
        const flushMs = 20 + Math.floor(this.#random() * 60);
        this.#faults.flush(flushMs);
        const [before, begin] = [this.#faults.flushes(), performance.now()];
        await this.#live(2000 + this.#random() * 4000);
        const [flushes, ms] = [this.#faults.flushes() - before, performance.now() - begin];
        this.#faults.flush(0);
        // One after the other, but for those under way at either end.
        if (flushes === 0 || (flushes - 2) * flushMs > ms)
          this.#problems.push(`the disk was slow, and has flushed ${flushes} times in ${Math.round(ms)} ms`);
        break;
      }
    }
    await this.#answers(storm, kind);
  }

  async #kill(): Promise<void> {
    this.#daemon.signal('SIGKILL');
    const ending = await this.#daemon.ended;
    if (ending !== 'SIGKILL') this.#problems.push(`what was to be killed has ended with ${ending}`);
    await this.#note(this.#daemon);
    this.#daemon = this.#start();
  }

  /** Another config each time: two rules are edited, and one comes or goes. */
  #configure(): void {
    this.#configs += 1;
    const fails = 300 + (this.#configs % 3) * 100;
    this.#site.configure({
      count: { on: { app: 'bulk', events: ['item.*', 'comment.create'] }, steps: [{ effects: { fails } }] },
      audit: { on: { app: 'leads', events: 'item.*' }, steps: [{ effects: { slow: 5, fails } }] },
      ...(this.#hasExtra && { extra: EXTRA }),
    });
  }

  get #hasExtra(): boolean {
    return this.#configs % 2 === 1;
  }

  /** It takes events in again. */
  async #answers(storm: Storm, after: Disturbance): Promise<void> {
    const { answered } = storm.progress();
    const end = performance.now() + 60_000;
    while (storm.progress().answered === answered) {
      await this.#live(LOOK_MS / 4);
      if (performance.now() < end) continue;
      this.#problems.push(`nothing was taken in for a minute after: ${after}`);
      return;
    }
  }

  get #heapLog(): string {
    return join(this.#site.folder, 'heap.log');
  }

  #start(): Daemon {
    const { configFile, dataDir, folder } = this.#site;
    const env = { ...this.#faults.env, ...probeEnv(this.#heapLog) };
    return startDaemon({ configFile, dataDir, logFile: join(folder, 'daemon.log'), env });
  }

  async #stop(daemon: Daemon): Promise<void> {
    daemon.signal('SIGTERM');
    const ending = await daemon.ended;
    if (ending !== 0) this.#problems.push(`a stop in peace ended with ${ending}`);
    await this.#note(daemon);
  }

  async #note(daemon: Daemon): Promise<void> {
    const { pid } = daemon;
    this.#sayLife(daemon);
    const { dataDir, folder } = this.#site;
    this.#lives.push({ pid, finished: await peek(dataDir, RULE_NAMES, folder) });
  }

  /** Of one daemon, bytes: when it had been at work for a while, and at its end. */
  #lifeOf(pid: number): { readonly from: number; readonly to: number; readonly ms: number } {
    const life = this.#samples.filter(sample => sample.pid === pid);
    const begin = life[0]?.at ?? 0;
    const end = life.at(-1)?.at ?? 0;
    const warm = Math.min(begin + QUIET_MS / 2, end);
    return {
      from: medianIn(life, warm, warm + QUIET_MS),
      to: medianIn(life, Math.max(warm, end - QUIET_MS), end),
      ms: end - begin,
    };
  }

  #sayLife({ pid }: Daemon): void {
    const { from, to, ms } = this.#lifeOf(pid);
    if (ms === 0) return;
    const heaps = heapsOf(this.#heapLog, pid).map(mib);
    const heap = heaps.length > 0 ? `, of which ${heaps[0]} to ${heaps.at(-1)} live` : '';
    this.#options.say(
      `  pid ${pid} took ${mib(from)} to ${mib(to)} MiB in ${(ms / 60_000).toFixed(1)} min${heap}`,
    );
  }

  #memory(start: number): SoakResult['memory'] {
    const { pid } = this.#daemon;
    const { from, to } = this.#lifeOf(pid);
    const heap = trendOf(heapsOf(this.#heapLog, pid));
    return {
      start: mib(start),
      lastFrom: mib(from),
      lastTo: mib(to),
      most: mib(Math.max(...this.#samples.map(({ resident }) => resident))),
      heap: { ...heap, from: mib(heap.from), to: mib(heap.to), perHour: mib(heap.perHour) },
    };
  }

  async #look(storm: Storm, people: People, memory: SoakResult['memory']): Promise<SoakResult> {
    await people.stop();
    await bringToRest({
      world: this.#site.podio.world,
      storm,
      start: () => this.#start(),
      stop: daemon => this.#stop(daemon),
    });
    const podio = people.troubles();
    for (const [kind, count] of Object.entries(this.#counts))
      if (count === 0) this.#problems.push(`there was no ${kind}`);
    for (const [kind, { begun, met }] of Object.entries(podio))
      if (met === 0) this.#problems.push(`of ${begun} times "${kind}" at Podio, podiod has met none`);
    const found = await verify({
      site: this.#site,
      lives: this.#lives,
      people: people.items,
      storm,
      before: this.#problems,
    });
    const { seed, minutes } = this.#options;
    return {
      ...found,
      seed,
      minutes,
      disturbances: this.#counts,
      podio,
      memory,
    };
  }
}
