import { expect } from 'chai';
import type { View } from '../../../src/plugin/contract.ts';
import { compileTemplate, templateOption } from '../../../src/plugin/index.ts';
import { event } from '../../support/plugin-world.ts';

const view: View = {
  event: () => event(),
  item: async () => ({ id: 4711, title: 'A & <B>', tags: ['x', 'y'], app: { name: 'Leads' } }),
  fields: async () => ({ 'deal-value-2': '$1,000.00', amount: '12.5' }),
  changes: async () => ({ status: { from: 'Open', to: 'Won' } }),
  app: () => ({ name: 'leads', id: 101 }),
  data: () => ({ invoice: { number: 7 } }),
  now: () => new Date(Date.UTC(2026, 0, 31, 12)),
};

const none: View = new Proxy({} as View, {
  get: (_target, name) => {
    throw new Error(`${String(name)} must not be fetched`);
  },
});

const render = (text: string) => compileTemplate(text).render(view);

describe('template', () => {
  for (const [text, shown] of [
    ['plain text', 'plain text'],
    ['', ''],
    ['{{ item.title }}', 'A & <B>'],
    ['{{ fields.deal-value-2 }} {{ fields["deal-value-2"] }}', '$1,000.00 $1,000.00'],
    ['{{ changes.status.from }} -> {{ changes.status.to }}', 'Open -> Won'],
    ['{{ fields.empty }}{{ changes.other.from }}{{ data.no.such }}.', '.'],
    ['{{ fields.amount | times: 2 }}', '25'],
    ['{{ data.invoice.number }} {{ data.invoice }}', '7 {"number":7}'],
    ['{% if changes.status %}yes{% else %}no{% endif %}', 'yes'],
    ['{% for t in item.tags %}[{{ t }}]{% endfor %}', '[x][y]'],
    ['{% for c in changes %}{{ c[0] }}={{ c[1].to }}{% endfor %}', 'status=Won'],
    ['{% assign t = item.title | upcase %}{{ t }}', 'A & <B>'],
    ['{{ app.name }} {{ app.id }} {{ event.type }} {{ event.params.item_id }}', 'leads 101 item.update 4711'],
    ['{{ now }} {{ now | date: "%Y" }}', '2026-01-31T12:00:00.000Z 2026'],
    ['{{ now | date: "%H:%M", "Europe/Copenhagen" }}', '13:00'],
    ['{{ item.constructor }}{{ item.__proto__ }}.', '.'],
  ] as const) {
    it(`renders ${JSON.stringify(text)}`, async () => {
      expect(await render(text)).to.equal(shown);
    });
  }

  it('escapes values and nothing else', async () => {
    const encode = (text: string) =>
      text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    const { render: shown } = compileTemplate('<https://x?a&b|{{ item.title }}> {{ item.title | raw }}', {
      escape: encode,
    });
    expect(await shown(view)).to.equal('<https://x?a&b|A &amp; &lt;B&gt;> A & <B>');
  });

  it('fetches what it mentions and nothing else', async () => {
    expect(compileTemplate('{{ fields.a }}{% if changes.b %}{{ now }}{% endif %}').names).to.have.members([
      'fields',
      'changes',
      'now',
    ]);
    expect(await compileTemplate('no variables {% assign x = 1 %}{{ x }}').render(none)).to.equal(
      'no variables 1',
    );
  });

  for (const [text, problem] of [
    ['{{ item.title', 'not closed'],
    ['{% if item %}', 'not closed'],
    ['{{ item.title | shout }}', 'undefined filter: shout'],
    ['{% shout %}', 'tag "shout" not found'],
    ['{{ itme.title }}', 'unknown variable "itme"'],
    ['{{ }}', 'invalid value expression'],
    ["{% include '/etc/passwd' %}", 'tag "include" not found'],
    ["{% render 'x' %}", 'tag "render" not found'],
    ["{% layout 'x' %}", 'tag "layout" not found'],
  ] as const) {
    it(`refuses ${text}`, () => {
      expect(() => compileTemplate(text))
        .to.throw(problem)
        .that.includes({ code: 'PLUGIN_OPTIONS', retry: 'never' });
      expect(templateOption().safeParse(text).error?.issues[0]?.message).to.contain(problem);
    });
  }

  it('is an option as text', () => {
    expect(templateOption().parse('{{ item.title }}')).to.equal('{{ item.title }}');
  });

  it('rejects when a value cannot be read', async () => {
    const gone: View = { ...view, item: () => Promise.reject(new Error('no item')) };
    expect(
      await compileTemplate('{{ item.title }}')
        .render(gone)
        .catch(e => e.message),
    ).to.equal('no item');
  });
});
