import { expect } from 'chai';
import { hostOf, hostPatternOf, isLoopback } from '../../../src/core/networks.ts';

const hostIn = (url: string): string => new URL(url).hostname;

describe('isLoopback', () => {
  it('is true of this machine, however its address is written', () => {
    const hosts = [
      'localhost',
      'LOCALHOST.',
      '127.0.0.1',
      '127.0.0.9',
      '127.1',
      '2130706433',
      '[::1]',
      '[0:0::1]',
    ];
    for (const host of hosts) expect(isLoopback(hostIn(`http://${host}:9/x`)), host).to.equal(true);
    for (const host of ['::1', ...hosts]) expect(isLoopback(host), host).to.equal(true);
  });

  it('is false of every other, whatever it begins or ends with', () => {
    const hosts = [
      '127.0.0.1.example.com',
      '127.example',
      'localhost.example.com',
      'mylocalhost',
      '10.0.0.1',
      '0.0.0.0',
      '[::]',
    ];
    for (const host of hosts) expect(isLoopback(hostIn(`http://${host}:9/x`)), host).to.equal(false);
    for (const host of ['', 'localhost:80', 'localhost/', 'x@localhost'])
      expect(isLoopback(host), host).to.equal(false);
  });
});

describe('hostOf', () => {
  it('has one form for each host, however it is written', () => {
    for (const [text, host] of [
      ['Mail.Example.COM.', 'mail.example.com'],
      ['m\u00fcller.example', 'xn--mller-kva.example'],
      ['%6Docalhost', 'mocalhost'],
      ['127.1', '127.0.0.1'],
      ['0x7f000001', '127.0.0.1'],
      ['017700000001', '127.0.0.1'],
      ['2130706433', '127.0.0.1'],
      ['127.0.0.1.', '127.0.0.1'],
      ['0', '0.0.0.0'],
      ['\uff11\uff12\uff17.1', '127.0.0.1'],
      ['::FFFF:127.0.0.1', '::ffff:7f00:1'],
      ['[0:0::1]', '::1'],
      ['fe80::1%eth0', 'fe80::1'],
      ['smtp_relay', 'smtp_relay'],
    ] as const)
      expect(hostOf(text), text).to.equal(host);
  });

  it('takes nothing that says more than a host', () => {
    for (const text of [
      '',
      '.',
      'a:80',
      'a..',
      'a/b',
      'u@a',
      'https://a',
      'a b',
      '[::1]:25',
      '1.2.3.4.5',
      '256.0.0.1',
      'a\nb',
      'a?b',
      'a#b',
    ])
      expect(hostOf(text), text).to.equal(undefined);
  });
});

describe('hostPatternOf', () => {
  it('is a host, or all below one', () => {
    expect(hostPatternOf('Hooks.Slack.com.')).to.equal('hooks.slack.com');
    expect(hostPatternOf('*.Example.com.')).to.equal('*.example.com');
    expect(hostPatternOf('127.1')).to.equal('127.0.0.1');
    for (const text of ['*', '*.', '', '**.a', 'a.*', '*.a:80', 'https://a'])
      expect(hostPatternOf(text), text).to.equal(undefined);
  });
});
