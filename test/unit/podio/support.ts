import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Log, LogFields } from '../../../src/core/log.ts';
import { makePodioClient, type PodioClientOptions } from '../../../src/podio/client.ts';
import type { PodioClient } from '../../../src/podio/contract.ts';
import type { Settings } from '../../../src/store/contract.ts';
import { makeVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A text is sent as it is, anything else as JSON; `silence` never answers, `hangUp` closes the connection. */
export type Reply =
  | {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: unknown;
    }
  | 'silence'
  | 'hangUp';

export interface StubServer extends AsyncDisposable {
  readonly url: string;
  /** In order of arrival. */
  readonly received: readonly Received[];
}

/** An HTTP server on a port of its own that answers as `answer` says. */
export async function startStub(answer: (request: Received) => Reply | Promise<Reply>): Promise<StubServer> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://stub');
    const call = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: await text(request),
    };
    received.push(call);
    const reply = await answer(call);
    if (reply === 'silence') return;
    if (reply === 'hangUp') {
      request.socket.destroy();
      return;
    }
    const { status = 200, headers = {}, body } = reply;
    const isText = typeof body === 'string';
    response.writeHead(status, { 'content-type': isText ? 'text/html' : 'application/json', ...headers });
    response.end(isText ? body : body === undefined ? undefined : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Settings in memory. What is put in comes out as JSON would bring it back. */
export function makeSettings(initial: Readonly<Record<string, unknown>> = {}): Settings & {
  readonly all: ReadonlyMap<string, unknown>;
} {
  const all = new Map(Object.entries(initial));
  return {
    all,
    get: async key => all.get(key),
    async set(key, value) {
      all.set(key, JSON.parse(JSON.stringify(value)));
    },
    async delete(key) {
      all.delete(key);
    },
    list: async prefix => new Map([...all].filter(([key]) => key.startsWith(prefix))),
  };
}

export interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields | undefined;
}

/** A log that keeps its lines. */
export function makeLines(): { readonly log: Log; readonly lines: readonly Line[] } {
  const lines: Line[] = [];
  const write = (level: string) => (message: string, fields?: LogFields) => {
    lines.push({ level, message, fields });
  };
  const log: Log = {
    error: write('error'),
    warn: write('warn'),
    info: write('info'),
    debug: write('debug'),
    child: () => log,
  };
  return { log, lines };
}

export const ERROR = (error: string, error_description = '', more: object = {}) => ({
  error,
  error_description,
  error_detail: null,
  error_parameters: {},
  error_propagate: false,
  ...more,
});

export interface ClientUnderTest {
  readonly client: PodioClient;
  readonly clock: VirtualClock;
  readonly settings: ReturnType<typeof makeSettings>;
  readonly lines: readonly Line[];
  /** `operation status`, in order. */
  readonly calls: readonly string[];
}

/** A client against `apiUrl`, with every effect in the test's hand. */
export function makeClient(
  apiUrl: string,
  options: Partial<PodioClientOptions> & {
    clock?: VirtualClock;
    settings?: ReturnType<typeof makeSettings>;
  } = {},
): ClientUnderTest {
  const clock = options.clock ?? makeVirtualClock();
  const settings = options.settings ?? makeSettings();
  const { log, lines } = makeLines();
  const calls: string[] = [];
  const client = makePodioClient({
    apiUrl,
    clientId: 'client-1',
    clientSecret: 'S3CRET-client',
    tokenEndpoint: 'v2',
    backgroundShare: 0.3,
    fetch: globalThis.fetch,
    log,
    metrics: { apiCalled: (operation, status) => calls.push(`${operation} ${status}`) },
    ...options,
    clock,
    settings,
  });
  return { client, clock, settings, lines, calls };
}
