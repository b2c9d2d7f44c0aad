import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { openReader } from '../../../src/store/index.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { compileFaults, makeFaults, type Sickness } from '../../torture/faults.ts';

const SICKNESSES: readonly Sickness[] = [
  { error: 'ENOSPC', calls: ['writes'], permille: 1000 },
  { error: 'EIO', calls: ['flushes'], permille: 1000 },
  { error: 'EIO', calls: ['reads', 'writes', 'flushes', 'truncates'], permille: 1000 },
  { error: 'EIO', calls: ['reads', 'writes'], permille: 250 },
  { error: 'ENOSPC', calls: ['reads', 'writes', 'flushes', 'truncates'], permille: 500 },
];

// The faults come by LD_PRELOAD.
if (process.platform === 'linux') {
  describe('a store whose disk is sick', () => {
    it('refuses what it can not do, and works again by itself when the disk does', async () => {
      using folder = temporaryFolder();
      const dataDir = join(folder.path, 'data');
      mkdirSync(dataDir);
      const faults = makeFaults(compileFaults(folder.path), folder.path, dataDir);
      const child = spawn(
        process.execPath,
        ['--conditions=source', join(import.meta.dirname, 'sick-child.ts'), dataDir],
        { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...faults.env } },
      );
      const exited = once(child, 'exit');
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const acknowledged: number[] = [];
      const ask = async () => {
        child.stdin.write('go on\n');
        const { value, done } = await lines.next();
        if (done) throw new Error('the store’s process has ended');
        const said = JSON.parse(String(value)) as {
          item: number;
          appended?: string;
          moved?: string;
          listed?: string;
        };
        if (said.appended === undefined) acknowledged.push(said.item);
        return said;
      };
      for (const sickness of [...SICKNESSES, ...SICKNESSES]) {
        const told = JSON.stringify(sickness);
        expect(await ask(), told).to.not.have.any.keys('appended', 'moved', 'listed');
        faults.disk(sickness);
        const codes = new Set<string | undefined>();
        for (let n = 0; n < 40; n++) codes.add((await ask()).appended);
        faults.disk(undefined);
        codes.delete(undefined);
        expect([...codes], told).to.not.deep.equal([]);
        for (const code of codes) expect(code, told).to.be.oneOf(['STORE_WRITE_FAILED', 'STORE_CORRUPT']);
      }
      // The lane's lease is as good as before.
      expect(await ask()).to.not.have.any.keys('appended', 'moved', 'listed');
      child.stdin.end();
      expect(await exited).to.deep.equal([0, null]);
      expect(faults.failed()).to.be.greaterThan(0);
      faults.close();

      const reader = openReader(dataDir);
      const found = new Set((await reader.journal.list({ limit: 100_000 })).map(({ event }) => event.itemId));
      await reader.close();
      expect(acknowledged.filter(item => !found.has(item))).to.deep.equal([]);
    }).timeout(60_000);
  });
}
