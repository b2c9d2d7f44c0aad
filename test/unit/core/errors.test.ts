import { expect } from 'chai';
import {
  coerceError,
  isPodiodError,
  PermanentError,
  PodioError,
  RetryAfter,
  UsageError,
} from '../../../src/core/errors.ts';

describe('errors', () => {
  it('say by themselves whether to try again', () => {
    expect(new PermanentError('gone').retry).to.equal('never');
    expect(new RetryAfter(1500).retry).to.deep.equal({ afterMs: 1500 });
    expect(new PodioError('PODIO_UNAVAILABLE', 'no answer').retry).to.equal('backoff');
  });

  it('are known by brand, so that another copy of podiod is understood', () => {
    const foreign = Object.assign(new Error('x'), {
      [Symbol.for('podiod.error')]: true,
      code: 'PLUGIN_PERMANENT',
      retry: 'never',
    });
    expect(isPodiodError(foreign)).to.equal(true);
    expect(isPodiodError(new Error('x'))).to.equal(false);
    expect(isPodiodError(null)).to.equal(false);
  });

  it('carry their class as name and their cause', () => {
    const cause = new Error('inner');
    const error = new PermanentError('outer', { cause });
    expect(error.name).to.equal('PermanentError');
    expect(error.cause).to.equal(cause);
    expect(new UsageError('x').name).to.equal('UsageError');
  });

  describe('coerceError', () => {
    it('makes an Error of anything thrown, and keeps what it was', () => {
      expect(coerceError('just a string').message).to.equal('just a string');
      expect(coerceError(undefined).message).to.equal('thrown: undefined');
      expect(coerceError({ message: 'like an error' }).message).to.equal('like an error');
      const error = new Error('as it is');
      expect(coerceError(error)).to.equal(error);
      expect(coerceError(7).cause).to.equal(7);
      expect(coerceError(Object.assign(new Error(), { message: { a: 1 } })).message).to.equal(
        '[object Object]',
      );
    });

    it('takes also what can not even be looked at', () => {
      const traps = new Proxy(new Error('x'), {
        get() {
          throw new Error('get');
        },
        getPrototypeOf() {
          throw new Error('getPrototypeOf');
        },
      });
      const mute = Object.defineProperty(new Error('x'), 'message', {
        get() {
          throw new Error('message');
        },
      });
      const textless = {
        toString() {
          throw new Error('toString');
        },
      };
      for (const thrown of [Object.create(null), textless, traps, mute])
        expect(coerceError(thrown).message).to.equal("thrown: an object that can't be read");
    });
  });
});
