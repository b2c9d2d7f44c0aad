/**
 * How many requests with a wrong path or key an address may make. A valid delivery is never counted, so Podio is not held
 * back by anything but hooks whose secret was lost.
 */
import { isIP } from 'node:net';

/** Who a request comes from, as far as that can be told: a request, or what could be read of one. */
export interface Caller {
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Strangers {
  /** Whether the request's address has used up what it may do. Cheap while nobody has been refused lately. */
  exceeds(request: Caller): boolean;
  /** The request had a wrong path or key. */
  refused(request: Caller): void;
}

export interface StrangersOptions {
  /** Wrong requests a second and address; 0: no limit. */
  readonly perSecond: number;
  /** Whether every connection comes from a proxy of ours, that tells whom it is for. */
  readonly trustProxy: boolean;
  /** Milliseconds that never go back. */
  readonly now: () => number;
}

/** So many seconds' worth may come at once. */
const BURST_SECONDS = 10;
/** More addresses than this are not told apart: the longest quiet is forgotten. */
const ADDRESSES = 10_000;

interface Bucket {
  left: number;
  at: number;
}

export function makeStrangers({ perSecond, trustProxy, now }: StrangersOptions): Strangers {
  const burst = perSecond * BURST_SECONDS;
  /** The longest quiet first. */
  const buckets = new Map<string, Bucket>();

  const fill = (bucket: Bucket, at: number): number =>
    Math.min(burst, bucket.left + ((at - bucket.at) / 1000) * perSecond);

  return {
    exceeds(request) {
      if (buckets.size === 0) return false;
      const client = clientOf(request, trustProxy);
      const bucket = client === undefined ? undefined : buckets.get(client);
      return bucket !== undefined && fill(bucket, now()) < 1;
    },
    refused(request) {
      if (perSecond === 0) return;
      const client = clientOf(request, trustProxy);
      if (client === undefined) return;
      const at = now();
      const bucket = buckets.get(client) ?? { left: burst, at };
      const left = fill(bucket, at);
      buckets.delete(client);
      buckets.set(client, { left: Math.max(0, left - 1), at });
      if (buckets.size <= ADDRESSES) return;
      const [oldest] = buckets.keys();
      if (oldest !== undefined) buckets.delete(oldest);
    },
  };
}

/**
 * Whom a request is counted for: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer has. Undefined
 * for who can't be told apart: a proxy on this machine that isn't trusted stands for everybody.
 */
export function clientOf(request: Caller, trustProxy: boolean): string | undefined {
  if (!trustProxy) {
    const peer = networkOf(request.socket.remoteAddress ?? '');
    return peer === undefined || isLoopbackNetwork(peer) ? undefined : peer;
  }
  // The proxy adds the address it sees to the end; what stands before it is the client's own word.
  const header = request.headers['x-forwarded-for'];
  const last = (Array.isArray(header) ? header.join() : (header ?? '')).split(',').at(-1)?.trim();
  return last ? networkOf(last) : undefined;
}

const isLoopbackNetwork = (network: string): boolean =>
  network.startsWith('127.') || network === '0:0:0:0' || network === '::1';

/** Undefined for what is no address. */
export function networkOf(address: string): string | undefined {
  const bare = address.replace(/^\[|\](?::\d+)?$/g, '').replace(/%.*$/, '');
  const kind = isIP(bare);
  if (kind === 4) return bare;
  const withPort = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(bare)?.[1];
  if (kind === 0) return withPort !== undefined && isIP(withPort) === 4 ? withPort : undefined;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = bare.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  // A dotted end stands for two groups.
  const groups = (parts: readonly string[]) =>
    parts.flatMap(part => (part.includes('.') ? ['0', '0'] : [Number.parseInt(part, 16).toString(16)]));
  const [left, right] = [groups(front), groups(back)];
  const all =
    tail === undefined ? left : [...left, ...Array(8 - left.length - right.length).fill('0'), ...right];
  return all.slice(0, 4).join(':');
}
