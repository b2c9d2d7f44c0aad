/** What strangers, Podio and the config's author can hand to podiod, and what may come of it: an answer or one of its errors. */
import { connect } from 'node:net';
import { AdminError } from '../../src/admin/errors.ts';
import { parseEventQuery, parseParkedSelection, parseReplayRequest } from '../../src/admin/requests.ts';
import { loadConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/core/clock.ts';
import { IngressError, isPodiodError } from '../../src/core/errors.ts';
import { type HookPath, hookKey, parseHookPath, parseHookUrl, type Secrets } from '../../src/core/hook.ts';
import { silentLog } from '../../src/core/log.ts';
import { noMetrics } from '../../src/core/metrics.ts';
import { parseBackoff, parseDuration, parseShare, parseSize } from '../../src/core/units.ts';
import { parseItemName } from '../../src/daemon/find-item.ts';
import { makeIngress } from '../../src/ingress/ingress.ts';
import { mediaTypeOf, parseBody, randomId, toEvent, verificationOf } from '../../src/ingress/parse.ts';
import { compileTemplate } from '../../src/plugin/template.ts';
import type { Journal } from '../../src/store/contract.ts';

export interface Target {
  readonly name: string;
  /** How many of a hundred inputs are for this one. */
  readonly share: number;
  readonly corpus: readonly string[];
  /** Throws where podiod did what it may not. */
  feed(input: string): void | Promise<void>;
  end?(): Promise<void>;
}

const SECRET = 'a-secret-for-the-fuzzer';
const SECRETS: Secrets = [SECRET];
const HOOK: HookPath = {
  ref: { type: 'app', id: 101 },
  type: 'item.update',
  key: hookKey(SECRET, { type: 'app', id: 101 }, 'item.update'),
};
const PATH = `/podio/${HOOK.key}/app/101/item.update`;

/** Only errors of this kind may be thrown. */
function allow(isRight: (error: unknown) => boolean, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!isRight(error)) throw error;
  }
}
const podiods = isPodiodError;
const ingresses = (error: unknown): boolean => error instanceof IngressError && error.status < 500;

const FORM = 'type=item.update&item_id=7&item_revision_id=3&hook_id=5&external_id=a%20b';
const JSON_BODY = '{"type":"item.update","item_id":7,"item_revision_id":"3","hook_id":5,"x":{"y":[1,null]}}';

const body = (media: 'form' | 'json') => (input: string) =>
  allow(ingresses, () => {
    const params = parseBody(input, media);
    for (const [name, value] of Object.entries(params))
      if (typeof value !== 'string') throw new TypeError(`${name} is no text`);
    if (verificationOf(HOOK, params) === undefined) toEvent(HOOK, params, {}, randomId);
  });

const CONFIG = `
server: { publicUrl: https://hooks.example.com/podio, secret: \${PODIOD_SECRET} }
podio: { clientId: podiod, clientSecret: "s3cret-of-podio" }
logins: { bot: { username: bot@example.com, password: "x" } }
apps:
  leads: { id: 101, token: "t", fields: { value: deal-value-2 } }
plugins:
  audit: { use: file-logger, path: ./events.ndjson }
defaults: { timezone: Europe/Copenhagen, delivery: { retryFor: 1d, backoff: 1s..10m } }
rules:
  won:
    on: { app: leads, fields: { status: { from: Open, to: [Won, Signed] } } }
    steps: [audit]
  morning:
    on: { schedule: "0 9 * * 1-5", missed: skip }
    steps: [audit]
retention: { events: 90d, runs: 30d, size: 2gb }
`;

const json = (input: string): unknown => {
  try {
    return JSON.parse(input);
  } catch {
    return input;
  }
};

const parsers: readonly Target[] = [
  {
    name: 'hook paths',
    share: 18,
    corpus: [
      PATH,
      '/podio/x/app_field/1001/item.update',
      '/podio/x/space/7/task.create',
      'https://a.example/p/k/app/1/item.create',
    ],
    feed(input) {
      const hook = parseHookPath('/podio', input);
      if (hook && !Number.isSafeInteger(hook.ref.id)) throw new Error('an id that is none');
      parseHookUrl(input);
    },
  },
  {
    name: 'form bodies',
    share: 20,
    corpus: [FORM, 'type=hook.verify&hook_id=5&code=abc'],
    feed: body('form'),
  },
  {
    name: 'JSON bodies',
    share: 18,
    corpus: [JSON_BODY, '{"type":"hook.verify","hook_id":5,"code":"c"}'],
    feed: body('json'),
  },
  {
    name: 'media types',
    share: 4,
    corpus: ['application/json; charset=utf-8', 'application/x-www-form-urlencoded'],
    feed: input => void mediaTypeOf(input),
  },
  {
    name: 'durations, sizes, shares',
    share: 14,
    corpus: ['250ms', '7d', '64kb', '2gb', '30%', '1s..10m'],
    feed(input) {
      for (const read of [parseDuration, parseSize, parseShare])
        if (typeof read(input) !== 'number') throw new Error('no number');
      parseBackoff(input);
    },
  },
  {
    name: 'names of items',
    share: 10,
    corpus: ['123', 'leads/42', 'https://podio.com/org/space/apps/leads/items/42'],
    feed: input => allow(podiods, () => parseItemName(input)),
  },
  {
    name: 'requests to the admin API',
    share: 6,
    corpus: [
      '{"limit":"5","rule":"won"}',
      '{"ids":["1"]}',
      '{"rule":"won","from":{"seq":1}}',
      '{"all":true}',
    ],
    feed(input) {
      for (const read of [parseEventQuery, parseParkedSelection, parseReplayRequest])
        allow(
          error => error instanceof AdminError,
          () => read(json(input)),
        );
    },
  },
  {
    name: 'templates',
    share: 6,
    corpus: [
      '{{ item.title }} is won ({{ changes.status.from }} before)',
      '{% if fields.value > 3 %}{{ fields.value | upcase }}{% else %}-{% endif %}',
      '{% for tag in item.tags %}{{ tag | truncate: 3 }}{% endfor %}',
    ],
    feed: input => allow(podiods, () => compileTemplate(input)),
  },
  {
    name: 'configs',
    share: 1,
    corpus: [CONFIG, CONFIG.replaceAll('  ', '\t'), '{}', 'rules: [', 'a: &a {b: *a}'],
    async feed(input) {
      const { config, diagnostics } = await loadConfig({
        text: input,
        cwd: '/nowhere',
        env: { PODIOD_SECRET: 'sixteen characters or more' },
        builtIns: ['file-logger'],
        loadPlugin: async () => ({ error: 'plugins are not read here' }),
        withoutSecrets: false,
      });
      if (!config && diagnostics.length === 0) throw new Error('neither a config nor a problem');
      if (diagnostics.some(({ message }) => message === '')) throw new Error('a problem without words');
    },
  },
];

const request = (head: string, content: string): string =>
  `POST ${PATH} HTTP/1.1\r\nHost: a\r\n${head}Content-Length: ${content.length}\r\n\r\n${content}`;

/** Bytes over a real socket to a real ingress, whose journal keeps nothing. */
export async function ingressTarget(): Promise<Target> {
  let seq = 0;
  const journal: Pick<Journal, 'append'> = {
    append: async batch => batch.map(({ id }) => ({ id, status: 'released', seq: ++seq })),
  };
  const faults: unknown[] = [];
  const ingress = makeIngress({
    path: '/podio',
    secrets: () => SECRETS,
    journal,
    verify: () => {},
    resolve: () => ({}),
    maxBody: 4096,
    maxWaiting: 100,
    log: {
      ...silentLog,
      error: (_message, fields) => void faults.push(fields),
      child() {
        return this;
      },
    },
    metrics: noMetrics,
    clock: systemClock,
    timeouts: { headers: 500, request: 1000, keepAlive: 1000 },
  });
  const server = await ingress.listen({ host: '127.0.0.1', port: 0 });

  const send = (bytes: Buffer): Promise<string> =>
    new Promise(resolve => {
      let answer = '';
      const socket = connect(server.address.port, '127.0.0.1');
      socket.setEncoding('latin1');
      socket.on('data', chunk => {
        answer += chunk;
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(answer));
      socket.end(bytes);
    });

  return {
    name: 'bytes on a socket',
    share: 3,
    corpus: [
      request('Content-Type: application/x-www-form-urlencoded\r\n', FORM),
      request('Content-Type: application/json\r\n', JSON_BODY),
      `POST ${PATH} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n`,
      `GET /podio HTTP/1.1\r\nHost: a\r\n\r\nPURGE ${PATH} HTTP/1.0\r\n\r\n`,
    ],
    async feed(input) {
      const answer = await send(Buffer.from(input, 'latin1'));
      for (const [, status] of answer.matchAll(/^HTTP\/1\.1 (\d+)/gm))
        if (Number(status) >= 500 && status !== '505') throw new Error(`answered ${answer}`);
      if (/node:|\bat .*\.ts:|x-powered-by|^server:/im.test(answer))
        throw new Error(`told too much: ${answer}`);
      if (faults.length > 0) throw new Error('a fault inside', { cause: faults[0] });
    },
    async end() {
      const answer = await send(
        Buffer.from(request('Connection: close\r\nContent-Type: application/json\r\n', JSON_BODY)),
      );
      if (!answer.startsWith('HTTP/1.1 200')) throw new Error(`answers ${answer} after all that`);
      await server.close(0);
    },
  };
}

export const makeTargets = async (): Promise<readonly Target[]> => [...parsers, await ingressTarget()];
