import { expect } from 'chai';
import type { Config } from '../../../src/config/model.ts';
import { settle } from '../../../src/daemon/settled.ts';

const SERVER = {
  publicUrl: 'https://hooks.example.com/podio',
  host: '127.0.0.1',
  port: 8080,
  path: '/podio',
  secret: 'a-secret-of-the-config',
  previousSecrets: [] as readonly string[],
  maxBody: 65_536,
  maxWaiting: 10_000,
  maxConnections: 1000,
  rateLimit: 10,
  trustProxy: false,
  confirm: false,
  allowNonPublicUrl: false,
};

const config = (server: Partial<typeof SERVER> = {}, more: object = {}): Config =>
  ({
    server: { ...SERVER, ...server },
    admin: { host: '127.0.0.1', port: 8081, token: undefined },
    podio: {
      apiUrl: 'https://api.podio.com',
      clientId: 'c',
      clientSecret: 's',
      tokenEndpoint: 'v2',
      backgroundShare: 0.3,
    },
    dataDir: '/data',
    stopTimeoutMs: 30_000,
    ...more,
  }) as unknown as Config;

describe('settings that wait for a restart', () => {
  it('are none where nothing of them has changed', () => {
    const next = config({ secret: 'another-secret-of-it', confirm: true }, { stopTimeoutMs: 5000 });
    expect(settle(config(), next)).to.deep.equal({ config: next, needsRestart: [] });
  });

  it('are named, and stay as they were', () => {
    const next = config({ port: 9090, maxBody: 1, trustProxy: true }, { dataDir: '/elsewhere' });
    const { config: taken, needsRestart } = settle(config(), next);
    expect(needsRestart).to.deep.equal(['server.port', 'server.maxBody', 'server.trustProxy', 'dataDir']);
    expect(taken).to.deep.equal(config());
    const admin = { host: '127.0.0.1', port: 1, token: 't' };
    const podio = { ...config().podio, clientSecret: 'new' };
    expect(settle(config(), config({}, { admin, podio })).needsRestart).to.deep.equal([
      'admin.port',
      'admin.token',
      'podio.clientSecret',
    ]);
  });

  it('are measured by what the process was started with, so that the way back needs none', () => {
    const started = config();
    const { config: taken } = settle(started, config({ port: 9090 }));
    expect(settle(started, taken).needsRestart).to.deep.equal([]);
  });

  it('have the public URL among them only where it leads to another path', () => {
    const moved = config({ publicUrl: 'https://other.example.com/podio' });
    expect(settle(config(), moved)).to.deep.equal({ config: moved, needsRestart: [] });
    const elsewhere = config({ publicUrl: 'https://other.example.com/hooks', path: '/hooks' });
    const { config: taken, needsRestart } = settle(config(), elsewhere);
    expect(needsRestart).to.deep.equal(['server.path', 'server.publicUrl']);
    expect(taken.server.publicUrl).to.equal(SERVER.publicUrl);
  });
});
