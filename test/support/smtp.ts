import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: string;
  readonly tls: boolean;
}

export interface MailServer extends AsyncDisposable {
  /** `smtp://127.0.0.1:{port}` */
  readonly url: string;
  readonly port: number;
  readonly received: readonly Received[];
  /** How many there have been. */
  readonly connections: number;
}

/** A mail server on this machine. */
export async function startSmtp(options: SMTPServerOptions = {}, host = '127.0.0.1'): Promise<MailServer> {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString(),
          tls: session.secure,
        });
        done();
      });
    },
    ...options,
  });
  // Clients that give up are what some tests are about.
  server.on('error', () => {});
  let connections = 0;
  server.server.on('connection', () => connections++);
  await new Promise<void>(resolve => server.listen(0, host, resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://${host}:${port}`,
    port,
    received,
    get connections() {
      return connections;
    },
    [Symbol.asyncDispose]: () => new Promise(resolve => server.close(() => resolve())),
  };
}
