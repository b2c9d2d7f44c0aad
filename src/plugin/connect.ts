/** Connections of plugins that speak something else than HTTP. */
import { type LookupFunction, connect as open, type Socket } from 'node:net';

export interface ConnectTo {
  /** A name or an address. */
  readonly host: string;
  readonly port: number;
  /** Ends the connection, also once it is made. */
  readonly signal?: AbortSignal | undefined;
  /** Finds the addresses of a name. Default: the machine's own. */
  readonly lookup?: LookupFunction | undefined;
}

/** Resolves with a TCP connection; rejects when there is none. */
export type Connect = (to: ConnectTo) => Promise<Socket>;

export const connect: Connect = ({ host, port, signal, lookup }) =>
  new Promise((resolve, reject) => {
    const socket = open({ host, port, ...(signal && { signal }), ...(lookup && { lookup }) });
    // For good: an error that comes before the plugin listens must not end the process.
    socket.on('error', reject);
    socket.once('connect', () => resolve(socket));
  });
