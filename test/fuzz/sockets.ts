/** Bytes over real sockets to real servers: the ingress, whose journal keeps nothing, and the admin API over a daemon that is none. */
import { connect } from 'node:net';
import { makeAdmin } from '../../src/admin/admin.ts';
import { AdminError } from '../../src/admin/errors.ts';
import { makeMetrics } from '../../src/admin/metrics.ts';
import * as requests from '../../src/admin/requests.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type Log, silentLog } from '../../src/core/log.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { makeIngress } from '../../src/ingress/ingress.ts';
import { makeMask } from '../../src/log/mask.ts';
import type { Journal } from '../../src/store/contract.ts';
import { makeFacts } from '../unit/admin/facts.ts';
import { FORM, JSON_BODY, PATH, SECRET } from './parsers.ts';
import { allow, json, must, type Target } from './target.ts';

const request = (line: string, head: string, content = ''): string =>
  `${line} HTTP/1.1\r\nHost: a\r\n${head}Content-Length: ${content.length}\r\n\r\n${content}`;

function sendTo({ address: { port } }: HttpServer, bytes: Buffer): Promise<string> {
  return new Promise(resolve => {
    let answer = '';
    const socket = connect(port, '127.0.0.1');
    socket.setEncoding('latin1');
    socket.on('data', chunk => {
      answer += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
    socket.end(bytes);
  });
}

/** Of a server that is asked for anything, and then once more for what it must still answer. */
function overSocket(
  of: Pick<Target, 'name' | 'share' | 'corpus'>,
  server: HttpServer,
  faults: readonly unknown[],
  last: string,
): Target {
  return {
    ...of,
    async feed(input) {
      const answer = await sendTo(server, Buffer.from(input, 'latin1'));
      for (const [, status] of answer.matchAll(/^HTTP\/1\.1 (\d+)/gm))
        must(Number(status) < 500 || status === '505', `answered ${answer}`);
      must(!/node:|\bat .*\.ts:|x-powered-by|^server:/im.test(answer), `told too much: ${answer}`);
      if (faults.length > 0) throw new Error('a fault inside', { cause: faults[0] });
    },
    async end() {
      const answer = await sendTo(server, Buffer.from(last));
      must(answer.startsWith('HTTP/1.1 200'), `answers ${answer} after all that`);
      await server.close(0);
    },
  };
}

/** Keeps what is told at the level of errors. */
function faultLog(): { readonly log: Log; readonly faults: unknown[] } {
  const faults: unknown[] = [];
  const log: Log = {
    ...silentLog,
    error: (_message, fields) => void faults.push(fields?.error ?? fields),
    child: () => log,
  };
  return { log, faults };
}

async function ingressTarget(): Promise<Target> {
  let seq = 0;
  const journal: Pick<Journal, 'append'> = {
    append: async batch => batch.map(({ id }) => ({ id, status: 'released', seq: ++seq })),
  };
  const { log, faults } = faultLog();
  const server = await makeIngress({
    path: '/podio',
    secrets: () => [SECRET],
    journal,
    verify: () => {},
    resolve: () => ({}),
    maxBody: 4096,
    maxWaiting: 100,
    log,
    metrics: noMetrics,
    clock: systemClock,
    timeouts: { headers: 500, request: 1000, keepAlive: 1000 },
  }).listen({ host: '127.0.0.1', port: 0 });
  const form = 'Content-Type: application/x-www-form-urlencoded\r\n';
  const corpus = [
    request(`POST ${PATH}`, form, FORM),
    request(`POST ${PATH}`, 'Content-Type: application/json\r\n', JSON_BODY),
    `POST ${PATH} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n`,
    `GET /podio HTTP/1.1\r\nHost: a\r\n\r\nPURGE ${PATH} HTTP/1.0\r\n\r\n`,
    `GET http://[2001:db8::1]:80/podio?a=1#b HTTP/1.1\r\nHost: a\r\n\r\n`,
  ];
  const last = request(`POST ${PATH}`, `Connection: close\r\n${form}`, FORM);
  return overSocket({ name: 'bytes to the ingress', share: 2, corpus }, server, faults, last);
}

const TOKEN = 'the-admin-token-of-the-fuzzer';

/** What is asked for, and a body that is right. */
const ASKED: Readonly<Record<string, object>> = {
  '/api/parked/retry': { ids: ['1', 2] },
  '/api/parked/drop': { all: true },
  '/api/replay': { rule: 'won', from: 1, to: '2026-01-01T00:00:00Z', dryRun: true },
  '/api/reconcile': { dryRun: true, expect: 'x', wait: false },
  '/api/reload': { dryRun: true },
  '/api/pause': { rule: 'won' },
  '/api/resume': { plugin: 'slack' },
  '/api/fire': { rule: 'won', item: 'leads/42' },
  '/api/items': { ids: [1] },
  '/api/handshake': { hookId: 1 },
  '/api/podio/read': { as: 'app/101', method: 'GET', path: '/app/101' },
  '/api/secret/rotate': {},
};

async function adminTarget(): Promise<Target> {
  const { log, faults } = faultLog();
  const found = async (): Promise<never[]> => [];
  const server = await makeAdmin({
    token: TOKEN,
    deps: {
      readiness: () => ({ ...makeFacts().readiness, ready: true }),
      facts: async () => makeFacts(),
      reload: async asked => asked,
      rotateSecret: async () => ({}),
      events: found,
      parking: {
        list: found,
        drop: async () => ({ ids: [], waiting: 0, passed: 0 }),
        retry: async () => ({ ids: [], missing: [] }),
      },
      handshake: async () => undefined,
      readPodio: async () => ({ answer: {} }),
      findItem: async () => 1,
      numberOfItem: () => undefined,
      why: async asked => asked,
      replay: async () => undefined,
      fire: async ({ rule }) => ({ rule, app: 'leads', item: 1, seq: 1, event: 'x' }),
      pause: async () => ({ paused: true, changed: true }),
      resume: async () => ({ paused: false, changed: true }),
      reconcile: async asked => asked,
    },
    metrics: makeMetrics(),
    log,
    mask: makeMask([]),
  }).listen({ host: '127.0.0.1', port: 0 });
  const key = `Authorization: Bearer ${TOKEN}\r\n`;
  const reads = [
    ...['/healthz', '/readyz', '/metrics', '/api/status', '/api/log-level', '/api/item?of=leads/42'],
    '/api/events?last=5&rule=won&itemId=1&since=0',
    '/api/why?item=leads/42&rule=won&last=3',
    '/api/parked?rule=won&limit=5&after=x',
  ];
  const corpus = [
    ...reads.map(path => request(`GET ${path}`, key)),
    ...Object.entries(ASKED).map(([path, body]) =>
      request(`POST ${path}`, `${key}Content-Type: application/json\r\n`, JSON.stringify(body)),
    ),
  ];
  const last = request('GET /api/status', `Connection: close\r\n${key}`);
  return overSocket({ name: 'bytes to the admin API', share: 2, corpus }, server, faults, last);
}

const readers = Object.values(requests) as readonly ((value: unknown) => unknown)[];

const adminRequests: Target = {
  name: 'requests to the admin API',
  share: 6,
  json: true,
  corpus: [
    ...Object.values(ASKED).map(body => JSON.stringify(body)),
    '{"limit":"5","rule":"won","last":"3","since":"0","itemId":"1"}',
    '{"item":"leads/42","rule":"won","last":"3"}',
    '{"module":"podio","level":"debug","forMs":600000}',
  ],
  feed(input) {
    for (const read of readers)
      allow(
        error => error instanceof AdminError && error.status < 500,
        () => read(json(input)),
      );
  },
};

export const socketTargets = async (): Promise<readonly Target[]> => [
  adminRequests,
  await ingressTarget(),
  await adminTarget(),
];
