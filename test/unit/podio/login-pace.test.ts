import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import type { Priority } from '../../../src/podio/contract.ts';
import { loginsTakeMs, makeLoginPace } from '../../../src/podio/login-pace.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const setUp = () => {
  const clock = makeVirtualClock();
  const pace = makeLoginPace(clock);
  const refusal = (identity: string, grant: 'login' | 'refresh' = 'login') => {
    try {
      pace.ask(identity, grant, 'live');
      return undefined;
    } catch (error) {
      return error as PodioError;
    }
  };
  return { clock, pace, refusal };
};

describe('podio login pace', () => {
  it('lets 200 app logins go in a steady stream', async () => {
    const { clock, pace } = setUp();
    const came: number[] = [];
    for (let app = 1; app <= 200; app++) {
      pace.ask(`app/${app}`, 'login', 'background').come.then(() => came.push(clock.monotonic()));
    }
    await clock.advance(0);
    expect(came).to.have.length(5);
    await clock.advance(200_000);
    expect(came).to.have.length(200);
    const inSecond = came.map(at => came.filter(other => other >= at && other < at + 1_000).length);
    expect(Math.max(...inSecond.slice(5))).to.equal(2);
    expect(loginsTakeMs(200), 'what people are told').to.equal(97_500);
    expect(Math.abs((came.at(-1) ?? 0) - loginsTakeMs(200))).to.be.at.most(500);
    expect(loginsTakeMs(3)).to.equal(0);
  });

  it('puts the urgent first, also when urgency comes later', async () => {
    const { clock, pace } = setUp();
    const order: string[] = [];
    const ask = (identity: string, priority: Priority) => {
      const turn = pace.ask(identity, 'login', priority);
      turn.come.then(() => order.push(identity));
      return turn;
    };
    for (let app = 1; app <= 5; app++) ask(`app/${app}`, 'background');
    ask('b', 'background');
    const c = ask('c', 'background');
    ask('d', 'live');
    c.raise('handshake');
    await clock.advance(10_000);
    expect(order.slice(5)).to.deep.equal(['c', 'd', 'b']);
  });

  it('stops an identity that logs in again and again', async () => {
    const { clock, refusal } = setUp();
    for (let n = 0; n < 10; n++) expect(refusal('app/1')).to.equal(undefined);
    expect(refusal('app/1')).to.include({ code: 'PODIO_RATE_LIMITED' });
    expect(refusal('app/1')?.retry).to.deep.equal({ afterMs: 60_000 });
    expect(refusal('app/2')).to.equal(undefined);
    await clock.advance(60_000);
    expect(refusal('app/1')).to.equal(undefined);
  });

  it('honours a 420 for that identity, and for all once a second one meets it', async () => {
    const { clock, pace, refusal } = setUp();
    pace.limited('app/1', 300_000);
    expect(refusal('app/1')?.retry).to.deep.equal({ afterMs: 300_000 });
    expect(refusal('app/1', 'refresh')?.retry).to.deep.equal({ afterMs: 300_000 });
    expect(refusal('app/2')).to.equal(undefined);
    await clock.advance(100_000);
    pace.limited('app/2', 300_000);
    expect(refusal('app/3')?.retry).to.deep.equal({ afterMs: 300_000 });
    await clock.advance(300_000);
    expect(refusal('app/1')).to.equal(undefined);
    expect(refusal('app/3')).to.equal(undefined);
  });

  it('backs off from refused credentials, with the same error', async () => {
    const { clock, pace, refusal } = setUp();
    const no = new PodioError('PODIO_UNAUTHORIZED', 'no');
    pace.refused('app/1', no);
    expect(refusal('app/1')).to.equal(no);
    expect(refusal('app/1', 'refresh')).to.equal(undefined);
    await clock.advance(5_000);
    expect(refusal('app/1')).to.equal(undefined);
    pace.refused('app/1', no);
    await clock.advance(5_000);
    expect(refusal('app/1')).to.equal(no);
    pace.succeeded('app/1');
    expect(refusal('app/1')).to.equal(undefined);
  });
});
