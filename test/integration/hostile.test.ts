import { expect } from 'chai';
import { systemClock } from '../../src/core/clock.ts';
import { hookUrl, type Secrets } from '../../src/core/hook.ts';
import { silentLog } from '../../src/core/log.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { clientOf, networkOf } from '../../src/http/strangers.ts';
import { type IngressOptions, makeIngress } from '../../src/ingress/ingress.ts';
import { type RawConnection, rawConnection, rawRequest } from '../support/raw-http.ts';
import { makeVirtualClock } from '../support/virtual-clock.ts';
import { until } from '../support/wait.ts';

const SECRET = 'a-secret-of-the-tests';
const SECRETS: Secrets = [SECRET];
const pathOf = (secret: string) =>
  new URL(hookUrl('http://x/podio', secret, { type: 'app', id: 101 }, 'item.update')).pathname;
const BODY = 'type=item.update&item_id=7&item_revision_id=3';
const delivery = (path = pathOf(SECRET), headers = '', body = BODY) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\n${headers}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe('the ingress on a hostile internet', () => {
  const running: HttpServer[] = [];
  const connections: RawConnection[] = [];
  afterEach(async () => {
    for (const { socket } of connections.splice(0)) socket.destroy();
    await Promise.all(running.splice(0).map(server => server.close(0)));
  });

  async function start(options: Partial<IngressOptions> = {}) {
    const stored: string[] = [];
    const server = await makeIngress({
      path: '/podio',
      secrets: () => SECRETS,
      journal: {
        append: async batch => batch.map(({ id }) => ({ id, status: 'released', seq: stored.push(id) })),
      },
      verify: () => {},
      resolve: () => ({}),
      maxBody: 2000,
      maxWaiting: 100,
      log: silentLog,
      metrics: noMetrics,
      clock: systemClock,
      ...options,
    }).listen({ host: '127.0.0.1', port: 0 });
    running.push(server);
    const { port } = server.address;
    const open = async () => {
      const connection = await rawConnection(port);
      connections.push(connection);
      return connection;
    };
    return { port, stored, open };
  }

  it('cuts off who sends headers or a body a byte at a time, and serves others meanwhile', async () => {
    const { port, open } = await start({ timeouts: { headers: 300, request: 600, keepAlive: 1000 } });
    const slow = await Promise.all(Array.from({ length: 50 }, open));
    const dripping = setInterval(() => {
      slow.forEach(({ socket }, i) => {
        if (!socket.writable) return;
        if (i % 2 === 0) socket.write('X-Slow: 1\r\n');
        else socket.write('a');
      });
    }, 50);
    try {
      const head = `POST ${pathOf(SECRET)} HTTP/1.1\r\nHost: a\r\n`;
      const length = 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1900\r\n\r\n';
      for (const [i, { send }] of slow.entries()) send(i % 2 === 0 ? head : head + length);
      expect((await rawRequest(port, delivery())).status).to.equal(200);
      await Promise.all(slow.map(({ closed }) => closed));
    } finally {
      clearInterval(dripping);
    }
    expect((await rawRequest(port, delivery())).status).to.equal(200);
  }).timeout(20_000);

  it('lets go of who asks on and on and reads no answer', async () => {
    const { port, open } = await start({
      maxConnections: 1,
      timeouts: { headers: 1000, request: 1000, keepAlive: 1000, stall: 500 },
    });
    const { socket } = await open();
    socket.pause();
    // What the server reads at once ends with a request, so none is late.
    const head = 'GET / HTTP/1.1\r\nHost: a\r\nX: ';
    const asking = `${head}${'x'.repeat(60 - head.length)}\r\n\r\n`.repeat(1024);
    const ask = () => void (socket.writable && socket.write(asking, () => setImmediate(ask)));
    ask();
    // In its place, which it loses once nothing more goes in or out.
    await until(async () => (await rawRequest(port, delivery())).status === 200, 'room', 15_000);
  }).timeout(20_000);

  it('has so many connections and no more, and room again when some have gone', async () => {
    const { port, open } = await start({ maxConnections: 10 });
    const held = await Promise.all(Array.from({ length: 10 }, open));
    // Node closes what is too much as soon as it is there.
    const flood = await Promise.all(Array.from({ length: 40 }, open));
    await Promise.all(flood.map(({ closed }) => closed));
    const [first] = held;
    first?.send(delivery());
    expect((await first?.answer())?.status).to.equal(200);
    for (const { socket } of held) socket.destroy();
    await until(async () => (await rawRequest(port, delivery())).status === 200, 'room');
  });

  it('holds so many bytes of bodies and no more, whoever sends them', async () => {
    const { port, stored, open } = await start({ maxInHand: 4000 });
    const head = (length: number) =>
      `POST ${pathOf(SECRET)} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${length}\r\n\r\n`;
    const [first, second] = [await open(), await open()];
    for (const one of [first, second]) one.send(head(1990));
    const refused = await until(async () => {
      const answer = await rawRequest(port, delivery());
      return answer.status === 503 && answer;
    }, 'a refusal');
    expect(refused.headers['retry-after']).to.match(/^\d+$/);
    // What has no length is taken for as long as it may be.
    const chunks = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
    const chunked = delivery(pathOf(SECRET), '', chunks).replace(
      /Content-Length: \d+/,
      'Transfer-Encoding: chunked',
    );
    expect((await rawRequest(port, chunked)).status).to.equal(503);
    first.socket.destroy();
    await until(async () => (await rawRequest(port, delivery())).status === 200, 'room');
    expect(stored).to.have.length(1);
  });

  it('refuses headers that are too large', async () => {
    const { port } = await start();
    const large = `X-Large: ${'x'.repeat(20_000)}\r\n`;
    expect((await rawRequest(port, delivery(pathOf(SECRET), large))).status).to.equal(431);
  });

  it('slows down who guesses keys, by address, and nobody who has one', async () => {
    const clock = makeVirtualClock();
    const { port } = await start({ strangers: 2, trustProxy: true, clock });
    const from = (address: string, path: string) =>
      rawRequest(port, delivery(path, `X-Forwarded-For: 1.1.1.1, ${address}\r\n`)).then(
        ({ status }) => status,
      );
    const wrong = pathOf('another-secret-of-strangers');
    for (let n = 0; n < 20; n++) expect(await from('203.0.113.5', wrong)).to.equal(404);
    expect(await from('203.0.113.5', wrong)).to.equal(429);
    expect(await from('203.0.113.5', '/robots.txt')).to.equal(429);
    // Podio's own deliveries come from there too. It is the first since the start.
    expect(await from('203.0.113.5', pathOf(SECRET))).to.equal(200);
    expect(await from('203.0.113.5', wrong)).to.equal(429);
    expect(await from('203.0.113.6', wrong)).to.equal(404);
    await clock.advance(1000);
    expect(await from('203.0.113.5', wrong)).to.equal(404);
  });

  it('takes whatever has a valid key from there, however it asks, before and after another secret', async () => {
    let secrets: Secrets = SECRETS;
    const { port, stored } = await start({
      strangers: 2,
      trustProxy: true,
      clock: makeVirtualClock(),
      secrets: () => secrets,
    });
    const head = 'X-Forwarded-For: 203.0.113.5\r\n';
    const ask = async (text: string) => (await rawRequest(port, text)).status;
    const flood = () => rawRequest(port, delivery('/.env', head));
    for (let n = 0; n < 20; n++) await flood();
    const valid = (secret: string) => [
      delivery(pathOf(secret), head),
      delivery(`${pathOf(secret)}?from=podio`, head),
      delivery(`http://hooks.example.com${pathOf(secret)}`, head),
    ];
    for (const text of valid(SECRET)) expect(await ask(text), text).to.equal(200);
    secrets = ['the-next-secret', SECRET];
    expect((await flood()).status).to.equal(429);
    for (const text of [...valid('the-next-secret'), ...valid(SECRET)])
      expect(await ask(text), text).to.equal(200);
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'FLOOD'])
      expect(await ask(`${method} ${pathOf(SECRET)} HTTP/1.1\r\nHost: a\r\n${head}\r\n`), method).to.equal(
        405,
      );
    secrets = ['the-next-secret'];
    for (const text of valid(SECRET)) expect(await ask(text), text).to.equal(429);
    expect(stored).to.have.length(9);
  });

  it('answers who is over the limit alike, whatever is asked', async () => {
    const refused: string[] = [];
    const { port, open } = await start({
      strangers: 1,
      trustProxy: true,
      clock: makeVirtualClock(),
      metrics: { ...noMetrics, refused: code => refused.push(code) },
    });
    const head = 'X-Forwarded-For: 203.0.113.5\r\n';
    for (let n = 0; n < 10; n++) await rawRequest(port, delivery('/.env', head));
    const { send, answer } = await open();
    // On one connection, whose bodies are left unread.
    for (const text of [
      delivery('/.env', head),
      delivery(pathOf('another-secret-of-strangers'), head, BODY.padEnd(1900)),
      `GET http://example.com/?x HTTP/1.1\r\nHost: a\r\n${head}\r\n`,
      `PUT * HTTP/1.1\r\nHost: a\r\n${head}\r\n`,
    ]) {
      send(text);
      const { status, headers, body } = await answer();
      expect([status, headers['retry-after'], body], text).to.deep.equal([429, '10', '']);
    }
    expect(refused.filter(code => code === 'INGRESS_TOO_MANY')).to.have.length(4);
  });

  it('slows down who does so with methods that nobody knows, too', async () => {
    const { port } = await start({ strangers: 2, trustProxy: true, clock: makeVirtualClock() });
    const by = (method: string, address: string, path: string) =>
      rawRequest(
        port,
        `${method} ${path} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1, ${address}\r\n\r\n`,
      );
    const wrong = pathOf('another-secret-of-strangers');
    expect((await by('FLOOD', '203.0.113.7', pathOf(SECRET))).status).to.equal(405);
    for (let n = 0; n < 20; n++)
      expect((await by(n % 2 === 0 ? 'FLOOD' : 'CONNECT', '203.0.113.7', wrong)).status).to.equal(404);
    const refused = await by('FLOOD', '203.0.113.7', wrong);
    expect([refused.status, refused.headers['retry-after']]).to.deep.equal([429, '10']);
    expect((await by('CONNECT', '203.0.113.7', wrong)).status).to.equal(429);
    expect((await by('GET', '203.0.113.7', wrong)).status).to.equal(429);
    expect((await by('FLOOD', '203.0.113.8', wrong)).status).to.equal(404);
    // Whoever has the key is no stranger.
    expect((await by('FLOOD', '203.0.113.7', pathOf(SECRET))).status).to.equal(405);
  });

  it('has an answer of its own for every target, and no line in the log for each', async () => {
    const errors: unknown[] = [];
    const log = { ...silentLog, error: (...told: unknown[]) => void errors.push(told), child: () => log };
    const { port } = await start({ log });
    for (const [target, status] of [
      ['http://[::1', 400],
      ['http://[::1]:99999/', 400],
      ['http://a:b/', 400],
      ['http://%ff/', 400],
      ['x://y', 404],
      ['http://example.com', 404],
      ['http://u:p@example.com/podio', 404],
      ['*', 404],
      ['*[::1', 400],
      ['//[::1', 404],
      ['//[::1#x', 404],
      ['/podio/../%zz?%zz#%zz', 404],
      [`http://example.com${pathOf(SECRET)}#x`, 200],
    ] as const)
      expect((await rawRequest(port, delivery(target))).status, target).to.equal(status);
    expect(errors).to.deep.equal([]);
  });

  it('does not take a proxy on this machine for a stranger', async () => {
    const { port } = await start({ strangers: 1 });
    const wrong = delivery(pathOf('another-secret-of-strangers'), 'X-Forwarded-For: 203.0.113.5\r\n');
    for (let n = 0; n < 40; n++) expect((await rawRequest(port, wrong)).status).to.equal(404);
  });

  it('says nothing of what it is made of', async () => {
    const { port } = await start();
    for (const text of [
      delivery(),
      delivery('/podio'),
      'GET / HTTP/1.1\r\n\r\n',
      'nonsense\r\n\r\n',
      delivery(pathOf(SECRET), '', 'type=x&item_id=7'),
    ]) {
      const { headers, body } = await rawRequest(port, text);
      expect(Object.keys(headers)).to.not.include.members(['server']);
      expect(headers).to.not.have.any.keys('server', 'x-powered-by', 'via');
      expect(body).to.not.match(/node|koa|podiod|\.ts|\.js| {4}at /i);
    }
  });
});

describe('whom a request is counted for', () => {
  it('is one address of IPv4, and one network of IPv6', () => {
    for (const [address, network] of [
      ['203.0.113.5', '203.0.113.5'],
      ['203.0.113.5:4711', '203.0.113.5'],
      ['::ffff:203.0.113.5', '203.0.113.5'],
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
      ['2001:0DB8:1:2::9', '2001:db8:1:2'],
      ['[2001:db8::1]:443', '2001:db8:0:0'],
      ['fe80::1%eth0', 'fe80:0:0:0'],
      ['unknown', undefined],
      ['', undefined],
    ] as const)
      expect(networkOf(address), address).to.equal(network);
  });

  it('is told by the proxy where one is trusted, and else by the connection', () => {
    const request = (remoteAddress: string, header?: string) =>
      ({
        socket: { remoteAddress },
        headers: header === undefined ? {} : { 'x-forwarded-for': header },
      }) as never;
    expect(clientOf(request('127.0.0.1', '9.9.9.9'), false)).to.equal(undefined);
    expect(clientOf(request('::1'), false)).to.equal(undefined);
    expect(clientOf(request('::ffff:127.0.0.1'), false)).to.equal(undefined);
    expect(clientOf(request('9.9.9.9', '8.8.8.8'), false)).to.equal('9.9.9.9');
    expect(clientOf(request('127.0.0.1', '9.9.9.9, 8.8.8.8'), true)).to.equal('8.8.8.8');
    expect(clientOf(request('127.0.0.1'), true)).to.equal(undefined);
  });
});
