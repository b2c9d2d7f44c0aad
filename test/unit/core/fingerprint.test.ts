import { expect } from 'chai';
import { CONDITIONS_HELD, fingerprintOf, keptSteps } from '../../../src/core/fingerprint.ts';

const of = (...steps: readonly string[]) =>
  fingerprintOf(steps.map(step => ({ name: step.slice(0, 1), mark: step })));
const kept = (before: string, now: string) => [...keptSteps(before, now)];

describe('fingerprints of steps', () => {
  it('say up to where the steps are as they were, with what was decided before these', () => {
    expect(kept(of('a1', 'b1', 'c1'), of('a1', 'b1', 'c1'))).to.deep.equal(['a', 'b', 'c', CONDITIONS_HELD]);
    expect(kept(of('a1', 'b1', 'c1'), of('a1', 'b2', 'c1'))).to.deep.equal(['a', CONDITIONS_HELD]);
    expect(kept(of('a1', 'b1'), of('a1', 'b1', 'c1'))).to.deep.equal(['a', 'b', CONDITIONS_HELD]);
    expect(kept(of('a1', 'b1'), of('b1', 'a1'))).to.deep.equal([]);
  });

  it('say nothing of what is no list of steps, or of a rule in shadow', () => {
    expect(kept('print', 'print')).to.deep.equal([]);
    expect(kept(`shadow ${of('a1')}`, of('a1'))).to.deep.equal([]);
    expect(kept('', '')).to.deep.equal([]);
  });
});
