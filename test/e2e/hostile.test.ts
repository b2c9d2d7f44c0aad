// Strangers against the daemon as it is started, with the limits that it ships with: it serves others meanwhile, grows by
// little, and is there afterwards.
import { expect } from 'chai';
import { hookUrl } from '../../src/core/hook.ts';
import { residentOf } from '../support/memory.ts';
import { type RawConnection, rawConnection, rawRequest } from '../support/raw-http.ts';
import { until } from '../support/wait.ts';
import { LEADS, makeSite, SECRET, type Site } from './site.ts';

const MAX_CONNECTIONS = 60;
const MIB = 1024 * 1024;

async function start() {
  const site = await makeSite({
    rules: { all: { on: { app: 'leads', events: 'comment.create' }, steps: ['audit'] } },
  });
  const { publicUrl } = site;
  const port = Number(new URL(publicUrl).port);
  site.configure({
    server: { publicUrl, port, secret: SECRET, allowNonPublicUrl: true, maxConnections: MAX_CONNECTIONS },
  });
  const daemon = await site.boot();
  return { site, port, daemon };
}

let comments = 0;
const deliver = (site: Site): Promise<number> => {
  comments += 1;
  return site.deliver(LEADS, 'comment.create', { comment_id: comments, item_id: 1 });
};

describe('strangers', function () {
  this.timeout(60_000);
  const connections: RawConnection[] = [];
  const open = async (port: number): Promise<RawConnection> => {
    const connection = await rawConnection(port);
    connections.push(connection);
    return connection;
  };
  afterEach(() => {
    for (const { socket } of connections.splice(0)) socket.destroy();
  });

  it('who send a byte at a time are cut off after ten seconds, and hold nobody up', async () => {
    const { site, port, daemon } = await start();
    const slow = await Promise.all(Array.from({ length: MAX_CONNECTIONS - 10 }, () => open(port)));
    const begin = performance.now();
    let cut = 0;
    const cuts = slow.map(async ({ answer, closed }) => {
      expect((await answer()).status).to.equal(408);
      await closed;
      cut += 1;
    });
    for (const { send } of slow) send(`POST ${new URL(site.publicUrl).pathname}/`);
    const dripping = setInterval(() => {
      for (const { socket } of slow) if (socket.writable) socket.write('x');
    }, 200);
    let taken = 0;
    let slowestMs = 0;
    try {
      while (cut < slow.length && performance.now() - begin < 20_000) {
        const sent = performance.now();
        expect(await deliver(site)).to.equal(200);
        slowestMs = Math.max(slowestMs, performance.now() - sent);
        taken += 1;
      }
      await Promise.all(cuts);
    } finally {
      clearInterval(dripping);
    }
    // The headers' time, and up to a quarter of it until that is looked at.
    expect(performance.now() - begin).to.be.within(9000, 20_000);
    expect(taken).to.be.above(20);
    expect(slowestMs).to.be.below(3000);
    expect(await daemon.end('SIGTERM')).to.equal(0);
  });

  it('who send headers without end are answered 431, however many', async () => {
    const { site, port, daemon } = await start();
    const before = residentOf(daemon.pid) ?? 0;
    const path = new URL(site.hookUrl(LEADS, 'comment.create')).pathname;
    const many = Array.from({ length: 1500 }, (_, n) => `X-${n}: ${n}\r\n`).join('');
    for (const headers of [`X-Large: ${'x'.repeat(200_000)}\r\n`, many]) {
      for (let round = 0; round < 10; round++) {
        const answers = await Promise.all(
          Array.from({ length: 20 }, () =>
            rawRequest(port, `POST ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`).then(
              ({ status }) => status,
              // Closed while there was still more to send.
              () => 431,
            ),
          ),
        );
        expect(new Set(answers)).to.deep.equal(new Set([431]));
      }
    }
    expect(await deliver(site)).to.equal(200);
    expect((residentOf(daemon.pid) ?? 0) - before).to.be.below(128 * MIB);
    expect(await daemon.end('SIGTERM')).to.equal(0);
  });

  it('who use up what an address may do keep no delivery out that comes from there', async () => {
    const site = await makeSite({
      rules: { all: { on: { app: 'leads', events: 'comment.create' }, steps: ['audit'] } },
    });
    const { publicUrl } = site;
    const port = Number(new URL(publicUrl).port);
    // A proxy takes everybody's word for it, so all of them come from one address.
    const server = { publicUrl, port, allowNonPublicUrl: true, trustProxy: true, rateLimit: 1 };
    site.configure({ server: { ...server, secret: SECRET } });
    const post = async (url: string, body: string): Promise<number> => {
      const headers = {
        'X-Forwarded-For': '203.0.113.5',
        'Content-Type': 'application/x-www-form-urlencoded',
      };
      return (await fetch(url, { method: 'POST', headers, body })).status;
    };
    const flood = () => until(async () => (await post(`${publicUrl}/.env`, '')) === 429, 'the limit');
    const from = (secret: string) => {
      comments += 1;
      const body = `type=comment.create&comment_id=${comments}&item_id=1`;
      return post(hookUrl(publicUrl, secret, LEADS, 'comment.create'), body);
    };

    // Podio asks for hook.verify itself, from elsewhere; this hook has had no delivery.
    const first = await site.boot();
    await flood();
    expect(await from(SECRET)).to.equal(200);
    expect(await first.end('SIGTERM')).to.equal(0);
    await site.boot();
    await flood();
    expect(await from(SECRET)).to.equal(200);

    site.configure({ server: { ...server, secret: 'another-secret-for-the-tests' } });
    expect((await site.podiod(['reload'])).code).to.equal(0);
    await flood();
    expect([await from('another-secret-for-the-tests'), await from(SECRET)]).to.deep.equal([200, 200]);
    expect(await from('a-secret-of-nobody')).to.equal(429);
    await site.untilLines('events.ndjson', 4);
  });

  it('who open connections and say nothing get so many, for so long; then there is room', async () => {
    const { site, port, daemon } = await start();
    expect(await deliver(site)).to.equal(200);
    const before = residentOf(daemon.pid) ?? 0;
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 50 }, () => open(port)));
    }
    let closed = 0;
    for (const connection of connections) void connection.closed.then(() => (closed += 1));
    await until(() => closed >= connections.length - MAX_CONNECTIONS, 'all but so many to be closed');
    // They say nothing, and so lose their places to those who do.
    await until(async () => (await deliver(site)) === 200, 'room', 20_000);
    await until(() => closed === connections.length, 'the others to be closed', 20_000);
    expect((residentOf(daemon.pid) ?? 0) - before).to.be.below(128 * MIB);
    await site.untilLines('events.ndjson', 2);
    expect(await daemon.end('SIGTERM')).to.equal(0);
  });
});
