import { expect } from 'chai';
import { Outages } from '../../../src/dispatch/outages.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { listeningLog } from './support.ts';

describe('Outages', () => {
  const make = () => {
    const { log, lines } = listeningLog();
    return {
      outages: new Outages(log, makeVirtualClock()),
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

  it('keeps steps apart', () => {
    const { outages, said } = make();
    outages.failed('one', a, {});
    outages.succeeded('other', a);
    outages.failed('other', a, {});
    expect(said()).to.deep.equal(['step failed', 'step failed']);
  });
});
