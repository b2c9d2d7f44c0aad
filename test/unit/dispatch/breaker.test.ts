import { expect } from 'chai';
import { sleep } from '../../../src/core/clock.ts';
import { PermanentError, PodioError, RetryAfter } from '../../../src/core/errors.ts';
import { silentLog } from '../../../src/core/log.ts';
import { type Admission, Breaker, type Holder } from '../../../src/dispatch/breaker.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import {
  exchange,
  itemUpdate,
  listeningLog,
  makeRule,
  makeStep,
  POLICY,
  type Work,
  World,
} from './support.ts';

const HOUR = 60 * 60 * 1000;

function makeBreaker({ earlyMs = 0 } = {}) {
  const clock = makeVirtualClock();
  const { after } = clock;
  clock.after = (ms, fn) => after(Math.max(ms - earlyMs, 1), fn);
  const breaker = new Breaker('slack', { clock, log: silentLog, random: () => 1 - Number.EPSILON });
  const asked: string[] = [];
  const holder: Holder = {
    letOne: () => {
      asked.push('one');
      return true;
    },
    letAll: () => void asked.push('all'),
  };
  breaker.join(holder);
  const fail = (event: string, error: unknown = new Error('no'), admission: Admission = 'pass') =>
    breaker.failed(event, error, POLICY, admission);
  const open = () => {
    for (const event of ['a', 'b', 'c', 'a', 'b']) fail(event);
  };
  return { clock, breaker, asked, fail, open };
}

describe('Breaker', () => {
  it('opens after five failures in a row from three events', () => {
    const { breaker, fail } = makeBreaker();
    for (const event of ['a', 'b', 'a', 'b', 'a', 'b']) fail(event);
    expect(breaker.admit()).to.equal('pass');
    fail('c');
    expect(breaker.admit()).to.equal('hold');
  });

  it('counts failures in a row only, and none that says nothing of the plugin', () => {
    const { breaker, clock, fail } = makeBreaker();
    for (const event of ['a', 'b', 'c', 'd']) fail(event);
    breaker.succeeded(clock.monotonic());
    for (const event of ['a', 'b', 'c', 'd']) fail(event);
    fail('e', new PermanentError('never'));
    fail('f', new PodioError('PODIO_UNAVAILABLE', 'away'));
    fail('g', new Error('wrapped', { cause: new PodioError('PODIO_RATE_LIMITED', '420') }));
    expect(breaker.admit()).to.equal('pass');
    fail('h', new RetryAfter(1));
    expect(breaker.admit()).to.equal('hold');
  });

  it('begins no other row of failures for a try that had begun before the first one failed', async () => {
    const { breaker, clock, fail } = makeBreaker();
    const begunAt = clock.monotonic();
    await clock.advance(10);
    const row = fail('a');
    breaker.succeeded(begunAt);
    expect(fail('b')).to.equal(row);
    breaker.succeeded(clock.monotonic());
    expect(fail('c')).to.not.equal(row);
    fail('d', new PermanentError('never'));
    expect(fail('e', new PermanentError('never'))).to.equal(undefined);
  });

  it('stays open when what had begun before it failed ends well', async () => {
    const { breaker, clock, open, asked } = makeBreaker();
    const begunAt = clock.monotonic();
    await clock.advance(10);
    open();
    breaker.succeeded(begunAt);
    expect(breaker.admit()).to.equal('hold');
    expect(asked).to.deep.equal([]);
    breaker.succeeded(clock.monotonic());
    expect(breaker.admit()).to.equal('pass');
  });

  it('asks for a try also when its timer is a moment early', async () => {
    const { breaker, clock, open, asked } = makeBreaker({ earlyMs: 0.5 });
    open();
    const { waitMs } = breaker;
    await clock.advance(waitMs - 0.4);
    expect(asked).to.deep.equal([]);
    await clock.advance(2);
    expect(asked).to.deep.equal(['one']);
  });

  it('lets one try through per step of the backoff, and all when it succeeds', async () => {
    const { breaker, clock, open, fail, asked } = makeBreaker();
    open();
    const at: number[] = [];
    for (let second = 0; second < 130; second++) {
      if (breaker.admit() === 'probe') {
        at.push(second);
        expect(breaker.admit()).to.equal('hold');
        fail('x', new Error('still no'), 'probe');
      }
      await clock.advance(1000);
    }
    expect(at).to.deep.equal([1, 3, 7, 15, 31, 63, 123]);
    expect(breaker.status()).to.deep.equal({
      plugin: 'slack',
      state: 'open',
      since: '2026-01-01T00:00:00.000Z',
      error: 'still no',
      nextTryAt: '2026-01-01T00:03:03.000Z',
    });
    await clock.advance(60_000);
    asked.length = 0;
    expect(breaker.admit()).to.equal('probe');
    expect(breaker.status()).to.not.have.property('nextTryAt');
    breaker.succeeded(clock.monotonic());
    expect(asked).to.deep.equal(['all']);
    expect(breaker.status()).to.deep.equal({ plugin: 'slack', state: 'closed', hasWorked: true });
    expect(breaker.admit()).to.equal('pass');
  });

  it('does not try before the time it is told', async () => {
    const { breaker, clock, open, fail } = makeBreaker();
    open();
    await clock.advance(1000);
    expect(breaker.admit()).to.equal('probe');
    fail('x', new RetryAfter(HOUR), 'probe');
    await clock.advance(HOUR - 1);
    expect(breaker.admit()).to.equal('hold');
    await clock.advance(1);
    expect(breaker.admit()).to.equal('probe');
  });

  it('tries after a day at the latest, whatever it is told: by then what waits for it is given up', async () => {
    const { breaker, clock, open, fail } = makeBreaker();
    open();
    await clock.advance(1000);
    expect(breaker.admit()).to.equal('probe');
    fail('x', new RetryAfter(1000 * HOUR), 'probe');
    await clock.advance(24 * HOUR - 1);
    expect(breaker.admit()).to.equal('hold');
    await clock.advance(1);
    expect(breaker.admit()).to.equal('probe');
  });

  it('tries again in time after a probe that came to nothing', async () => {
    const { breaker, clock, open, fail } = makeBreaker();
    open();
    await clock.advance(1000);
    expect(breaker.admit()).to.equal('probe');
    breaker.abandoned();
    expect(breaker.admit()).to.equal('hold');
    await clock.advance(1000);
    expect(breaker.admit()).to.equal('probe');
    fail('x', new PermanentError('never'), 'probe');
    await clock.advance(1000);
    expect(breaker.admit()).to.equal('probe');
  });

  it('asks another holder where one does not come to it', async () => {
    const { breaker, clock, open, asked } = makeBreaker();
    const others: string[] = [];
    breaker.join({ letOne: () => others.push('one') > 0, letAll: () => {} });
    open();
    await clock.advance(1000);
    expect([asked.length, others.length]).to.deep.equal([1, 0]);
    await clock.advance(5000);
    expect([asked.length, others.length]).to.deep.equal([1, 1]);
  });
});

describe('Lanes and an outage of a plugin', () => {
  /** Slack is away until told otherwise. */
  function outage() {
    const tries: number[] = [];
    const world: { away: boolean; world?: World } = { away: true };
    const work: Work = ({ event }) => {
      tries.push(event.seq);
      if (world.away) throw new Error('Slack is away');
      return undefined;
    };
    return { tries, work, world };
  }
  const items = (count: number, from = 1) => Array.from({ length: count }, (_, n) => itemUpdate(from + n));

  it('goes on probing where the rule whose probe is in hand is exchanged: others wait for the plugin too', async () => {
    for (const exchanged of ['r', 's']) {
      const hanging = Promise.withResolvers<undefined>();
      let isAway = true;
      const work: Work = async () => {
        if (isAway) throw new Error('Slack is away');
        return hanging.promise;
      };
      const steps = [makeStep('tell', { plugin: 'slack' })];
      const rules = ['r', 's'].map(name => makeRule(name, { steps }));
      const world = await new World({ rules, work: { tell: work } }).start();
      await world.append(...items(8));
      expect(world.dispatcher.breakers()[0]).to.include({ state: 'open' });
      isAway = false;
      // One of the two has it.
      for (let n = 0; n < 100 && 'nextTryAt' in (world.dispatcher.breakers()[0] ?? {}); n++)
        await world.clock.advance(1000);
      expect(world.dispatcher.breakers()[0]).to.include({ state: 'open' }).and.not.have.property('nextTryAt');
      const next = rules.map(rule => (rule.name === exchanged ? { ...rule, fingerprint: 'f2' } : rule));
      await exchange(world, next, ...['r', 's'].filter(name => name !== exchanged));
      hanging.resolve(undefined);
      await world.clock.advance(10 * 60_000);
      const settled = (await world.runs()).filter(([, , outcome]) => outcome === 'settled');
      expect(settled, exchanged).to.have.length(16);
    }
  });

  it('probes with one event, holds a thousand, and all go on when it is over', async () => {
    const slack = outage();
    const { log, lines } = listeningLog();
    const steps = [makeStep('tell', { plugin: 'slack', delivery: { ...POLICY, attempts: 3 } })];
    const world = await new World({
      rules: [makeRule('r', { steps }), makeRule('s', { steps })],
      work: { tell: slack.work },
      log,
    }).start();
    await world.append(...items(1000));
    await world.clock.advance(HOUR);
    // Those in hand when it opened, and then one try a backoff step: 1 s, 2 s ... 60 s.
    expect(slack.tries.length).to.be.within(60, 90);
    expect(await world.store.parking.list()).to.deep.equal([]);
    expect(world.dispatcher.breakers()).to.have.length(1);
    expect(world.dispatcher.breakers()[0]).to.include({
      plugin: 'slack',
      state: 'open',
      error: 'Slack is away',
    });
    slack.world.away = false;
    await world.clock.advance(120_000);
    expect((await world.runs()).filter(([, , outcome]) => outcome === 'settled')).to.have.length(2000);
    expect(world.dispatcher.breakers()).to.deep.equal([
      { plugin: 'slack', state: 'closed', hasWorked: true },
    ]);
    expect(lines.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
      'warn step failed',
      'info plugin works again',
    ]);
  });

  it('has one line, and one for its end, also where it begins under load in ten rules', async () => {
    const { log, lines } = listeningLog();
    let isDown = false;
    let tries = 0;
    // Those that are in hand when it begins end well, some of them when others have failed.
    const work: Work = async () => {
      const fails = isDown;
      tries += 1;
      await sleep(world.clock, 20 + ((tries * 37) % 200), new AbortController().signal);
      if (fails) throw new Error('Slack is away');
      return undefined;
    };
    const steps = [makeStep('tell', { plugin: 'slack' })];
    const world = new World({
      rules: Array.from({ length: 10 }, (_, n) => makeRule(`r${n}`, { steps, concurrency: 4 })),
      work: { tell: work },
      log,
    });
    await world.start();
    await world.append(...items(400));
    await world.clock.advance(500);
    isDown = true;
    await world.clock.advance(600_000);
    isDown = false;
    await world.clock.advance(600_000);
    expect(await world.runs()).to.have.length(4000);
    expect(lines.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
      'warn step failed',
      'info plugin works again',
    ]);
  });

  it('hurts neither other plugins nor other steps', async () => {
    const slack = outage();
    const seen: string[] = [];
    const note: Work = ({ event }, rule) => {
      seen.push(`${rule} ${event.seq}`);
      return undefined;
    };
    const world = await new World({
      rules: [
        makeRule('r', { steps: [makeStep('note'), makeStep('tell', { plugin: 'slack' })] }),
        makeRule('s', { steps: [makeStep('note')] }),
      ],
      work: { tell: slack.work, note },
    }).start();
    await world.append(...items(300));
    expect(new Set(seen).size).to.equal(600);
  });

  it('lets an event wait for a day, and then have its try and no more', async () => {
    const slack = outage();
    const delivery = { ...POLICY, retryForMs: 10 * 60_000, backoff: { fromMs: 1000, toMs: 600_000 } };
    const steps = [makeStep('tell', { plugin: 'slack', delivery })];
    const world = await new World({ rules: [makeRule('r', { steps })], work: { tell: slack.work } }).start();
    await world.append(...items(50));
    await world.clock.advance(23 * HOUR);
    const early = (await world.store.parking.list()).length;
    expect(early).to.be.below(10);
    await world.clock.advance(2 * HOUR);
    expect(await world.store.parking.list()).to.have.length(50);
    expect(slack.tries.length).to.be.below(350);
  });

  it('goes on waiting after a restart, and neither forgets nor hammers', async () => {
    const slack = outage();
    const steps = [makeStep('tell', { plugin: 'slack', delivery: { ...POLICY, attempts: 3 } })];
    const world = await new World({ rules: [makeRule('r', { steps })], work: { tell: slack.work } }).start();
    await world.append(...items(200));
    await world.clock.advance(HOUR);
    const before = slack.tries.length;
    await world.crash();
    await world.clock.advance(HOUR);
    expect(slack.tries.length - before).to.be.below(100);
    expect(await world.store.parking.list()).to.deep.equal([]);
    slack.world.away = false;
    await world.clock.advance(120_000);
    expect(await world.runs()).to.have.length(200);
  });
});
