// What waits for the disk and what does not. Flushes are held and counted by a shim, so it is the order that tells, not the time.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { temporaryFolder } from '../../../support/folder.ts';
import { until } from '../../../support/wait.ts';
import { compileFaults, makeFaults } from '../../../torture/faults.ts';

const WRITES = ['append', 'advance', 'keep'];
const READS = ['list', 'look', 'status'];

const numbered = (names: readonly string[], count: number, from: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `${names[n % names.length]} ${from + n}`);

/** A store that has written before, in a process of its own. */
async function startStore() {
  const folder = temporaryFolder();
  const dataDir = join(folder.path, 'data');
  mkdirSync(dataDir, 0o700);
  const faults = makeFaults(compileFaults(folder.path), folder.path, dataDir);
  const child = spawn(
    process.execPath,
    ['--conditions=source', join(import.meta.dirname, 'flush-child.ts'), dataDir],
    { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...faults.env } },
  );
  const exited = once(child, 'exit');
  /** In the order in which it was done. */
  const done: string[] = [];
  createInterface({ input: child.stdout }).on('line', line => done.push(line));
  const areDone = (lines: readonly string[]) =>
    until(() => lines.every(line => done.includes(line)), `${lines} to be done`);
  const ask = (lines: readonly string[]) => child.stdin.write(lines.map(line => `${line}\n`).join(''));
  ask(['append 1']);
  await areDone(['append 1']);
  return {
    faults,
    done,
    ask,
    areDone,
    /** Writes, and resolves when the flush of it has begun, which is held. */
    async hold(line: string) {
      const before = faults.flushes();
      faults.hold(true);
      ask([line]);
      await until(() => faults.flushes() > before, 'the flush to begin');
    },
    async [Symbol.asyncDispose]() {
      faults.hold(false);
      child.stdin.end();
      await exited;
      faults.close();
      folder[Symbol.dispose]();
    },
  };
}

// The shim comes by LD_PRELOAD.
if (process.platform === 'linux') {
  describe('a store whose disk is slow', function () {
    this.timeout(30_000);

    it('says of nothing that it is written before it is flushed', async () => {
      await using store = await startStore();
      await store.hold('append 2');
      store.ask(numbered(WRITES, 9, 3));
      store.ask(numbered(['turn'], 100, 0));
      await store.areDone(['turn 99']);
      expect(store.done.filter(line => !line.startsWith('turn'))).to.deep.equal(['append 1']);
      store.faults.hold(false);
      await store.areDone(['append 2', ...numbered(WRITES, 9, 3)]);
    });

    it('writes with one flush what came while another one was under way', async () => {
      await using store = await startStore();
      await store.hold('append 2');
      const writes = numbered(WRITES, 60, 3);
      store.ask(writes);
      // They stand in line by then.
      store.ask(['turn 1']);
      await store.areDone(['turn 1']);
      const before = store.faults.flushes();
      store.faults.hold(false);
      await store.areDone(writes);
      // One more where the log is moved into the database just then.
      expect(store.faults.flushes() - before).to.be.within(1, 3);
    });

    it('reads meanwhile, and leaves the event loop to others', async () => {
      await using store = await startStore();
      await store.hold('append 2');
      const reads = numbered(READS, 30, 0);
      store.ask(reads);
      await store.areDone(reads);
      // One after the other: each waits for a turn of the loop.
      for (const turn of numbered(['turn'], 100, 0)) {
        store.ask([turn]);
        await store.areDone([turn]);
      }
      expect(store.done).to.not.include('append 2');
      store.faults.hold(false);
      await store.areDone(['append 2']);
    });
  });
}
