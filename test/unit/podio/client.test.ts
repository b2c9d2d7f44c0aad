import { expect } from 'chai';
import type { PodioError } from '../../../src/core/errors.ts';
import type { Identity } from '../../../src/podio/contract.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { until } from '../../support/wait.ts';
import { ERROR, makeClient, makeSettings, type Received, type Reply, startStub } from './support.ts';

const LEADS: Identity = { kind: 'app', appId: 101, token: 'S3CRET-app' };
const BOT: Identity = { kind: 'login', name: 'bot', username: 'bot@example.com', password: 'S3CRET-pass' };
const APP = { app_id: 101, fields: [], config: { name: 'Leads' }, status: 'active' };
const HOUR = 3_600_000;

/** A small Podio that gives tokens and knows which of them are good. */
function makePodio(answer: (request: Received) => Reply = () => ({ body: APP })) {
  const good = new Set<string>();
  const refreshable = new Set<string>();
  const grants: string[] = [];
  let given = 0;
  return {
    grants,
    revoke: () => good.clear(),
    kill: () => refreshable.clear(),
    answer(request: Received): Reply {
      if (!request.path.startsWith('/oauth/token')) {
        const token = request.headers.authorization?.replace('OAuth2 ', '') ?? '';
        return good.has(token)
          ? answer(request)
          : { status: 401, body: ERROR('unauthorized', 'expired_token') };
      }
      const body: Record<string, unknown> = JSON.parse(request.body);
      const grant = String(body.grant_type);
      grants.push(grant);
      if (grant === 'refresh_token' && !refreshable.delete(String(body.refresh_token))) {
        return { status: 400, body: ERROR('invalid_grant', `bad ${body.refresh_token}`) };
      }
      given += 1;
      good.add(`access-${given}`);
      refreshable.add(`refresh-${given}`);
      return {
        body: {
          access_token: `access-${given}`,
          refresh_token: `refresh-${given}`,
          expires_in: 28_800,
          token_type: 'bearer',
        },
      };
    },
  };
}

const failure = async (promise: Promise<unknown>): Promise<PodioError> => {
  try {
    await promise;
  } catch (error) {
    return error as PodioError;
  }
  throw new Error('it did not fail');
};

describe('podio client', () => {
  describe('tokens', () => {
    it('logs an app in as documented, by JSON, and calls with the token', async () => {
      const podio = makePodio();
      await using stub = await startStub(podio.answer);
      await makeClient(stub.url).client.apps.get(LEADS, 101);
      const [login, call] = stub.received;
      expect(login).to.include({ method: 'POST', path: '/oauth/token/v2' });
      expect(login?.headers['content-type']).to.equal('application/json');
      expect(JSON.parse(login?.body ?? '')).to.deep.equal({
        grant_type: 'app',
        app_id: 101,
        app_token: 'S3CRET-app',
        client_id: 'client-1',
        client_secret: 'S3CRET-client',
      });
      expect(call?.headers.authorization).to.equal('OAuth2 access-1');
    });

    it('logs a user in by form at the old endpoint', async () => {
      await using stub = await startStub(({ path }) =>
        path === '/oauth/token' ? { body: { access_token: 'a', expires_in: 60 } } : { body: APP },
      );
      await makeClient(stub.url, { tokenEndpoint: 'v1' }).client.apps.get(BOT, 101);
      const [login] = stub.received;
      expect(login?.headers['content-type']).to.equal('application/x-www-form-urlencoded');
      expect(Object.fromEntries(new URLSearchParams(login?.body))).to.deep.equal({
        grant_type: 'password',
        username: 'bot@example.com',
        password: 'S3CRET-pass',
        client_id: 'client-1',
        client_secret: 'S3CRET-client',
      });
    });

    it('logs in once for fifty calls at the same time', async () => {
      const podio = makePodio();
      await using stub = await startStub(podio.answer);
      const { client } = makeClient(stub.url);
      await Promise.all(Array.from({ length: 50 }, () => client.apps.get(LEADS, 101)));
      expect(podio.grants).to.deep.equal(['app']);
    });

    it('needs no login after a restart', async () => {
      const podio = makePodio();
      await using stub = await startStub(podio.answer);
      const settings = makeSettings();
      await makeClient(stub.url, { settings }).client.apps.get(LEADS, 101);
      await makeClient(stub.url, { settings }).client.apps.get({ ...LEADS, token: undefined }, 101);
      expect(podio.grants).to.deep.equal(['app']);
    });

    it('never shows a kept token to another server or for another client', async () => {
      const podio = makePodio();
      await using stub = await startStub(podio.answer);
      const settings = makeSettings();
      await makeClient(stub.url, { settings }).client.apps.get(LEADS, 101);
      await using other = await startStub(podio.answer);
      await makeClient(other.url, { settings }).client.apps.get(LEADS, 101);
      await makeClient(other.url, { settings, clientId: 'client-2' }).client.apps.get(LEADS, 101);
      expect(podio.grants).to.deep.equal(['app', 'app', 'app']);
      expect(other.received.some(({ headers }) => headers.authorization === 'OAuth2 access-1')).to.equal(
        false,
      );
    });

    it('renews before the end without holding calls up, and after the end before them', async () => {
      const podio = makePodio();
      await using stub = await startStub(podio.answer);
      const { client, clock } = makeClient(stub.url);
      await client.apps.get(LEADS, 101);
      await clock.advance(8 * HOUR - 60_000);
      await client.apps.get(LEADS, 101);
      await client.apps.get(LEADS, 101);
      expect(podio.grants).to.deep.equal(['app', 'refresh_token']);
      await clock.advance(8 * HOUR);
      await client.apps.get(LEADS, 101);
      expect(podio.grants).to.deep.equal(['app', 'refresh_token', 'refresh_token']);
    });

    it('refreshes once for fifty calls that find the token revoked', async () => {
      const podio = makePodio();
      await using stub = await startStub(podio.answer);
      const { client } = makeClient(stub.url);
      await client.apps.get(LEADS, 101);
      podio.revoke();
      await Promise.all(Array.from({ length: 50 }, () => client.apps.get(LEADS, 101)));
      expect(podio.grants).to.deep.equal(['app', 'refresh_token']);
    });

    it('logs in once more when the refresh token is dead too', async () => {
      const podio = makePodio();
      await using stub = await startStub(podio.answer);
      const { client } = makeClient(stub.url);
      await client.apps.get(LEADS, 101);
      podio.revoke();
      podio.kill();
      await Promise.all(Array.from({ length: 50 }, () => client.apps.get(LEADS, 101)));
      expect(podio.grants).to.deep.equal(['app', 'refresh_token', 'app']);
    });

    it('gives up after one refresh and one login, and does not begin again with the next call', async () => {
      const podio = makePodio(() => ({ status: 401, body: ERROR('unauthorized', 'expired_token') }));
      await using stub = await startStub(podio.answer);
      const { client } = makeClient(stub.url);
      expect(await failure(client.apps.get(LEADS, 101))).to.include({ code: 'PODIO_UNAUTHORIZED' });
      expect(podio.grants).to.deep.equal(['app', 'refresh_token', 'app']);
      expect(await failure(client.apps.get(LEADS, 101))).to.include({ code: 'PODIO_UNAUTHORIZED' });
      expect(podio.grants).to.have.length(3);
    });

    it('does not repeat refused credentials at once', async () => {
      await using stub = await startStub(() => ({
        status: 400,
        body: ERROR('invalid_grant', 'app_token S3CRET-app is wrong'),
      }));
      const { client, clock } = makeClient(stub.url);
      const error = await failure(client.apps.get(LEADS, 101));
      expect(error).to.include({ code: 'PODIO_UNAUTHORIZED', error: 'invalid_grant', retry: 'backoff' });
      expect(error.message).to.equal('POST /oauth/token/v2 refused app 101 with 400: invalid_grant');
      expect(error.hint).to.contain('under Developer');
      expect(await failure(client.apps.get(LEADS, 101))).to.equal(error);
      expect(stub.received).to.have.length(1);
      await clock.advance(5_000);
      await failure(client.apps.get(LEADS, 101));
      expect(stub.received).to.have.length(2);
    });

    it('says that a second factor can not be given', async () => {
      await using stub = await startStub(() => ({ body: { server_nonce: 'S3CRET-nonce' } }));
      const error = await failure(makeClient(stub.url).client.apps.get(BOT, 101));
      expect(error).to.include({ code: 'PODIO_UNAUTHORIZED' });
      expect(error.message).to.equal("login bot has a second factor, which a daemon can't give");
    });

    it('says where to look: API key, endpoint', async () => {
      const hintFor = async (status: number, body: unknown) => {
        await using stub = await startStub(() => ({ status, body }));
        return (await failure(makeClient(stub.url).client.apps.get(BOT, 101))).hint;
      };
      expect(await hintFor(400, ERROR('invalid_client'))).to.contain('podio.clientId');
      expect(await hintFor(400, ERROR('invalid_grant'))).to.contain('logins.bot');
      expect(await hintFor(404, ERROR('not_found'))).to.contain('tokenEndpoint: v1');
    });

    it('never takes a missing token endpoint for a missing object', async () => {
      await using stub = await startStub(() => ({ status: 404, body: ERROR('not_found') }));
      const error = await failure(makeClient(stub.url).client.hooks.delete(LEADS, 7));
      expect(error).to.include({ code: 'PODIO_UNAUTHORIZED', status: 404 });
    });

    it('uses what is kept of an identity without credentials, and forgets it when it is dead', async () => {
      const podio = makePodio();
      await using stub = await startStub(podio.answer);
      const { client, settings } = makeClient(stub.url);
      await client.apps.get(LEADS, 101);
      podio.revoke();
      podio.kill();
      const error = await failure(client.apps.get({ ...LEADS, token: undefined }, 101));
      expect(error.message).to.match(/^app 101 is no longer in the config/);
      expect(settings.all.size).to.equal(0);
    });

    it('goes on with a token that could not be kept', async () => {
      const podio = makePodio();
      await using stub = await startStub(podio.answer);
      const settings = makeSettings();
      settings.set = () => Promise.reject(new Error('disk full'));
      settings.get = () => Promise.reject(new Error('disk broken'));
      const { client, lines } = makeClient(stub.url, { settings });
      await client.apps.get(LEADS, 101);
      await client.apps.get(LEADS, 101);
      expect(podio.grants).to.deep.equal(['app']);
      expect(lines.filter(({ level }) => level === 'warn')).to.have.length(2);
    });

    it('waits as long as a login is told to wait, for that identity only', async () => {
      const podio = makePodio();
      let limited = true;
      await using stub = await startStub(request =>
        limited && request.path.startsWith('/oauth') && request.body.includes('password')
          ? { status: 420, body: ERROR('rate_limit', 'Please wait 300 seconds') }
          : podio.answer(request),
      );
      const { client, clock } = makeClient(stub.url);
      expect((await failure(client.apps.get(BOT, 101))).retry).to.deep.equal({ afterMs: 300_000 });
      limited = false;
      await clock.advance(100_000);
      expect((await failure(client.apps.get(BOT, 101))).retry).to.deep.equal({ afterMs: 200_000 });
      await client.apps.get(LEADS, 101);
      await clock.advance(200_000);
      await client.apps.get(BOT, 101);
      expect(podio.grants).to.deep.equal(['app', 'password']);
    });
  });

  describe('limits', () => {
    it('stops everything of an identity for as long as a 420 says', async () => {
      let status = 420;
      const podio = makePodio(() => ({
        status,
        body: status === 420 ? ERROR('rate_limit', 'wait 120 seconds') : APP,
      }));
      await using stub = await startStub(podio.answer);
      const { client, clock } = makeClient(stub.url);
      const error = await failure(client.apps.get(LEADS, 101));
      expect(error).to.include({ code: 'PODIO_RATE_LIMITED', status: 420 });
      expect(error.retry).to.deep.equal({ afterMs: 120_000 });
      status = 200;
      await clock.advance(50_000);
      const early = await failure(
        client.hooks.list(LEADS, { type: 'app', id: 101 }, { priority: 'handshake' }),
      );
      expect(early.retry).to.deep.equal({ afterMs: 70_000 });
      expect(client.budgets()).to.deep.equal([
        { identity: 'app/101', general: undefined, limited: undefined, pausedMs: 70_000 },
      ]);
      await client.apps.get(BOT, 101);
      await clock.advance(70_000);
      await client.apps.get(LEADS, 101);
    });

    it('goes on waiting after a restart, no longer than it was told whatever the clock says', async () => {
      let status = 420;
      const podio = makePodio(() => ({
        status,
        body: status === 420 ? ERROR('rate_limit', 'wait 120 seconds') : APP,
      }));
      await using stub = await startStub(podio.answer);
      const { client, clock, settings } = makeClient(stub.url);
      await failure(client.apps.get(LEADS, 101));
      status = 200;
      await until(() => settings.all.has('budget/app/101'), 'it to be kept');
      const startedAgain = () => makeClient(stub.url, { settings, clock });
      await clock.advance(50_000);
      const before = stub.received.length;
      expect((await failure(startedAgain().client.apps.get(LEADS, 101))).retry).to.deep.equal({
        afterMs: 70_000,
      });
      clock.jump(-HOUR);
      expect((await failure(startedAgain().client.apps.get(LEADS, 101))).retry).to.deep.equal({
        afterMs: 120_000,
      });
      expect(stub.received.length).to.equal(before);
      clock.jump(HOUR);
      await clock.advance(70_000);
      await startedAgain().client.apps.get(LEADS, 101);
    });

    it('goes on waiting with logins after a restart', async () => {
      const podio = makePodio();
      let limited = true;
      await using stub = await startStub(request =>
        limited
          ? { status: 420, body: ERROR('rate_limit', 'Please wait 300 seconds') }
          : podio.answer(request),
      );
      const { client, clock, settings } = makeClient(stub.url);
      await failure(client.apps.get(BOT, 101));
      limited = false;
      const [key = ''] = await until(
        () => settings.all.size > 0 && [...settings.all.keys()],
        'it to be kept',
      );
      expect(key).to.match(/^budget\/login\//);
      await clock.advance(100_000);
      const again = makeClient(stub.url, { settings, clock });
      expect((await failure(again.client.apps.get(BOT, 101))).retry).to.deep.equal({ afterMs: 200_000 });
      await clock.advance(200_000);
      await again.client.apps.get(BOT, 101);
    });

    for (const [ceiling, share] of [
      ['1000', 10],
      ['2000', 20],
    ] as const)
      it(`gives background work no second share of ${ceiling} calls because of a restart, and no smaller one`, async () => {
        const podio = makePodio(() => ({
          body: APP,
          headers: { 'X-Rate-Limit-Limit': ceiling, 'X-Rate-Limit-Remaining': '900' },
        }));
        await using stub = await startStub(podio.answer);
        const clock = makeVirtualClock();
        const settings = makeSettings();
        const options = { settings, clock, backgroundShare: 0.01 };
        let done = 0;
        for (let start = 0; start < 4; start++) {
          const { client } = makeClient(stub.url, options);
          for (let n = 0; n < 6; n++) {
            const [{ status }] = await Promise.allSettled([
              client.apps.get(LEADS, 101, { priority: 'background' }),
            ]);
            if (status === 'fulfilled') done += 1;
          }
          // Live work has what it needs.
          await client.apps.get(LEADS, 101);
          await clock.advance(60_000);
        }
        expect(done).to.equal(share);
        await clock.advance(HOUR);
        await makeClient(stub.url, options).client.apps.get(LEADS, 101, { priority: 'background' });
      });

    it('refuses the calls that already stood in line when the 420 came', async () => {
      const podio = makePodio(() => ({ status: 420, body: ERROR('rate_limit', 'wait 60 seconds') }));
      await using stub = await startStub(podio.answer);
      const { client, calls } = makeClient(stub.url);
      const errors = await Promise.all(
        Array.from({ length: 30 }, () => failure(client.apps.get(LEADS, 101))),
      );
      expect(new Set(errors.map(({ code }) => code))).to.deep.equal(new Set(['PODIO_RATE_LIMITED']));
      expect(calls.filter(call => call === 'apps.get 420').length).to.be.at.most(6);
    });

    it('stays inside what the headers say', async () => {
      let left = 12;
      const podio = makePodio(() => {
        left -= 1;
        return left < 0
          ? { status: 420, body: ERROR('rate_limit', 'wait 300 seconds') }
          : { body: APP, headers: { 'X-Rate-Limit-Limit': '12', 'X-Rate-Limit-Remaining': String(left) } };
      });
      await using stub = await startStub(podio.answer);
      const { client, calls } = makeClient(stub.url);
      await client.apps.get(LEADS, 101);
      const results = await Promise.allSettled(Array.from({ length: 30 }, () => client.apps.get(LEADS, 101)));
      expect(results.filter(({ status }) => status === 'fulfilled')).to.have.length(10);
      expect(calls.filter(call => call.endsWith('420'))).to.deep.equal([]);
      expect(client.budgets()[0]?.general).to.deep.equal({ limit: 12, remaining: 1 });
    });

    it('tells a call of a step at once how long the line is, and serves who waits in it', async () => {
      const podio = makePodio();
      const held: (() => void)[] = [];
      let holds = false;
      await using stub = await startStub(async request => {
        if (holds) await new Promise<void>(resolve => held.push(resolve));
        return podio.answer(request);
      });
      const { client, clock } = makeClient(stub.url);
      await client.apps.get(LEADS, 101);
      holds = true;
      const calls = Array.from({ length: 8 }, () => client.apps.get(LEADS, 101));
      await until(() => held.length === 6, 'six calls');
      const refused = failure(client.apps.get(LEADS, 101, { patienceMs: 2000 }));
      await clock.advance(2000);
      const error = await refused;
      expect(error.code).to.equal('PODIO_RATE_LIMITED');
      expect(error.retry).to.have.property('afterMs').that.is.within(100, 30_000);
      holds = false;
      for (const answer of held) answer();
      await Promise.all(calls);
      expect(stub.received.filter(({ path }) => path === '/app/101')).to.have.length(9);
    });

    it('does not keep a call of a step waiting for other logins, and has the token when it comes again', async () => {
      const podio = makePodio();
      await using stub = await startStub(podio.answer);
      const { client, clock } = makeClient(stub.url);
      const others = Array.from({ length: 15 }, (_, n) =>
        client.apps.get({ kind: 'app', appId: 200 + n, token: 'S3CRET-app' }, 101),
      );
      await until(() => podio.grants.length === 5, 'the logins that may come at once');
      const early = client.apps.get(LEADS, 101, { patienceMs: 2000 });
      const told = failure(early);
      // The first look at the store comes before the place in the line is known.
      await clock.advance(0);
      await clock.advance(2000);
      const error = await told;
      expect(error.code).to.equal('PODIO_RATE_LIMITED');
      const { afterMs } = error.retry as { afterMs: number };
      expect(afterMs).to.be.within(1000, 10_000);
      // Who asks now is told without any wait.
      const { retry } = await failure(client.apps.get(LEADS, 101, { patienceMs: 0 }));
      expect(retry).to.deep.equal({ afterMs });
      await clock.advance(10_000);
      await Promise.all(others);
      await until(() => podio.grants.length === 16, 'all logins');
      await client.apps.get(LEADS, 101, { patienceMs: 2000 });
      expect(podio.grants).to.have.length(16);
    });

    it('has six calls on their way at most, and lets a handshake go before what waits', async () => {
      const podio = makePodio();
      const held: (() => void)[] = [];
      let holds = false;
      await using stub = await startStub(async request => {
        if (holds) await new Promise<void>(resolve => held.push(resolve));
        return request.path.startsWith('/hook') ? {} : podio.answer(request);
      });
      const { client } = makeClient(stub.url);
      await client.apps.get(LEADS, 101);
      holds = true;
      const calls = Array.from({ length: 30 }, () => client.apps.get(LEADS, 101, { priority: 'background' }));
      const handshake = client.hooks.validate(LEADS, 7, 'c0de', { priority: 'handshake' });
      await until(() => held.length === 6, 'six calls');
      held.pop()?.();
      await until(() => held.length === 6, 'the call after them');
      expect(stub.received).to.have.length(2 + 7);
      expect(stub.received.at(-1)?.path).to.equal('/hook/7/verify/validate');
      holds = false;
      for (const release of held) release();
      await Promise.all([...calls, handshake]);
    });
  });

  describe('failures', () => {
    it('survives answers that are no JSON', async () => {
      let status = 502;
      const podio = makePodio(() => ({ status, body: '<html>Bad gateway</html>' }));
      await using stub = await startStub(podio.answer);
      const { client } = makeClient(stub.url);
      expect(await failure(client.apps.get(LEADS, 101))).to.include({
        code: 'PODIO_UNAVAILABLE',
        status: 502,
        message: 'GET /app/101 answered 502',
      });
      status = 200;
      expect((await failure(client.apps.get(LEADS, 101))).message).to.equal(
        'GET /app/101 was answered with something else than JSON',
      );
    });

    it('refuses at once while Podio is down, and goes on when it is back', async () => {
      let down = true;
      const podio = makePodio(() => (down ? { status: 503 } : { body: APP }));
      await using stub = await startStub(podio.answer);
      const { client, clock } = makeClient(stub.url);
      for (let n = 0; n < 3; n++) await failure(client.apps.get(LEADS, 101));
      const before = stub.received.length;
      const refused = await failure(client.apps.get(BOT, 101));
      expect(refused).to.include({ code: 'PODIO_UNAVAILABLE' });
      expect(refused.retry).to.deep.equal({ afterMs: 1_000 });
      expect(stub.received).to.have.length(before);
      down = false;
      await clock.advance(1_000);
      await client.apps.get(LEADS, 101);
      await client.apps.get(BOT, 101);
    });

    it('a call given up leaves its place to others', async () => {
      const podio = makePodio(({ path }) => (path === '/app/1' ? 'silence' : { body: APP }));
      await using stub = await startStub(podio.answer);
      const { client } = makeClient(stub.url);
      await client.apps.get(LEADS, 101);
      const controller = new AbortController();
      const stuck = Array.from({ length: 8 }, () =>
        failure(client.apps.get(LEADS, 1, { signal: controller.signal })),
      );
      const after = client.apps.get(LEADS, 101);
      const reason = new Error('stopping');
      controller.abort(reason);
      expect(new Set(await Promise.all(stuck))).to.deep.equal(new Set([reason]));
      await after;
    });
  });

  it('keeps secrets out of errors, log and metrics', async () => {
    const podio = makePodio(() => ({
      status: 400,
      body: ERROR('invalid_value', 'bad url https://hooks.example.com/S3CRET-key/app/101/item.create'),
    }));
    await using stub = await startStub(podio.answer);
    const { client, lines, calls } = makeClient(stub.url);
    const hook = { type: 'item.create', url: 'https://hooks.example.com/S3CRET-key/app/101/item.create' };
    const error = await failure(client.hooks.create(LEADS, { type: 'app', id: 101 }, hook));
    podio.revoke();
    podio.kill();
    await failure(client.hooks.validate(BOT, 7, 'S3CRET-code'));
    const { message, hint, cause } = error;
    const seen = JSON.stringify([message, hint, cause, lines, calls, client.budgets()]);
    expect(seen).not.to.match(/S3CRET|access-|refresh-/);
  });

  describe('typed calls', () => {
    const ask = async (
      reply: Reply,
      use: (client: ReturnType<typeof makeClient>['client']) => Promise<unknown>,
    ) => {
      const podio = makePodio(() => reply);
      await using stub = await startStub(podio.answer);
      const result = await use(makeClient(stub.url).client).catch(error => error);
      const [, request] = stub.received;
      const query = request?.query.toString();
      return {
        result,
        sent: `${request?.method} ${request?.path}${query && `?${query}`} ${request?.body}`.trim(),
      };
    };
    const ref = { type: 'app_field', id: 9 } as const;

    it('hooks', async () => {
      const listed = await ask(
        {
          body: [
            { hook_id: 1, type: 'item.create', url: 'https://a/b', status: 'active', created_on: 'x' },
            { hook_id: 2, type: 'item.update', url: 'https://a/c', status: 'new' },
          ],
        },
        client => client.hooks.list(LEADS, ref),
      );
      expect(listed.sent).to.equal('GET /hook/app_field/9/');
      expect(listed.result).to.deep.equal([
        { ref, hookId: 1, type: 'item.create', url: 'https://a/b', status: 'active' },
        { ref, hookId: 2, type: 'item.update', url: 'https://a/c', status: 'inactive' },
      ]);
      const created = await ask({ status: 201, body: { hook_id: 5 } }, client =>
        client.hooks.create(LEADS, ref, { type: 'item.create', url: 'https://a/b' }),
      );
      expect(created).to.deep.equal({
        result: 5,
        sent: 'POST /hook/app_field/9/ {"url":"https://a/b","type":"item.create"}',
      });
      for (const status of [200, 204, 404, 410]) {
        expect(await ask({ status }, client => client.hooks.delete(LEADS, 5))).to.deep.equal({
          result: undefined,
          sent: 'DELETE /hook/5',
        });
      }
      const refused = await ask({ status: 403 }, client => client.hooks.delete(LEADS, 5));
      expect(refused.result).to.include({ code: 'PODIO_FORBIDDEN' });
      const verify = await ask({ status: 204 }, client => client.hooks.requestVerify(LEADS, 5));
      expect(verify.sent).to.equal('POST /hook/5/verify/request {}');
      const validate = await ask({ status: 200 }, client => client.hooks.validate(LEADS, 5, 'c0de'));
      expect(validate.sent).to.equal('POST /hook/5/verify/validate {"code":"c0de"}');
    });

    it('items', async () => {
      const item = { item_id: 3_300_000_000, title: 'A', fields: [] };
      const got = await ask({ body: item }, client => client.items.get(LEADS, 3_300_000_000));
      expect(got).to.deep.equal({ result: item, sent: 'GET /item/3300000000?mark_as_viewed=false' });
      const difference = await ask({ body: [] }, client => client.items.difference(LEADS, 3, 0, 1));
      expect(difference).to.deep.equal({ result: [], sent: 'GET /item/3/revision/0/1' });
      const revisions = await ask({ body: [{ revision: 1 }, { revision: 0 }] }, client =>
        client.items.revisions(LEADS, 3),
      );
      expect(revisions).to.deep.equal({
        result: [{ revision: 0 }, { revision: 1 }],
        sent: 'GET /item/3/revision/',
      });
      const page = { total: 0, filtered: 0, items: [] };
      const filtered = await ask({ body: page }, client => client.items.filter(LEADS, 101, { limit: 500 }));
      expect(filtered).to.deep.equal({ result: page, sent: 'POST /item/app/101/filter/ {"limit":500}' });
    });

    it("apps, without the app's token", async () => {
      const got = await ask({ body: { ...APP, token: 'S3CRET-app' } }, client => client.apps.get(LEADS, 101));
      expect(got).to.deep.equal({ result: APP, sent: 'GET /app/101' });
    });

    it('what is odd in them is left out, and told once', async () => {
      const field = { field_id: 1, external_id: 'title', type: 'text', label: 'Title', values: null };
      const item = { item_id: 7, title: 'A', fields: [null, field] };
      const podio = makePodio(({ path }) => ({
        body: path.startsWith('/hook/')
          ? [{ hook_id: 3, type: 'item.create', url: null }]
          : path.includes('/filter/')
            ? { items: [item, item] }
            : item,
      }));
      await using stub = await startStub(podio.answer);
      const { client, lines } = makeClient(stub.url);
      const read = { ...item, fields: [{ ...field, values: [] }] };
      expect(await client.items.get(LEADS, 7)).to.deep.equal(read);
      expect(await client.items.get(LEADS, 7)).to.deep.equal(read);
      expect(await client.hooks.list(LEADS, ref)).to.deep.equal([]);
      // There may be more behind a full page.
      const full = await client.items.filter(LEADS, 101, { limit: 2, offset: 4 });
      expect(full).to.deep.equal({ items: [read, read], filtered: 7, total: 7 });
      expect(await client.items.filter(LEADS, 101, {})).to.include({ filtered: 2 });
      expect(
        lines
          .filter(({ level }) => level === 'warn')
          .map(({ fields }) => `${fields?.operation} ${fields?.where}`),
      ).to.deep.equal(['items.get fields', 'items.filter items.fields']);
    });

    it('answers of another shape are errors', async () => {
      const uses: ((client: ReturnType<typeof makeClient>['client']) => Promise<unknown>)[] = [
        client => client.hooks.list(LEADS, ref),
        client => client.hooks.create(LEADS, ref, { type: 'item.create', url: 'https://a/b' }),
        client => client.items.get(LEADS, 1),
        client => client.items.difference(LEADS, 1, 0, 1),
        client => client.items.revisions(LEADS, 1),
        client => client.items.filter(LEADS, 1, {}),
        client => client.apps.get(LEADS, 1),
      ];
      for (const use of uses) {
        for (const body of [undefined, { welcome: true }, [{ welcome: true }]]) {
          expect((await ask({ body }, use)).result).to.include({ code: 'PODIO_UNAVAILABLE' });
        }
      }
    });
  });

  it('measures expiry by the wall clock, and survives its jumps', async () => {
    const podio = makePodio();
    await using stub = await startStub(podio.answer);
    const clock = makeVirtualClock();
    const { client } = makeClient(stub.url, { clock });
    await client.apps.get(LEADS, 101);
    clock.jump(-24 * HOUR);
    podio.revoke();
    await client.apps.get(LEADS, 101);
    clock.jump(48 * HOUR);
    await client.apps.get(LEADS, 101);
    expect(podio.grants).to.deep.equal(['app', 'refresh_token', 'refresh_token']);
  });
});
