/**
 * Where plugins may call (`outbound` in the config). What a template or a Podio item says can end up in a URL, so the address
 * is looked at when the connection is made, and for each redirect anew: a name may lead to another address by then.
 */
import { lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { PodiodError } from '../core/errors.ts';

export interface OutboundRules {
  /** Names that may be called, `*.example.com` for all below it; undefined: any. */
  readonly hosts: readonly string[] | undefined;
  /** Whether addresses of this machine and of private networks may be called. */
  readonly private: boolean;
}

export type Lookup = typeof systemLookup;

/** Not of the public internet: this machine, private and shared networks, links, metadata services, groups, reserved. */
const PRIVATE = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  PRIVATE.addSubnet(net, bits, 'ipv4');

/** The one part of IPv6 that is given out for the internet; what lies in it and leads elsewhere is taken out below. */
const PUBLIC6 = new BlockList();
PUBLIC6.addSubnet('2000::', 3, 'ipv6');
const TUNNELS6 = new BlockList();
TUNNELS6.addSubnet('2001::', 23, 'ipv6');
TUNNELS6.addSubnet('2001:db8::', 32, 'ipv6');
TUNNELS6.addSubnet('2002::', 16, 'ipv6');
TUNNELS6.addSubnet('3fff::', 20, 'ipv6');

/** Whether it is no address of the public internet. What embeds an IPv4 address (mapped, NAT64) counts as private. */
export function isPrivateAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return PRIVATE.check(address, 'ipv4');
    case 6: {
      const bare = address.replace(/%.*$/, '');
      return !PUBLIC6.check(bare, 'ipv6') || TUNNELS6.check(bare, 'ipv6');
    }
    default:
      return true;
  }
}

const refuse = (what: string, hint: string): PodiodError =>
  new PodiodError('OUTBOUND_REFUSED', what, { hint, retry: 'never' });

/** Throws OUTBOUND_REFUSED for what may not be called, so far as its name tells. */
export function checkUrl({ hosts, private: mayPrivate }: OutboundRules, url: URL): void {
  const host = url.hostname.replace(/^\[|\]$|\.$/g, '').toLowerCase();
  if (hosts !== undefined && !hosts.some(pattern => fits(pattern, host)))
    throw refuse(`${host} is not one of outbound.hosts`, 'Add it there, if it is to be called.');
  if (!mayPrivate && isIP(host) !== 0 && isPrivateAddress(host)) throw refusePrivate(host, host);
}

const fits = (pattern: string, host: string): boolean => {
  const wanted = pattern.toLowerCase();
  return wanted.startsWith('*.')
    ? host.endsWith(wanted.slice(1)) && host.length > wanted.length - 1
    : host === wanted;
};

const refusePrivate = (host: string, address: string): PodiodError =>
  refuse(
    host === address
      ? `${address} is no address of the public internet`
      : `${host} leads to ${address}, which is no address of the public internet`,
    'outbound.private: true allows that.',
  );

/** Refuses a name as soon as one of its addresses may not be called. */
export function guardedLookup(lookup: Lookup): LookupFunction {
  return (host, options, done) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, '', 0);
      const bad = addresses.find(({ address }) => isPrivateAddress(address));
      const [first] = addresses;
      if (bad) done(refusePrivate(host, bad.address), '', 0);
      else if (options.all) done(null, addresses);
      else done(null, first?.address ?? '', first?.family ?? 0);
    });
  };
}

/** A fetch that calls only what it may. Where everything may be called it is the one that it is given. */
export function outboundFetch(
  rules: OutboundRules,
  fetch: typeof globalThis.fetch,
  lookup: Lookup = systemLookup,
): typeof globalThis.fetch {
  if (rules.hosts === undefined && rules.private) return fetch;
  let made: Promise<typeof globalThis.fetch> | undefined;
  const make = async (): Promise<typeof globalThis.fetch> => {
    // Loaded when it is needed: most configs restrict nothing.
    const undici = await import('undici');
    const agent = new undici.Agent(rules.private ? {} : { connect: { lookup: guardedLookup(lookup) } });
    // Every request passes here, those that redirects lead to as well.
    const guarded = agent.compose(dispatch => (options, handler) => {
      checkUrl(rules, new URL(String(options.origin)));
      return dispatch(options, handler);
    });
    const guardedFetch = (input: unknown, init?: object) =>
      undici.fetch(input as Parameters<typeof undici.fetch>[0], { ...init, dispatcher: guarded });
    return guardedFetch as unknown as typeof globalThis.fetch;
  };
  return async (input, init) => {
    checkUrl(rules, new URL(input instanceof Request ? input.url : String(input)));
    made ??= make();
    try {
      // A Request of this Node's own is none of the package's.
      return input instanceof Request
        ? await (await made)(input.url, await partsOf(input, init))
        : await (await made)(input, init);
    } catch (thrown) {
      // What refuses a connection comes wrapped as "fetch failed".
      for (let cause: unknown = thrown; cause instanceof Error; cause = cause.cause)
        if (cause instanceof PodiodError) throw cause;
      throw thrown;
    }
  };
}

async function partsOf(request: Request, init: RequestInit = {}): Promise<RequestInit> {
  const { method, headers, redirect, signal } = request;
  const hasBody = request.body !== null;
  return {
    method,
    headers: [...headers],
    redirect,
    signal,
    ...(hasBody && { body: await request.arrayBuffer() }),
    ...init,
  };
}
