import { expect } from 'chai';
import type { StepRun } from '../../../src/cli/stage/stage.ts';
import { compare, comparePart } from '../../../src/cli/test/compare.ts';
import type { TrialResult } from '../../../src/cli/test/trial.ts';
import type { RuleExpectation, RuleTest } from '../../../src/core/rule-test.ts';

const off = (expected: unknown, actual: unknown) =>
  [...comparePart(['x'], expected, actual)].map(
    ({ path, expected: e, actual: a }) => `${path.join('.')}: ${e} / ${a}`,
  );

describe('what was expected against what came', () => {
  it('compares maps by the keys that are expected, lists as wholes', () => {
    expect(off({ a: 1 }, { a: 1, b: 2 })).to.deep.equal([]);
    expect(off({ a: { b: 1 } }, { a: { b: 2 } })).to.deep.equal(['x.a.b: 1 / 2']);
    expect(off({ a: 1, c: 3 }, { a: 2, b: 2 })).to.deep.equal(['x.a: 1 / 2', 'x.c: 3 / nothing']);
    expect(off([{ a: 1 }], [{ a: 1, b: 2 }])).to.deep.equal([]);
    expect(off([1], [1, 2])).to.deep.equal(['x: [1] / [1,2]']);
    expect(off([], 'no list')).to.deep.equal(['x: [] / "no list"']);
    expect(off({ a: 1 }, null)).to.deep.equal(['x: {"a":1} / null']);
  });

  it('shows a long list of another length one by one', () => {
    const sent = Array.from({ length: 22 }, (_, n) => ({ n, text: 'x'.repeat(200) }));
    const [difference] = comparePart(['x'], [{ n: 0 }], sent);
    expect(difference).to.deep.include({ expected: 'a list of 1', actual: 'a list of 22' });
    expect(difference?.notes).to.have.length(21);
    expect(difference?.notes?.[1]).to.match(/^1: \{"n":1,"text":"x+\.\.\.$/);
    expect(difference?.notes?.[20]).to.equal('and 2 more');
  });

  it('takes a number for the text that Podio makes of it, and null for what is not there', () => {
    expect(off({ a: 12000, b: '7', c: null }, { a: '12000.0000', b: 7 })).to.deep.equal([]);
    expect(off(0, '')).to.have.length(1);
    expect(off(true, 'true')).to.have.length(1);
    expect(off('12', '12.0')).to.have.length(1);
  });

  it('knows what a value only has to look like', () => {
    expect(off({ matches: '^a.c$' }, 'abc')).to.deep.equal([]);
    expect(off({ matches: '^b' }, 'abc')).to.have.length(1);
    expect(off({ contains: 'b' }, 'abc')).to.deep.equal([]);
    expect(off({ contains: { a: 1 } }, [{ b: 1 }, { a: 1, b: 2 }])).to.deep.equal([]);
    expect(off({ contains: 'd' }, ['a'])).to.have.length(1);
    expect(off({ a: { exists: false } }, {})).to.deep.equal([]);
    expect(off({ exists: true }, 0)).to.deep.equal([]);
    expect(off({ exists: true }, '')).to.have.length(1);
  });

  const step = (more: Partial<StepRun>): StepRun => ({
    rule: 'r',
    step: 's',
    event: 'e',
    outcome: 'done',
    gets: {},
    gives: [{ n: 1 }],
    ...more,
  });
  const compared = (expected: RuleExpectation, steps: readonly StepRun[], error?: string) => {
    const result: TrialResult = {
      rules: [
        {
          rule: 'r',
          fired: 1,
          outcomes: ['settled'],
          why: [],
          steps,
          unknownFields: [],
          ...(error !== undefined && { error }),
        },
      ],
    };
    return compare({ expect: { r: expected } } as unknown as RuleTest, result).map(
      ({ path, expected: e, actual }) => `${path.join('.')}: ${e} / ${actual}`,
    );
  };

  it('takes one run of a step that fits, else shows the nearest', () => {
    const runs = [step({ gives: [{ n: 1, m: 1 }] }), step({ gives: [{ n: 2, m: 2 }] })];
    expect(compared({ steps: { s: { gives: { n: 2 } } } }, runs)).to.deep.equal([]);
    expect(compared({ steps: { s: { gives: { n: 2, m: 3 } } } }, runs)).to.deep.equal(['r.s.gives.m: 3 / 2']);
    expect(compared({ steps: { s: [{ gives: { n: 1 } }] } }, runs)).to.deep.equal([
      'r.s: runs once / runs 2 times',
    ]);
    expect(compared({ steps: { t: {} } }, runs)).to.deep.equal(['r.t: runs / does not run']);
  });

  it('does not let an error pass that nobody expected', () => {
    const failed = [step({ outcome: 'failed', gives: [], error: 'no luck' })];
    expect(compared({ fires: true }, failed, 'no luck')).to.deep.equal(['r.error: none / no luck']);
    expect(compared({ error: 'LUCK' }, failed, 'no luck')).to.deep.equal([]);
    expect(compared({ steps: { s: {} }, error: 'no' }, failed, 'no luck')).to.deep.equal([
      'r.s.outcome: done / failed',
    ]);
    for (const s of [{ outcome: 'failed' }, { error: 'luck' }, [{ outcome: 'failed' }]] as const)
      expect(compared({ steps: { s } }, failed, 'no luck')).to.deep.equal([]);
  });

  it('compares what is sent with the one that is nearest, a list with all', () => {
    const would = { sends: [{ http: 'GET' }, { http: 'POST', body: { a: 1 } }] };
    const runs = [step({ would })];
    expect(compared({ steps: { s: { sends: { body: { a: 1 } } } } }, runs)).to.deep.equal([]);
    expect(compared({ steps: { s: { sends: { http: 'POST', body: { a: 2 } } } } }, runs)).to.deep.equal([
      'r.s.sends.body.a: 2 / 1',
    ]);
    // With as many differences the one that has at least what is asked about.
    expect(compared({ steps: { s: { sends: { body: { a: 2 } } } } }, runs)).to.deep.equal([
      'r.s.sends.body.a: 2 / 1',
    ]);
    expect(compared({ steps: { s: { sends: [] } } }, runs)).to.have.length(1);
    expect(compared({ sends: [{ http: 'GET' }, {}] }, runs)).to.deep.equal([]);
    expect(compared({ steps: { s: { sends: { http: 'GET' } } } }, [step({})])).to.deep.equal([
      'r.s.sends: {"http":"GET"} / nothing',
    ]);
  });
});
