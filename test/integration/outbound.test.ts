import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { isPrivateAddress } from '../../src/core/networks.ts';
import {
  checkUrl,
  type Lookup,
  type OutboundRules,
  outboundConnect,
  outboundFetch,
} from '../../src/http/outbound.ts';
import { connect } from '../../src/plugin/connect.ts';
import { codeOf } from '../contract/store/worlds.ts';

describe('where plugins may call', () => {
  let server: Server;
  let port: number;
  const seen: string[] = [];
  before(async () => {
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.headers.host} ${request.url}`);
      const to = /^\/to\?(.*)$/.exec(request.url ?? '')?.[1];
      if (to) response.writeHead(307, { location: decodeURIComponent(to) });
      request.pipe(response);
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => seen.splice(0));

  /** A DNS in which every name leads to these addresses, the first times round to the first of the lists. */
  const dns = (...answers: readonly (readonly string[])[]): Lookup => {
    let asked = 0;
    return ((_host: string, _options: object, done: (...args: unknown[]) => void) => {
      const addresses = answers[Math.min(asked++, answers.length - 1)] ?? [];
      done(
        null,
        addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    }) as unknown as Lookup;
  };
  const make = (rules: Partial<OutboundRules>, lookup?: Lookup) =>
    outboundFetch({ hosts: undefined, private: true, ...rules }, globalThis.fetch, lookup);

  it('is anywhere, unless the config says otherwise', async () => {
    expect(make({})).to.equal(globalThis.fetch);
    const answer = await make({})(`http://127.0.0.1:${port}/hook.php`, { method: 'POST', body: 'a=1' });
    expect(await answer.text()).to.equal('a=1');
  });

  it('is held to a list of hosts', async () => {
    const fetch = make({ hosts: ['127.0.0.1', '*.example.com'] });
    const answer = await fetch(new Request(`http://127.0.0.1:${port}/x`, { method: 'PUT', body: 'b' }));
    expect([answer.status, await answer.text()]).to.deep.equal([200, 'b']);
    for (const url of [
      `http://localhost:${port}/`,
      'http://example.com/',
      'http://evilexample.com/',
      'http://a.example.com.evil.org/',
      'http://127.0.0.1@evil.org/',
    ])
      expect(await codeOf(fetch(url)), url).to.equal('OUTBOUND_REFUSED');
    expect(seen).to.deep.equal([`PUT 127.0.0.1:${port} /x`]);
  });

  /** This machine, private networks and metadata services, however they are written. */
  const PRIVATE = [
    '127.0.0.1',
    '0x7f000001',
    '2130706433',
    '127.1',
    '0.0.0.0',
    '10.1.2.3',
    '169.254.169.254',
    '172.31.0.1',
    '192.168.0.1',
    '100.64.0.1',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:a9fe:a9fe]',
    '[64:ff9b::7f00:1]',
    '[fe80::1]',
    '[fd00:ec2::254]',
    '[2002:7f00:1::]',
    '017700000001',
    '127.0.0.1.',
    '[::127.0.0.1]',
    '[64:ff9b:1::1]',
  ];

  it('is no private address, however it is written', async () => {
    const fetch = make({ private: false });
    for (const host of [...PRIVATE, 'localhost', 'LOCALHOST'])
      expect(await codeOf(fetch(`http://${host}:${port}/`)), host).to.equal('OUTBOUND_REFUSED');
    expect(seen).to.deep.equal([]);
  });

  it('tells from the URL alone of an address, whatever its protocol', () => {
    for (const host of PRIVATE)
      for (const protocol of ['smtp', 'redis', 'http'])
        expect(
          () => checkUrl({ hosts: undefined, private: false }, new URL(`${protocol}://${host}:25`)),
          host,
        ).to.throw(/no address of the public internet/);
    const rules = { hosts: ['mail.example.com', '*.example.org'], private: true };
    for (const host of ['MAIL.example.com.', 'a.B.Example.org'])
      expect(() => checkUrl(rules, new URL(`smtp://${host}:25`)), host).not.to.throw();
    for (const host of ['example.org', 'mail.example.com.evil.net', '%6dail.example.com.evil.net', 'a%20b'])
      expect(() => checkUrl(rules, new URL(`smtp://${host}:25`)), host).to.throw();
  });

  describe('by connections of another kind', () => {
    let accepted = 0;
    const count = () => void accepted++;
    before(() => server.on('connection', count));
    after(() => server.off('connection', count));
    beforeEach(() => {
      accepted = 0;
    });
    const open = (rules: Partial<OutboundRules>, lookup?: Lookup) =>
      outboundConnect({ hosts: undefined, private: true, ...rules }, connect, lookup);

    it('is anywhere, unless the config says otherwise', async () => {
      expect(open({})).to.equal(connect);
      for (const rules of [{}, { hosts: ['localhost'] }]) {
        const stop = new AbortController();
        const socket = await open(rules)({ host: 'localhost', port, signal: stop.signal });
        expect(socket.remotePort).to.equal(port);
        const closed = new Promise(resolve => socket.once('close', resolve));
        stop.abort();
        await closed;
      }
      expect(accepted).to.equal(2);
    });

    it('is no private address, however it is written', async () => {
      for (const host of [...PRIVATE, 'localhost', 'localhost.', '::1', '::ffff:127.0.0.1'])
        expect(await codeOf(open({ private: false })({ host, port })), host).to.equal('OUTBOUND_REFUSED');
      expect(accepted).to.equal(0);
    });

    it('is no name that leads to one', async () => {
      for (const lookup of [dns(['127.0.0.1']), dns(['93.184.216.34', '::1']), dns(['fe80::1'])])
        expect(await codeOf(open({ private: false }, lookup)({ host: 'mx.example.com', port }))).to.equal(
          'OUTBOUND_REFUSED',
        );
      expect(accepted).to.equal(0);
    });

    it('is held to a list of hosts, in whatever form', async () => {
      for (const host of ['localhost', '127.1', 'mail.example.com', 'localhost:25', ''])
        expect(await codeOf(open({ hosts: ['example.com'] })({ host, port })), host).to.equal(
          'OUTBOUND_REFUSED',
        );
      (await open({ hosts: ['127.0.0.1'] })({ host: '0x7f.1', port })).destroy();
      expect(accepted).to.equal(1);
    });
  });

  it('is no name that leads to one, be it one of several or the second time', async () => {
    const url = `http://innocent.example.com:${port}/`;
    for (const lookup of [dns(['127.0.0.1']), dns(['93.184.216.34', '10.0.0.1']), dns(['::ffff:127.0.0.1'])])
      expect(await codeOf(make({ private: false }, lookup)(url))).to.equal('OUTBOUND_REFUSED');
    expect(seen).to.deep.equal([]);
  });

  it('is looked at again when a redirect leads elsewhere', async () => {
    const to = (url: string) => `http://127.0.0.1:${port}/to?${encodeURIComponent(url)}`;
    const listed = make({ hosts: ['127.0.0.1'] });
    expect((await listed(to(`http://127.0.0.1:${port}/there`))).status).to.equal(200);
    expect(await codeOf(listed(to(`http://localhost:${port}/secret`)))).to.equal('OUTBOUND_REFUSED');
    expect(seen.filter(line => line.endsWith(' /secret'))).to.deep.equal([]);
  });

  it('knows what is public', () => {
    for (const address of [
      '8.8.8.8',
      '93.184.216.34',
      '172.32.0.1',
      '2606:4700:4700::1111',
      '2a00:1450::1',
      '64:ff9b::8.8.8.8',
      '64:ff9b::808:808',
    ])
      expect(isPrivateAddress(address), address).to.equal(false);
    for (const address of [
      '224.0.0.1',
      '255.255.255.255',
      '2001:db8::1',
      '2001::1',
      '64:ff9b::10.0.0.1',
      '64:ff9b::7f00:1',
      '64:ff9b::',
      '64:ff9b::1',
      '64:ff9b:0:1::808:808',
      '::ffff:8.8.8.8',
      'ff02::1',
      '',
      'localhost',
    ])
      expect(isPrivateAddress(address), address).to.equal(true);
  });
});
