import { expect } from 'chai';
import { makeLevels } from '../../../src/log/levels.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

function setUp() {
  const clock = makeVirtualClock();
  const levels = makeLevels('info', clock);
  for (const module of ['podio', 'ingress']) levels.know(module);
  return { clock, levels };
}

describe('log levels', () => {
  it('are one for all, but for modules that have their own', () => {
    const { levels } = setUp();
    expect(levels.isEnabled('podio', 'info')).to.equal(true);
    expect(levels.isEnabled('podio', 'debug')).to.equal(false);
    levels.set({ module: 'podio', level: 'debug' });
    expect(levels.isEnabled('podio', 'debug')).to.equal(true);
    expect(levels.isEnabled('ingress', 'debug')).to.equal(false);
    levels.set({ level: 'error' });
    expect(levels.isEnabled('ingress', 'warn')).to.equal(false);
    expect(levels.isEnabled('', 'warn')).to.equal(false);
    expect(levels.isEnabled('podio', 'debug')).to.equal(true);
    expect(levels.status()).to.deep.equal({
      level: 'error',
      modules: { ingress: 'error', podio: 'debug' },
      until: {},
    });
  });

  it('go back when they are reset, of a module or of all', () => {
    const { levels } = setUp();
    levels.set({ module: 'podio', level: 'debug' });
    levels.set({ module: 'podio' });
    expect(levels.isEnabled('podio', 'debug')).to.equal(false);
    levels.set({ module: 'podio', level: 'debug' });
    levels.set({ level: 'debug' });
    levels.set({});
    expect(levels.status()).to.deep.equal({
      level: 'info',
      modules: { ingress: 'info', podio: 'info' },
      until: {},
    });
  });

  it('go back by themselves after a time, unless they were changed again meanwhile', async () => {
    const { clock, levels } = setUp();
    levels.set({ module: 'podio', level: 'debug', forMs: 1000 });
    levels.set({ level: 'warn', forMs: 2000 });
    expect(levels.status().until).to.have.all.keys('podio', '');
    await clock.advance(1500);
    expect(levels.isEnabled('podio', 'info')).to.equal(false);
    expect(levels.isEnabled('podio', 'warn')).to.equal(true);
    levels.set({ level: 'debug' });
    await clock.advance(10_000);
    expect(levels.status().level).to.equal('debug');
  });

  it('are refused for a module that there is not', () => {
    const { levels } = setUp();
    expect(levels.set({ module: 'pdio', level: 'debug' })).to.equal(false);
  });
});
