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

const get = { as: 'app/101', method: 'GET', path: '/item/7' } as const;

describe('reading from Podio for a command', () => {
  it('is background work of whom the command names', async () => {
    const calls: unknown[] = [];
    const podio = reading((as, { method, path, priority }) => calls.push([as.kind, method, path, priority]));
    await readForCommand(podio, config, get);
    await readForCommand(podio, config, {
      ...get,
      as: 'login/bot@example.com',
      method: 'POST',
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
      { ...get, method: 'POST', path: '/item/app/101/' },
      { ...get, method: 'POST', path: '/item/app/101/filter/../../7' },
      { ...get, method: 'POST', path: '/task/?x=/search/' },
      // Their URLs have keys in them.
      { ...get, path: '/hook/app/101/' },
      { ...get, path: '/item/../hook/app/101/' },
      { ...get, path: '/item/%2e%2e/hook/app/101/' },
      { ...get, path: '/%68ook/app/101/' },
      { ...get, path: '/HOOK/app/101/' },
      { ...get, path: '/linked_account/' },
      { ...get, path: '/oauth/token/v2' },
      { ...get, as: 'app/102' },
    ] as const) {
      const error = await readForCommand(podio, config, request).catch((thrown: Error) => thrown);
      expect(error, JSON.stringify(request)).to.include({ code: 'USAGE' });
    }
    for (const path of ['https://elsewhere.example/item/7', '//elsewhere.example/item/7', 'item/7']) {
      const error = await readForCommand(podio, config, { ...get, path }).catch((thrown: Error) => thrown);
      expect(error, path).to.include({ code: 'PODIO_INVALID' });
    }
  });

  it('never has an app’s token', async () => {
    const app = { app_id: 101, fields: [{ external_id: 'token', config: { label: 'Token' } }] };
    for (const [path, whole, rest] of [
      ['/app/101', { ...app, token: 'secret' }, app],
      ['/app/space/1/', [{ ...app, token: 'secret' }], [app]],
      ['/item/7', { item_id: 7, app: { ...app, token: 'secret' } }, { item_id: 7, app }],
    ] as const) {
      const answer = await readForCommand(
        reading(() => whole),
        config,
        { ...get, path },
      );
      expect(answer).to.deep.equal({ answer: rest });
    }
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
