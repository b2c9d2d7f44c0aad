import { isIP } from 'node:net';
import { isLoopback as isLoopbackHost, isPrivateAddress } from '../core/networks.ts';

const hostOf = (url: URL) => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');

/** An address or name that only a private network knows. */
function isPrivateHost(url: URL): boolean {
  const host = hostOf(url);
  if (isIP(host) !== 0) return isPrivateAddress(host);
  return !host.includes('.') || /\.(localhost|local|internal|lan|home|corp|home\.arpa)$/.test(host);
}

/** This machine: where plain http can be listened in on by nobody else. */
export function isLoopback(url: URL): boolean {
  return isLoopbackHost(url.hostname) || hostOf(url).endsWith('.localhost');
}

export interface PublicUrlProblem {
  /** In a few words. */
  readonly short: string;
  readonly message: string;
  readonly hint: string;
}

/**
 * Why Podio can't call this URL. Each is overruled by `allowNonPublicUrl`.
 *
 * @param isShown False where the URL comes from `${...}`, whose values are not shown.
 */
export function publicUrlProblems(url: URL, isShown: boolean): PublicUrlProblem[] {
  const problems: PublicUrlProblem[] = [];
  // URL leaves out the port that belongs to the protocol.
  if (url.port !== '') {
    const port = url.protocol === 'http:' ? 80 : 443;
    const given = isShown ? `not on ${url.port}` : 'and this URL names another one';
    problems.push({
      short: isShown ? `port ${url.port}` : 'another port',
      message: `Podio calls ${url.protocol.slice(0, -1)} on port ${port} only, ${given}`,
      hint: 'put a proxy in front and name its URL here; `port` says where podiod itself listens',
    });
  }
  if (isPrivateHost(url)) {
    problems.push({
      short: 'a private host',
      message: `Podio cannot reach ${isShown ? url.hostname : 'the host of this URL'}: it is a private host`,
      hint: 'name a host that the internet can reach, or a tunnel',
    });
  }
  return problems;
}
