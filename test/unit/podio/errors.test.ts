import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import { DEFAULT_PAUSE_MS, errorOf, isDeleted, isGone, isOutage, waitOf } from '../../../src/podio/errors.ts';
import type { Answer } from '../../../src/podio/http.ts';
import { ERROR } from './support.ts';

const answer = (status: number, body?: unknown, retryAfterMs?: number): Answer => ({
  status,
  body,
  readable: true,
  rateLimit: undefined,
  retryAfterMs,
});

const call = { method: 'POST', path: '/hook/app/101/', quotable: true };

describe('podio errors', () => {
  const cases: readonly [number, string, unknown][] = [
    [302, 'PODIO_INVALID', 'never'],
    [400, 'PODIO_INVALID', 'never'],
    [401, 'PODIO_UNAUTHORIZED', 'backoff'],
    [402, 'PODIO_FORBIDDEN', 'never'],
    [403, 'PODIO_FORBIDDEN', 'never'],
    [404, 'PODIO_NOT_FOUND', 'never'],
    [408, 'PODIO_UNAVAILABLE', 'backoff'],
    [409, 'PODIO_CONFLICT', 'backoff'],
    [410, 'PODIO_NOT_FOUND', 'never'],
    [418, 'PODIO_INVALID', 'never'],
    [420, 'PODIO_RATE_LIMITED', { afterMs: DEFAULT_PAUSE_MS }],
    [429, 'PODIO_RATE_LIMITED', { afterMs: DEFAULT_PAUSE_MS }],
    [500, 'PODIO_UNAVAILABLE', 'backoff'],
    [503, 'PODIO_UNAVAILABLE', 'backoff'],
  ];
  for (const [status, code, retry] of cases) {
    it(`${status} is ${code}`, () => {
      const error = errorOf(call, answer(status));
      expect(error).to.be.instanceOf(PodioError).and.include({ code, status });
      expect(error.retry).to.deep.equal(retry);
    });
  }

  it("says Podio's class and sentence, not what a URL in it holds", () => {
    const body = ERROR(
      'invalid_value',
      'The url https://hooks.example.com/podio/KEY/app/101/item.create is bad',
    );
    const error = errorOf(call, answer(400, body));
    expect(error.message).to.equal('POST /hook/app/101/ answered 400: invalid_value, The url *** is bad');
    expect(error.error).to.equal('invalid_value');
  });

  it('says codes alone where the answer may quote a secret', () => {
    const body = ERROR('invalid_grant', 'app_token hush is wrong', { error_detail: 'oauth.app.invalid' });
    const error = errorOf({ ...call, quotable: false }, answer(400, body));
    expect(error.message).to.equal('POST /hook/app/101/ answered 400: invalid_grant, oauth.app.invalid');
  });

  it('reads the wait of a 420 from its sentence, and of a 429 from its header', () => {
    const said = (description: string) => waitOf(answer(420, ERROR('rate_limit', description)));
    expect(said('You have hit the rate limit. Please wait 300 seconds before trying again')).to.equal(
      300_000,
    );
    expect(said('wait 1 second')).to.equal(1_000);
    expect(said('wait 2 minutes')).to.equal(120_000);
    expect(said('slow down')).to.equal(DEFAULT_PAUSE_MS);
    expect(said('wait 999999999 seconds')).to.equal(86_400_000);
    expect(waitOf(answer(429, undefined, 5_000))).to.equal(5_000);
    expect(waitOf(answer(420, 'not even an object'))).to.equal(DEFAULT_PAUSE_MS);
  });

  it('honours Retry-After of a 503', () => {
    expect(errorOf(call, answer(503, undefined, 9_000)).retry).to.deep.equal({ afterMs: 9_000 });
  });

  it('tells gone, deleted and down apart', () => {
    const of = (status: number) => errorOf(call, answer(status));
    expect([403, 404, 410, 400, 500].map(status => isGone(of(status)))).to.deep.equal([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect([403, 404, 410].map(status => isDeleted(of(status)))).to.deep.equal([false, true, true]);
    expect([500, 502, 503, 420].map(status => isOutage(of(status)))).to.deep.equal([
      false,
      true,
      true,
      false,
    ]);
  });
});
