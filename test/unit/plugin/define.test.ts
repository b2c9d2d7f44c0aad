import { expect } from 'chai';
import { map } from 'rxjs';
import type { Message, PluginDefinition } from '../../../src/plugin/contract.ts';
import { isPlugin, shapeProblem } from '../../../src/plugin/define.ts';
import { definePlugin, pathOption, secretOption, sizeOption, z } from '../../../src/plugin/index.ts';

const setup = () => ({ operator: map((m: Message) => m) });

describe('definePlugin', () => {
  it('makes plain objects of options strict and leaves others as they say', () => {
    const parse = (options: PluginDefinition['options'], given: unknown) =>
      definePlugin({ name: 'p', options, setup }).options.safeParse(given);
    const shape = { url: z.string() };
    const given = { url: 'x', utl: 'y' };
    expect(parse(z.object(shape), given).error?.issues[0]).to.include({ code: 'unrecognized_keys' });
    expect(parse(z.strictObject(shape), given).success).to.equal(false);
    expect(parse(z.looseObject(shape), given).data).to.deep.equal(given);
    expect(parse(z.object(shape).catchall(z.string()), given).data).to.deep.equal(given);
    expect(parse(z.unknown(), given).data).to.deep.equal(given);
  });

  it('keeps the checks of a refined object', () => {
    const options = z.object({ a: z.string().optional() }).refine(({ a }) => a !== undefined, 'needs a');
    const plugin = definePlugin({ name: 'p', options, setup });
    expect(plugin.options.safeParse({}).error?.issues[0]?.message).to.equal('needs a');
    expect(plugin.options.safeParse({ a: '', b: 1 }).success).to.equal(false);
  });

  it('marks what it makes, and changes nothing else', () => {
    const plugin = definePlugin({ name: 'p', options: z.object({}), setup });
    expect(isPlugin(plugin)).to.equal(true);
    expect(plugin).to.include({ name: 'p', setup });
    expect(Object.isFrozen(plugin)).to.equal(true);
    for (const other of [{ name: 'p', setup }, undefined, null, 'p', setup])
      expect(isPlugin(other)).to.equal(false);
  });

  for (const [wrong, problem] of [
    [{ name: '' }, '`name`'],
    [{ options: {} }, '`options`'],
    [{ setup: undefined }, '`setup`'],
    [{ describe: 'text' }, '`describe`'],
    [{ pure: 1 }, '`pure`'],
    [{ [Symbol.for('podiod.plugin')]: 2 }, 'version 2'],
  ] as const) {
    it(`knows what is wrong: ${problem}`, () => {
      const plugin = {
        ...definePlugin({ name: 'p', options: z.object({}), setup }),
        ...wrong,
      } as PluginDefinition;
      expect(shapeProblem(plugin)).to.contain(problem);
    });
  }

  it('finds nothing wrong with a right one', () => {
    expect(
      shapeProblem(definePlugin({ name: 'p', options: z.object({}), setup, describe: () => '' })),
    ).to.equal(undefined);
  });
});

describe('options for plugins', () => {
  it('reads sizes', () => {
    const size = sizeOption();
    expect(['1b', '64kb', '10MB', '2gb'].map(text => size.parse(text))).to.deep.equal([
      1,
      65_536,
      10_485_760,
      2 ** 31,
    ]);
    for (const wrong of ['10', 'kb', '1.5mb', '-1kb', '1 kb', 5])
      expect(size.safeParse(wrong).success).to.equal(false);
  });

  it('marks paths and secrets for the config and its schema', () => {
    const schema = z.toJSONSchema(
      z.object({ path: pathOption().optional(), key: secretOption(z.string().min(3)).describe('A key.') }),
      { io: 'input' },
    );
    expect(schema.properties?.path).to.include({ format: 'path' });
    expect(schema.properties?.key).to.include({ secret: true, description: 'A key.', minLength: 3 });
  });
});
