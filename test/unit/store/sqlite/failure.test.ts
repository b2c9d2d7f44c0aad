import { expect } from 'chai';
import { failureOf, isPassing } from '../../../../src/store/sqlite/failure.ts';

const sqlite = (errcode: number): Error => Object.assign(new Error('said SQLite'), { errcode });

describe('an error of SQLite', () => {
  for (const [name, errcode, code, passes] of [
    ['SQLITE_BUSY_RECOVERY', 261, 'STORE_UNAVAILABLE', false],
    ['SQLITE_PROTOCOL', 15, 'STORE_UNAVAILABLE', true],
    ['SQLITE_SCHEMA', 17, 'STORE_UNAVAILABLE', true],
    ['SQLITE_CANTOPEN', 14, 'STORE_WRITE_FAILED', true],
    ['SQLITE_IOERR_READ', 266, 'STORE_WRITE_FAILED', false],
    ['SQLITE_NOTADB', 26, 'STORE_CORRUPT', false],
    ['SQLITE_ERROR', 1, 'INTERNAL', false],
  ] as const) {
    it(`${name} is ${code}${passes ? ', and may pass' : ''}`, () => {
      expect(failureOf(sqlite(errcode)).code).to.equal(code);
      expect(isPassing(sqlite(errcode))).to.equal(passes);
    });
  }
});
