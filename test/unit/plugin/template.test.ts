import { expect } from 'chai';
import type { FieldValueJson } from '../../../src/core/podio.ts';
import { within } from '../../../src/language/surroundings.ts';
import type { View } from '../../../src/plugin/contract.ts';
import { compileTemplate, FieldView, templateOption } from '../../../src/plugin/index.ts';
import { event } from '../../support/plugin-world.ts';

const field = (type: string, ...values: FieldValueJson[]) => new FieldView(type, values);
const won = field('category', { value: { id: 3, text: 'Won', color: 'green' } });

const view: View = {
  event: () => event(),
  item: async () => ({
    id: 4711,
    title: 'A & <B>',
    tags: ['x', 'y'],
    app: { name: 'Leads' },
    link: 'https://x',
  }),
  fields: async () => ({
    'deal-value-2': field('money', { value: '1000.0000', currency: 'USD' }),
    amount: field('number', { value: '12.5000' }),
    cost: field('money', { value: '2.4000', currency: 'USD' }),
    status: won,
    due: field('date', { start: '2026-01-31 00:00:00', start_date: '2026-01-31', start_time: null }),
    meeting: field('date', {
      start: '2026-01-31 13:00:00',
      start_utc: '2026-01-31 12:00:00',
      end: '2026-01-31 14:30:00',
      end_utc: '2026-01-31 13:30:00',
    }),
    note: field('text', { value: '<p>a &lt; b</p>' }),
    manager: field('contact', { value: { profile_id: 9, name: 'Ann', mail: ['ann@x.dk', 'a@y.dk'] } }),
    team: field(
      'contact',
      { value: { profile_id: 9, name: 'Ann', mail: ['ann@x.dk'] } },
      { value: { profile_id: 8, name: 'Bo', mail: ['bo@x.dk'] } },
    ),
    client: field('app', {
      value: { item_id: 12, title: 'Acme', link: 'https://podio.com/acme', mascot: 'a roadrunner' },
    }),
  }),
  changes: async () => ({
    status: { from: field('category', { value: { id: 1, text: 'Open' } }), to: won },
    note: { to: field('text', { value: 'new' }) },
  }),
  actor: async () => ({ name: 'Ann', id: 7 }),
  comment: async () => ({ id: 5, text: '!ticket broken' }),
  files: async () => [{ name: 'a.pdf' }, { name: 'b.png' }],
  task: async () => ({ text: 'Call' }),
  app: () => ({ name: 'leads', id: 101 }),
  data: () => ({
    invoice: { number: 7 },
    found: { podioField: 'money', values: [{ value: '5.0000', currency: 'EUR' }] },
  }),
  run: async () => ({ rule: 'r', previous: new Date(Date.UTC(2026, 5, 1, 10)), replay: false }),
  now: () => new Date(Date.UTC(2026, 0, 31, 12)),
  alarm: () => ({}),
  batch: () => [view, view],
  timezone: () => 'Europe/Copenhagen',
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
    ['{% for c in changes %}{{ c[0] }}={{ c[1].to }} {% endfor %}', 'status=Won note=new '],
    ['{{ item.tags }}', 'x, y'],
    ['{{ fields.status.id }} {{ fields.status.color }} {{ fields.status.text }}', '3 green Won'],
    ['{% if fields.status == "Won" %}text{% endif %} {% if fields.status == 3 %}id{% endif %}', 'text id'],
    ['{% if fields.status contains "Wo" and fields.status != "Open" %}yes{% endif %}', 'yes'],
    ['{% case fields.status %}{% when "Won" %}yes{% endcase %}', 'yes'],
    ['{% if fields.amount > 12 and fields.amount <= 12.5 %}yes{% endif %}', 'yes'],
    ['{% if fields.due < now %}past{% else %}today{% endif %}', 'today'],
    ['{% if fields.meeting == now %}yes{% endif %}', 'yes'],
    ['{{ fields.deal-value-2 | minus: fields.cost }}', '997.6'],
    ['{{ fields.deal-value-2.currency }} {{ fields.deal-value-2.value | round }}', 'USD 1000'],
    ['{{ fields.manager.mail }} {{ fields.manager.id }}', 'ann@x.dk 9'],
    ['{{ fields.team.mail }} {{ fields.team.size }} {{ fields.team.first.name }}', 'ann@x.dk, bo@x.dk 2 Ann'],
    ['{% for m in fields.team %}<{{ m.mail }}>{% endfor %}', '<ann@x.dk><bo@x.dk>'],
    ['{{ fields.team | map: "mail" | join: ";" }} {{ fields.team | join: "+" }}', 'ann@x.dk;bo@x.dk Ann+Bo'],
    [
      '{{ fields.team | push: "Cy" | join: "+" }} {{ fields.team | unshift: fields.status | join: "+" }}',
      'Ann+Bo+Cy Won+Ann+Bo',
    ],
    [
      '{{ fields.team | concat: fields.team | uniq | join: "+" }} {{ item.tags | concat: fields.team | last }}',
      'Ann+Bo Bo',
    ],
    ['{{ fields.team | pop | join: "+" }} {{ fields.team | shift | join: "+" }}', 'Ann Bo'],
    ['{{ fields.nothing | push: "x" | concat: fields.team | join: "+" }}', 'x+Ann+Bo'],
    ['{{ fields.team | size }} {{ fields.status | size }} {{ fields.note | size }}', '2 1 5'],
    ['{{ fields.status | first }} {{ fields.status | join: "+" }} {{ fields.team | last }}', 'Won Won Bo'],
    [
      '{{ fields.team | where: "mail", "bo@x.dk" }} {{ fields.team | reject: "mail", "bo@x.dk" | first }}',
      'Bo Ann',
    ],
    ['{% assign bo = fields.team | find: "mail", "bo@x.dk" %}{{ bo }} {{ bo.mail }}', 'Bo bo@x.dk'],
    [
      '{% assign by = fields.team | group_by: "mail" %}{% for one in by %}{{ one.name }}: {{ one.items | join }}; {% endfor %}',
      'ann@x.dk: Ann; bo@x.dk: Bo; ',
    ],
    ['{{ fields.none | where: "mail", "bo@x.dk" }}{{ fields.none | group_by: "mail" | size }}', '0'],
    ['{{ fields.none | join: "+" }}{{ fields.none | map: "mail" }}{{ fields.none | first }}.', '.'],
    ['{{ "now" | date: "%F %H:%M" }}', '2026-01-31 13:00'],
    ['{{ nil }}{{ fields.none | default: nil }}{{ nil | money: "EUR" }}{{ empty | plain }}{{ blank }}.', '.'],
    [
      '{{ fields.client.id }} {{ fields.client | link }} {{ item | link }}',
      '12 https://podio.com/acme https://x',
    ],
    ['{{ fields.note }}|{{ "<b>x</b><br>y" | plain }}', 'a < b|x\ny'],
    ['{% if changes.note.from == blank %}{{ changes.note.from }}was empty{% endif %}', 'was empty'],
    ['{{ fields.due | date: "%d.%m.%Y" }} {{ fields.due | date }}', '31.01.2026 2026-01-31'],
    ['{{ fields.meeting | date: "%H:%M" }} {{ fields.meeting | date: "%H:%M", "UTC" }}', '13:00 12:00'],
    ['{{ fields.meeting.end | date: "%H:%M" }} {{ fields.meeting.end | date: "%R", "UTC" }}', '14:30 13:30'],
    [
      '{{ fields.meeting.start }} {{ fields.due.start }} {{ fields.due.end }}.',
      '2026-01-31 13:00 2026-01-31 .',
    ],
    ['{% if fields.meeting.end > now %}later{% endif %}', 'later'],
    ['{{ now | date }} {{ now | date: "%F %T" }}', '2026-01-31 13:00 2026-01-31 13:00:00'],
    ['{{ run.previous | date: "%FT%TZ" }} {{ run.previous | date: "%R" }}', '2026-06-01T10:00:00Z 12:00'],
    ['{{ "2026-06-01 10:00:00" | date: "%H" }} {{ "soon" | date: "%H" }}', '12 soon'],
    ['{{ fields.none | date: "%H" }}{{ fields.none | money }}{{ fields.none | link }}.', '.'],
    [
      '{{ fields.cost | money }} {{ 1234.5 | money: "eur" }} {{ 1234.5 | money }}',
      '$2.40 €1,234.50 1,234.50',
    ],
    [
      '{{ actor.name }} {{ task.text }} {{ files.size }} {{ files | map: "name" | join: "+" }}',
      'Ann Call 2 a.pdf+b.png',
    ],
    ["{{ comment.text | remove_first: '!ticket' | strip }}", 'broken'],
    ['{{ data.found }} {{ data.found.currency }} {{ data.found | plus: 1 }}', '€5.00 EUR 6'],
    [
      '{{ batch.size }}{% for m in batch %} {{ m.item.id }} {{ m.fields.status }}{% endfor %}',
      '2 4711 Won 4711 Won',
    ],
    ['{{ fields.status | json }} {{ fields.cost | json }}', '"Won" {"value":2.4,"currency":"USD"}'],
    ['{{ fields.status.constructor }}{{ fields.status.__proto__ }}{{ fields.status.toJSON }}.', '.'],
    ['{% assign t = item.title | upcase %}{{ t }}', 'A & <B>'],
    ['{{ app.name }} {{ app.id }} {{ event.type }} {{ event.params.item_id }}', 'leads 101 item.update 4711'],
    ['{{ now }} {{ now | date: "%Y" }}', '2026-01-31T12:00:00.000Z 2026'],
    ['{{ now | date: "%H:%M", "America/New_York" }}', '07:00'],
    ['{{ item.constructor }}{{ item.__proto__ }}.', '.'],
  ] as const) {
    it(`renders ${JSON.stringify(text)}`, async () => {
      expect(await render(text)).to.equal(shown);
    });
  }

  for (const [text, value] of [
    ['{{ item.id }}', 4711],
    ['{{- item.id -}}', 4711],
    ['{{ item.tags }}', ['x', 'y']],
    ['{{ fields.deal-value-2 | minus: fields.cost }}', 997.6],
    ['{{ fields.team.mail }}', ['ann@x.dk', 'bo@x.dk']],
    ['{{ fields.team[1].mail }}', 'bo@x.dk'],
    ['{{ fields.manager[0].mail }}', 'ann@x.dk'],
    ['{{ fields.status }}', won],
    ['{{ fields.none }}', undefined],
    ['{{ data.invoice }}', { number: 7 }],
    ['{{ now }}', new Date(Date.UTC(2026, 0, 31, 12))],
    ['{{ order.no }}', 'A1'],
    [' {{ item.id }}', ' 4711'],
    ['{{ item.id }}{{ item.id }}', '47114711'],
    ['{% if true %}{{ item.id }}{% endif %}', '4711'],
    ['plain', 'plain'],
  ] as const) {
    it(`keeps the type of ${JSON.stringify(text)} where it is exactly one value`, async () => {
      const known = { names: new Set(['order']), fieldProblem: () => undefined };
      const template = within(known, () => compileTemplate(text));
      const data = () => ({ ...view.data(), order: { no: 'A1' } });
      expect(await template.value({ ...view, data })).to.deep.equal(value);
    });
  }

  it('looks at what is known of the fields and names where it stands', () => {
    const known = {
      names: new Set(['order']),
      fieldProblem: (name: string) =>
        name === 'stauts' ? { message: 'unknown field `stauts`', hint: 'did you mean `status`?' } : undefined,
    };
    const compile = (text: string) => () => within(known, () => compileTemplate(text));
    expect(compile('{{ order.no }} {{ fields.status }}')).not.to.throw();
    expect(compile('{{ changes.stauts.to }}')).to.throw('unknown field `stauts`');
    expect(compile('{% if fields.stauts %}x{% endif %}')).to.throw('unknown field `stauts`');
    expect(compile('{{ ordre }}')).to.throw('unknown variable "ordre"');
  });

  it('tells which fields it looks at', async () => {
    const told: string[] = [];
    const mentions = (name: string) => void told.push(name);
    await compileTemplate(
      '{{ fields.a }}{{ fields["b c"] }}{% if changes.d.to %}{% endif %}{{ fields.size }}',
    ).render({
      ...view,
      mentions,
    });
    expect(told).to.have.members(['a', 'b c', 'd']);
  });

  it('tells what it asks fields for that values of their types do not have', async () => {
    const told: string[] = [];
    const lacks = (path: string) => void told.push(path);
    const text =
      '{{ fields.manager.mial }}{{ fields.client.titel }}{{ changes.status.to.colour }}{{ fields.due.start.dat }}' +
      '{% for m in fields.team %}{{ m.emial }}{% endfor %}{{ fields.team[1].mial }}{{ data.found.curency }}' +
      '{{ fields.manager.mail }}{{ fields.client.app.name }}{{ fields.none.mial }}{{ changes.note.from.x }}{{ fields.due.start.start_date }}' +
      // Of which nobody knew that Podio tells it.
      '{{ fields.client.mascot }}';
    await compileTemplate(text).render({ ...view, lacks });
    expect(told).to.have.members([
      'fields.manager.mial',
      'fields.client.titel',
      'changes.status.to.colour',
      'fields.due.start.dat',
      'fields.team.0.emial',
      'fields.team.1.mial',
      'data.found.curency',
    ]);
  });

  it('picks messages of a batch by what they are about', async () => {
    const open = field('category', { value: { id: 1, text: 'Open' } });
    const other: View = { ...view, fields: async () => ({ status: open }) };
    const both: View = { ...view, batch: () => [view, other] };
    const picked = (filters: string) => compileTemplate(`{{ batch | ${filters} }}`).render(both);
    expect(await picked('where: "fields.status", "Won" | size')).to.equal('1');
    expect(await picked('reject: "fields.status", "Won" | map: "fields.status" | join')).to.equal('Open');
    expect(await picked('where: "event.type", "item.update" | size')).to.equal('2');
    expect(await picked('group_by: "fields.status" | size')).to.equal('2');
  });

  it('can take neither time nor memory without end', async () => {
    for (const text of ['{% for i in (1..100000000) %}{{ i }}{% endfor %}']) {
      const failed = await compileTemplate(text).render(view).then(String, String);
      expect(failed).to.match(/limit/);
    }
  });

  it('tells each message of a batch which of its fields it looks at, where there is no doubt that they are its own', async () => {
    const told: string[] = [];
    const views = [1, 2].map((n): View => ({ ...view, mentions: name => told.push(`${n} ${name}`) }));
    const text =
      '{% for m in batch %}{{ m.fields.a }}{{ m.changes.b.to }}{% endfor %}{{ batch.first.fields.c }}{{ batch[1].fields.c }}';
    const template = compileTemplate(`${text}{% for n in data.list %}{{ n.fields.d }}{% endfor %}`);
    expect(template.fields).to.have.members(['a', 'b', 'c']);
    await template.render({ ...view, batch: () => views });
    expect(told).to.have.members(['1 a', '2 a', '1 b', '2 b', '1 c', '2 c']);
    // Once what the batch has, once something else.
    const both =
      '{% for m in batch %}{{ m.fields.a }}{% endfor %}{% for m in data.list %}{{ m.fields.d }}{% endfor %}';
    expect(compileTemplate(both).fields).to.deep.equal([]);
    expect(
      compileTemplate('{% assign m = data.x %}{% for m in batch %}{{ m.fields.a }}{% endfor %}').fields,
    ).to.deep.equal([]);
  });

  it('fetches what it mentions of a batch before it is filled in, some at a time, and the rest as it comes up', async () => {
    let reading = 0;
    let most = 0;
    const read: string[] = [];
    const views = Array.from(
      { length: 40 },
      (_, n): View => ({
        ...view,
        async item() {
          read.push(`item ${n}`);
          most = Math.max(most, ++reading);
          await new Promise(resolve => setImmediate(resolve));
          reading--;
          return { id: n };
        },
        async comment() {
          read.push(`comment ${n}`);
          return { text: 'x' };
        },
      }),
    );
    const all: View = { ...view, batch: () => views };
    const filled = compileTemplate(
      '{% for m in batch %}{{ m.item.id }}{% unless forloop.last %},{% endunless %}{% endfor %} {{ batch[3].item.id }}',
    );
    expect(await filled.render(all)).to.equal(`${views.map((_, n) => n)} 3`);
    expect(read).to.have.members(views.map((_, n) => `item ${n}`));
    expect(most).to.equal(4);
    read.length = 0;
    expect(await compileTemplate('{{ batch.size }}').render(all)).to.equal('40');
    expect(read).to.deep.equal([]);
    const named = compileTemplate('{% assign name = "comment" %}{{ batch[1][name].text }}');
    expect(await named.render(all)).to.equal('x');
    expect(read).to.deep.equal(['comment 1']);
  });

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
    ['{{ item.title', 'the template has a `{{` without its `}}`'],
    ['{{ item.title }', '`{{ item.title }` lacks a brace'],
    ['{{ item.title } of {{ item.link }}', '`{{ item.title }` lacks a brace'],
    ['{{ item.title {{ item.link }}', 'the template has a `{{` without its `}}`'],
    ['{% if item', 'the template has a `{%` without its `%}`'],
    ['{% if item %}', '`{% if ... %}` has no end'],
    ['{{ item.title | shout }}', 'there is no filter `shout`'],
    ['first\n{{ item.title | shout }}', 'there is no filter `shout` (line 2 of the template)'],
    ['{% shout %}', 'there is no tag `shout`'],
    ['{{ itme.title }}', 'unknown variable "itme"'],
    ['{{ }}', 'invalid value expression'],
    ["{% include '/etc/passwd' %}", 'there is no tag `include`'],
    ["{% render 'x' %}", 'there is no tag `render`'],
    ["{% layout 'x' %}", 'there is no tag `layout`'],
  ] as const) {
    it(`refuses ${text}`, () => {
      expect(() => compileTemplate(text))
        .to.throw(problem)
        .that.includes({ code: 'PLUGIN_OPTIONS', retry: 'never' });
      expect(templateOption().safeParse(text).error?.issues[0]?.message).to.contain(problem);
    });
  }

  it('tells what was meant, beside the message', () => {
    const hint = (text: string) => {
      try {
        compileTemplate(text);
      } catch (error) {
        return (error as { hint?: string }).hint;
      }
      return undefined;
    };
    expect(hint('{{ item.title | uppercase }}')).to.equal('did you mean `upcase`?');
    expect(hint('{{ item.title }')).to.equal('write `{{ item.title }}`');
    expect(hint('{% fi item %}')).to.equal('did you mean `if`?');
  });

  for (const text of [
    '{{ "a {{ b }} c" }}',
    "{{ '}' }}{{ '{{' }}",
    '{% raw %}{{ {{ }{% endraw %}',
    '{ {{ 1 }} }',
    '{"a":{{ 1 }}}',
    '{{ item.title }}}',
    '}} {{ 1 }}',
  ]) {
    it(`takes ${text}`, () => {
      expect(() => compileTemplate(text)).to.not.throw();
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
