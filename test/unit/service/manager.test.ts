import { expect } from 'chai';
import { silentLog } from '../../../src/core/log.ts';
import { type Managed, makeManager, watchdogMs } from '../../../src/service/index.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

function setUp({ watchdog, ...changes }: Partial<Managed> & { watchdog?: number } = {}) {
  const clock = makeVirtualClock();
  const said: Record<string, string>[] = [];
  const manager = makeManager({
    notifier: { tell: async message => void said.push({ ...message }) },
    watchdogMs: watchdog,
    clock,
    log: silentLog,
  });
  const daemon: Managed = {
    ready: Promise.resolve(),
    summary: async () => 'fine',
    probe: async () => {},
    ...changes,
  };
  const count = (key: string) => said.filter(message => key in message).length;
  return { clock, said, manager, daemon, count };
}

describe('what systemd is told', () => {
  it('is a sign of life at half the interval that it waits', async () => {
    const { clock, manager, daemon, count } = setUp({ watchdog: 60_000 });
    manager.watch(daemon);
    await clock.advance(300_000);
    expect(count('WATCHDOG')).to.equal(11);
  });

  it('is no sign of life while the probe does not come back, and one as soon as it does', async () => {
    const probes: PromiseWithResolvers<void>[] = [];
    const { clock, manager, daemon, count } = setUp({
      watchdog: 60_000,
      probe() {
        const probe = Promise.withResolvers<void>();
        probes.push(probe);
        return probe.promise;
      },
    });
    manager.watch(daemon);
    await clock.advance(200_000);
    expect(count('WATCHDOG')).to.equal(0);
    expect(probes).to.have.length(1);
    probes[0]?.resolve();
    await clock.advance(0);
    expect(count('WATCHDOG')).to.equal(1);
    await clock.advance(200_000);
    expect(probes).to.have.length(2);
    expect(count('WATCHDOG')).to.equal(1);
  });

  it('is that it lives, also when the probe tells of a full disk', async () => {
    const { clock, manager, daemon, count } = setUp({
      watchdog: 60_000,
      probe: () => Promise.reject(new Error('no space')),
    });
    manager.watch(daemon);
    await clock.advance(90_000);
    expect(count('WATCHDOG')).to.equal(4);
  });

  it('is the status where it has changed, every five seconds at most', async () => {
    let lag = 0;
    const { clock, manager, daemon, said } = setUp({ summary: async () => `lag ${lag}` });
    manager.watch(daemon);
    await clock.advance(20_000);
    expect(said.filter(({ STATUS }) => STATUS === 'lag 0')).to.have.length.within(1, 2);
    const before = said.length;
    for (let second = 0; second < 60; second++) {
      lag += 1;
      await clock.advance(1000);
    }
    expect(said.length - before).to.equal(12);
  });

  it('is an end that takes its time, for as long as podiod may take', async () => {
    const { clock, manager, daemon, said, count } = setUp({ watchdog: 60_000 });
    manager.watch(daemon);
    await clock.advance(0);
    manager.stopping(30_000);
    manager.stopping(30_000);
    await clock.advance(60_000);
    expect(count('STOPPING')).to.equal(1);
    const extensions = said.filter(({ EXTEND_TIMEOUT_USEC }) => EXTEND_TIMEOUT_USEC === '15000000');
    expect(extensions).to.have.length(6);
    expect(count('WATCHDOG')).to.be.above(1);
    manager.end();
    const before = said.length;
    await clock.advance(300_000);
    expect(said).to.have.length(before);
  });

  it('is a start that takes its time, but no more than an hour, and nothing of one that takes none', async () => {
    const ready = Promise.withResolvers<void>();
    const { clock, manager, daemon, count } = setUp({ ready: ready.promise });
    manager.starting();
    await clock.advance(59_000);
    expect(count('EXTEND_TIMEOUT_USEC')).to.equal(0);
    await clock.advance(10 * 60_000);
    expect(count('EXTEND_TIMEOUT_USEC')).to.be.within(19, 21);
    manager.watch(daemon);
    await clock.advance(60_000);
    expect(count('EXTEND_TIMEOUT_USEC')).to.be.within(21, 23);
    ready.resolve();
    await clock.advance(0);
    const before = count('EXTEND_TIMEOUT_USEC');
    await clock.advance(3_600_000);
    expect(count('EXTEND_TIMEOUT_USEC')).to.equal(before);

    const hung = setUp({});
    hung.manager.starting();
    await hung.clock.advance(2 * 3_600_000);
    expect(hung.count('EXTEND_TIMEOUT_USEC')).to.be.within(115, 120);
  });

  it('is not that it is ready, once it is to end', async () => {
    const ready = Promise.withResolvers<void>();
    const { clock, manager, daemon, count } = setUp({ ready: ready.promise });
    manager.watch(daemon);
    manager.stopping(1000);
    ready.resolve();
    await clock.advance(5000);
    expect(count('READY')).to.equal(0);
  });

  it('is a sign of life only to whom it is meant for', () => {
    expect(watchdogMs({ WATCHDOG_USEC: '60000000' }, 7)).to.equal(60_000);
    expect(watchdogMs({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '7' }, 7)).to.equal(60_000);
    expect(watchdogMs({ WATCHDOG_USEC: '60000000', WATCHDOG_PID: '8' }, 7)).to.equal(undefined);
    expect(watchdogMs({}, 7)).to.equal(undefined);
  });
});
