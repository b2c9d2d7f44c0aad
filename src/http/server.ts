/** What the ingress and the admin API need of an HTTP server alike: an address taken, and given back in good order. */
import type { RequestListener, ServerResponse } from 'node:http';
import { type AddressInfo, Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { PodiodError } from '../core/errors.ts';
import type { Caller } from './strangers.ts';

// Not by `import`, which asks the module for all that it exports, WebSocket too, and for that Node loads all of its `fetch`: 20 ms.
const { createServer, STATUS_CODES } = process.getBuiltinModule('node:http');

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ListenAt extends Address {
  /** A listening socket that a service manager holds: it is listened on in place of host and port. */
  readonly fd?: number;
}

/** How long a client may take, milliseconds. */
export interface Timeouts {
  /** From the connection (or the request's first byte) to the end of the headers. */
  readonly headers: number;
  /** ... to the end of the body. */
  readonly request: number;
  /** How long a connection is kept without a request. */
  readonly keepAlive: number;
  /** How long one is kept whose answers nobody reads, or that has none. Left out: for ever, since an answer may take its time. */
  readonly stall?: number;
}

/** An answer without a body, for requests that never reach the handler. */
export interface BareAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ServerOptions {
  /** Says in messages whose address it is, as the config calls it. */
  readonly name: 'server' | 'admin';
  readonly timeouts?: Timeouts;
  /** More at once are closed as they come. */
  readonly maxConnections?: number;
  /** The answer to a method that Node's parser does not know (or CONNECT), by the request's target, as sent. Default: 400. */
  readonly unknownMethod?: (target: string, caller: Caller) => BareAnswer;
}

export interface HttpServer {
  /** Where it listens; the port is the real one where 0 was asked for. */
  readonly address: Address;
  /**
   * Takes no more connections and closes those that are there once they have their answer, or send nothing for a moment;
   * after `graceMs` all. Resolves when none is left. What waits for an inherited socket is left to the next who listens.
   */
  close(graceMs: number): Promise<void>;
}

export const DEFAULT_TIMEOUTS: Timeouts = {
  headers: 10_000,
  request: 30_000,
  // Longer than a proxy keeps its side (nginx: 60 s): a connection is best closed by the side that sends requests.
  keepAlive: 75_000,
};

/**
 * How long a connection without a request is kept when the server closes, milliseconds: its request may be on the way,
 * and would be lost.
 */
const LULL_MS = 200;

/** Bytes; larger ones are answered with 431. Podio's have some hundreds. */
const MAX_HEADERS = 16 * 1024;

const BAD_REQUEST: BareAnswer = { status: 400 };

/** Rejects with INGRESS_PORT when the address can't be had. */
export async function listen(
  handler: RequestListener,
  wanted: ListenAt,
  { name, timeouts = DEFAULT_TIMEOUTS, maxConnections, unknownMethod = () => BAD_REQUEST }: ServerOptions,
): Promise<HttpServer> {
  /** Every connection, with its latest request's answer. */
  const connections = new Map<Duplex, ServerResponse | undefined>();
  let closing = false;

  const server = createServer(
    {
      maxHeaderSize: MAX_HEADERS,
      headersTimeout: timeouts.headers,
      requestTimeout: timeouts.request,
      keepAliveTimeout: timeouts.keepAlive,
      connectionsCheckingInterval: Math.ceil(timeouts.headers / 4),
    },
    (request, response) => {
      connections.set(request.socket, response);
      if (closing) response.shouldKeepAlive = false;
      const target = originForm(request.url ?? '');
      if (target === undefined) {
        response.writeHead(BAD_REQUEST.status, { Connection: 'close', 'Content-Length': 0 }).end();
        return;
      }
      request.url = target;
      handler(request, response);
    },
  );
  server.timeout = timeouts.stall ?? 0;
  if (maxConnections !== undefined) server.maxConnections = maxConnections;
  server.on('connection', (socket: Socket) => {
    connections.set(socket, undefined);
    socket.once('close', () => connections.delete(socket));
  });
  server.on('connect', (request, socket) => {
    // No handler has seen it, so nobody else listens.
    socket.on('error', () => {});
    end(socket, unknownMethod(request.url ?? '', request));
  });
  server.on('clientError', (error: ClientError, socket) => {
    if (socket.writable && isNext(connections.get(socket), socket))
      end(socket, answerTo(error, socket as Socket, unknownMethod));
    else socket.destroy();
  });

  await new Promise<void>((resolve, reject) => {
    // For good: later ones tell of a connection that could not be accepted, which is its client's trouble.
    server.on('error', (cause: NodeJS.ErrnoException) => reject(cannotListen(name, wanted, cause)));
    if (wanted.fd === undefined) server.listen(wanted.port, wanted.host, resolve);
    else server.listen({ fd: wanted.fd }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') {
    server.close();
    throw cannotListen(name, wanted, new Error('it is not one of an internet address'));
  }

  return {
    address: addressOf(wanted, address),
    close(graceMs) {
      closing = true;
      return new Promise(resolve => {
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        const lull = setTimeout(
          () => {
            server.close();
            // Node takes one that never sent a byte for busy.
            for (const [socket, answer] of connections) {
              if (!answer && (socket as Socket).bytesRead === 0) socket.destroy();
            }
          },
          Math.min(LULL_MS, graceMs / 2),
        );
        // Not http's own, which ends connections without a request at once.
        Server.prototype.close.call(server, () => {
          clearTimeout(lull);
          clearTimeout(cut);
          resolve();
        });
        for (const answer of connections.values()) {
          // A connection that is kept would hold up the close for as long as its client likes.
          if (answer && !answer.headersSent) answer.shouldKeepAlive = false;
        }
      });
    },
  };
}

/**
 * A request's target as path and query. It is a whole URL where a client takes podiod for a proxy, which koa would read by
 * rules of its own, and throw at what it takes for none. Undefined for that.
 */
function originForm(target: string): string | undefined {
  if (target.startsWith('/') || target === '*') return target;
  const url = URL.parse(target);
  return url ? (url.pathname || '/') + url.search : undefined;
}

/**
 * Whether what is written now is taken for the answer to what could not be read, and not to a request before it.
 * @param latest the answer of the last request whose headers were read
 */
function isNext(latest: ServerResponse | undefined, socket: Duplex): boolean {
  if (latest === undefined) return true;
  // A queued answer has no socket yet, and a sent one none any more.
  const isFirst = latest.socket === socket || latest.writableFinished;
  // Its body could not be read, or else what came behind it.
  return isFirst && (latest.req.complete ? latest.writableEnded : !latest.headersSent);
}

/** What Node tells of a request it could not read. */
type ClientError = Error & { code?: string; rawPacket?: Buffer; bytesParsed?: number };

const TIMED_OUT = 'ERR_HTTP_REQUEST_TIMEOUT';

function answerTo(
  error: ClientError,
  socket: Socket,
  unknownMethod: NonNullable<ServerOptions['unknownMethod']>,
): BareAnswer {
  switch (error.code) {
    case TIMED_OUT:
      return { status: 408 };
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431 };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413 };
    case 'HPE_INVALID_METHOD': {
      const head = headOf(error);
      const target = targetOf(head);
      return target === undefined
        ? BAD_REQUEST
        : unknownMethod(target, { socket, headers: forwardedIn(head) });
    }
    default:
      return BAD_REQUEST;
  }
}

/** From the request line on that the parser gave up in, as far as it has come. */
function headOf({ rawPacket, bytesParsed = 0 }: ClientError): string {
  const text = rawPacket?.toString('latin1') ?? '';
  const start = bytesParsed === 0 ? 0 : text.lastIndexOf('\n', bytesParsed - 1) + 1;
  return text.slice(start).split('\r\n\r\n', 1)[0] ?? '';
}

const targetOf = (head: string): string | undefined =>
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ (\S+) HTTP\/1\.[01]\r?$/m.exec(head.split('\n', 1)[0] ?? '')?.[1];

/** A proxy's word on whom the request is for, which no parser has read. Several lines are one list. */
function forwardedIn(head: string): Caller['headers'] {
  const lines = [...head.matchAll(/^x-forwarded-for:(.*)$/gim)].map(([, value = '']) => value.trim());
  return lines.length === 0 ? {} : { 'x-forwarded-for': lines.join(', ') };
}

function end(socket: Duplex, { status, headers = {} }: BareAnswer): void {
  const lines = Object.entries({ ...headers, Connection: 'close', 'Content-Length': '0' }).map(
    ([key, value]) => `${key}: ${value}\r\n`,
  );
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`, () => socket.destroy());
}

const addressOf = ({ fd, host }: ListenAt, { address, port }: AddressInfo): Address => ({
  host: fd === undefined ? host : address,
  port,
});

function cannotListen(
  name: ServerOptions['name'],
  { host, port, fd }: ListenAt,
  cause: NodeJS.ErrnoException,
): PodiodError {
  if (fd !== undefined) {
    const message = `${name} can't listen on the socket handed down as descriptor ${fd}: ${cause.code ?? cause.message}`;
    const hint =
      'The socket unit must listen on a stream, as in ListenStream=127.0.0.1:8080, with Accept=no.';
    return new PodiodError('INGRESS_PORT', message, { hint, retry: 'never', cause });
  }
  const [why, hint] = reasonOf(name, cause);
  return new PodiodError('INGRESS_PORT', `${name} can't listen on ${host}:${port}: ${why}`, {
    hint,
    retry: 'never',
    cause,
  });
}

function reasonOf(name: string, cause: NodeJS.ErrnoException): [why: string, hint: string] {
  switch (cause.code) {
    case 'EADDRINUSE':
      return ['another program does', `Stop that program, or set ${name}.port to a free one (0: any).`];
    case 'EACCES':
      return ['not permitted', `Set ${name}.port to 1024 or more and put a proxy in front.`];
    default:
      return [
        cause.code ?? cause.message,
        `Set ${name}.host to an address of this machine, such as 127.0.0.1.`,
      ];
  }
}
