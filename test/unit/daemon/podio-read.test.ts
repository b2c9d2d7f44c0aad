import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import { readForCommand } from '../../../src/daemon/podio-read.ts';
import type { Call, Identity } from '../../../src/podio/contract.ts';

const config = {
  apps: new Map([['leads', { name: 'leads', id: 101, token: 't', login: undefined, fields: {} }]]),
  logins: new Map([['bot', { name: 'bot', username: 'bot@example.com', password: 'p' }]]),
};

const reading = (answer: (as: Identity, call: Call) => unknown) => ({
  request: async (as: Identity, call: Call) => answer(as, call),
});

const get = { as: 'app/101', operation: 'items.get', path: '/item/7' };

describe('reading from Podio for a command', () => {
  it('is background work of whom the command names', async () => {
    const calls: unknown[] = [];
    const podio = reading((as, { method, path, priority }) => calls.push([as.kind, method, path, priority]));
    await readForCommand(podio, config, get);
    await readForCommand(podio, config, {
      ...get,
      as: 'login/bot@example.com',
      operation: 'items.filter',
      path: '/item/app/101/filter/',
      body: { limit: 1 },
    });
    expect(calls).to.deep.equal([
      ['app', 'GET', '/item/7', 'background'],
      ['login', 'POST', '/item/app/101/filter/', 'background'],
    ]);
  });

  it('is refused for what is no read, or for nobody that the config has', async () => {
    const podio = reading(() => expect.fail('must not be asked'));
    for (const request of [
      { ...get, operation: 'items.create', path: '/item/app/101/' },
      { ...get, path: '/item/7/value/status' },
      { ...get, path: '/item/7?x=1' },
      { ...get, operation: 'items.get', path: '/hook/app/101/' },
      { ...get, operation: 'items.filter', path: '/item/app/101/filter/../../7' },
      { ...get, operation: 'toString', path: '/item/7' },
      { ...get, as: 'app/102' },
    ]) {
      const error = await readForCommand(podio, config, request).catch((thrown: Error) => thrown);
      expect(error, JSON.stringify(request)).to.include({ code: 'USAGE' });
    }
  });

  it('never has an app’s token', async () => {
    const podio = reading(() => ({ app_id: 101, token: 'secret', fields: [] }));
    const answer = await readForCommand(podio, config, { ...get, operation: 'apps.get', path: '/app/101' });
    expect(answer).to.deep.equal({ answer: { app_id: 101, fields: [] } });
  });

  it('answers with the wait where no call can be made now, and with what Podio refuses', async () => {
    const limited = reading(() => {
      throw new PodioError('PODIO_RATE_LIMITED', 'not now', { retry: { afterMs: 5000 } });
    });
    expect(await readForCommand(limited, config, get)).to.deep.equal({
      failed: { code: 'PODIO_RATE_LIMITED', message: 'not now', afterMs: 5000 },
    });
    const gone = reading(() => {
      throw new PodioError('PODIO_NOT_FOUND', 'gone', { retry: 'never' });
    });
    expect(await readForCommand(gone, config, get)).to.deep.equal({
      failed: { code: 'PODIO_NOT_FOUND', message: 'gone' },
    });
  });
});
