import { expect } from 'chai';
import fc from 'fast-check';
import type { Rule } from '../../../src/core/rule.ts';
import { diffRules, notRenamed, type RuleDiff } from '../../../src/daemon/rule-diff.ts';

type Described = Pick<Rule, 'name' | 'was' | 'fingerprint' | 'definition'>;

const NAMES = ['a', 'b', 'c', 'd', 'e'];

const rule = fc.record({
  name: fc.constantFrom(...NAMES),
  was: fc.option(fc.constantFrom(...NAMES, 'never'), { nil: undefined }),
  fingerprint: fc.constantFrom('f1', 'f2'),
  definition: fc.option(
    fc.dictionary(fc.constantFrom('on', 'steps', 'where'), fc.constantFrom('x', 'y'), { maxKeys: 3 }),
    { nil: undefined },
  ),
});
/** As the config allows: a name once, a `was` that is no rule of it, once. */
const config = fc
  .uniqueArray(rule, { selector: ({ name }) => name, maxLength: 5 })
  .map((rules): readonly Described[] => {
    const claimed = new Set(rules.map(({ name }) => name));
    return rules.map(({ was, definition, ...rest }) => {
      const isFree = was !== undefined && !claimed.has(was);
      if (isFree) claimed.add(was);
      return { ...rest, ...(isFree && { was }), ...(definition && { definition }) };
    });
  });

const before = ({ removed, renamed, changed, unchanged }: RuleDiff): string[] =>
  [...removed, ...renamed.map(({ was }) => was), ...changed.map(one => one.rule), ...unchanged].sort();
const after = ({ added, renamed, changed, unchanged }: RuleDiff): string[] =>
  [...added, ...renamed.map(one => one.rule), ...changed.map(one => one.rule), ...unchanged].sort();
const namesOf = (rules: readonly Described[]): string[] => rules.map(({ name }) => name).sort();

describe('the difference of two configs', () => {
  it('names every rule of either once', () => {
    fc.assert(
      fc.property(config, config, (old, now) => {
        const diff = diffRules(old, now);
        expect(before(diff)).to.deep.equal(namesOf(old));
        expect(after(diff)).to.deep.equal(namesOf(now));
      }),
    );
  });

  it('of a config and itself is nothing', () => {
    fc.assert(
      fc.property(config, rules => {
        const { unchanged, ...rest } = diffRules(rules, rules);
        expect([...unchanged].sort()).to.deep.equal(namesOf(rules));
        expect(Object.values(rest)).to.deep.equal([[], [], [], []]);
      }),
    );
  });

  it('takes for the same only what is the same in everything', () => {
    fc.assert(
      fc.property(config, config, (old, now) => {
        const { unchanged, changed } = diffRules(old, now);
        for (const { name, fingerprint, definition = {} } of now) {
          const same = old.find(one => one.name === name);
          if (!same) continue;
          const isSame =
            same.fingerprint === fingerprint &&
            JSON.stringify(Object.entries(same.definition ?? {}).sort()) ===
              JSON.stringify(Object.entries(definition).sort());
          expect(unchanged.includes(name)).to.equal(isSame);
          expect(changed.some(one => one.rule === name)).to.equal(!isSame);
        }
      }),
    );
  });

  it('back is the difference forth, but for renames', () => {
    fc.assert(
      fc.property(config, config, (old, now) => {
        const plain = (rules: readonly Described[]) => rules.map(({ was: _, ...rest }) => rest);
        const forth = diffRules(plain(old), plain(now));
        const back = diffRules(plain(now), plain(old));
        expect([...back.added].sort()).to.deep.equal([...forth.removed].sort());
        expect([...back.removed].sort()).to.deep.equal([...forth.added].sort());
        expect([...back.unchanged].sort()).to.deep.equal([...forth.unchanged].sort());
      }),
    );
  });

  it('takes a rename for one only once', () => {
    const old = { name: 'old', fingerprint: 'f' };
    const fresh = { name: 'fresh', fingerprint: 'f', was: 'old' };
    expect(diffRules([old], [fresh]).renamed).to.deep.equal([{ rule: 'fresh', was: 'old', changed: [] }]);
    expect(diffRules([fresh], [fresh]).unchanged).to.deep.equal(['fresh']);
  });

  it('knows a rule by `was` that left before, and no rename to a name that was in use', () => {
    const old = { name: 'old', fingerprint: 'f' };
    const fresh = { name: 'fresh', fingerprint: 'f', was: 'old' };
    expect(diffRules([], [fresh], new Set(['old']))).to.deep.include({
      added: [],
      renamed: [{ rule: 'fresh', was: 'old', changed: [] }],
    });
    for (const before of [[old], []])
      expect(diffRules(before, [fresh], new Set(['old', 'fresh']))).to.deep.include({
        added: ['fresh'],
        removed: before.map(({ name }) => name),
        renamed: [],
      });
  });
});

describe('a rule that names what it can not go on with', () => {
  const both = new Set(['calm', 'quiet']);

  it('is told while both have something on record, and no other rule is called so', () => {
    const calm = { name: 'calm', was: 'quiet' };
    expect(notRenamed([calm], both)).to.deep.equal([{ rule: 'calm', was: 'quiet' }]);
    expect(notRenamed([calm], new Set(['calm']))).to.deep.equal([]);
    expect(notRenamed([calm], new Set(['quiet']))).to.deep.equal([]);
    expect(notRenamed([calm, { name: 'quiet' }], both)).to.deep.equal([]);
    expect(notRenamed([{ name: 'calm' }], both)).to.deep.equal([]);
  });
});
