import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands in for Slack's incoming webhooks: takes every message and answers `ok`, as Slack does. */
export interface LocalSlack {
  /** What stands behind it in a URL names the channel, so that one server tells apart who posts. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Much more than a message of Slack may be. */
const MAX_BODY = 1_000_000;

export async function startLocalSlack(
  onMessage: (channel: string, text: string) => void,
): Promise<LocalSlack> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) if (body.length < MAX_BODY) body += chunk;
    onMessage(request.url?.split('/').at(-1) ?? '', textOf(body));
    response.end('ok');
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(0, '127.0.0.1', listening);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/services/demo`,
    stop: () =>
      new Promise(closed => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

function textOf(body: string): string {
  try {
    const { text } = JSON.parse(body) as { text?: string };
    // Slack's own escapes, read back for the terminal.
    return (text ?? body).replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
  } catch {
    return body;
  }
}
