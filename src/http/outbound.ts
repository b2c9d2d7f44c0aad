/**
 * Where plugins may call (`outbound` in the config). What a template or a Podio item says can end up in a URL, so the address
 * is looked at when the connection is made, and for each redirect anew: a name may lead to another address by then.
 */
import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { PodiodError } from '../core/errors.ts';
import { loadOnce } from '../core/load-once.ts';
import { hostOf, isPrivateAddress } from '../core/networks.ts';
import type { Connect } from '../plugin/connect.ts';

export interface OutboundRules {
  /** Hosts that may be called, as `hostOf` has them, `*.example.com` for all below it; undefined: any. */
  readonly hosts: readonly string[] | undefined;
  /** Whether addresses of this machine and of private networks may be called. */
  readonly private: boolean;
}

export type Lookup = typeof systemLookup;

const refuse = (what: string, hint: string): PodiodError =>
  new PodiodError('OUTBOUND_REFUSED', what, { hint, retry: 'never' });

/** Throws OUTBOUND_REFUSED for what may not be called, so far as its name tells. */
export function checkUrl(rules: OutboundRules, { hostname }: Pick<URL, 'hostname'>): void {
  checkHost(rules, hostname);
}

/** @returns the host in the form in which it was judged, and is to be called */
function checkHost({ hosts, private: mayPrivate }: OutboundRules, given: string): string {
  const host = hostOf(given);
  if (host === undefined) throw refuse(`"${given}" is no host`, 'Name one, without a port.');
  if (hosts !== undefined && !hosts.some(pattern => fits(pattern, host)))
    throw refuse(`${host} is not one of outbound.hosts`, 'Add it there, if it is to be called.');
  if (!mayPrivate && isIP(host) !== 0 && isPrivateAddress(host)) throw refusePrivate(host, host);
  return host;
}

const fits = (pattern: string, host: string): boolean =>
  pattern.startsWith('*.')
    ? host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1
    : host === pattern;

const refusePrivate = (host: string, address: string): PodiodError =>
  refuse(
    host === address
      ? `${address} is no address of the public internet`
      : `${host} leads to ${address}, which is no address of the public internet`,
    'outbound.private: true allows that.',
  );

/** Refuses a name as soon as one of its addresses may not be called. */
function guardedLookup(lookup: Lookup): LookupFunction {
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
  const make = loadOnce(async () => {
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
  });
  return async (input, init) => {
    checkUrl(rules, new URL(input instanceof Request ? input.url : String(input)));
    try {
      // A Request of this Node's own is none of the package's.
      return input instanceof Request
        ? await (await make())(input.url, await partsOf(input, init))
        : await (await make())(input, init);
    } catch (thrown) {
      // What refuses a connection comes wrapped as "fetch failed".
      for (let cause: unknown = thrown; cause instanceof Error; cause = cause.cause)
        if (cause instanceof PodiodError) throw cause;
      throw thrown;
    }
  };
}

/** As `connect`, but to what may be called only, and to the addresses that were looked at. */
export function outboundConnect(
  rules: OutboundRules,
  connect: Connect,
  lookup: Lookup = systemLookup,
): Connect {
  if (rules.hosts === undefined && rules.private) return connect;
  return async ({ host, ...to }) =>
    connect({
      ...to,
      host: checkHost(rules, host),
      ...(!rules.private && { lookup: guardedLookup(lookup) }),
    });
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
