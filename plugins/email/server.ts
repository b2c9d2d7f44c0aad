import { connect, type Socket } from 'node:net';

/** Where mails are handed in. */
export interface Server {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte on; else by STARTTLS. */
  readonly secure: boolean;
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
}

const PORTS: Readonly<Record<string, number>> = { 'smtp:': 587, 'smtps:': 465 };
const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1']);

/** Undefined for what is no such URL. */
export function parseServer(text: string): Server | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(text);
  const usual = PORTS[protocol];
  if (usual === undefined || hostname === '' || pathname.length > 1 || search !== '' || hash !== '')
    return undefined;
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? usual : Number(port),
    secure: protocol === 'smtps:',
    auth:
      username === ''
        ? undefined
        : { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
  };
}

/** Mails must not cross a network in the clear. To this machine there is none to cross. */
export const needsTls = ({ host, secure }: Server): boolean => !secure && !LOOPBACK.has(host);

/** A connection that ends with the try it is for. */
export function open(
  { host, port }: Server,
  signal: AbortSignal,
  done: (error: Error | null, socket?: Socket) => void,
): void {
  const socket = connect({ host, port });
  const cut = () => socket.destroy(signal.reason);
  const settle = (error: Error | null) => {
    socket.off('connect', onConnect);
    socket.off('error', settle);
    if (error) signal.removeEventListener('abort', cut);
    done(error, error ? undefined : socket);
  };
  const onConnect = () => settle(null);
  socket.once('connect', onConnect);
  socket.once('error', settle);
  socket.once('close', () => signal.removeEventListener('abort', cut));
  signal.addEventListener('abort', cut, { once: true });
  if (signal.aborted) cut();
}
