import { expect } from 'chai';
import type { ZodType } from 'zod';
import { FieldView, templated, z } from '../../../src/plugin/index.ts';
import { makeView } from '../../../src/plugin/view.ts';
import { event, readerOf, wonChanges, wonItem } from '../../support/plugin-world.ts';

const view = makeView(
  {
    event: event(),
    item: async () => wonItem,
    changes: async () => wonChanges(),
    data: { n: 3, text: '12', list: [1, 2], on: 'true' },
  },
  {
    reader: readerOf(async () => wonItem),
    app: undefined,
    timezone: 'UTC',
    rule: 'won',
    now: () => 0,
    previousRun: async () => undefined,
  },
);

const render = (schema: ZodType<{ render(at: typeof view): Promise<unknown> }>, given: unknown) =>
  schema.parse(given).render(view);

const problems = (schema: ZodType, given: unknown) =>
  schema.safeParse(given).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('templated option', () => {
  it('is a text by default', async () => {
    expect(await render(templated(), '{{ item.title }}!')).to.equal('Acme & Sons!');
    expect(await render(templated(), '{{ item.item_id }}')).to.equal('4711');
    expect(await render(templated(), '{{ fields.none }}')).to.equal('');
    expect(await render(templated(), '{{ fields.status }}')).to.equal('Won');
    expect(templated().parse('as it is').constant).to.equal('as it is');
    expect(problems(templated(), 5)).to.have.length(1);
  });

  it('shows as text what is a list or an amount, where text is wanted', async () => {
    expect(await render(templated(), '{{ fields.deal-value-2 }}')).to.equal(
      await render(templated(), '{{ fields.deal-value-2 }}{{ fields.none }}'),
    );
    expect(await render(templated(), '{{ data.list }}')).to.equal(
      await render(templated(), '{{ data.list }}{{ fields.none }}'),
    );
  });

  it('escapes what is put in, inside of a text and for all of it, and is told where', async () => {
    const mark = (text: string, path: readonly PropertyKey[]) => `<${path.join('.')}:${text}>`;
    const typed = templated(z.json(), { escape: mark });
    const given = {
      a: ['{{ data.text }}', '-{{ data.text }}', '{{ data.text | raw }}', '{{ data.n }}'],
      b: '{{ data.list }}',
      c: '{{ fields.status }}',
    };
    const inTexts = ['<a.0:12>', '-<a.1:12>', '12'];
    expect(await render(typed, given)).to.deep.equal({ a: [...inTexts, 3], b: [1, 2], c: '<c:Won>' });
    expect(await render(templated(z.json(), { escape: mark, whole: 'text' }), given)).to.deep.equal({
      a: [...inTexts, '<a.3:3>'],
      b: [1, 2],
      c: '<c:Won>',
    });
    const raw = templated(z.string(), { escape: mark, whole: 'raw' });
    expect(await render(raw, '{{ data.text }}')).to.equal('12');
    expect(await render(raw, '-{{ data.text }}')).to.equal('-<:12>');
    expect(await render(templated(z.string(), { escape: mark }), '{{ data.text }}')).to.equal('<:12>');
  });

  const nested = templated(
    z.strictObject({
      limit: z.int().optional(),
      when: z.boolean().optional(),
      to: z.union([z.string(), z.array(z.string())]).optional(),
      set: z.record(z.string(), z.json()).optional(),
    }),
  );

  it('is filled in at any depth, with the types that the option takes', async () => {
    const given = {
      limit: '{{ data.n }}',
      when: '{{ data.on }}',
      to: ['{{ item.title }}', 'fix'],
      set: { total: '{{ fields.deal-value-2 }}', list: { of: ['{{ data.list }}', '{{ data.text }}'] }, n: 1 },
    };
    expect(await render(nested, given)).to.deep.equal({
      limit: 3,
      when: true,
      to: ['Acme & Sons', 'fix'],
      set: { total: { value: 1000, currency: 'USD' }, list: { of: [[1, 2], '12'] }, n: 1 },
    });
    expect(await render(nested, { limit: '{{ data.text }}' })).to.deep.equal({ limit: 12 });
    expect(await render(nested, { to: '{{ item.tags }}' })).to.deep.equal({ to: ['vip'] });
  });

  it('keeps fields where that is asked for', async () => {
    const schema = templated(z.record(z.string(), z.unknown()), { fields: 'keep' });
    const { status } = (await render(schema, { status: '{{ fields.status }}' })) as Record<string, unknown>;
    expect(status).to.be.instanceOf(FieldView).that.includes({ type: 'category' });
  });

  it('tells the place of what is wrong with templates and with all else, at once', () => {
    const given = { limit: 1.5, to: ['{{ itme.title }}'], set: { a: { b: '{{ x' } }, other: 1 };
    const said = problems(nested, given);
    expect(said).to.have.length(4);
    expect(said[0]).to.match(/^to\.0: unknown variable "itme"/);
    expect(said[1]).to.match(/^set\.a\.b: .*without its/);
    expect(said.slice(2).join()).to.contain('limit: ').and.contain('other');
    expect(problems(nested, { limit: 'many' })).to.have.length(1);
    expect(problems(nested, { limit: '{{ data.n }}' })).to.deep.equal([]);
  });

  it('gives up for good on what does not fit once it is filled in', async () => {
    const failed = await render(nested, { limit: '{{ item.title }}' }).catch(error => error);
    expect(failed).to.include({ code: 'PLUGIN_OPTIONS', retry: 'never' });
    expect(String(failed)).to.contain('limit: ');
  });

  it('rejects as it was when a value cannot be read', async () => {
    const down = { ...view, item: () => Promise.reject(new Error('Podio is down')) };
    expect(
      await templated()
        .parse('{{ item.title }}')
        .render(down)
        .catch(({ message }) => message),
    ).to.equal('Podio is down');
  });
});
