import { expect } from 'chai';
import { shareOf, stretch } from '../../../src/podio/pace.ts';

const MINUTE = 60_000;

describe('pace of background work', () => {
  it('is as configured where the share suffices', () => {
    expect(stretch(15 * MINUTE, 75, 300)).to.equal(15 * MINUTE);
    expect(stretch(15 * MINUTE, 0, 300)).to.equal(15 * MINUTE);
  });

  it('stretches to what the share allows, and is never shorter than configured', () => {
    expect(stretch(15 * MINUTE, 200, 300)).to.equal(40 * MINUTE);
    expect(stretch(60 * MINUTE, 200, 75)).to.equal(160 * MINUTE);
    expect(stretch(60 * MINUTE, 200, 300)).to.equal(60 * MINUTE);
  });

  it('has one call an hour at least', () => {
    expect(shareOf(1_000, 0.3)).to.equal(300);
    expect(shareOf(250, 0.3)).to.equal(75);
    expect(shareOf(1_000, 0)).to.equal(1);
  });
});
