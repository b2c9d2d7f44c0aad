import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import { makeHttp } from '../../../src/podio/http.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { type Reply, startStub } from './support.ts';

const clock = makeVirtualClock(Date.UTC(2026, 0, 1));

const httpTo = (apiUrl: string) => makeHttp({ apiUrl, fetch: globalThis.fetch, clock, timeoutMs: 30_000 });

const failure = async (promise: Promise<unknown>): Promise<PodioError> => {
  const error = await promise.then(
    () => undefined,
    error => error,
  );
  expect(error).to.be.instanceOf(PodioError);
  return error;
};

async function ask(reply: Reply) {
  await using stub = await startStub(() => reply);
  return await httpTo(stub.url)({ method: 'GET', path: '/item/1', headers: {} });
}

describe('podio http', () => {
  it('sends method, path, query, headers and body', async () => {
    await using stub = await startStub(() => ({ body: {} }));
    await httpTo(`${stub.url}/base`)({
      method: 'POST',
      path: '/item/app/101/',
      query: { hook: false, name: 'a & b' },
      headers: { authorization: 'OAuth2 t' },
      body: '{"a":1}',
    });
    const [request] = stub.received;
    expect(request?.method).to.equal('POST');
    expect(request?.path).to.equal('/base/item/app/101/');
    expect(Object.fromEntries(request?.query ?? [])).to.deep.equal({ hook: 'false', name: 'a & b' });
    expect(request?.headers).to.include({ authorization: 'OAuth2 t', accept: 'application/json' });
    expect(request?.body).to.equal('{"a":1}');
  });

  it('reads JSON, nothing, and pages that are no JSON', async () => {
    expect(await ask({ body: [1] }))
      .to.include({ status: 200, readable: true })
      .and.deep.include({ body: [1] });
    expect(await ask({ status: 204 })).to.include({ status: 204, readable: true, body: undefined });
    expect(await ask({ status: 502, body: '<h1>Bad gateway</h1>' })).to.include({
      status: 502,
      readable: false,
      body: undefined,
    });
  });

  it('reads the rate limit only when both numbers are there', async () => {
    const both = { 'X-Rate-Limit-Limit': '250', 'X-Rate-Limit-Remaining': '0' };
    expect((await ask({ headers: both })).rateLimit).to.deep.equal({ limit: 250, remaining: 0 });
    expect((await ask({ headers: { 'X-Rate-Limit-Limit': '250' } })).rateLimit).to.equal(undefined);
    expect((await ask({ headers: { ...both, 'X-Rate-Limit-Limit': 'many' } })).rateLimit).to.equal(undefined);
  });

  it('reads Retry-After as seconds and as a date', async () => {
    expect((await ask({ headers: { 'Retry-After': '7' } })).retryAfterMs).to.equal(7_000);
    const date = new Date(clock.now() + 90_000).toUTCString();
    expect((await ask({ headers: { 'Retry-After': date } })).retryAfterMs).to.equal(90_000);
    expect((await ask({ headers: { 'Retry-After': 'soon' } })).retryAfterMs).to.equal(undefined);
  });

  it('does not follow redirects, which could carry a token elsewhere', async () => {
    expect(await ask({ status: 302, headers: { location: 'http://127.0.0.1:1/' } })).to.include({
      status: 302,
    });
  });

  it('gives up after the timeout, counted over headers and body', async () => {
    let asked = () => {};
    const arrived = new Promise<void>(resolve => {
      asked = resolve;
    });
    await using stub = await startStub(() => {
      asked();
      return 'silence';
    });
    const answer = failure(httpTo(stub.url)({ method: 'GET', path: '/item/1', headers: {} }));
    await arrived;
    await clock.advance(30_000);
    const error = await answer;
    expect(error).to.include({ code: 'PODIO_UNAVAILABLE', retry: 'backoff', status: undefined });
    expect(error.message).to.equal('GET /item/1 got no answer within 30000 ms');
  });

  it('tells why nothing could be sent, without the query', async () => {
    await using stub = await startStub(() => 'hangUp');
    const hungUp = await failure(
      httpTo(stub.url)({ method: 'GET', path: '/item/1', query: { secret: 'hush' }, headers: {} }),
    );
    expect(hungUp.code).to.equal('PODIO_UNAVAILABLE');
    expect(hungUp.message).to.match(/^GET \/item\/1 could not be sent to 127\.0\.0\.1:\d+: \w+$/);
    const gone = await startStub(() => 'hangUp');
    await gone[Symbol.asyncDispose]();
    const refused = await failure(httpTo(gone.url)({ method: 'GET', path: '/', headers: {} }));
    expect(refused.message).to.equal(`GET / could not be sent to ${new URL(gone.url).host}: ECONNREFUSED`);
    // What was sent before the connection broke may be done.
    expect([hungUp, refused].map(error => (error as PodioError).unsent)).to.deep.equal([false, true]);
  });

  it('rejects with the reason of a signal that is aborted, before and during the call', async () => {
    const reason = new Error('stopping');
    await using stub = await startStub(() => {
      controller.abort(reason);
      return 'silence';
    });
    const controller = new AbortController();
    const request = { method: 'GET', path: '/', headers: {}, signal: controller.signal };
    const thrown = (promise: Promise<unknown>) => promise.catch(error => error);
    expect(await thrown(httpTo(stub.url)(request))).to.equal(reason);
    expect(await thrown(httpTo(stub.url)(request))).to.equal(reason);
    expect(stub.received).to.have.length(1);
  });
});
