import { expect } from 'chai';
import { isLoopback } from '../../../src/core/networks.ts';

const hostOf = (url: string): string => new URL(url).hostname;

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
    for (const host of hosts) expect(isLoopback(hostOf(`http://${host}:9/x`)), host).to.equal(true);
    expect(isLoopback('::1')).to.equal(true);
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
    for (const host of hosts) expect(isLoopback(hostOf(`http://${host}:9/x`)), host).to.equal(false);
  });
});
