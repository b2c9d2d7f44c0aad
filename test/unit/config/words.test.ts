import { globSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { DIAGNOSTIC_CODES } from '../../../src/config/codes.ts';
import { nearest, suggestion } from '../../../src/core/suggest.ts';
import { parseBackoff, parseDuration, parseShare, parseSize } from '../../../src/core/units.ts';

describe('config: units', () => {
  it('reads durations, sizes, shares and backoffs', () => {
    expect(['250ms', '30s', '10m', '1h', '7d'].map(parseDuration)).to.deep.equal([
      250, 30_000, 600_000, 3_600_000, 604_800_000,
    ]);
    expect(['512b', '64kb', '10MB', '2gb'].map(parseSize)).to.deep.equal([
      512, 65_536, 10_485_760, 2_147_483_648,
    ]);
    expect(['0%', '30%', '100%'].map(parseShare)).to.deep.equal([0, 0.3, 1]);
    expect(parseBackoff('1s..10m')).to.deep.equal({ fromMs: 1000, toMs: 600_000 });
  });

  it('reads nothing else', () => {
    expect(['', '5', 's', '1.5h', '-1s', '1 h', '1h30m'].map(parseDuration)).to.satisfy((all: number[]) =>
      all.every(Number.isNaN),
    );
    expect(['64', '64k', '1.5mb', '-1b'].map(parseSize)).to.satisfy((all: number[]) =>
      all.every(Number.isNaN),
    );
    expect(['30', '101%', '0.3', '-1%'].map(parseShare)).to.satisfy((all: number[]) =>
      all.every(Number.isNaN),
    );
  });
});

describe('config: suggestions', () => {
  it('finds what was meant, in spite of case, dashes and swapped letters', () => {
    const known = ['startAt', 'steps', 'enabled', 'on'];
    expect(['stratAt', 'start-at', 'stpes', 'Enabeld'].map(given => nearest(given, known))).to.deep.equal([
      'startAt',
      'startAt',
      'steps',
      'enabled',
    ]);
  });

  it('stays silent when nothing is near', () => {
    expect(nearest('colour', ['size', 'shape'])).to.equal(undefined);
    expect(suggestion('colour', ['size', 'shape'], 'known are')).to.equal('known are: size, shape');
    expect(suggestion('colour', [], 'known are')).to.equal(undefined);
  });
});

describe('config: codes', () => {
  it('each has one sentence', () => {
    for (const [code, sentence] of Object.entries(DIAGNOSTIC_CODES)) {
      expect(code).to.match(/^CONFIG_[A-Z_]+$/);
      expect(sentence)
        .to.match(/\.$/)
        .and.not.match(/\.\s[A-Z]/);
    }
  });

  it('each is shown by a golden case, but for those of files that are not there', () => {
    const shown = globSync('test/golden/config/*/expected.txt')
      .map(file => readFileSync(file, 'utf8'))
      .join('\n');
    const never = Object.keys(DIAGNOSTIC_CODES).filter(code => !shown.includes(`[${code}]`));
    expect(never).to.deep.equal(['CONFIG_NOT_FOUND', 'CONFIG_UNREADABLE', 'CONFIG_OPEN_FILE']);
  });
});
