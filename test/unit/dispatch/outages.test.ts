import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import { Outages, Row } from '../../../src/dispatch/outages.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { listeningLog } from './support.ts';

describe('Outages', () => {
  const make = () => {
    const { log, lines } = listeningLog();
    return {
      outages: new Outages(log, makeVirtualClock(), {}),
      said: () => lines.splice(0).map(line => line.message),
    };
  };
  const [a, b] = [{}, {}];

  it('has one line for the first failure, one for the first run given up, one for the end', () => {
    const { outages, said } = make();
    outages.failed('step', a, {});
    outages.failed('step', b, {});
    expect(said()).to.deep.equal(['step failed']);
    outages.gaveUp('step', a, {});
    outages.gaveUp('step', b, {});
    expect(said()).to.deep.equal(['step gave up']);
    outages.succeeded('step', {});
    outages.succeeded('step', {});
    expect(said()).to.deep.equal(['step works again']);
  });

  it('is not over while a run that failed still waits, though others pass', () => {
    const { outages, said } = make();
    outages.failed('step', a, {});
    outages.succeeded('step', b);
    outages.failed('step', a, {});
    expect(said()).to.deep.equal(['step failed']);
    outages.succeeded('step', a);
    expect(said()).to.deep.equal(['step works again']);
  });

  /** Of two rules that share what may be away. */
  const makeTwo = () => {
    const { log, lines } = listeningLog();
    const clock = makeVirtualClock();
    const away = {};
    return {
      one: new Outages(log, clock, away),
      other: new Outages(log, clock, away),
      said: () => lines.splice(0).map(line => line.message),
    };
  };

  it('has one line for a plugin that several rules use, and one for all that give up', () => {
    const { one, other, said } = makeTwo();
    const row = new Row(0);
    one.failed('step', a, {}, row);
    other.failed('step', b, {}, row);
    expect(said()).to.deep.equal(['step failed']);
    one.gaveUp('step', a, {}, row);
    other.gaveUp('step', b, {}, row);
    expect(said()).to.deep.equal(['step gave up']);
    one.succeeded('step', {});
    other.succeeded('step', {});
    expect(said()).to.deep.equal(['step works again']);
  });

  it('leaves the end to the breaker where that has opened', () => {
    const { one, said } = makeTwo();
    const row = new Row(0);
    one.failed('step', a, {}, row);
    row.isTakenOver = true;
    one.succeeded('step', a);
    expect(said()).to.deep.equal(['step failed']);
  });

  it('tells of a step that goes on failing once the plugin has worked for others', () => {
    const { one, other, said } = makeTwo();
    const row = new Row(0);
    one.failed('step', a, {}, row);
    other.failed('step', b, {}, row);
    one.succeeded('step', a);
    expect(said()).to.deep.equal(['step failed', 'step works again']);
    other.failed('step', b, {}, new Row(0));
    other.failed('step', b, {}, new Row(0));
    other.succeeded('step', b);
    expect(said()).to.deep.equal(['step failed', 'step works again']);
  });

  it('has one line for Podio being away, whatever rules need it', () => {
    const { one, other, said } = makeTwo();
    const error = new PodioError('PODIO_UNAVAILABLE', 'Podio answered 503');
    for (const _ of [1, 2]) {
      one.failed('step', a, { error });
      // It had got through before.
      one.succeeded('step', {});
      other.failed('step', b, { error });
      expect(said()).to.deep.equal(['step failed']);
      one.succeeded('step', a);
      other.succeeded('step', b);
      expect(said()).to.deep.equal(['step works again']);
    }

    one.failed('step', a, { error: new Error('no') });
    other.failed('step', b, { error: new Error('no') });
    expect(said()).to.deep.equal(['step failed', 'step failed']);
  });

  it('tells of Podio being away again, where all that had met it before were given up', () => {
    const { one, other, said } = makeTwo();
    const error = new PodioError('PODIO_UNAVAILABLE', 'Podio answered 503');
    one.failed('step', a, { error });
    one.gaveUp('step', a, { error: new Error('no') });
    one.succeeded('step', {});
    expect(said()).to.deep.equal(['step failed', 'step gave up', 'step works again']);
    other.failed('step', b, { error });
    other.succeeded('step', b);
    expect(said()).to.deep.equal(['step failed', 'step works again']);
  });

  it('keeps steps apart', () => {
    const { outages, said } = make();
    outages.failed('one', a, {});
    outages.succeeded('other', a);
    outages.failed('other', a, {});
    expect(said()).to.deep.equal(['step failed', 'step failed']);
  });
});
