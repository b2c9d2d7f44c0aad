import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { openReader } from '../../src/store/index.ts';
import { temporaryFolder } from '../support/folder.ts';

const EVENTS = 40;

/** Of code that was read already: what is tested are the lives, dozens of them, and not their starts. */
const compiled = temporaryFolder();

interface Life {
  readonly dataDir: string;
  readonly ms: number;
  readonly rules?: readonly string[];
  /** `rule/item` of what kills the process. */
  readonly poison?: readonly string[];
  readonly speed?: number;
}

function startLife({ dataDir, ms, rules = ['r'], poison = [], speed = 1 }: Life) {
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      join(import.meta.dirname, 'poison-child.ts'),
      ...[dataDir, rules, EVENTS, ms, poison, speed].map(String),
    ],
    {
      env: { ...process.env, NODE_COMPILE_CACHE: compiled.path },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  return { child, begun: once(child.stdout, 'data'), exited: once(child, 'exit') };
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
    expect(found.filter(({ outcome }) => outcome !== 'settled').map(({ run }) => run)).to.deep.equal([
      'r/17',
    ]);
    expect(found).to.have.length(EVENTS);
  });

  it('is not found where processes are killed from outside, twenty times in quick succession', async function () {
    this.timeout(120_000);
    using folder = temporaryFolder();
    for (let kill = 0; kill < 20; kill++) {
      const life = startLife({ dataDir: folder.path, ms: 40 });
      const ended = await Promise.race([life.begun.then(() => false), life.exited.then(() => true)]);
      if (ended) break;
      await new Promise(resolve => setTimeout(resolve, Math.random() * 150));
      life.child.kill('SIGKILL');
      await life.exited;
    }
    const [code] = await startLife({ dataDir: folder.path, ms: 1 }).exited;
    expect(code).to.equal(0);
    const found = await outcomes(folder.path);
    expect(found.filter(({ outcome }) => outcome !== 'settled')).to.deep.equal([]);
    expect(found).to.have.length(EVENTS);
    expect(new Set(linesOf(folder.path, 'done')).size).to.equal(EVENTS);
  });

  it('is found in each of several rules, also while processes are killed from outside, and no innocent is', async function () {
    this.timeout(240_000);
    using folder = temporaryFolder();
    const rules = ['a', 'b', 'c'];
    const poison = ['a/3', 'b/20', 'b/3', 'c/39'];
    for (let kill = 0; kill < 20; kill++) {
      const life = startLife({ dataDir: folder.path, rules, ms: 30, poison });
      const ended = await Promise.race([life.begun.then(() => false), life.exited.then(() => true)]);
      if (!ended)
        await Promise.race([life.exited, new Promise(resolve => setTimeout(resolve, Math.random() * 150))]);
      life.child.kill('SIGKILL');
      await life.exited;
    }
    const before = await outcomes(folder.path);
    expect(before.filter(({ outcome }) => outcome !== 'settled')).to.deep.equal([]);
    const killedBy = (run: string) => linesOf(folder.path, 'died').filter(line => line === run).length;
    const sofar = new Map(poison.map(run => [run, killedBy(run)]));
    let lives = 0;
    for (let code: unknown = null; code !== 0 && lives < 20; lives++) {
      const life = startLife({ dataDir: folder.path, rules, ms: 2, poison, speed: 10 });
      [code] = await life.exited;
    }
    const found = await outcomes(folder.path);
    expect(found).to.have.length(rules.length * EVENTS);
    const parked = found.filter(({ outcome }) => outcome !== 'settled').map(({ run }) => run);
    expect(parked.toSorted()).to.deep.equal(poison);
    for (const run of poison) expect(killedBy(run) - (sofar.get(run) ?? 0), run).to.be.at.most(4);
  });
});
