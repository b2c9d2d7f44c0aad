import { createServer } from 'node:net';
import { expect } from 'chai';
import { systemClock } from '../../src/core/clock.ts';
import { isPodiodError, StoreError } from '../../src/core/errors.ts';
import type { NewEvent } from '../../src/core/event.ts';
import { type HookRef, hookUrl, type Secrets } from '../../src/core/hook.ts';
import type { Log, LogFields } from '../../src/core/log.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { type IngressOptions, makeIngress } from '../../src/ingress/ingress.ts';
import type { AppendResult, Journal } from '../../src/store/contract.ts';
import { makeRandom } from '../support/random.ts';
import { type RawAnswer, rawConnection, rawRequest } from '../support/raw-http.ts';
import { unreadable } from '../support/unreadable.ts';
import { makeVirtualClock } from '../support/virtual-clock.ts';
import { until } from '../support/wait.ts';

const SECRET = 'a-secret-of-the-tests';
const LEADS: HookRef = { type: 'app', id: 101 };
const MAX_BODY = 2000;

/** A journal in memory that can be told to fail or to take its time. */
function makeJournal() {
  const stored: NewEvent[] = [];
  let failure: Error | undefined;
  let gate: Promise<void> = Promise.resolve();
  let asked = 0;
  const journal: Pick<Journal, 'append'> = {
    async append(batch) {
      asked += batch.length;
      await gate;
      if (failure) throw failure;
      return batch.map((event): AppendResult => {
        const known = stored.findIndex(({ id }) => id === event.id);
        if (known >= 0) return { id: event.id, status: 'repeat', seq: known + 1 };
        return { id: event.id, status: 'released', seq: stored.push(event) };
      });
    },
  };
  return {
    stored,
    journal,
    /** How many events there have been to append, done or not. */
    asked: () => asked,
    fail: (error: Error | undefined) => {
      failure = error;
    },
    /** Nothing is on disk until the function that it answers is called. */
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
  };
}

function makeRecordingLog() {
  const lines: { level: string; message: string; fields: LogFields }[] = [];
  const write =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      void lines.push({ level, message, fields });
  const log: Log = {
    error: write('error'),
    warn: write('warn'),
    info: write('info'),
    debug: write('debug'),
    child: () => log,
  };
  return { log, lines };
}

describe('ingress', () => {
  const running: HttpServer[] = [];
  afterEach(() => Promise.all(running.splice(0).map(server => server.close(0))));

  async function start(options: Partial<IngressOptions> = {}) {
    const memory = makeJournal();
    const { log, lines } = makeRecordingLog();
    const counted: string[] = [];
    const verified: unknown[] = [];
    let secrets: Secrets = [SECRET];
    const ingress = makeIngress({
      path: '/podio',
      secrets: () => secrets,
      journal: memory.journal,
      verify: (...call) => void verified.push(call),
      resolve: ref => (ref.id === LEADS.id ? { app: 'leads' } : {}),
      maxBody: MAX_BODY,
      maxWaiting: 100,
      log,
      clock: systemClock,
      metrics: {
        received: type => void counted.push(type),
        refused: code => void counted.push(code),
        delivered: () => {},
        apiCalled: () => {},
      },
      ...options,
    });
    const server = await ingress.listen({ host: '127.0.0.1', port: 0 });
    running.push(server);
    const { port } = server.address;
    return {
      ...memory,
      server,
      waiting: ingress.waiting,
      port,
      lines,
      counted,
      verified,
      setSecrets: (...list: [string, ...string[]]) => {
        secrets = list;
      },
      request: (text: string) => rawRequest(port, text),
      deliver: (body: string, hook?: Parameters<typeof delivery>[1]) =>
        rawRequest(port, delivery(body, hook)),
    };
  }

  const pathOf = (type = 'item.update', ref = LEADS, secret = SECRET, base = '/podio') =>
    hookUrl(base, secret, ref, type);

  function delivery(
    body: string,
    { path = pathOf(), type = 'application/x-www-form-urlencoded', headers = '' } = {},
  ): string {
    const length = Buffer.byteLength(body);
    return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n${headers}\r\n${body}`;
  }

  const form = (fields: Record<string, string | number>) => {
    const params = new URLSearchParams();
    for (const [key, value] of Object.entries(fields)) params.set(key, String(value));
    return params.toString();
  };
  const update = (revision: number, item = 501) =>
    form({ item_id: item, item_revision_id: revision, external_id: 'a b', type: 'item.update', hook_id: 7 });
  const chunked = (...chunks: string[]) =>
    `${chunks.map(chunk => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;

  const isBare = ({ headers }: RawAnswer) => !('server' in headers || 'x-powered-by' in headers);

  describe('takes in', () => {
    it('a valid event: 200, empty, stored as it came', async () => {
      const { deliver, stored, counted } = await start();
      const answer = await deliver(update(26));
      expect(answer.status).to.equal(200);
      expect(answer.body).to.equal('');
      expect(isBare(answer)).to.equal(true);
      expect(stored).to.have.length(1);
      expect({ ...stored[0], params: { ...stored[0]?.params } }).to.deep.equal({
        id: 'item.update:501:26',
        type: 'item.update',
        source: 'webhook',
        ref: LEADS,
        app: 'leads',
        itemId: 501,
        revision: 26,
        externalId: 'a b',
        params: {
          item_id: '501',
          item_revision_id: '26',
          external_id: 'a b',
          type: 'item.update',
          hook_id: '7',
        },
      });
      expect(counted).to.deep.equal(['item.update']);
    });

    it('nothing before it is on disk', async () => {
      const { port, hold } = await start();
      const release = hold();
      const connection = await rawConnection(port);
      connection.send(delivery(update(1)));
      const answer = connection.answer();
      const first = await Promise.race([
        answer.then(() => 'answered'),
        rawRequest(port, 'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n').then(() => 'another request'),
      ]);
      expect(first).to.equal('another request');
      release();
      expect((await answer).status).to.equal(200);
      connection.socket.destroy();
    });

    it('a repeat: 200, not stored again', async () => {
      const { deliver, stored, counted } = await start();
      const answers = [await deliver(update(26)), await deliver(update(26))];
      expect(answers.map(({ status }) => status)).to.deep.equal([200, 200]);
      expect(stored).to.have.length(1);
      expect(counted).to.deep.equal(['item.update', 'item.update']);
    });

    it('events without an identity as new ones each time', async () => {
      const { deliver, stored } = await start();
      const body = form({ item_id: 501, type: 'item.update', hook_id: 7 });
      await deliver(body);
      await deliver(body);
      expect(new Set(stored.map(({ id }) => id)).size).to.equal(2);
      expect(stored[0]).to.not.have.property('revision');
    });

    it('many at once, each stored once', async () => {
      const { deliver, stored } = await start();
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, n) => deliver(update(n % 50, 1 + (n % 5)))),
      );
      expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([200]));
      expect(new Set(stored.map(({ id }) => id)).size).to.equal(stored.length);
      expect(stored).to.have.length(50);
    });

    it('several deliveries over one connection, also sent ahead', async () => {
      const { port, stored } = await start();
      const connection = await rawConnection(port);
      connection.send(delivery(update(1)) + delivery(update(2)) + delivery(update(3)));
      for (let n = 0; n < 3; n++) expect((await connection.answer()).status).to.equal(200);
      expect(stored.map(({ revision }) => revision)).to.deep.equal([1, 2, 3]);
      connection.socket.destroy();
    });

    it('JSON, with ids kept digit by digit', async () => {
      const { deliver, stored } = await start();
      const body =
        '{"item_id": 9007199254740991, "item_revision_id": 3, "type": "item.update", "hook_id": "7"}';
      expect((await deliver(body, { type: 'Application/JSON; charset=utf-8' })).status).to.equal(200);
      expect(stored[0]?.params.item_id).to.equal('9007199254740991');
      expect(stored[0]?.itemId).to.equal(Number.MAX_SAFE_INTEGER);
    });

    it('a body in chunks, and one that arrives byte by byte', async () => {
      const { port, request, stored } = await start();
      const body = update(1);
      const head = `POST ${pathOf()} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
      const answer = await request(
        `${head}Transfer-Encoding: chunked\r\n\r\n${chunked(body.slice(0, 9), body.slice(9))}`,
      );
      expect(answer.status).to.equal(200);
      const connection = await rawConnection(port);
      connection.socket.setNoDelay(true);
      for (const character of delivery(update(2))) {
        connection.send(character);
        await new Promise(setImmediate);
      }
      expect((await connection.answer()).status).to.equal(200);
      connection.socket.destroy();
      expect(stored.map(({ revision }) => revision)).to.deep.equal([1, 2]);
    });

    it('unknown parameters, the last of repeated ones, and one called __proto__', async () => {
      const { deliver, stored } = await start();
      await deliver(`${update(1)}&new=1&new=2&__proto__=x&empty=`);
      const params = stored[0]?.params ?? {};
      expect(params.new).to.equal('2');
      expect(params.empty).to.equal('');
      expect(Object.keys(params)).to.include('__proto__');
    });

    it('what hooks of the other kinds deliver', async () => {
      const { deliver, stored } = await start();
      const field: HookRef = { type: 'app_field', id: 99 };
      const space: HookRef = { type: 'space', id: 7 };
      const one = await deliver(update(4), { path: pathOf('item.update', field) });
      const other = await deliver(form({ type: 'task.create', task_id: 8, hook_id: 1 }), {
        path: pathOf('task.create', space),
      });
      expect([one.status, other.status]).to.deep.equal([200, 200]);
      expect(stored.map(({ ref, id }) => [ref, id])).to.deep.equal([
        [field, 'item.update:501:4'],
        [space, 'task.create:8'],
      ]);
    });

    it('under the root path, and under keys of a previous secret', async () => {
      const { deliver, setSecrets } = await start({ path: '' });
      const path = pathOf('item.update', LEADS, SECRET, '');
      expect((await deliver(update(1), { path })).status).to.equal(200);
      setSecrets('another-secret-of-the-tests', SECRET);
      expect((await deliver(update(2), { path })).status).to.equal(200);
      setSecrets('another-secret-of-the-tests');
      expect((await deliver(update(3), { path })).status).to.equal(404);
    });
  });

  describe('hook.verify', () => {
    it('is 200 and hands the code on, also while the store is down', async () => {
      const { deliver, verified, stored, fail } = await start();
      fail(new StoreError('STORE_WRITE_FAILED', 'disk full'));
      const answer = await deliver(form({ type: 'hook.verify', hook_id: 4711, code: 'ab12' }));
      expect(answer.status).to.equal(200);
      expect(verified).to.deep.equal([[LEADS, 'item.update', 4711, 'ab12']]);
      expect(stored).to.deep.equal([]);
    });

    it('without a code or hook id is 400', async () => {
      const { deliver, verified } = await start();
      expect((await deliver(form({ type: 'hook.verify', hook_id: 4711 }))).body).to.match(/^code is missing/);
      expect((await deliver(form({ type: 'hook.verify', code: 'a' }))).body).to.match(/^hook_id is missing/);
      expect(verified).to.deep.equal([]);
    });
  });

  describe('answers 404, empty, to', () => {
    const key = hookUrl('', SECRET, LEADS, 'item.update').split('/')[1] ?? '';
    const paths: Record<string, string> = {
      'a wrong key': `/podio/${'A'.repeat(key.length)}/app/101/item.update`,
      'a longer key': `/podio/${key}A/app/101/item.update`,
      'a shorter key': `/podio/${key.slice(1)}/app/101/item.update`,
      "another hook's key": `/podio/${key}/app/102/item.update`,
      'another base': `/podio2/${key}/app/101/item.update`,
      'an unknown kind': `/podio/${key}/item/101/item.update`,
      'an id that is none': `/podio/${key}/app/0101/item.update`,
      'a slash at the end': `/podio/${key}/app/101/item.update/`,
      'an escaped character': `/podio/${key}/app/101/item%2Eupdate`,
      'a doubled slash': `//podio/${key}/app/101/item.update`,
      'the base alone': '/podio',
      'the root': '/',
    };
    for (const [name, path] of Object.entries(paths)) {
      for (const method of ['POST', 'GET', 'OPTIONS', 'UNHEARDOF']) {
        it(`${name}, with ${method}`, async () => {
          const { request, stored } = await start();
          const answer = await request(
            `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
          );
          expect(answer.status).to.equal(404);
          expect(answer.body).to.equal('');
          expect(answer.headers).to.not.have.property('allow');
          expect(isBare(answer)).to.equal(true);
          expect(stored).to.deep.equal([]);
        });
      }
    }

    it('a wrong key before anything else is looked at', async () => {
      const { request } = await start();
      const answer = await request(
        `POST /podio/${'A'.repeat(22)}/app/101/item.update HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n`,
      );
      expect(answer.status).to.equal(404);
    });
  });

  describe("answers 405 with Allow: POST, on a hook's path, to", () => {
    const methods = [
      'GET',
      'HEAD',
      'OPTIONS',
      'PUT',
      'PATCH',
      'DELETE',
      'PURGE',
      'QUERY',
      'TRACE',
      'PROPFIND',
    ];
    for (const method of [...methods, 'CONNECT', 'UNHEARDOF', 'post', 'X']) {
      it(method, async () => {
        const { request, counted } = await start();
        const answer = await request(`${method} ${pathOf()} HTTP/1.1\r\nHost: x\r\n\r\n`);
        expect(counted).to.deep.equal(['INGRESS_METHOD']);
        expect(answer.status).to.equal(405);
        expect(answer.headers.allow).to.equal('POST');
        expect(isBare(answer)).to.equal(true);
      });
    }

    it('an unknown one on a connection that was used before', async () => {
      const { port } = await start();
      const connection = await rawConnection(port);
      connection.send(delivery(update(1)));
      expect((await connection.answer()).status).to.equal(200);
      connection.send(`UNHEARDOF ${pathOf()} HTTP/1.1\r\nHost: x\r\n\r\n`);
      expect((await connection.answer()).status).to.equal(405);
      await connection.closed;
    });

    it('a large body of an unknown type', async () => {
      const { request } = await start();
      const answer = await request(
        `PUT ${pathOf()} HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 99999\r\n\r\n`,
      );
      expect(answer.status).to.equal(405);
    });
  });

  describe('answers 413 to', () => {
    const head = `POST ${pathOf()} HTTP/1.1\r\nHost: x\r\n`;
    it('a length over maxBody, before the body has come, whatever its type', async () => {
      const { request, stored, counted } = await start();
      for (const type of ['application/x-www-form-urlencoded', 'image/png']) {
        const answer = await request(
          `${head}Content-Type: ${type}\r\nContent-Length: ${MAX_BODY + 1}\r\n\r\n`,
        );
        expect(answer.status).to.equal(413);
      }
      expect(stored).to.deep.equal([]);
      expect(counted).to.deep.equal(['INGRESS_TOO_LARGE', 'INGRESS_TOO_LARGE']);
    });

    it('chunks that grow over maxBody, though the client goes on sending', async () => {
      const { port, stored } = await start();
      for (const type of ['application/x-www-form-urlencoded', 'image/png']) {
        const connection = await rawConnection(port);
        connection.send(`${head}Content-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`);
        for (let n = 0; n < 5; n++) connection.send(`3e8\r\n${'a'.repeat(1000)}\r\n`);
        expect((await connection.answer()).status).to.equal(413);
        connection.send('0\r\n\r\n');
        // The rest was discarded, so the connection can go on.
        connection.send(delivery(update(1)));
        expect((await connection.answer()).status).to.equal(200);
        connection.socket.destroy();
      }
      expect(stored).to.have.length(1);
    });

    it('not to a body of exactly maxBody', async () => {
      const { deliver } = await start();
      const body = update(1);
      expect((await deliver(`${body}&x=${'a'.repeat(MAX_BODY - body.length - 3)}`)).status).to.equal(200);
      expect((await deliver(`${body}&x=${'a'.repeat(MAX_BODY - body.length - 2)}`)).status).to.equal(413);
    });
  });

  describe('answers 415 to', () => {
    for (const type of ['text/plain', 'multipart/form-data; boundary=x', 'application/jsonp', '', 'a']) {
      it(`a body of type '${type}'`, async () => {
        const { deliver, stored } = await start();
        expect((await deliver(update(1), { type })).status).to.equal(415);
        expect(stored).to.deep.equal([]);
      });
    }
    it('no type at all, and a compressed body', async () => {
      const { request, deliver } = await start();
      const answer = await request(`POST ${pathOf()} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
      expect(answer.status).to.equal(415);
      expect((await deliver(update(1), { headers: 'Content-Encoding: gzip\r\n' })).status).to.equal(415);
    });
  });

  describe('answers 400, with one line, to', () => {
    const json = 'application/json';
    const cases: Record<
      string,
      readonly [body: string, line: RegExp, type?: string | undefined, hook?: string]
    > = {
      'an empty body': ['', /^type is missing/],
      'no type': [form({ item_id: 1 }), /^type is missing/],
      'an empty type': [form({ item_id: 1, type: '' }), /^type is missing/],
      "another hook's type": [form({ item_id: 1, type: 'item.create' }), /^type must be item.update/],
      'a type with a line break': [form({ item_id: 1, type: 'a\nb' }), /^type must be item.update/],
      'no item_id': [form({ type: 'item.update' }), /^item_id is missing/],
      'an empty item_id': [form({ type: 'item.update', item_id: '' }), /^item_id is missing/],
      'a negative item_id': [form({ type: 'item.update', item_id: -1 }), /^item_id must be decimal digits/],
      'a decimal item_id': [form({ type: 'item.update', item_id: '1.5' }), /^item_id must be decimal digits/],
      'hexadecimal digits': [form({ type: 'item.update', item_id: '0x1f' }), /^item_id must be decimal/],
      'digits of another script': [form({ type: 'item.update', item_id: '١٢' }), /^item_id must be decimal/],
      'a space before an id': [form({ type: 'item.update', item_id: ' 1' }), /^item_id must be decimal/],
      'an id above 2^53-1': [
        form({ type: 'item.update', item_id: '9007199254740992' }),
        /^item_id must be at most 2\^53-1/,
      ],
      'a revision that is none': [
        form({ type: 'item.update', item_id: 1, item_revision_id: 'x' }),
        /^item_revision_id must be decimal digits/,
      ],
      'a hook_id that is none': [
        form({ type: 'item.update', item_id: 1, hook_id: 'x' }),
        /^hook_id must be decimal digits/,
      ],
      'no comment_id where one is needed': [
        form({ type: 'comment.create', item_id: 1 }),
        /^comment_id is missing/,
        undefined,
        'comment.create',
      ],
      'file ids that are none': [
        form({ type: 'file.change', item_id: 1, file_ids: '1,x' }),
        /^file_ids must be decimal digits/,
        undefined,
        'file.change',
      ],
      'broken JSON': ['{"type": "item.update"', /^the body is not valid JSON/, json],
      'no JSON at all': ['', /^the body is not valid JSON/, json],
      'a JSON list': ['[1]', /^the body must be a JSON object/, json],
      'a JSON number': ['1', /^the body must be a JSON object/, json],
      'JSON null': ['null', /^the body must be a JSON object/, json],
      'a JSON id above 2^53-1': [
        '{"type":"item.update","item_id":9007199254740993}',
        /^item_id must be at most/,
        json,
      ],
      'a JSON id with an exponent': [
        '{"type":"item.update","item_id":1e3}',
        /^item_id must be decimal/,
        json,
      ],
      'a JSON id of null': ['{"type":"item.update","item_id":null}', /^item_id is missing/, json],
      'a JSON id in a list': ['{"type":"item.update","item_id":[1]}', /^item_id must be decimal/, json],
    };
    for (const [name, [body, line, type, hook]] of Object.entries(cases)) {
      it(name, async () => {
        const { deliver, stored } = await start();
        const answer = await deliver(body, { path: pathOf(hook), ...(type ? { type } : {}) });
        expect(answer.status).to.equal(400);
        expect(answer.body).to.match(line);
        expect(answer.body).to.not.match(/[\r\n]/);
        expect(answer.body.length).to.be.below(200);
        expect(stored).to.deep.equal([]);
      });
    }
  });

  describe('answers 503 with Retry-After when', () => {
    it('what it refuses with can not be read, and as ever once it can', async () => {
      const { request, deliver, lines } = await start();
      const again = unreadable('/ingress/rest.ts');
      const wrong = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
      try {
        const { status, headers } = await request(wrong);
        expect([status, headers['retry-after']]).to.deep.equal([503, '10']);
        expect(lines.map(({ level, message }) => `${level} ${message}`)).to.include('error request failed');
        expect((await deliver(update(26))).status).to.equal(200);
      } finally {
        again();
      }
      expect((await request(wrong)).status).to.equal(404);
    });

    it('the store fails, with one log line for the outage and one for its end', async () => {
      const clock = makeVirtualClock();
      // What was refused waits no longer: it takes no place from what comes.
      const { deliver, fail, lines, stored } = await start({ clock, maxWaiting: 2 });
      fail(new StoreError('STORE_WRITE_FAILED', 'disk full'));
      for (let n = 0; n < 5; n++) {
        const answer = await deliver(update(n));
        expect(answer.status).to.equal(503);
        expect(answer.headers['retry-after']).to.match(/^[0-9]+$/);
        expect(answer.body).to.not.include('disk');
      }
      expect(lines.map(({ level, message }) => [level, message])).to.deep.equal([
        ['error', 'events can not be taken in'],
      ]);
      fail(undefined);
      expect((await deliver(update(6))).status).to.equal(200);
      await clock.advance(10_000);
      expect((await deliver(update(7))).status).to.equal(200);
      expect(lines.at(-1)).to.deep.include({ level: 'info', message: 'events are taken in again' });
      expect(lines.at(-1)?.fields).to.include({ refused: 5 });
      expect(lines.filter(({ level }) => level !== 'debug')).to.have.length(2);
      expect(stored).to.have.length(2);
    });

    it('too much is waiting, and what waits is still answered', async () => {
      const { port, deliver, hold, asked, lines, waiting: count } = await start({ maxWaiting: 2 });
      expect(count()).to.equal(0);
      const release = hold();
      const waiting = [await rawConnection(port), await rawConnection(port)];
      waiting.forEach((connection, n) => {
        connection.send(delivery(update(n)));
      });
      await until(() => asked() === 2, 'two to be waiting');
      expect((await deliver(update(9))).status).to.equal(503);
      expect(count()).to.equal(2);
      release();
      for (const connection of waiting) {
        expect((await connection.answer()).status).to.equal(200);
        connection.socket.destroy();
      }
      expect((await deliver(update(9))).status).to.equal(200);
      expect(count()).to.equal(0);
      expect(lines.filter(({ level }) => level === 'error')).to.have.length(1);
    });
  });

  it('what comes together fares by itself: a fault of one event is no fault of its neighbours', async () => {
    const { port } = await start({
      journal: {
        append: async batch => {
          if (batch.some(({ revision }) => revision === 3)) throw new StoreError('INTERNAL', 'a fault');
          return batch.map(
            ({ id, revision = 0 }): AppendResult => ({ id, status: 'released', seq: revision }),
          );
        },
      },
    });
    const connection = await rawConnection(port);
    const bodies = [update(1), 'type=nonsense', update(2), update(3), update(4)];
    connection.send(bodies.map(body => delivery(body)).join(''));
    const statuses: number[] = [];
    for (const _ of bodies) statuses.push((await connection.answer()).status);
    connection.socket.destroy();
    expect(statuses).to.deep.equal([200, 400, 200, 503, 200]);
  });

  it('never mixes the answers of requests that come together, on one connection or many', async () => {
    const { port, stored } = await start({ maxWaiting: 10_000 });
    const head = `POST ${pathOf()} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
    const inChunks = (text: string) => `${head}Transfer-Encoding: chunked\r\n\r\n${chunked(text)}`;
    const long = form({ type: 'item.update', item_id: 1, text: 'x'.repeat(MAX_BODY) });
    const kinds: readonly (readonly [status: number, text: (revision: number) => string])[] = [
      [200, revision => delivery(update(revision))],
      [200, revision => inChunks(update(revision))],
      [200, revision => delivery(update(revision), { headers: 'Expect: 100-continue\r\n' })],
      [200, () => delivery(form({ type: 'hook.verify', hook_id: 7, code: 'abc' }))],
      [400, () => delivery(form({ type: 'item.update', item_id: 'x' }))],
      [400, () => delivery('')],
      [404, revision => delivery(update(revision), { path: '/podio/no-key/app/101/item.update' })],
      [405, () => `HEAD ${pathOf()} HTTP/1.1\r\nHost: x\r\n\r\n`],
      [405, () => `OPTIONS ${pathOf()} HTTP/1.1\r\nHost: x\r\n\r\n`],
      [413, () => delivery(long)],
      [413, () => inChunks(long)],
      [415, revision => delivery(update(revision), { type: 'text/plain' })],
    ];
    const random = makeRandom(20_261_129);
    const taken: number[] = [];
    let revision = 0;
    await Promise.all(
      Array.from({ length: 12 }, async () => {
        const asked = Array.from({ length: 40 }, () => {
          const [status, text] = kinds[Math.floor(random() * kinds.length)] as (typeof kinds)[number];
          revision += 1;
          const request = text(revision);
          if (status === 200 && request.includes('item.update&')) taken.push(revision);
          return { status, request };
        });
        const connection = await rawConnection(port);
        const all = asked.map(({ request }) => request).join('');
        for (let at = 0; at < all.length; ) {
          const size = 1 + Math.floor(random() * 3000);
          connection.send(all.slice(at, at + size));
          at += size;
          if (random() < 0.5) await new Promise(setImmediate);
        }
        for (const { status, request } of asked) {
          const options = { head: request.startsWith('HEAD ') };
          let answer = await connection.answer(options);
          if (answer.status === 100) answer = await connection.answer(options);
          expect(answer.status, request).to.equal(status);
        }
        connection.socket.destroy();
      }),
    );
    const byNumber = (a: number, b: number) => a - b;
    expect(stored.map(event => Number(event.revision)).sort(byNumber)).to.deep.equal(taken.sort(byNumber));
    expect(taken.length).to.be.greaterThan(50);
  });

  it('tells of refusals at a bounded rate, without keys', async () => {
    const clock = makeVirtualClock();
    const { deliver, lines, counted } = await start({ clock });
    for (let n = 0; n < 20; n++) await deliver('type=nonsense');
    expect(lines).to.have.length(1);
    expect(lines[0]?.fields).to.include({ code: 'INGRESS_BODY', status: 400, ref: 'app/101' });
    await clock.advance(61_000);
    await deliver('type=nonsense');
    expect(lines[1]?.fields).to.include({ untold: 19 });
    expect(counted).to.have.length(21);
    expect(JSON.stringify(lines)).to.not.include(pathOf().split('/')[2]);
  });

  describe('clients that don’t keep to the rules', () => {
    const timeouts = { headers: 200, request: 400, keepAlive: 60_000 };

    it('that go away in the middle of a body leave nothing behind', async () => {
      const { port, deliver, stored, lines } = await start();
      const connection = await rawConnection(port);
      connection.send(delivery(update(1)).slice(0, -10));
      connection.socket.resetAndDestroy();
      await connection.closed;
      expect((await deliver(update(2))).status).to.equal(200);
      expect(stored.map(({ revision }) => revision)).to.deep.equal([2]);
      expect(lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
    });

    it('that go away before their answer have their event stored, and are no error', async () => {
      const { port, hold, asked, stored, lines, deliver } = await start();
      const release = hold();
      const connection = await rawConnection(port);
      connection.send(delivery(update(1)));
      await until(() => asked() === 1, 'the event to be on its way');
      connection.socket.resetAndDestroy();
      await connection.closed;
      release();
      await until(() => stored.length === 1, 'the event to be stored');
      expect((await deliver(update(1))).status).to.equal(200);
      expect(stored).to.have.length(1);
      expect(lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
    });

    it('that go away as soon as they have said all have their event stored', async () => {
      const { port, stored, lines } = await start();
      const [ended, reset] = [await rawConnection(port), await rawConnection(port)];
      ended.send(delivery(update(1)));
      ended.socket.end();
      await new Promise<void>(resolve => {
        reset.socket.write(delivery(update(2)), () => resolve());
      });
      reset.socket.resetAndDestroy();
      await until(() => stored.length === 2, 'both events to be stored');
      await Promise.all([ended.closed, reset.closed]);
      expect(lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
    });

    it('that stop in the middle of a body are cut off with 408', async () => {
      const { port, stored } = await start({ timeouts });
      const connection = await rawConnection(port);
      connection.send(delivery(update(1)).slice(0, -10));
      expect((await connection.answer()).status).to.equal(408);
      await connection.closed;
      expect(stored).to.deep.equal([]);
    });

    it('that stop in the middle of the headers are cut off', async () => {
      const { port } = await start({ timeouts });
      const connection = await rawConnection(port);
      connection.send('POST /podio HTTP/1.1\r\nHost:');
      expect((await connection.answer()).status).to.equal(408);
      await connection.closed;
    });

    it('that never say anything are cut off', async () => {
      const { port } = await start({ timeouts });
      await (await rawConnection(port)).closed;
    });

    it('that speak no HTTP, or with huge headers, are told so', async () => {
      const { request } = await start();
      expect((await request('\x16\x03\x01 what\r\n\r\n')).status).to.equal(400);
      const huge = await request(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`);
      expect(huge.status).to.equal(431);
    });

    it('that send a body in chunks which are none are told so', async () => {
      const { request, stored } = await start();
      const head = `POST ${pathOf()} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
      const statusOf = async (encoding: string, body: string) =>
        (await request(`${head}Transfer-Encoding: ${encoding}\r\n\r\n${body}`)).status;
      expect(await statusOf('chunked', '-5\r\ntype=\r\n'), 'size').to.equal(400);
      expect(await statusOf('chunked', '5\ntype=\n0\n\n'), 'ends of lines').to.equal(400);
      expect(await statusOf('identity', update(1)), 'encoding').to.equal(400);
      expect(await statusOf('chunked', `5;${'x'.repeat(20_000)}\r\n`), 'extension').to.equal(413);
      expect(await statusOf('chunked', `0\r\nX: ${'x'.repeat(20_000)}\r\n`), 'trailer').to.equal(431);
      expect(stored).to.deep.equal([]);
    });

    it('cannot take the answer of a request in hand by a wrong one behind it', async () => {
      const { port, hold, asked, stored } = await start();
      const release = hold();
      const connection = await rawConnection(port);
      connection.send(delivery(update(1)));
      await until(() => asked() === 1, 'the event to be on its way');
      connection.send('UNHEARDOF / HTTP/1.1\r\nHost: x\r\n\r\n');
      await connection.closed;
      release();
      await until(() => stored.length === 1, 'the event to be stored all the same');
    });

    it('nor by one that is wrong behind another, whose answer waits', async () => {
      for (const wrong of ['UNHEARDOF / HTTP/1.1', 'POST / HTTP/1.1\r\nTransfer-Encoding: x']) {
        const { port, hold, asked, stored, counted } = await start();
        const release = hold();
        const connection = await rawConnection(port);
        connection.send(delivery(update(1)));
        await until(() => asked() === 1, 'the event to be on its way');
        connection.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        await until(() => counted.includes('INGRESS_NOT_FOUND'), 'the next one to be refused');
        for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
        connection.send(`${wrong}\r\nHost: x\r\n\r\n`);
        await connection.closed;
        expect(connection.socket.bytesRead, wrong).to.equal(0);
        release();
        await until(() => stored.length === 1, 'the event to be stored all the same');
      }
    });
  });

  describe('close', () => {
    it('answers what it holds, then lets go of the connection', async () => {
      const { server, port, hold, asked, stored } = await start();
      const release = hold();
      const busy = await rawConnection(port);
      const idle = await rawConnection(port);
      const silent = await rawConnection(port);
      idle.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await idle.answer();
      busy.send(delivery(update(1)));
      await until(() => asked() === 1, 'the event to be on its way');
      const closing = server.close(5_000);
      await Promise.all([idle.closed, silent.closed]);
      release();
      const answer = await busy.answer();
      expect(answer.status).to.equal(200);
      expect(answer.headers.connection).to.equal('close');
      await closing;
      expect(stored).to.have.length(1);
    });

    it('does not wait longer than it is told to', async () => {
      const { server, port } = await start();
      const half = await rawConnection(port);
      half.send(delivery(update(1)).slice(0, -10));
      await until(
        async () => (await rawRequest(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).status === 404,
        '404',
      );
      await server.close(20);
      await half.closed;
    });

    it('takes no new connection', async () => {
      const { server, port } = await start();
      await server.close(0);
      const again = createServer();
      await new Promise<void>(resolve => again.listen(port, '127.0.0.1', resolve));
      await new Promise(resolve => again.close(resolve));
    });
  });

  it('says whose port is taken and what to do', async () => {
    const { port, server } = await start();
    const ingress = makeIngress({
      path: '/podio',
      secrets: () => [SECRET],
      journal: makeJournal().journal,
      verify: () => {},
      resolve: () => ({}),
      maxBody: MAX_BODY,
      maxWaiting: 1,
      log: makeRecordingLog().log,
      metrics: { received() {}, refused() {}, delivered() {}, apiCalled() {} },
      clock: systemClock,
    });
    const error = await ingress.listen({ host: '127.0.0.1', port }).catch((thrown: unknown) => thrown);
    if (!isPodiodError(error)) throw error;
    expect(error.code).to.equal('INGRESS_PORT');
    expect(error.message).to.equal(`server can't listen on 127.0.0.1:${port}: another program does`);
    expect(error.hint).to.include('server.port');
    await server.close(0);
  });
});
