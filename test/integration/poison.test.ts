import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { openReader } from '../../src/store/index.ts';
import { temporaryFolder } from '../support/folder.ts';

const EVENTS = 40;

interface Life {
  readonly dataDir: string;
  readonly ms: number;
  readonly poison?: number;
  readonly speed?: number;
}

function startLife({ dataDir, ms, poison = 0, speed = 1 }: Life) {
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      join(import.meta.dirname, 'poison-child.ts'),
      ...[dataDir, EVENTS, ms, poison, speed].map(String),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  return { child, begun: once(child.stdout, 'data'), exited: once(child, 'exit') };
}

async function outcomes(dataDir: string) {
  const reader = openReader(dataDir);
  try {
    const events = await reader.journal.list({ limit: 1000 });
    return events.flatMap(({ event, runs }) => runs.map(({ outcome }) => ({ item: event.itemId, outcome })));
  } finally {
    await reader.close();
  }
}

const itemsDone = (dataDir: string) =>
  readFileSync(join(dataDir, 'done'), 'utf8').trim().split('\n').map(Number);

describe('a plugin that kills the process', () => {
  it('costs the one event it does that on, and no other', async function () {
    this.timeout(60_000);
    using folder = temporaryFolder();
    let lives = 0;
    for (let code: unknown = null; code !== 0 && lives < 10; lives++) {
      const life = startLife({ dataDir: folder.path, ms: 2, poison: 17, speed: 10 });
      [code] = await life.exited;
    }
    expect(lives).to.equal(5);
    const found = await outcomes(folder.path);
    expect(found.filter(({ outcome }) => outcome !== 'settled').map(({ item }) => item)).to.deep.equal([17]);
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
    expect(new Set(itemsDone(folder.path)).size).to.equal(EVENTS);
  });
});
