// kill -9 under load, again and again: guarantees G1 to G4 of ARCHITECTURE.md, as the files and the journal show them.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import type { DaemonProcess } from '../support/processes.ts';
import { makeRandom } from '../support/random.ts';
import { until } from '../support/wait.ts';
import { type Load, startLoad } from './load.ts';
import { type LoggedEvent, makeSite, type Site } from './site.ts';

const KILLS = 20;
const CONCURRENCY = 4;
const RULES = ['audited', 'trailed'];

const rules = {
  audited: { on: { app: ['leads', 'deals'], events: 'item.*' }, steps: ['audit'] },
  trailed: {
    on: { app: ['leads', 'deals'], events: 'item.*' },
    where: { 'event.type': { matches: '^item' } },
    steps: ['dawdle', 'trail'],
  },
};
const plugins = {
  audit: { use: 'file-logger', path: './audited.ndjson' },
  dawdle: { use: './dawdle.ts', path: './trailed.ndjson', ms: 20 },
  trail: { use: 'file-logger', path: './trailed.ndjson' },
};
// Deliveries come again until they are answered, and no hook is switched off for having been dead so often.
const podio = {
  retryDelaysMs: Array<number>(500).fill(50),
  retryOn: 'any-failure',
  switchOffAfter: 0,
  deliveryTimeoutMs: 3000,
  logSize: 100_000,
} as const;

/** A line of trailed.ndjson: of the step `dawdle`, else of the file-logger. */
type TrailLine = LoggedEvent & { readonly step?: 'dawdle' };

const isLogged = ({ step }: TrailLine): boolean => step === undefined;

const ABOUT_100_LINES = 35_000;

const sizeOf = (site: Site): number =>
  statSync(join(site.folder, 'audited.ndjson'), { throwIfNoEntry: false })?.size ?? 0;

/** The lines that each rule's file-logger has written. */
const linesOf = (site: Site): ReadonlyMap<string, readonly LoggedEvent[]> =>
  new Map([
    ['audited', site.lines('audited.ndjson')],
    ['trailed', site.lines<TrailLine>('trailed.ndjson').filter(isLogged)],
  ]);

/** How many lines there are, by rule and event. */
function countLines(site: Site): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [rule, lines] of linesOf(site)) {
    for (const { id } of lines) counts.set(`${rule} ${id}`, (counts.get(`${rule} ${id}`) ?? 0) + 1);
  }
  return counts;
}

/** Every run that has its record on disk, by rule and event. Before a first answer there may be no store to look into. */
async function finishedRuns(site: Site, load: Load): Promise<readonly string[]> {
  if (load.posted() === 0) return [];
  const entries = await site.peek();
  return entries.flatMap(({ event, runs }) => runs.map(({ rule }) => `${rule} ${event.id}`));
}

/** Lives of the daemon, each ended by a kill, and what was finished by then with how many lines. */
interface History {
  /** When each life was over, UTC milliseconds. */
  readonly kills: readonly number[];
  readonly finished: ReadonlyMap<string, number>;
}

/** Some die while they start, some while they look after what the kill before has left in hand, some in full work. */
async function letLive(site: Site, load: Load, random: () => number): Promise<void> {
  const posted = load.posted();
  const written = sizeOf(site);
  const kind = random();
  if (kind < 0.2) return pause(random() * 600);
  await until(() => load.posted() > posted, 'the daemon to take events in', 20_000);
  if (kind < 0.6) return pause(random() * 300);
  await until(() => sizeOf(site) > written + ABOUT_100_LINES, 'the rules to get work done', 20_000);
  await pause(random() * 100);
}

async function liveAndDie(site: Site, load: Load, random: () => number): Promise<History> {
  const kills: number[] = [];
  const finished = new Map<string, number>();
  for (let life = 0; life < KILLS; life++) {
    const daemon = site.run();
    await letLive(site, load, random);
    await daemon.end('SIGKILL');
    kills.push(Date.now());
    const runs = await finishedRuns(site, load);
    const counts = countLines(site);
    for (const run of runs) if (!finished.has(run)) finished.set(run, counts.get(run) ?? 0);
  }
  return { kills, finished };
}

async function hasCaughtUp(daemon: DaemonProcess): Promise<boolean> {
  const response = await daemon.admin('/api/rules');
  const { rules } = (await response.json()) as { rules: { lag: number }[] };
  return rules.every(({ lag }) => lag === 0);
}

/** What was taken in is there and handled by every rule: nothing is missing. */
async function checkNothingLost(site: Site, load: Load): Promise<void> {
  const journal = await site.journal();
  const ids = new Set(journal.map(({ id }) => id));
  expect(ids.size, 'one event for each change').to.equal(journal.length);
  for (const id of await load.acknowledged()) expect(ids.has(id), `${id} was answered 200`).to.equal(true);
  const lines = countLines(site);
  for (const { id, type, runs } of journal) {
    expect(runs.map(({ rule, outcome }) => `${rule} ${outcome}`).sort(), id).to.deep.equal(
      RULES.map(rule => `${rule} settled`),
    );
    const steps = runs.find(({ rule }) => rule === 'trailed')?.steps ?? [];
    expect(
      steps.map(one => one.step),
      id,
    ).to.deep.equal(['rule.where', 'dawdle', 'trail']);
    const checks = [{ path: 'event.type', test: 'matches ^item', seen: type, holds: true }];
    expect(steps[0]?.checks, `what held for ${id}`).to.deep.equal(checks);
    for (const rule of RULES)
      expect(lines.has(`${rule} ${id}`), `${rule} has a line for ${id}`).to.equal(true);
  }
}

/** Only what was in hand at a kill runs again, and of that no step that was finished. */
function checkNothingRepeated(site: Site, { kills, finished }: History): void {
  const counts = countLines(site);
  expect(finished.size, 'runs that were finished at a kill').to.be.greaterThan(KILLS);
  for (const [run, count] of finished) expect(counts.get(run), `${run} was finished`).to.equal(count);

  const lifeOf = ({ time }: LoggedEvent) => kills.filter(at => at < Date.parse(time)).length;
  for (const [rule, lines] of linesOf(site)) {
    const repeated = new Map<number, number>();
    for (const again of Map.groupBy(lines, ({ id }) => id).values()) {
      const lives = again.map(lifeOf);
      expect(new Set(lives).size, `${rule} ran ${again[0]?.id} once a life`).to.equal(lives.length);
      for (const life of lives.slice(0, -1)) repeated.set(life, (repeated.get(life) ?? 0) + 1);
    }
    for (const [life, runs] of repeated)
      expect(runs, `${rule} at the end of life ${life}`).to.be.at.most(CONCURRENCY);
  }

  const trails = Map.groupBy(site.lines<TrailLine>('trailed.ndjson'), ({ id }) => id);
  for (const [id, steps] of trails) {
    const isSecondStep = steps.map(isLogged);
    expect(isSecondStep, `${id}: the first step is not run again once the second has begun`).to.deep.equal(
      isSecondStep.toSorted((a, b) => Number(a) - Number(b)),
    );
  }
}

/** Repeats aside, what a rule wrote of an item stands in the journal's order. */
function checkOrder(site: Site): void {
  for (const [rule, lines] of linesOf(site)) {
    for (const ofItem of Map.groupBy(lines, ({ itemId }) => itemId).values()) {
      for (const [at, line] of ofItem.entries()) {
        const before = ofItem[at - 1] ?? line;
        const told = `${rule}: ${JSON.stringify(before)} before ${JSON.stringify(line)}`;
        expect(line.seq, told).to.be.at.least(before.seq);
      }
    }
  }
}

describe('podiod killed with -9 under load', function () {
  // A minute on a machine that has nothing else to do.
  this.timeout(300_000);

  it(`loses nothing and repeats only what was in hand, ${KILLS} times over`, async () => {
    const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
    const random = makeRandom(seed);
    try {
      const site = await makeSite(
        { plugins, rules, defaults: { delivery: { concurrency: CONCURRENCY } } },
        podio,
      );
      site.copyPlugin('dawdle.ts');
      const load = await startLoad(site, random);
      const history = await liveAndDie(site, load, random);
      const last = await site.boot();
      await load.stop();
      await until(() => hasCaughtUp(last), 'the rules to catch up', 60_000);

      await checkNothingLost(site, load);
      checkNothingRepeated(site, history);
      checkOrder(site);
      expect(await site.hooks()).to.deep.equal(
        ['app/101', 'app/102'].flatMap(ref =>
          ['item.create', 'item.delete', 'item.update'].map(type => `${ref} ${type} active`),
        ),
      );
      expect(await last.end('SIGTERM')).to.equal(0);
    } catch (error) {
      throw new Error(`with SEED=${seed}: ${(error as Error).message}`, { cause: error });
    }
  });
});
