import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { openReader, openStore } from '../../../src/store/index.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { until } from '../../support/wait.ts';

const ROUNDS = 5;

/** Runs the child until it has said so many lines, kills it, and answers all that it said. */
async function killed(dataDir: string, round: number, wanted: number): Promise<readonly string[]> {
  const file = join(dataDir, `said-${round}`);
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'crash-child.ts'), dataDir, String(round), file],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const exited = once(child, 'exit');
  const lines = () => readFileSync(file, 'utf8').split('\n').slice(0, -1);
  try {
    await until(() => child.exitCode !== null || lines().length >= wanted, `${wanted} acknowledgements`);
  } finally {
    child.kill('SIGKILL');
  }
  expect(await exited).to.deep.equal([null, 'SIGKILL']);
  return lines();
}

describe('a store whose process is killed', () => {
  it('has all that it acknowledged, each once, and goes on', async () => {
    using folder = temporaryFolder();
    const acknowledged: string[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      acknowledged.push(...(await killed(folder.path, round, 100 + 137 * round)));

      // First as a command finds it, with the log that the dead process left.
      const reader = openReader(folder.path);
      const left = await reader.journal.list({ limit: 100_000 });
      await reader.close();

      const store = await openStore({ dataDir: folder.path });
      const listed = await store.journal.list({ limit: 100_000 });
      const head = store.journal.head();
      await store.close();
      expect(listed).to.deep.equal(left);
      expect(listed.map(({ event }) => event.seq)).to.deep.equal(
        Array.from({ length: head }, (_, i) => i + 1),
      );

      const found = new Set(
        listed.flatMap(({ event, runs }) => [`event ${event.id}`, ...runs.map(() => `run ${event.seq}`)]),
      );
      expect(acknowledged.filter(line => !found.has(line))).to.deep.equal([]);
      expect(new Set(listed.map(({ event }) => event.id)).size).to.equal(listed.length);
    }
    const db = new DatabaseSync(join(folder.path, 'podiod.db'));
    expect(db.prepare('PRAGMA integrity_check').get()).to.deep.include({ integrity_check: 'ok' });
    db.close();
  }).timeout(60_000);
});
