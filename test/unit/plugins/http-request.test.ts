import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { inspect } from 'node:util';
import { expect } from 'chai';
import httpRequest from '../../../plugins/http-request/index.ts';
import type { PluginError } from '../../../src/core/errors.ts';
import { outboundFetch } from '../../../src/http/outbound.ts';
import { type TestEvent, testPlugin } from '../../../src/plugin/testing.ts';
import { type HttpAnswer, jsonOf, startHttp, status } from '../../support/http.ts';

const won: TestEvent = {
  item: { title: 'Acme & Sons', link: 'https://podio.com/x?a=1&b=2' },
  data: { before: { list: [1, 2], id: 7 } },
};

const send = async (options: Record<string, unknown>, event: TestEvent = won) => {
  await using tested = await testPlugin(httpRequest, { options });
  const [data] = await tested.run(event);
  return data?.['http-request'];
};

const failure = (promise: Promise<unknown>): Promise<PluginError> =>
  promise.then(
    () => expect.fail('was taken'),
    thrown => thrown,
  );

/** The error of a request that is answered so; it holds none of what was sent. */
const refused = async (answer: HttpAnswer, options: Record<string, unknown> = {}) => {
  await using server = await startHttp(answer);
  const headers = { Authorization: 'Bearer verysecret' };
  const url = `${server.url}/path-verysecret?key=verysecret`;
  const error = await failure(send({ url, headers, ...options }));
  const { message, hint, stack, cause } = error;
  expect(JSON.stringify([message, hint, stack, inspect(cause)])).not.to.contain('verysecret');
  return error;
};

const issues = (options: unknown) =>
  httpRequest.options
    .safeParse(options)
    .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('http-request', () => {
  it('gets, and puts the answer into data', async () => {
    await using server = await startHttp(
      status(200, '{"orders":[{"id":1}]}', {
        'content-type': 'application/json; charset=utf-8',
        'set-cookie': ['session=abc'],
        'x-total': '1',
      }),
    );
    const answer = await send({ url: `${server.url}/orders?since=2026` });
    expect(answer).to.deep.include({ status: 200, body: { orders: [{ id: 1 }] } });
    expect(answer).to.have.nested.property('headers.x-total', '1');
    expect(answer).not.to.have.nested.property('headers.set-cookie');
    expect(server.calls).to.have.lengthOf(1);
    expect(server.calls[0]).to.include({ method: 'GET', url: '/orders?since=2026', body: '' });
    expect(server.calls[0]?.headers).not.to.have.any.keys('idempotency-key', 'webhook-id');
  });

  it('escapes what is put into a URL, and takes a URL that is one name as it is', async () => {
    await using server = await startHttp();
    await send({ url: `${server.url}/c/{{ item.title }}?link={{ item.link }}&n={{ data.before.id }}` });
    await send({ url: '{{ data.hook }}' }, { data: { hook: `${server.url}/a?b=c&d` } });
    const evil = { item: { title: '../../admin?x=1#' } };
    await send({ url: `${server.url}/c/{{ item.title }}` }, evil);
    expect(server.calls.map(({ url }) => url)).to.deep.equal([
      '/c/Acme%20%26%20Sons?link=https%3A%2F%2Fpodio.com%2Fx%3Fa%3D1%26b%3D2&n=7',
      '/a?b=c&d',
      '/c/..%2F..%2Fadmin%3Fx%3D1%23',
    ]);
    for (const title of ['..', '.', '.%2e', '%2E%2e']) {
      const whole = await failure(
        send({ url: '{{ data.hook }}' }, { data: { hook: `${server.url}/c/${title}?x` } }),
      );
      expect(whole, title).to.include({ retry: 'never' });
      if (title.includes('%')) continue;
      const part = await failure(send({ url: `${server.url}/c/{{ item.title }}/all` }, { item: { title } }));
      expect(part.message).to.contain('as a part of its path');
    }
    await send({ url: `${server.url}/c..d/...?of=../x#/..` });
    expect(server.calls.at(-1)?.url).to.equal('/c..d/...?of=../x');
  });

  it('posts JSON in which a text that is one name keeps its type', async () => {
    await using server = await startHttp();
    await send({
      url: server.url,
      json: {
        title: '{{ item.title }}',
        list: '{{ data.before.list }}',
        deep: [{ id: '{{data.before.id}}', n: 1 }],
      },
    });
    const [call] = server.calls;
    expect(call).to.include({ method: 'POST' });
    expect(call?.headers).to.include({ 'content-type': 'application/json', 'user-agent': 'podiod' });
    expect(JSON.parse(call?.body ?? '')).to.deep.equal({
      title: 'Acme & Sons',
      list: [1, 2],
      deep: [{ id: 7, n: 1 }],
    });
  });

  it('posts a form: the delivery as it came, or fields of its own', async () => {
    await using server = await startHttp();
    await send(
      { url: server.url, form: '{{ event.params }}' },
      {
        event: { params: { type: 'item.update', item_id: '4711', text: 'a&b=c ü' } },
      },
    );
    await send({ url: server.url, form: { title: '{{ item.title }}', n: [1, 2], none: null } });
    expect(server.calls.map(({ body }) => body)).to.deep.equal([
      'type=item.update&item_id=4711&text=a%26b%3Dc+%C3%BC',
      'title=Acme+%26+Sons&n=1&n=2',
    ]);
    expect(server.calls[0]?.headers['content-type']).to.equal('application/x-www-form-urlencoded');
    const error = await failure(send({ url: server.url, form: '{{ item.title }}' }));
    expect(error).to.include({ code: 'PLUGIN_OPTIONS', retry: 'never' });
  });

  it('sends text, headers and another method, as given', async () => {
    await using server = await startHttp();
    await send({
      url: server.url,
      method: 'PUT',
      body: '<t>{{ item.title | escape }}</t>',
      headers: { 'Content-Type': 'application/xml', 'X-Title': 'a\r\nX-Evil: {{ data.before.id }}' },
    });
    expect(server.calls[0]).to.include({ method: 'PUT', body: '<t>Acme &amp; Sons</t>' });
    expect(server.calls[0]?.headers).to.include({
      'content-type': 'application/xml',
      'x-title': 'a X-Evil: 7',
    });
    expect(server.calls[0]?.headers).not.to.have.property('x-evil');
    const error = await failure(send({ url: server.url, headers: { 'X-Title': 'secret ✓' } }));
    expect(error).to.include({ retry: 'never' });
    expect(error.message).to.contain('X-Title').and.not.to.contain('secret');
  });

  it('turns name and password of a URL into a header', async () => {
    await using server = await startHttp();
    await send({ url: `${server.url.replace('//', '//ada:s%3Acret@')}/x` });
    expect(server.calls[0]?.headers.authorization).to.equal(
      `Basic ${Buffer.from('ada:s:cret').toString('base64')}`,
    );
  });

  it('sends the same key with every try, a short one where the key is long', async () => {
    await using server = await startHttp();
    await using tested = await testPlugin(httpRequest, { options: { url: server.url, json: {} } });
    const event = { id: 'item.update:1:2' };
    await tested.run({ event });
    await tested.run({ event });
    await tested.run({ event: { id: `file.change:1:file_created:${'1234567890,'.repeat(40)}` } });
    await tested.run({ event: { id: 'ünïcode' } });
    const keys = server.calls.map(({ headers }) => headers['idempotency-key']);
    expect(keys.slice(0, 2)).to.deep.equal(Array(2).fill('test-rule/item.update:1:2/http-request'));
    expect(keys[2]).to.match(/^podiod-[0-9a-f]{64}$/);
    expect(keys[3])
      .to.match(/^podiod-[0-9a-f]{64}$/)
      .and.not.to.equal(keys[2]);
    await send({ url: server.url, json: {}, idempotencyKey: false });
    expect(server.calls.at(-1)?.headers).not.to.have.property('idempotency-key');
  });

  it('signs as Standard Webhooks say', async () => {
    await using server = await startHttp();
    const bytes = Buffer.from('0123456789abcdef0123456789abcdef');
    const secret = `whsec_${bytes.toString('base64')}`;
    await send({ url: server.url, json: { title: '{{ item.title }}' }, secret });
    const { headers, body } = server.calls[0] ?? expect.fail('no call');
    const { 'webhook-id': id, 'webhook-timestamp': at } = headers;
    // The parts of what is signed have dots between them, so there is none in the id.
    expect(id).to.match(/^podiod-[0-9a-f]{64}$/);
    expect(Math.abs(Number(at) - Date.now() / 1000)).to.be.below(60);
    const wanted = createHmac('sha256', bytes).update(`${id}.${at}.${body}`).digest('base64');
    expect(headers['webhook-signature']).to.equal(`v1,${wanted}`);
  });

  describe('keeps of an answer', () => {
    const answered = async (answer: HttpAnswer, options = {}) => {
      await using server = await startHttp(answer);
      return await send({ url: server.url, ...options });
    };
    const typed = (type: string, body: string | Buffer) => status(200, body, { 'content-type': type });

    it('text in its charset, JSON that is broken as text, and nothing that is no text', async () => {
      expect(await answered(typed('text/plain; charset=iso-8859-1', Buffer.from([0xe9])))).to.include({
        body: 'é',
      });
      expect(await answered(typed('text/html', '<p>'))).to.include({ body: '<p>' });
      expect(await answered(typed('application/problem+json', '{"a":1}'))).to.deep.include({
        body: { a: 1 },
      });
      expect(await answered(typed('application/json', '{"a":'))).to.include({ body: '{"a":' });
      expect(await answered(typed('application/json', '['.repeat(40_000)))).to.be.an('object');
      expect(await answered(typed('application/json', ''))).to.include({ body: null });
      expect(await answered(typed('image/png', Buffer.from([1, 2])))).to.include({ body: null });
      expect(await answered(status(204))).to.include({ status: 204, body: null });
    });

    it('no more than is allowed: text is cut, JSON parks the run', async () => {
      for (const text of [
        'x'.repeat(200_000),
        '"\u0000'.repeat(50_000),
        'ü'.repeat(60_000),
        '😀'.repeat(40_000),
      ]) {
        const cut = await answered(typed('text/plain', text));
        expect(cut).to.include({ truncated: true });
        const { body } = cut as { body: string };
        expect(Buffer.byteLength(JSON.stringify(body))).to.be.within(20_000, 48 * 1024);
        expect(body.isWellFormed()).to.equal(true);
      }
      const short = await answered(typed('text/plain', 'x'.repeat(100)), { maxResponse: '12b' });
      expect(short).to.deep.include({ body: 'x'.repeat(10), truncated: true });
      for (const large of [JSON.stringify('x'.repeat(60_000)), `[${' '.repeat(5_000_000)}]`]) {
        const error = await failure(answered(typed('application/json', large)));
        expect(error).to.include({ code: 'PLUGIN_PERMANENT' });
        expect(error.message).to.contain('maxResponse');
      }
      expect(
        await answered(typed('application/json', '{ "a":   [ ] }'), { maxResponse: '8b' }),
      ).to.deep.include({
        body: { a: [] },
      });
    });

    it('the status alone, where nobody needs more', async () => {
      expect(await answered(jsonOf({ a: 1 }), { response: 'ignore' })).to.deep.equal({ status: 200 });
    });

    it('headers up to a limit', async () => {
      const many = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`x-${n}`, 'y'.repeat(300)]));
      const answer = (await answered(status(200, '', many))) as { headers: object };
      expect(JSON.stringify(answer.headers).length).to.be.below(10_000);
    });
  });

  describe('when it fails', () => {
    it('tries again after what may pass', async () => {
      for (const code of [408, 429, 500, 503, 599]) {
        const error = await refused(status(code, 'x'.repeat(5000)));
        expect(error).to.include({ retry: 'backoff' });
        expect(error.message).to.match(/^127\.0\.0\.1:\d+ answered \d+: x+\.\.\.$/);
        expect(error.message.length).to.be.below(300);
      }
    });

    it('waits as long as it is told to', async () => {
      const soon = await refused(status(429, '', { 'retry-after': '30' }));
      expect(soon).to.deep.include({ code: 'PLUGIN_RETRY_AFTER', retry: { afterMs: 30_000 } });
      const date = new Date(Date.now() + 60_000).toUTCString();
      const later = await refused(status(503, '', { 'retry-after': date }));
      expect(later).to.have.nested.property('retry.afterMs').that.is.within(50_000, 60_000);
      const never = await refused(status(503, '', { 'retry-after': '99999999' }));
      expect(never).to.have.nested.property('retry.afterMs', 24 * 3_600_000);
      expect(await refused(status(400, '', { 'retry-after': '3' }))).to.include({ retry: 'never' });
    });

    it('gives up on every other refusal, and says what was said, without what was sent', async () => {
      const echo: HttpAnswer = (call, response) =>
        void response.writeHead(422).end(`no: ${call.headers.authorization} ${call.url} ${call.body}`);
      const error = await refused(echo);
      expect(error).to.include({ code: 'PLUGIN_PERMANENT', retry: 'never' });
      expect(error.message).to.match(/answered 422: no: \*\*\*/);
      expect(await refused(status(404))).to.include({ retry: 'never' });
    });

    it('tries again after other statuses where it is told to', async () => {
      expect(await refused(status(404), { retryOn: [404] })).to.include({ retry: 'backoff' });
      expect(await refused(status(409), { retryOn: ['4xx'] })).to.include({ retry: 'backoff' });
      expect(await refused(status(503), { retryOn: [500] })).to.include({ retry: 'never' });
    });

    it('tries again when nobody is there or the line is cut', async () => {
      const server = await startHttp();
      await server[Symbol.asyncDispose]();
      const error = await failure(send({ url: `${server.url}/verysecret` }));
      expect(error).to.include({ retry: 'backoff' });
      expect(error.message).to.match(/^127\.0\.0\.1:\d+ could not be reached: .*ECONNREFUSED/);
      expect(error.message).not.to.contain('verysecret');
      const cut = await refused((_call, _response, request: IncomingMessage) => request.socket.destroy());
      expect(cut).to.include({ retry: 'backoff' });
      const half = await refused((_call, response) => {
        response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '100' });
        response.write('half', () => response.destroy());
      });
      expect(half).to.include({ retry: 'backoff' });
      expect(half.message).to.contain('the answer broke off');
    });

    it('hands on what podiod itself says of a host', async () => {
      const verdict = Object.assign(new Error('the host is not allowed'), { retry: 'never' });
      await using tested = await testPlugin(httpRequest, {
        options: { url: 'https://erp.example.com/' },
        fetch: async () => {
          throw verdict;
        },
      });
      expect((await failure(tested.run())).message).to.contain('the host is not allowed');
    });

    it('goes where `outbound` of the config lets it, and nowhere else', async () => {
      await using server = await startHttp(jsonOf({ ok: true }));
      const run = async (host: string) => {
        await using tested = await testPlugin(httpRequest, {
          options: { url: server.url, json: { a: 1 }, headers: { 'X-A': '1' } },
          fetch: outboundFetch({ hosts: [host], private: true }, fetch),
        });
        return await tested.run();
      };
      const [data] = await run('127.0.0.1');
      expect(data).to.have.nested.property('http-request.body.ok', true);
      expect(server.calls[0]).to.include({ method: 'POST', body: '{"a":1}' });
      expect(server.calls[0]?.headers).to.include({ 'x-a': '1', 'user-agent': 'podiod' });
      expect(await failure(run('erp.example.com'))).to.include({ code: 'OUTBOUND_REFUSED', retry: 'never' });
    });

    it('lets go of the connection when it is cut off', async () => {
      const arrived = Promise.withResolvers<IncomingMessage>();
      await using server = await startHttp((_call, _response, request) => arrived.resolve(request));
      const stop = new AbortController();
      const sending = failure(send({ url: server.url }, { signal: stop.signal }));
      const { socket } = await arrived.promise;
      const closed = once(socket, 'close');
      const reason = new Error('stopping');
      stop.abort(reason);
      expect(await sending).to.equal(reason);
      await closed;
    });
  });

  describe('redirects', () => {
    it('are not followed, unless told to', async () => {
      const error = await refused(status(302, '', { location: 'https://elsewhere.example/verysecret?a=1' }));
      expect(error).to.include({ code: 'PLUGIN_PERMANENT' });
      expect(error.message).to.match(
        /answered 302, a redirect to https:\/\/elsewhere.example, which is not followed/,
      );
      expect(await refused(status(302))).to.include({ retry: 'never' });
    });

    it('take along to another host what tells nothing, to the same one everything', async () => {
      await using there = await startHttp(jsonOf({ ok: true }));
      await using here = await startHttp((call, response) => {
        const location = call.url === '/a' ? '/b' : `${there.url}/c`;
        response.writeHead(307, { location }).end();
      });
      const headers = { Authorization: 'Bearer verysecret', 'X-Key': 'verysecret' };
      const answer = await send({ url: `${here.url}/a`, json: { a: 1 }, headers, redirects: 2 });
      expect(answer).to.deep.include({ body: { ok: true } });
      expect(here.calls.map(({ headers: { authorization } }) => authorization)).to.deep.equal(
        Array(2).fill('Bearer verysecret'),
      );
      expect(there.calls[0]).to.include({ method: 'POST', url: '/c', body: '{"a":1}' });
      expect(JSON.stringify(there.calls[0]?.headers)).not.to.contain('verysecret');
      expect(there.calls[0]?.headers).to.include({ 'content-type': 'application/json' });
    });

    it('of a POST become a GET without a body, but for 307 and 308', async () => {
      for (const [code, method] of [
        [301, 'GET'],
        [302, 'GET'],
        [303, 'GET'],
        [307, 'POST'],
        [308, 'POST'],
      ] as const) {
        await using server = await startHttp(
          (call, response) =>
            void (
              call.url === '/a' ? response.writeHead(code, { location: '/b' }) : response.writeHead(200)
            ).end(),
        );
        await send({ url: `${server.url}/a`, json: {}, redirects: 1 });
        expect(server.calls[1], String(code)).to.include({ method, body: method === 'GET' ? '' : '{}' });
        expect('content-type' in (server.calls[1]?.headers ?? {})).to.equal(method === 'POST');
      }
    });

    it('end somewhere, and never lead away from https', async () => {
      const loop = await refused(status(302, '', { location: '/' }), { redirects: 3 });
      expect(loop).to.include({ retry: 'never' });
      const open = await refused(status(302, '', { location: 'http://elsewhere.example/' }), {
        redirects: 1,
      });
      expect(open.message).to.contain('not https');
    });
  });

  it('says what it would send, without what may be a key', async () => {
    await using tested = await testPlugin(httpRequest, {
      options: {
        url: 'https://erp.example.com/orders?key=verysecret',
        headers: { Authorization: 'Bearer verysecret' },
        json: { title: '{{ item.title }}', apiKey: 'verysecret', nested: { client_secret: 'very\\"secret' } },
      },
      fetch: () => expect.fail('must not be sent'),
    });
    expect(await tested.describe(won)).to.equal(
      [
        'POST https://erp.example.com/orders?key=...',
        'with authorization, content-type, idempotency-key',
        '{"title":"Acme & Sons","apiKey":"***","nested":{"client_secret":"***"}}',
      ].join('\n'),
    );
  });

  describe('options', () => {
    const url = 'https://erp.example.com/';

    it('take https, and http to this machine; elsewhere when it is asked for', () => {
      for (const fine of [
        url,
        'http://127.0.0.1/hook.php',
        'http://localhost:1',
        '{{ data.url }}',
        'https://{{ data.host }}.example.com/',
      ])
        expect(issues({ url: fine })).to.deep.equal([]);
      for (const wrong of ['http://erp.example.com/', 'ftp://x.example/', 'nonsense', ''])
        expect(issues({ url: wrong })[0], wrong).to.contain('url: must be an https:// URL');
      expect(issues({ url: 'http://erp.example.com/', plainHttp: true })).to.deep.equal([]);
    });

    it('take one body, and none with GET', () => {
      expect(issues({ url, json: {}, form: {} })).to.deep.equal([
        'form: there is `json` already: give one body',
      ]);
      expect(issues({ url, method: 'GET', body: 'x' })[0]).to.contain('method: GET has no body');
    });

    it('take a secret that is one', () => {
      const secret = (text: string) => issues({ url, secret: text });
      expect(secret(`whsec_${'A'.repeat(32)}`)).to.deep.equal([]);
      expect(secret('A'.repeat(43))).to.deep.equal([]);
      for (const wrong of ['whsec_abc', 'x', 'not base64 at all, but it is long', 'A'.repeat(200)])
        expect(secret(wrong)[0]).to.contain('24 to 64 bytes');
    });

    it('show the place of what is wrong, deep inside too', () => {
      expect(issues({ url, json: { a: [{ b: '{{ itme.title }}' }] } })[0]).to.match(
        /^json\.a\.0\.b: unknown variable/,
      );
      expect(issues({ url, headers: { 'X-A': '{{ item.title' } })[0]).to.match(
        /^headers\.X-A: .*without its/,
      );
      expect(issues({ url, headers: { 'X A': '1' } })[0]).to.match(/^headers\.X A: /);
      expect(issues({ url, form: '{{ itme }}' })[0]).to.contain('form');
      expect(issues({ url, retryOn: [200] })).to.have.lengthOf(1);
      expect(issues({ url, maxResponse: '49kb' })[0]).to.contain('48kb at most');
    });
  });
});
