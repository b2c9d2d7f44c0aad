import { expect } from 'chai';
import { makeReadiness } from '../../../src/daemon/readiness.ts';
import type { LaneState } from '../../../src/dispatch/lane.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const setUp = () => {
  const world: { trouble: string | undefined } = { trouble: undefined };
  const clock = makeVirtualClock();
  const first = Promise.withResolvers<void>();
  const degraded = [
    {
      ref: 'app/101',
      error: 'no such field',
      hint: undefined,
      since: '2026-01-01T00:00:00.000Z',
      rules: ['won'],
    },
  ];
  const reconciler = { firstDone: first.promise, status: () => ({ degraded }) };
  const rules: { rule: string; state: LaneState; error?: string }[] = [];
  const readiness = makeReadiness({
    clock,
    reconciler,
    rules: { status: () => rules },
    outage: () => world.trouble,
  });
  return { world, clock, readiness, rules, firstDone: first.resolve };
};

describe('readiness', () => {
  it('waits for what has to come up, and for the hooks not for ever', async () => {
    const { readiness, clock } = setUp();
    readiness.waitForHooks();
    const up = readiness.wait('the lanes are starting');
    expect(readiness.status().reasons).to.have.length(2);
    up();
    expect(readiness.status().ready).to.equal(false);
    await clock.advance(30_000);
    await readiness.ready;
    expect(readiness.status()).to.include({ ready: true });
  });

  it('names the rules that something degraded concerns, and is ready', () => {
    const { ready, degraded } = setUp().readiness.status();
    expect(ready).to.equal(true);
    expect(degraded).to.deep.equal([
      { ref: 'app/101', error: 'no such field', since: '2026-01-01T00:00:00.000Z', rules: ['won'] },
    ]);
  });

  it('names the rules that stand still without having been asked to, and is ready', () => {
    const { readiness, rules } = setUp();
    rules.push(
      { rule: 'a', state: 'running' },
      { rule: 'b', state: 'paused' },
      { rule: 'c', state: 'halted', error: 'a step gave up' },
      { rule: 'd', state: 'waiting for setup', error: 'plugin erp: no key' },
    );
    expect(readiness.status()).to.deep.include({ ready: true, rules: rules.slice(2) });
  });

  it('is lost while events can not be written, and found again', () => {
    const { readiness, world } = setUp();
    world.trouble = 'disk full';
    expect(readiness.status()).to.deep.include({
      ready: false,
      reasons: ['events can not be written: disk full'],
    });
    world.trouble = undefined;
    expect(readiness.status()).to.deep.include({ ready: true, reasons: [] });
  });

  it('is over with the stop', async () => {
    const { readiness, firstDone } = setUp();
    readiness.waitForHooks();
    readiness.stopping();
    firstDone();
    await readiness.ready;
    expect(readiness.status()).to.deep.include({ ready: false, reasons: ['stopping'] });
  });
});
