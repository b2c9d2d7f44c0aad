import { expect } from 'chai';
import { inheritedSockets } from '../../../src/service/index.ts';

describe('sockets handed down', () => {
  const env = { LISTEN_FDS: '1', LISTEN_PID: '42' };

  it('are the ones that are meant for this process', () => {
    expect(inheritedSockets(env, 42)).to.deep.equal({ ingress: 3, unused: 0 });
    expect(inheritedSockets(env, 43)).to.equal(undefined);
    expect(inheritedSockets({}, 42)).to.equal(undefined);
    expect(inheritedSockets({ ...env, LISTEN_FDS: '0' }, 42)).to.equal(undefined);
    expect(inheritedSockets({ ...env, LISTEN_FDS: 'x' }, 42)).to.equal(undefined);
  });

  it('are told apart by their names', () => {
    const two = { ...env, LISTEN_FDS: '2' };
    expect(inheritedSockets({ ...two, LISTEN_FDNAMES: 'admin:podiod.socket' }, 42)).to.deep.equal({
      ingress: 4,
      admin: 3,
      unused: 0,
    });
    expect(inheritedSockets(two, 42)).to.deep.equal({ ingress: 3, unused: 1 });
    expect(inheritedSockets({ ...env, LISTEN_FDNAMES: 'admin' }, 42)).to.deep.equal({ admin: 3, unused: 0 });
  });
});
