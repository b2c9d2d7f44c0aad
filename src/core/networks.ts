/** Which addresses are of the public internet. */
import { BlockList, isIP } from 'node:net';

/** This machine, private and shared networks, links, metadata services, groups, reserved. */
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

/**
 * A host as it is looked up: in small letters, without brackets and a dot at its end, an address in the one form that it has
 * (`127.1`, `0x7f000001`: `127.0.0.1`). `URL` does so for http alone. Undefined for what is no host, such as one with a port.
 */
export function hostOf(text: string): string | undefined {
  const host = isIP(text) === 6 ? `[${text.replace(/%.*$/, '')}]` : text;
  if (!/^(?:\[[^\]]*\]|[^\s:/?#@\\[\]]+)$/.test(host)) return undefined;
  const name = URL.parse(`http://${host}`)?.hostname.replace(/^\[|\]$|\.$/g, '') ?? '';
  return name === '' || name.endsWith('.') ? undefined : name;
}

/** As {@link hostOf}, also of `*.example.com`, which stands for all hosts below it. */
export function hostPatternOf(text: string): string | undefined {
  const [, stars = '', rest = ''] = /^(\*\.)?([^*]*)$/.exec(text) ?? [];
  const host = hostOf(rest);
  return host && stars + host;
}

/** Whether a host is this machine, so that what is sent in the clear crosses no network. */
export function isLoopback(hostname: string): boolean {
  const host = hostOf(hostname) ?? '';
  // Not by how it begins: 127.0.0.1.example.com is anybody's.
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Where a network without IPv4 has the IPv4 internet: the last 32 bits are an address of it (RFC 6052). */
const NAT64 = /^64:ff9b::(?:([0-9a-f]+):)?([0-9a-f]+)$/;

/** The IPv4 address that one of IPv6 stands for by NAT64. */
function behindNat64(address: string): string | undefined {
  const [match, high = '0', low = '0'] = NAT64.exec(hostOf(address) ?? '') ?? [];
  const [from, to] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return match && [from >> 8, from & 255, to >> 8, to & 255].join('.');
}

/** Whether it is no address of the public internet. What embeds an IPv4 address counts as private, but for NAT64. */
export function isPrivateAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return PRIVATE.check(address, 'ipv4');
    case 6: {
      const bare = address.replace(/%.*$/, '');
      const inner = behindNat64(bare);
      if (inner !== undefined) return isPrivateAddress(inner);
      return !PUBLIC6.check(bare, 'ipv6') || TUNNELS6.check(bare, 'ipv6');
    }
    default:
      return true;
  }
}
