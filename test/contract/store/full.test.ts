import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { openStore } from '../../../src/store/index.ts';
import { temporaryFolder } from '../../support/folder.ts';

// A limit on the size of files stands in for a full disk; prlimit, which lifts it again, is Linux's.
if (process.platform === 'linux') {
  describe('a store whose disk is full', () => {
    it('refuses what it can not write, keeps what it has, and works again when there is room', async () => {
      using folder = temporaryFolder();
      const child = spawn(
        'sh',
        [
          '-c',
          'ulimit -S -f 2000; exec "$@"',
          'sh',
          process.execPath,
          join(import.meta.dirname, 'full-child.ts'),
          folder.path,
        ],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      );
      const exited = once(child, 'exit');
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const say = async () => JSON.parse(String((await lines.next()).value));

      const full = await say();
      expect(full).to.deep.include({
        code: 'STORE_WRITE_FAILED',
        again: 'STORE_WRITE_FAILED',
        head: full.taken,
      });
      expect(full.taken).to.be.greaterThan(10);

      const lifted = spawnSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:'], {
        encoding: 'utf8',
      });
      expect(lifted.stderr).to.equal('');
      child.stdin.write('go on\n');
      const seq = full.taken + 1;
      expect(await say()).to.deep.equal({ id: `item.update:${seq}:1`, status: 'released', seq });
      expect(await exited).to.deep.equal([0, null]);

      const store = await openStore({ dataDir: folder.path });
      const { entries } = await store.journal.read({ after: 0, limit: 100_000 });
      await store.close();
      expect(entries.map(({ event }) => event.itemId)).to.deep.equal(
        Array.from({ length: seq }, (_, i) => i + 1),
      );
    }).timeout(60_000);
  });
}
