import { expect } from 'chai';
import fc from 'fast-check';
import { clip, columns, pad, plain, wrap } from '../../../src/cli/text.ts';

const FAMILY = '👩‍👩‍👧';

/** Titles as people write them: wide characters, joined emoji, marks of their own. */
const title = fc.string({
  unit: fc.oneof(
    fc.constantFrom('名', '💥', FAMILY, 'é', ' ', 'ß'),
    fc.string({ minLength: 1, maxLength: 3 }),
  ),
  maxLength: 40,
});

describe('text on a terminal', () => {
  it('measures wide characters and emoji as terminals do, and escape codes as nothing', () => {
    expect(columns('abc')).to.equal(3);
    expect(columns('名前')).to.equal(4);
    expect(columns(FAMILY)).to.equal(2);
    expect(columns('e\u0301')).to.equal(1);
    expect(columns('\u001b[31mred\u001b[39m')).to.equal(3);
  });

  it('cuts between characters, never within one', () => {
    expect(clip('Fjord Energy', 20)).to.equal('Fjord Energy');
    expect(clip('Fjord Energy', 12)).to.equal('Fjord Energy');
    expect(clip('Fjord Energy', 7)).to.equal('Fjord…');
    expect(clip('名前名前', 5)).to.equal('名前…');
    expect(clip('名前名前', 4)).to.equal('名…');
    expect(clip(`${FAMILY}${FAMILY}`, 3)).to.equal(`${FAMILY}…`);
    expect(clip('abc', 1)).to.equal('…');
    expect(clip('abc', 0)).to.equal('');
    expect(clip('abc', -4)).to.equal('');
    expect(clip('abc', Infinity)).to.equal('abc');
  });

  it('law: what is cut fits, what fits is not cut', () => {
    fc.assert(
      fc.property(title, fc.integer({ min: 0, max: 60 }), (text, width) => {
        const line = plain(text);
        const cut = clip(line, width);
        expect(columns(cut)).to.be.at.most(width);
        if (columns(line) <= width) expect(cut).to.equal(line);
      }),
    );
  });

  it('fills up by columns', () => {
    expect(pad('名', 4)).to.equal('名  ');
    expect(pad('abcde', 4)).to.equal('abcde');
  });

  it('breaks at spaces, and a word that is too long where the line ends', () => {
    expect(wrap('one two three', 7)).to.deep.equal(['one two', 'three']);
    expect(wrap('abcdefgh ij', 4)).to.deep.equal(['abcd', 'efgh', 'ij']);
    expect(wrap('名前名前', 4)).to.deep.equal(['名前', '名前']);
    expect(wrap('', 10)).to.deep.equal(['']);
  });

  it('law: every line fits, and nothing but spaces is lost', () => {
    fc.assert(
      fc.property(title, fc.integer({ min: 2, max: 60 }), (text, width) => {
        const line = plain(text);
        const lines = wrap(line, width);
        for (const each of lines) expect(columns(each)).to.be.at.most(width);
        expect(lines.join('').replaceAll(' ', '')).to.equal(line.replaceAll(' ', ''));
      }),
    );
  });

  it('leaves nothing that moves the cursor, changes colours or turns the direction', () => {
    expect(plain('a\u001b[2Jb')).to.equal('ab');
    expect(plain('one\r\n\ttwo\u0000')).to.equal('one two ');
    expect(plain('safe\u202egnp.exe')).to.equal('safegnp.exe');
    expect(plain(`${FAMILY} stays`)).to.equal(`${FAMILY} stays`);
  });
});
