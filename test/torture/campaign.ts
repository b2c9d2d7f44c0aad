/**
 * Some lives of a daemon under load and trouble, each ended by a kill, and a look at what came of it. The seed decides
 * what is done when; what the machine makes of it is not in its hands, so a seed reproduces the plan, not each turn.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { makeRandom } from '../support/random.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { type Faults, makeFaults, type Sickness } from './faults.ts';
import { peek } from './peek.ts';
import { type People, startPeople } from './people.ts';
import { freePort } from './port.ts';
import { beginToWatch, bringToRest } from './rest.ts';
import { bulkOf, makeSite, RULE_NAMES, type Site } from './site.ts';
import { type Storm, startStorm } from './storm.ts';
import { type Findings, type Lived, verify } from './verify.ts';

export interface CampaignOptions {
  readonly seed: number;
  readonly kills: number;
  /** Of the storm. What people do comes on top. */
  readonly events: number;
  /** How many rows people import at once, some time in the middle. */
  readonly rows: number;
  /** Everything is left there. */
  readonly folder: string;
  readonly shim: string;
  /** What the first lives are to die of, in this order; then as the seed says. */
  readonly kinds?: readonly LifeKind[];
  readonly say: (line: string) => void;
}

/** One life of the daemon. */
export interface Life extends Lived {
  /** What it was to die of, and what it died of. */
  readonly kind: LifeKind;
  /** It had ended by itself before the kill came: it was asked to stop, or could not start on a sick disk. */
  readonly stopped: boolean;
}

const WEIGHTS = {
  /** While it starts, or looks after what the kill before has left. */
  early: 12,
  /** In a write or flush of its database. */
  write: 30,
  /** In full work. */
  load: 28,
  /** After its disk was sick for a while. */
  sick: 16,
  /** After its disk was sick while it started. */
  unwell: 6,
  /** While it stops. */
  stop: 8,
  /** When all is quiet, or nearly. */
  late: 6,
} as const;
export type LifeKind = keyof typeof WEIGHTS;
export const LIFE_KINDS = Object.keys(WEIGHTS) as readonly LifeKind[];

export interface CampaignResult extends Findings {
  readonly seed: number;
  readonly kills: Readonly<Record<LifeKind, number>>;
  readonly stops: number;
  /** Starts that a sick disk has made impossible, with exit code 1. */
  readonly refusedStarts: number;
  /** Deaths in a write or flush. */
  readonly diedWriting: number;
  readonly diskEpisodes: Readonly<Record<string, number>>;
  /** Calls that failed by these. */
  readonly failedCalls: number;
  readonly clockJumps: number;
  readonly slowFlushes: number;
  /** Deliveries of events that had been answered. */
  readonly repeatedDeliveries: number;
  readonly seconds: number;
}

const SIX_HOURS = 6 * 3_600_000;

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { folder, shim, seed } = options;
  mkdirSync(folder, { recursive: true });
  const begin = performance.now();
  await using site = await makeSite(folder, await freePort(Math.random), seed);
  const faults = makeFaults(shim, folder, site.dataDir);
  let storm: Storm | undefined;
  try {
    return await new Campaign(options, site, faults, begin, made => {
      storm = made;
    }).run();
  } finally {
    storm?.kill();
    faults.close();
  }
}

class Campaign {
  readonly #options: CampaignOptions;
  readonly #site: Site;
  readonly #faults: Faults;
  readonly #begin: number;
  readonly #onStorm: (storm: Storm) => void;
  readonly #random: () => number;
  readonly #lives: Life[] = [];
  readonly #problems: string[] = [];
  readonly #episodes: Record<string, number> = {};
  readonly #kills: Record<LifeKind, number> = {
    early: 0,
    write: 0,
    load: 0,
    sick: 0,
    unwell: 0,
    stop: 0,
    late: 0,
  };
  #stops = 0;
  #refusedStarts = 0;
  #clockJumps = 0;
  #slowFlushes = 0;

  constructor(
    options: CampaignOptions,
    site: Site,
    faults: Faults,
    begin: number,
    onStorm: (storm: Storm) => void,
  ) {
    this.#options = options;
    this.#site = site;
    this.#faults = faults;
    this.#begin = begin;
    this.#onStorm = onStorm;
    this.#random = makeRandom(options.seed);
  }

  async run(): Promise<CampaignResult> {
    const { kills, events, rows, seed, say } = this.#options;
    const first = this.#start();
    await beginToWatch(first);
    const storm = startStorm({
      ...bulkOf(this.#site),
      connections: 24,
      depth: 4,
      itemsPerConnection: 40,
      seed,
    });
    this.#onStorm(storm);
    const people = startPeople(this.#site.podio.world, makeRandom(seed + 1));
    const share = Math.ceil(events / kills);
    let isImported = rows === 0;

    let daemon = first;
    let ended = 0;
    while (ended < kills) {
      const kind = this.#options.kinds?.[this.#lives.length] ?? this.#draw();
      if (!isImported && ended >= kills / 2) {
        people.importRows(rows);
        isImported = true;
      }
      const stopped = await this.#live(daemon, kind, storm, share);
      if (!stopped) {
        this.#kills[kind] += 1;
        ended += 1;
      }
      if (ended % 5 === 0 && !stopped) {
        const { answered, statuses } = storm.progress();
        say(
          `  ${ended} kills, ${answered} events answered, ${statuses[503] ?? 0} answered 503, ${this.#faults.failed()} calls failed`,
        );
      }
      if (ended < kills) daemon = this.#start();
    }
    await people.stop();
    this.#faults.flush(0);
    await bringToRest({
      world: this.#site.podio.world,
      storm,
      start: () => this.#quiet(),
      stop: daemon => this.#stop(daemon),
    });
    return this.#look(storm, people);
  }

  #start(): Daemon {
    const { configFile, dataDir } = this.#site;
    this.#faults.disk(undefined);
    this.#faults.dieIn(0);
    const random = this.#random;
    const isSlow = random() < 0.25;
    const slowMs = [1, 5, 20, 80][Math.floor(random() * 4)] ?? 1;
    this.#faults.flush(isSlow ? slowMs : 0);
    if (isSlow) this.#slowFlushes += 1;
    if (random() < 0.3) this.#jump();
    // At once: it may die while it opens, migrates or recovers.
    if (random() < 0.08 && this.#lives.length > 0) this.#faults.dieIn(1 + Math.floor(random() * 30));
    return startDaemon({
      configFile,
      dataDir,
      logFile: join(this.#site.folder, 'daemon.log'),
      env: this.#faults.env,
    });
  }

  #jump(): void {
    this.#clockJumps += 1;
    this.#faults.clock(Math.round((this.#random() * 2 - 1) * SIX_HOURS));
  }

  #draw(): LifeKind {
    let left = this.#random() * Object.values(WEIGHTS).reduce((sum, weight) => sum + weight, 0);
    for (const [kind, weight] of Object.entries(WEIGHTS)) {
      left -= weight;
      if (left < 0) return kind as LifeKind;
    }
    return 'load';
  }

  /** Until its end. Answers whether it had stopped by itself when the kill came. */
  async #live(daemon: Daemon, kind: LifeKind, storm: Storm, share: number): Promise<boolean> {
    const random = this.#random;
    let isEnded = false;
    void daemon.ended.then(() => {
      isEnded = true;
    });
    const orEnd = async (look: () => boolean, timeoutMs: number): Promise<boolean> => {
      const end = performance.now() + timeoutMs;
      while (!isEnded && performance.now() < end) {
        if (look()) return true;
        await pause(5);
      }
      return false;
    };
    const answered = () => storm.progress().answered;

    storm.more(share);
    const before = answered();
    if (kind === 'early') {
      await orEnd(() => false, random() * 1500);
    } else {
      if (kind === 'unwell') {
        this.#faults.disk(drawSickness(random));
        await orEnd(() => false, 300 + random() * 1500);
        this.#faults.disk(undefined);
      }
      const isUp = await orEnd(() => answered() > before, 60_000);
      if (!isUp && !isEnded) this.#problems.push(`pid ${daemon.pid} answered nothing in a minute`);
      if (random() < 0.25) {
        void pause(random() * 1000).then(() => this.#jump());
      }
      const part = before + Math.floor(random() * share);
      switch (kind) {
        case 'write':
          this.#faults.dieIn(1 + Math.floor(random() ** 2 * 1500));
          await orEnd(() => storm.progress().isDone, 15_000);
          await orEnd(() => false, 1500);
          break;
        case 'unwell':
        case 'load':
          await orEnd(() => answered() >= part, 15_000);
          await orEnd(() => false, random() * 100);
          break;
        case 'sick':
          await orEnd(() => answered() >= part, 15_000);
          // A start may end on a disk that fails: that is the life of kind unwell.
          await orEnd(() => daemon.isUp(), 15_000);
          for (let n = 1 + Math.floor(random() * 2); n > 0 && !isEnded; n--)
            await this.#beSick(daemon, storm, orEnd);
          await orEnd(() => false, random() * 500);
          break;
        case 'stop':
          await orEnd(() => answered() >= part, 15_000);
          daemon.signal('SIGTERM');
          await orEnd(() => false, random() * 400);
          break;
        case 'late':
          await orEnd(() => storm.progress().isDone, 20_000);
          await orEnd(() => false, random() * 2000);
          break;
      }
    }
    daemon.signal('SIGKILL');
    const ending = await daemon.ended;
    this.#faults.disk(undefined);
    const isRefused = ending === 1 && kind === 'unwell';
    const stopped = (ending === 0 && kind === 'stop') || isRefused;
    if (isRefused) this.#refusedStarts += 1;
    else if (stopped) this.#stops += 1;
    if (ending !== 'SIGKILL' && !stopped) {
      this.#problems.push(
        `pid ${daemon.pid} ended by itself with ${ending} (a life of kind ${kind}); see daemon.log`,
      );
    }
    const finished = await peek(this.#site.dataDir, RULE_NAMES, this.#site.folder);
    this.#lives.push({ pid: daemon.pid, kind, finished, stopped });
    return stopped;
  }

  /** The disk fails for a while: what comes is refused, nothing ends, and afterwards all goes on by itself. */
  async #beSick(
    daemon: Daemon,
    storm: Storm,
    orEnd: (look: () => boolean, timeoutMs: number) => Promise<boolean>,
  ): Promise<void> {
    const random = this.#random;
    const sickness = drawSickness(random);
    storm.more(300);
    const refused = () => storm.progress().statuses[503] ?? 0;
    const failed = this.#faults.failed();
    const refusedBefore = refused();
    this.#faults.disk(sickness);
    const isTotal = sickness.permille === 1000;
    if (isTotal) {
      const isRefused = await orEnd(() => refused() > refusedBefore, 20_000);
      if (!isRefused && daemon.isAlive()) {
        this.#problems.push(`pid ${daemon.pid}: a disk that fails (${JSON.stringify(sickness)}) and no 503`);
      }
    }
    await orEnd(() => false, 200 + random() * 2000);
    this.#faults.disk(undefined);
    if (this.#faults.failed() > failed) {
      this.#episodes[sickness.error] = (this.#episodes[sickness.error] ?? 0) + 1;
    }
    const answered = storm.progress().answered;
    storm.more(50);
    const isBack = await orEnd(() => storm.progress().answered > answered, 30_000);
    if (!isBack && daemon.isAlive()) {
      this.#problems.push(
        `pid ${daemon.pid}: nothing is taken in 30 s after the disk works again (${JSON.stringify(sickness)})`,
      );
    }
  }

  #quiet(): Daemon {
    const { configFile, dataDir, folder } = this.#site;
    this.#faults.disk(undefined);
    this.#faults.dieIn(0);
    return startDaemon({ configFile, dataDir, logFile: join(folder, 'daemon.log'), env: this.#faults.env });
  }

  async #stop(daemon: Daemon): Promise<void> {
    daemon.signal('SIGTERM');
    const ending = await daemon.ended;
    if (ending !== 0) this.#problems.push(`a stop in peace ended with ${ending}`);
    const finished = await peek(this.#site.dataDir, RULE_NAMES, this.#site.folder);
    this.#lives.push({ pid: daemon.pid, kind: 'late', finished, stopped: true });
  }

  async #look(storm: Storm, people: People): Promise<CampaignResult> {
    const { repeats } = storm.progress();
    const found = await verify({
      site: this.#site,
      lives: this.#lives,
      people: people.items,
      storm,
      before: this.#problems,
    });
    return {
      ...found,
      seed: this.#options.seed,
      kills: this.#kills,
      stops: this.#stops,
      refusedStarts: this.#refusedStarts,
      diedWriting: this.#faults.died(),
      diskEpisodes: this.#episodes,
      failedCalls: this.#faults.failed(),
      clockJumps: this.#clockJumps,
      slowFlushes: this.#slowFlushes,
      repeatedDeliveries: repeats,
      seconds: Math.round((performance.now() - this.#begin) / 1000),
    };
  }
}

const SICK_CALLS: readonly Sickness['calls'][] = [
  ['writes'],
  ['flushes'],
  ['writes', 'flushes', 'truncates'],
  ['reads', 'writes'],
  ['writes', 'flushes', 'truncates', 'reads'],
];

const drawSickness = (random: () => number): Sickness => ({
  error: random() < 0.5 ? 'ENOSPC' : 'EIO',
  calls: SICK_CALLS[Math.floor(random() * SICK_CALLS.length)] ?? ['writes'],
  permille: random() < 0.6 ? 1000 : 250,
});
