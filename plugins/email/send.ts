import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { PermanentError, type PluginContext } from 'podiod/plugin';
import { needsTls, type Server } from './server.ts';

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly replyTo: readonly string[];
  readonly subject: string;
  readonly text: string | undefined;
  readonly html: string | undefined;
  readonly attachments: readonly Attachment[];
  readonly messageId: string;
}

export interface Attachment {
  readonly filename: string;
  readonly contentType: string | undefined;
  readonly content: Uint8Array;
}

export interface Sent {
  readonly messageId: string;
  /** How many addresses the server took. */
  readonly accepted: number;
  /** Those it would not take while it took others; twenty at most. */
  readonly rejected: readonly string[];
}

const CONNECT_MS = 20_000;
const SILENCE_MS = 60_000;

/** The same for all tries of a step for an event, so that whoever gets a mail twice can tell. */
export function messageIdOf(deliveryKey: string, from: string): string {
  const domain = /@([A-Za-z0-9.-]+)\s*>?\s*$/.exec(from)?.[1] ?? 'podiod.invalid';
  return `<${createHash('sha256').update(deliveryKey).digest('hex').slice(0, 40)}@${domain}>`;
}

export interface Way {
  readonly connect: PluginContext['connect'];
  /** Ends the connection. */
  readonly signal: AbortSignal;
}

/** Hands one mail in. Rejects with PermanentError for what the server refuses for good. */
export async function send(server: Server, mail: Mail, { connect, signal }: Way): Promise<Sent> {
  // Two megabytes that a daemon without mails need not carry.
  const { createTransport } = await import('nodemailer');
  const { host, port, secure, auth } = server;
  const transport = createTransport({
    host,
    port,
    secure,
    requireTLS: needsTls(server),
    ...(auth && { auth }),
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    // Nothing that a template comes to may make it read a file or call a URL.
    disableFileAccess: true,
    disableUrlAccess: true,
    // TLS and STARTTLS are spoken over it.
    getSocket: (
      _options: unknown,
      done: (error: Error | null, socket: { connection: Socket } | false) => void,
    ) =>
      connect({ host, port, signal }).then(
        connection => done(null, { connection }),
        error => done(error, false),
      ),
  });
  const { attachments, ...rest } = mail;
  try {
    const info = await transport.sendMail({
      ...rest,
      to: [...mail.to],
      cc: [...mail.cc],
      bcc: [...mail.bcc],
      replyTo: [...mail.replyTo],
      attachments: attachments.map(({ content, filename, contentType }) => ({
        filename,
        content: Buffer.from(content),
        ...(contentType !== undefined && { contentType }),
      })),
    });
    return {
      messageId: mail.messageId,
      accepted: info.accepted.length,
      rejected: info.rejected.slice(0, 20).map(String),
    };
  } catch (error) {
    signal.throwIfAborted();
    // podiod's own word: the server may not be called.
    if (error instanceof Error && 'retry' in error) throw error;
    throw toError(error, server);
  } finally {
    transport.close();
  }
}

interface SmtpError extends Error {
  readonly code?: string;
  readonly responseCode?: number;
}

/** What a person can put right meanwhile is tried again, too: wrong credentials hold up every mail. */
function toError(thrown: unknown, { host, port, auth }: Server): Error {
  const error = thrown as SmtpError;
  const said = [auth?.pass, auth?.user].reduce<string>(
    (text, secret) => (secret ? text.replaceAll(secret, '***') : text),
    String(error.message ?? error)
      .replace(/\s+/g, ' ')
      .slice(0, 300),
  );
  const message = `the mail server ${host}:${port} says: ${said}`;
  const { code, responseCode = 0 } = error;
  const isForGood =
    responseCode >= 500 &&
    code !== 'EAUTH' &&
    code !== 'ETLS' &&
    responseCode !== 530 &&
    responseCode !== 535;
  if (isForGood || (code === 'EENVELOPE' && responseCode === 0)) return new PermanentError(message);
  return new Error(message);
}
