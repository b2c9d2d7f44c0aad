import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface HttpCall {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface HttpServer extends AsyncDisposable {
  /** `http://127.0.0.1:{port}` */
  readonly url: string;
  /** In order of arrival. */
  readonly calls: readonly HttpCall[];
}

export type HttpAnswer = (call: HttpCall, response: ServerResponse, request: IncomingMessage) => void;

/** Answers every call alike. */
export const status =
  (code: number, body: string | Buffer = '', headers: Record<string, string | string[]> = {}): HttpAnswer =>
  (_call, response) =>
    void response.writeHead(code, headers).end(body);

export const jsonOf = (value: unknown): HttpAnswer =>
  status(200, JSON.stringify(value), { 'content-type': 'application/json' });

/** A server on a port of its own of this machine. */
export async function startHttp(answer: HttpAnswer = status(204)): Promise<HttpServer> {
  const calls: HttpCall[] = [];
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const call = { method, url, headers, body: await text(request) };
    calls.push(call);
    answer(call, response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
