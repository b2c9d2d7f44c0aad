import { expect } from 'chai';
import fc from 'fast-check';
import { childOf, comesAfter, isWithin, namesOf } from '../../../src/core/branch.ts';

describe('names of branches', () => {
  it('are the keys, with what would be misread written otherwise', () => {
    const keys = ['7', 'A-1 b', 'x/y', '50%;', 'v1.2', '\ud800'];
    expect(namesOf(keys)).to.deep.equal(['7', 'A-1%20b', 'x%2Fy', '50%25%3B', 'v1.2', '\ufffd']);
  });

  it('are told apart where a key comes again', () => {
    expect(namesOf(['a', 'b', 'a', 'a'])).to.deep.equal(['a', 'b', 'a;2', 'a;3']);
  });

  it('are all different, for any keys', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 3 })), keys => {
        const names = namesOf(keys);
        expect(new Set(names).size).to.equal(keys.length);
        for (const name of names) expect(name).not.to.match(/\//);
      }),
    );
  });

  it('say what lies within what', () => {
    expect(childOf('', 'a')).to.equal('a');
    expect(childOf('a', 'b')).to.equal('a/b');
    expect(isWithin('a/b', 'a')).to.equal(true);
    expect(isWithin('a', '')).to.equal(true);
    expect(isWithin('ab', 'a')).to.equal(false);
    expect(isWithin('a', 'a/b')).to.equal(false);
  });

  it('say what waits for what: a key that comes again, for what came before', () => {
    expect(comesAfter('a;2', 'a')).to.equal(true);
    expect(comesAfter('a;3', 'a;2/x')).to.equal(true);
    expect(comesAfter('p/a;2/x', 'p/a/y')).to.equal(true);
    expect(comesAfter('q/a;2', 'p/a')).to.equal(false);
    expect(comesAfter('a;2/x', 'a;2/y')).to.equal(false);
    expect(comesAfter('b', 'a')).to.equal(false);
  });
});
