import { isLoopback } from 'podiod/plugin';

/** Where mails are handed in. */
export interface Server {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte on; else by STARTTLS. */
  readonly secure: boolean;
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
}

const PORTS: Readonly<Record<string, number>> = { 'smtp:': 587, 'smtps:': 465 };

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
export const needsTls = ({ host, secure }: Server): boolean => !secure && !isLoopback(host);
