import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { openReader } from '../../src/store/index.ts';
import { temporaryFolder } from '../support/folder.ts';

const EVENTS = 40;
const KILLS = 20;

/** Of code that was read already: what is tested are the lives, dozens of them, and not their starts. */
const compiled = temporaryFolder();

interface Life {
  readonly dataDir: string;
  readonly ms: number;
  readonly events?: number;
  readonly rules?: readonly string[];
  /** `rule/item` of what kills the process. */
  readonly poison?: readonly string[];
  readonly speed?: number;
}

function startLife({ dataDir, ms, events = EVENTS, rules = ['r'], poison = [], speed = 1 }: Life) {
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      join(import.meta.dirname, 'poison-child.ts'),
      ...[dataDir, rules, events, ms, poison, speed].map(String),
    ],
    {
      env: { ...process.env, NODE_COMPILE_CACHE: compiled.path },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  return { child, begun: once(child.stdout, 'data'), exited: once(child, 'exit') };
}

/** Lives, each killed from outside a moment after it has begun, unless it ends before. Answers how many were. */
async function killAgainAndAgain(life: Life): Promise<number> {
  let killed = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const { child, begun, exited } = startLife(life);
    await Promise.race([begun, exited]);
    await Promise.race([pause(Math.random() * 150), exited]);
    if (child.kill('SIGKILL')) killed += 1;
    await exited;
  }
  return killed;
}

async function outcomes(dataDir: string) {
  const reader = openReader(dataDir);
  try {
    const events = await reader.journal.list({ limit: 1000 });
    return events.flatMap(({ event, runs }) =>
      runs.map(({ rule, outcome }) => ({ run: `${rule}/${event.itemId}`, outcome })),
    );
  } finally {
    await reader.close();
  }
}

/** Those that did not end as they should, and how they did. */
const amiss = (found: Awaited<ReturnType<typeof outcomes>>): readonly string[] =>
  found.flatMap(({ run, outcome }) => (outcome === 'settled' ? [] : [`${run} ${outcome}`]));

const linesOf = (dataDir: string, file: string) =>
  readFileSync(join(dataDir, file), 'utf8').trim().split('\n');

describe('a plugin that kills the process', () => {
  after(() => compiled[Symbol.dispose]());

  it('costs the one event it does that on, and no other', async function () {
    this.timeout(60_000);
    using folder = temporaryFolder();
    let lives = 0;
    for (let code: unknown = null; code !== 0 && lives < 10; lives++) {
      const life = startLife({ dataDir: folder.path, ms: 2, poison: ['r/17'], speed: 10 });
      [code] = await life.exited;
    }
    expect(lives).to.equal(5);
    const found = await outcomes(folder.path);
    expect(amiss(found)).to.deep.equal(['r/17 parked']);
    expect(found).to.have.length(EVENTS);
  });

  it('is not found where processes are killed from outside, twenty times in quick succession', async function () {
    this.timeout(120_000);
    using folder = temporaryFolder();
    // More than so many short lives can get done.
    const events = 4 * EVENTS;
    expect(await killAgainAndAgain({ dataDir: folder.path, ms: 40, events })).to.equal(KILLS);
    expect((await outcomes(folder.path)).length).to.be.lessThan(events);
    const [code] = await startLife({ dataDir: folder.path, ms: 1, events }).exited;
    expect(code).to.equal(0);
    const found = await outcomes(folder.path);
    expect(amiss(found)).to.deep.equal([]);
    expect(found).to.have.length(events);
    expect(new Set(linesOf(folder.path, 'done')).size).to.equal(events);
  });

  it('is found in each of several rules, also while processes are killed from outside, and no innocent is', async function () {
    this.timeout(240_000);
    using folder = temporaryFolder();
    const rules = ['a', 'b', 'c'];
    const poison = ['a/3', 'b/20', 'b/3', 'c/39'];
    const killed = await killAgainAndAgain({ dataDir: folder.path, rules, ms: 30, poison });
    // The others have killed themselves.
    expect(killed).to.be.at.least(KILLS / 2);
    expect(amiss(await outcomes(folder.path))).to.deep.equal([]);
    const killedBy = (run: string) => linesOf(folder.path, 'died').filter(line => line === run).length;
    const sofar = new Map(poison.map(run => [run, killedBy(run)]));
    let lives = 0;
    for (let code: unknown = null; code !== 0 && lives < 20; lives++) {
      const life = startLife({ dataDir: folder.path, rules, ms: 2, poison, speed: 10 });
      [code] = await life.exited;
    }
    const found = await outcomes(folder.path);
    expect(found).to.have.length(rules.length * EVENTS);
    expect(amiss(found).toSorted()).to.deep.equal(poison.map(run => `${run} parked`));
    for (const run of poison) expect(killedBy(run) - (sofar.get(run) ?? 0), run).to.be.at.most(4);
  });
});
