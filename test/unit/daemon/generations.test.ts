import { expect } from 'chai';
import type { Generation } from '../../../src/daemon/generation.ts';
import { makeGenerations } from '../../../src/daemon/generations.ts';

describe('generations', () => {
  const told: string[] = [];
  beforeEach(() => {
    told.length = 0;
  });
  const generation = (name: string, ...rules: string[]): Generation =>
    ({
      set: { rules: rules.map(rule => ({ name: rule })) },
      plugins: {
        release: async (rule: string) => void told.push(`${name} lets ${rule} go`),
        dispose: async () => void told.push(`${name} is gone`),
        disposing: () => [],
      },
    }) as unknown as Generation;

  it('live as long as a rule runs on plugins of theirs', async () => {
    const first = generation('first', 'a', 'b');
    const generations = makeGenerations(first);
    const second = generation('second', 'a', 'b', 'c');
    generations.add(second);
    generations.enter(second);
    await generations.settle(new Set(['a']));
    expect(generations.current).to.equal(second);
    expect(told).to.deep.equal(['first lets b go']);
    const third = generation('third', 'a', 'c');
    generations.add(third);
    generations.enter(third);
    await generations.settle(new Set(['a', 'c']));
    expect(told.slice(1)).to.deep.equal(['second lets b go']);
    const fourth = generation('fourth', 'c');
    generations.add(fourth);
    generations.enter(fourth);
    await generations.settle(new Set(['c']));
    // Of the third one nothing ever ran.
    expect(told.slice(2)).to.deep.equal(['first lets a go', 'first is gone', 'third is gone']);
    await generations.dispose();
    expect(told.slice(5)).to.deep.equal(['fourth is gone', 'second is gone']);
  });

  it('go when nothing came of them', async () => {
    const generations = makeGenerations(generation('first', 'a'));
    const second = generation('second', 'a');
    generations.add(second);
    await generations.drop(second);
    await generations.dispose();
    expect(told).to.deep.equal(['second is gone', 'first is gone']);
  });
});
