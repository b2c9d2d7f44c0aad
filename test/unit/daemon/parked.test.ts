import { expect } from 'chai';
import type { ParkedRun } from '../../../src/core/run.ts';
import { retryParked } from '../../../src/daemon/parked.ts';
import type { Parking } from '../../../src/store/contract.ts';

/** Runs 1 and 2 are of `won`, 3 and 4 of `old`, which has left the config; pages hold one run. */
const setUp = () => {
  const rules = new Map([
    ['1', 'won'],
    ['2', 'won'],
    ['3', 'old'],
    ['4', 'old'],
  ]);
  const of = (rule: string) => [...rules].filter(([, one]) => one === rule).map(([id]) => id);
  const requested: string[] = [];
  const parking: Pick<Parking, 'counts' | 'list' | 'retry'> = {
    counts: async () => new Map([...new Set(rules.values())].map(rule => [rule, of(rule).length])),
    list: async ({ rule = '', after = '' } = {}) =>
      of(rule)
        .filter(id => id > after)
        .slice(0, 1)
        .map(id => ({ id, rule }) as ParkedRun),
    async retry(selection) {
      const ids =
        'ids' in selection
          ? selection.ids.filter(id => rules.has(id))
          : 'rule' in selection
            ? of(selection.rule)
            : [...rules.keys()];
      requested.push(...ids);
      return ids;
    },
  };
  return { parking, requested, forget: (id: string) => rules.delete(id) };
};

describe('retryParked', () => {
  it('asks for runs of rules that there are', async () => {
    const { parking } = setUp();
    expect(await retryParked(parking, ['won'], { rule: 'won' })).to.deep.equal({
      ids: ['1', '2'],
      missing: [],
    });
    expect(await retryParked(parking, ['won'], { ids: ['2', '9'] })).to.deep.equal({
      ids: ['2'],
      missing: [],
    });
    expect(await retryParked(parking, ['won', 'old'], { all: true })).to.deep.equal({
      ids: ['1', '2', '3', '4'],
      missing: [],
    });
  });

  it('names rules that there are not, and asks for nothing of theirs', async () => {
    for (const [selection, ids, missing] of [
      [{ rule: 'old' }, [], ['old']],
      [{ rule: 'nope' }, [], ['nope']],
      [{ all: true }, ['1', '2'], ['old']],
      [{ ids: ['1', '4'] }, ['1'], ['old']],
      [{ ids: ['3'] }, [], ['old']],
      [{ ids: ['2'] }, ['2'], []],
    ] as const) {
      const { parking, requested } = setUp();
      expect(await retryParked(parking, ['won', 'idle'], selection)).to.deep.equal({ ids, missing });
      expect(requested).to.deep.equal(ids);
    }
  });
});
