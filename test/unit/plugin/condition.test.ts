import { expect } from 'chai';
import { conditionOption } from '../../../src/plugin/index.ts';
import { view } from '../language/condition/world.ts';

describe('condition option', () => {
  it('decides for a message', async () => {
    const { judge, condition } = conditionOption().parse({ 'fields.status': 'Won' });
    expect((await judge(view)).holds).to.equal(true);
    expect(condition).to.include({ kind: 'test' });
  });

  it('tells every problem with its place', () => {
    const { error } = conditionOption().safeParse({ 'filds.a': 1, any: [{ 'fields.a': { gt: 'x' } }] });
    expect(error?.issues.map(({ path }) => path)).to.deep.equal([['filds.a'], ['any', 0, 'fields.a', 'gt']]);
    expect(conditionOption().safeParse('Won').success).to.equal(false);
  });
});
