import { expect } from 'chai';
import { showReload } from '../../../src/cli/show/reload.ts';

type Answer = Parameters<typeof showReload>[0];

function answer(count: number): Answer {
  const numbers = Array.from({ length: count }, (_, n) => n);
  const actions = numbers.flatMap(id =>
    ['item.create', 'item.update'].map(type => ({
      ...{ action: 'replace', ref: { type: 'app', id }, type, url: '***', rules: [], reason: '' },
    })),
  );
  const results = actions.map(({ action, ref, type }, n) => ({
    ...{ action, ref, type },
    ...(n === 1 ? { outcome: 'failed', error: 'no answer' } : { outcome: 'done', error: null }),
  }));
  return {
    ...{ dryRun: false, disabled: [], parked: [], waiting: [], cutOff: 0, position: 1, needsRestart: [] },
    notRenamed: [],
    rules: {
      ...{ added: [], removed: [], renamed: [], unchanged: [] },
      changed: numbers.map(n => ({ rule: `tell-${n}`, changed: ['defaults'] })),
    },
    warnings: numbers.map(n => ({ message: `rule tell-${n} is odd`, hint: null })),
    hooks: { plan: { actions, failed: [], unresolved: [] }, results },
  } as unknown as Answer;
}

describe('what a reload meant', () => {
  it('is told one by one where it is little', () => {
    expect(showReload(answer(2))).to.deep.equal([
      'Reloaded; 0 rules unchanged:',
      '  ~ tell-0 (defaults)',
      '  ~ tell-1 (defaults)',
      'Hooks:',
      '  replace app/0 item.create',
      '  replace app/0 item.update: no answer; it is tried again',
      '  replace app/1 item.create',
      '  replace app/1 item.update',
      'Warning: rule tell-0 is odd',
      'Warning: rule tell-1 is odd',
    ]);
  });

  it('names what waits of rules that are gone, and counts them where they are many', () => {
    const left = (n: number) => ({ rule: `tell-${n}`, begun: n, gathered: 0, behind: 1 });
    const waiting = (count: number) =>
      showReload({ ...answer(0), waiting: Array.from({ length: count }, (_, n) => left(n + 1)) });
    expect(waiting(1).slice(1)).to.deep.equal([
      'Hooks: as they were.',
      'Still waiting of tell-1, which is not in the config: 1 run begun, up to 1 more event.',
      '  Back in the config, or as `was: tell-1` of a rule with a new name, it goes on; podiod parked drop --rule tell-1 gives that up.',
    ]);
    expect(waiting(6).at(-1)).to.equal('Still waiting of 6 rules that are gone: podiod parked shows what.');
  });

  it('says of a rule that can not go on as another one why not, and what can', () => {
    const told = showReload({ ...answer(0), notRenamed: [{ rule: 'calm', was: 'quiet' }] });
    expect(told.slice(2)).to.deep.equal([
      'Not renamed: calm goes on where it was itself, and not where quiet was, since it has been loaded as calm before.',
      '  A rule with a name that is new and `was: quiet` goes on there; it also runs for what has come since, and so for what calm has run for.',
    ]);
  });

  it('tells a rule that was disabled from one that is gone', () => {
    const one = answer(0);
    const rules = { ...one.rules, removed: ['off', 'gone'] };
    expect(showReload({ ...one, rules, disabled: ['off'] }).slice(1, 3)).to.deep.equal([
      '  - off (enabled: false)',
      '  - gone',
    ]);
  });

  it('is counted where it is much', () => {
    const lines = showReload(answer(200));
    expect(lines.slice(0, 3)).to.deep.equal([
      'Reloaded; 0 rules unchanged:',
      '  ~ tell-0 (defaults)',
      '  ~ tell-1 (defaults)',
    ]);
    expect(lines.slice(21)).to.deep.equal([
      '  and 180 more; --json names all of them',
      'Hooks:',
      '  replace item.create: 200 hooks',
      '  replace item.update: 200 hooks',
      '  1 of them failed: they are tried again',
      '200 warnings: podiod check shows each with its place.',
    ]);
  });
});
