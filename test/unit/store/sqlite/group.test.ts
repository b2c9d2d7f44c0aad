import { join } from 'node:path';
import { expect } from 'chai';
import { makeGroupRunner } from '../../../../src/store/sqlite/group.ts';
import { openForWriting } from '../../../../src/store/sqlite/schema.ts';
import { makeWrites } from '../../../../src/store/sqlite/writes/index.ts';
import { temporaryFolder } from '../../../support/folder.ts';

describe('a database that was opened anew after its disk failed', () => {
  it('still knows the leases that were given out before', () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'podiod.db');
    let firstEpoch: number | undefined;
    const open = () => {
      const db = openForWriting(path);
      const { operations, ...rest } = makeWrites(db, firstEpoch);
      ({ firstEpoch } = rest);
      const fill = () => {
        throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
      };
      return { db, operations: { ...operations, fill }, ...rest };
    };
    const { run, close } = makeGroupRunner(open(), open);
    const lane = { rule: 'r', shard: 0, of: 1 };
    const [taken] = run([['acquire', lane, 'head', 1]]);
    const lease = { rule: 'r', epoch: taken && 'value' in taken ? Number(taken.value) : 0 };
    expect(run([['fill']])).to.deep.equal([
      {
        failure: {
          code: 'STORE_WRITE_FAILED',
          message: "the database can't be opened or written: database or disk is full",
        },
      },
    ]);
    expect(run([['advance', lease, 5]])).to.deep.equal([{ value: undefined }]);
    close();
  });
});
