import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { TestReport } from '../../../src/cli/test/test.ts';
import { until } from '../../support/wait.ts';
import { fromEnv, makeSite, type Site } from './site.ts';

const slack = { use: 'slack-notifier', webhookUrl: fromEnv('NOT_SET_SLACK_URL') };
const audit = { use: 'file-logger', path: './audit.ndjson' };
const tell = (text: string) => ({ slack: { text } });
const says = (text: string) => ({ http: 'POST', body: { text } });

const won = {
  on: { app: 'leads', fields: { status: { from: 'Open', to: 'Won' } } },
  where: { 'fields.value': { gte: 100 } },
  steps: [tell('{{ actor.name }} won {{ item.title }} of {{ fields.value }}')],
};

const run = async (site: Site, ...argv: readonly string[]) => {
  const { code, stdout, stderr } = await site.podiod(['test', ...argv]);
  return { code, stdout, stderr };
};

/** What came of the tests of one rule. */
async function outcomes(
  rule: object,
  tests: readonly object[],
  more: object = {},
): Promise<TestReport['tests']> {
  await using site = await makeSite({
    plugins: { slack, audit, mail: { use: 'email', smtp: fromEnv('NOT_SET_SMTP'), from: 'bot@example.com' } },
    defaults: { timezone: 'Europe/Copenhagen' },
    rules: { r: { ...rule, tests: tests.map((test, n) => ({ name: `test ${n}`, ...test })) } },
    ...more,
  });
  const { stdout, stderr } = await run(site, '--json');
  expect(stderr).to.equal('');
  expect(site.podio.requests).to.have.length(0);
  return (JSON.parse(stdout) as TestReport).tests;
}

/** All pass. */
async function passes(rule: object, tests: readonly object[], more: object = {}): Promise<void> {
  const all = await outcomes(rule, tests, more);
  expect(all).to.have.length(tests.length);
  for (const { differences, problem } of all)
    expect({ differences, problem }).to.deep.equal({ differences: [], problem: undefined });
}

const item = {
  app: 'leads',
  before: { title: 'Fjord', status: 'Open', value: 120 },
  after: { status: 'Won' },
};

describe('podiod test', function () {
  this.timeout(20_000);

  it('takes a field for a reference where tests give it an item of theirs, with no catalog', async () => {
    const order = { app: 'leads', fields: { title: 'Desk', status: 'Approved' } };
    await passes(
      {
        on: { schedule: '0 3 * * *', items: { app: 'leads', where: { 'fields.status': 'Approved' } } },
        steps: [
          { 'podio-find': { app: 'deals', where: { 'fields.order': '{{ item.id }}' } }, id: 'found' },
          {
            'podio-item': { app: 'deals', set: { title: 'new', order: '{{ item.id }}' } },
            when: { 'data.found.items': { exists: false } },
          },
        ],
      },
      [
        // Only the other test says what a deal has.
        {
          given: { o: order },
          when: { tick: 'r' },
          expect: {
            steps: {
              found: { gives: { items: [] } },
              'podio-item': { sends: { fields: { order: 'Desk' } } },
            },
          },
        },
        {
          given: { o: order, d: { app: 'deals', fields: { title: 'Invoice', order: 'o' } } },
          when: { tick: 'r' },
          expect: { steps: { 'podio-item': 'skipped' } },
        },
      ],
    );
  });

  it('takes a field that steps only write for what its name and values say, with the title first, with no catalog', () =>
    passes(
      {
        on: { app: 'leads', fields: { status: { to: 'Won' } } },
        steps: [
          {
            'podio-item': {
              app: 'deals',
              set: {
                stage: 'New',
                due: '+14d',
                start: '+1d',
                'due-date': '{{ now | date: "%Y-%m-%d" }}',
                note: 'Call',
                count: 3,
                title: '{{ item.title }}',
              },
            },
            id: 'made',
          },
          { slack: { text: '{{ data.made.title }}' } },
        ],
      },
      [
        {
          ...item,
          now: '2026-03-01T09:00:00Z',
          expect: {
            steps: {
              made: {
                sends: {
                  fields: {
                    title: 'Fjord',
                    stage: 'New',
                    due: '2026-03-15',
                    start: '2026-03-02',
                    'due-date': '2026-03-01',
                    note: 'Call',
                    count: 3,
                  },
                },
              },
              slack: { sends: { body: { text: 'Fjord' } } },
            },
          },
        },
      ],
    ));

  it('passes what is as expected, with no secrets, and touches nothing', async () => {
    await using site = await makeSite({
      plugins: { slack, audit },
      podio: { apiUrl: 'https://api.podio.com', clientId: 'podiod', clientSecret: fromEnv('NOT_SET_SECRET') },
      rules: {
        won: {
          ...won,
          steps: [...won.steps, 'audit'],
          tests: [
            {
              name: 'tells of a large one',
              ...item,
              by: 'Ada',
              expect: {
                steps: { slack: { sends: says('Ada won Fjord of €120.00') }, audit: { sends: { line: {} } } },
              },
            },
          ],
        },
      },
    });
    const { code, stdout, stderr } = await run(site);
    expect(stderr).to.equal('');
    expect(stdout).to.match(/^✓ won: tells of a large one\n1 passed \(\d\.\d s\)\n$/);
    expect(code).to.equal(0);
    expect(readdirSync(site.folder)).to.deep.equal(['.podiorc.yml']);
    expect(site.podio.requests).to.have.length(0);
  });

  it('shows what is otherwise, with the way to it and why, and exits 1', async () => {
    await using site = await makeSite({
      plugins: { slack },
      rules: {
        won: {
          ...won,
          tests: [
            {
              name: 'text',
              ...item,
              by: 'Ada',
              expect: { steps: { slack: { sends: says('Bob won Fjord') } } },
            },
            { name: 'value', ...item, before: { ...item.before, value: 5 }, expect: true },
            { name: 'change', ...item, before: { ...item.before, status: 'Lost' }, expect: true },
            { name: 'too often', ...item, expect: { fires: 2 } },
            { name: 'right', ...item, expect: true },
          ],
        },
      },
    });
    const { code, stdout } = await run(site);
    expect(code).to.equal(1);
    expect(
      stdout.split('\n').map(line => line.replace(/ {2}\S+yml:\d+$/, '').replace(/\(.* s\)/, '(…)')),
    ).to.deep.equal([
      '✗ won: text',
      '    won › slack › sends › body › text',
      '      expected  "Bob won Fjord"',
      '      actual    "Ada won Fjord of €120.00"',
      '✗ won: value',
      '    won › fires',
      '      expected  fires',
      '      actual    does not fire',
      '                its `where` does not hold',
      '                fields.value gte 100, is €5.00',
      '✗ won: change',
      '    won › fires',
      '      expected  fires',
      '      actual    does not fire',
      '                the fields of its trigger did not change as `on` asks for',
      '                changes.status from Open to Won, is from Lost to Won',
      '✗ won: too often',
      '    won › fires',
      '      expected  2 times',
      '      actual    once',
      '                slack: done',
      '                  posts to Slack: Ada Lindqvist won Fjord of €120.00',
      '✓ won: right',
      '1 passed, 4 failed (…)',
      '',
    ]);
  });

  it('reads tests at the top and in files beside the config, and runs those that are asked for', async () => {
    await using site = await makeSite({
      plugins: { slack, audit },
      rules: { won, all: { on: { app: ['leads', 'deals'], events: 'item.*' }, steps: ['audit'] } },
      tests: [{ name: 'both', ...item, fires: ['all', 'won'] }],
    });
    site.write('deals.test.yml', {
      tests: [
        {
          name: 'one of them',
          app: 'deals',
          after: { title: 'Bridge' },
          fires: ['all'],
          expect: { won: { why: 'no trigger fits' } },
        },
        { name: 'wrong', app: 'deals', after: { title: 'Bridge' }, fires: ['won'] },
      ],
    });
    const namesOf = async (...argv: string[]) => {
      const { stdout } = await run(site, '--json', ...argv);
      return (JSON.parse(stdout) as TestReport).tests.map(({ name, file, ok }) => `${file} ${name} ${ok}`);
    };
    expect(await namesOf()).to.deep.equal([
      '.podiorc.yml both true',
      'deals.test.yml one of them true',
      'deals.test.yml wrong false',
    ]);
    expect(await namesOf('-g', 'ONE')).to.deep.equal(['deals.test.yml one of them true']);
    expect(await namesOf('--rule', 'all')).to.deep.equal([
      '.podiorc.yml both true',
      'deals.test.yml one of them true',
    ]);
    expect(await namesOf('deals.test.yml')).to.have.length(2);
    const { stdout } = await run(site, '-g', 'wrong');
    expect(stdout).to.include('expected  won').and.to.include('actual    all');
    const unknown = await run(site, '--rule', 'al');
    expect(unknown.code).to.equal(2);
    expect(unknown.stderr).to.include('there is no rule al');
  });

  it('finds them beside what the config includes, where a pattern for rules means no tests', async () => {
    await using site = await makeSite({ plugins: { audit }, include: ['rules/*.yml'] });
    for (const name of ['one', 'two']) {
      const rule = { on: { app: 'leads', events: 'item.create' }, steps: ['audit'] };
      site.write(`rules/${name}.yml`, { rules: { [name]: rule } });
      site.write(`rules/${name}.test.yml`, {
        tests: [{ name, app: 'leads', after: { title: 'Fjord' }, expect: { [name]: true } }],
      });
    }
    const { code, stdout, stderr } = await run(site, '--json');
    expect(code, stderr).to.equal(0);
    expect((JSON.parse(stdout) as TestReport).tests.map(({ name, file }) => `${file} ${name}`)).to.deep.equal(
      ['rules/one.test.yml one', 'rules/two.test.yml two'],
    );
    expect((await site.podiod(['check'])).code).to.equal(0);
  });

  it('tells every mistake in a test with its place, and exits 78', async () => {
    await using site = await makeSite({ plugins: { slack }, rules: { won } });
    site.write(
      'wrong.test.yml',
      `tests:
  - name: one
    app: lead
    after: { title: x }
    expect: { wonn: true }
  - name: two
    given: { a: { app: leads } }
    when: [{ update: b }, { update: a, text: x }, { create: leads, delete: a }, { comment: a }]
    expect: { won: { steps: { slak: done } } }
  - name: three
    app: leads
    after: { title: x }
    expct: true
  - name: four
    expect: { won: true }
  - name: five
    when: { tick: won }
    fires: []
`,
    );
    const { code, stdout, stderr } = await run(site);
    expect(code).to.equal(78);
    expect(stdout).to.equal('');
    const said = stderr
      .split('\n')
      .filter(line => /^wrong/.test(line))
      .map(line => line.replace(' error:', ''));
    expect(said).to.deep.equal([
      'wrong.test.yml:3:10: there is no app `lead` [CONFIG_TEST]',
      'wrong.test.yml:5:21: there is no rule `wonn` [CONFIG_TEST]',
      'wrong.test.yml:8:14: there is no item `b` by then [CONFIG_TEST]',
      'wrong.test.yml:8:46: `text` says nothing about `update` [CONFIG_TEST]',
      'wrong.test.yml:8:53: `when` says two things at once [CONFIG_TEST]',
      'wrong.test.yml:8:83: `comment` needs `text` [CONFIG_TEST]',
      'wrong.test.yml:9:37: the rule won has no step `slak` [CONFIG_TEST]',
      'wrong.test.yml:13:5: unknown key `expct` in `tests[2]` [CONFIG_UNKNOWN_KEY]',
      'wrong.test.yml:10:5: `tests[2]` is missing: say what is to come of it (`expect`, `fires`) [CONFIG_VALUE]',
      'wrong.test.yml:14:5: a test needs something that happens: `when`, or `app` and `after` [CONFIG_TEST]',
      'wrong.test.yml:17:5: the rule won has no schedule [CONFIG_TEST]',
    ]);
    expect(stderr).to.include('did you mean `leads`?').and.to.include('did you mean `won`?');
  });

  it('has mistakes in the config itself told by check as well', async () => {
    await using site = await makeSite({
      plugins: { slack },
      rules: { won: { ...won, tests: [{ name: 'x', ...item, expect: { steps: { no: {} } } }] } },
    });
    const { code, stdout } = await site.podiod(['check'], {
      env: { NOT_SET_SLACK_URL: 'https://slack.example/x' },
    });
    expect(code).to.equal(78);
    expect(stdout).to.include('the rule won has no step `no`');
  });

  describe('plays', () => {
    it('creations, changes and deletions, each a change of its own', () =>
      passes(
        { on: { app: 'leads', events: 'item.*' }, steps: [tell('{{ event.type }} {{ event.revision }}')] },
        [
          {
            when: [
              { create: 'leads', as: 'a', fields: { title: 'A' } },
              { update: 'a', fields: { title: 'B' } },
              { update: 'a', fields: { title: 'B' } },
              { delete: 'a' },
            ],
            expect: {
              fires: 3,
              sends: [says('item.create 0'), says('item.update 1'), says('item.delete 2')],
            },
          },
          { app: 'leads', before: { title: 'A' }, after: null, expect: { sends: [says('item.delete 1')] } },
        ],
      ));

    it('comments, files and tasks', async () => {
      const given = { a: { app: 'leads', fields: { title: 'A' } } };
      await passes(
        {
          on: { app: 'leads', events: 'comment.create' },
          steps: [tell('{{ actor.name }}: {{ comment.text }}')],
        },
        [
          {
            given,
            when: { comment: 'a', text: 'hello', by: 'Ada' },
            expect: { sends: [says('Ada: hello')] },
          },
        ],
      );
      await passes(
        {
          on: { app: 'leads', events: 'file.change' },
          where: { 'files.mimetype': { contains: 'pdf' } },
          steps: [
            {
              mail: {
                to: 'a@example.com',
                subject: '{{ item.title }}',
                text: 'x',
                attachments: '{{ files }}',
              },
            },
          ],
        },
        [
          {
            given,
            when: { file: 'a', name: 'a.pdf', mimetype: 'application/pdf' },
            expect: { sends: [{ mail: { subject: 'A', attachments: ['a.pdf'] } }] },
          },
          {
            given,
            when: { file: 'a', name: 'a.txt', mimetype: 'text/plain' },
            expect: { why: 'files.mimetype' },
          },
        ],
      );
    });

    it('several events in a row, by the mode of the rule', async () => {
      const rule = (mode: unknown) => ({
        on: { app: 'leads', events: ['item.create', 'item.update'] },
        mode,
        steps: [tell('{{ item.title }} of {{ batch.size }}')],
      });
      const made = { create: 'leads', as: 'a', fields: { title: 'A' } };
      const named = (title: string) => ({ update: 'a', fields: { title } });
      await passes(rule({ settle: '2m' }), [
        { when: [made, { after: '1m' }, named('B'), { after: '1m' }, named('C')], expect: false },
        {
          when: [made, { after: '1m' }, named('B'), { after: '1m' }, named('C'), { after: '2m' }],
          expect: { fires: 1, steps: { slack: { sends: says('C of 1') } } },
        },
      ]);
      const other = { create: 'leads', fields: { title: 'D' } };
      await passes(rule({ batch: { max: 2, within: '1h' } }), [
        { when: [made, other], expect: { fires: 1, steps: { slack: { sends: says('D of 2') } } } },
        { when: [made, { after: '59m' }], expect: false },
        { when: [made, { after: '1h' }], expect: { fires: 1, steps: { slack: { sends: says('A of 1') } } } },
      ]);
      // What decides whether an event may wait at all makes no more runs of them.
      const judged = (mode: unknown) => ({
        ...rule(mode),
        on: { app: 'leads', fields: ['title'] },
        where: { 'item.title': { exists: true } },
      });
      await passes(judged({ settle: '2m' }), [
        {
          when: [made, named('B'), named('C'), { after: '2m' }],
          expect: { fires: 1, sends: [says('C of 1')] },
        },
      ]);
      await passes(judged({ batch: { max: 2, within: '1h' } }), [
        { when: [made, other], expect: { fires: 1, sends: [says('D of 2')] } },
      ]);
      await passes(rule({ throttle: { max: 1, per: '1h' } }), [
        { when: [made, other], expect: 1 },
        { when: [made, other, { after: '1h' }], expect: 2 },
      ]);
    });

    it('edits that settle, without what another rule has written between them', () => {
      const edited = { on: { app: 'leads', events: 'item.update' }, mode: { settle: '2m' } };
      const given = { a: { app: 'leads', fields: { title: 'A', status: 'Open', note: 'n' } } };
      const set = (status: string) => ({ update: 'a', fields: { status } });
      const when = [set('Won'), { after: '1m' }, set('Open'), { after: '3m' }];
      const writes = { 'podio-item': { set: { note: 'written' } } };
      const rules = {
        writes: { on: { app: 'leads', fields: { status: { to: 'Won' } } }, steps: [writes] },
        settles: { ...edited, steps: [tell('edited')] },
        hears: { ...edited, includeOwn: true, steps: [tell('edited')] },
      };
      const tests = [{ name: 'both', given, when, expect: { writes: 1, settles: false, hears: 1 } }];
      return passes({}, tests, { rules, tests });
    });

    it('elements of a list, each by itself', () =>
      passes(
        {
          on: { app: 'leads', events: 'item.create' },
          steps: [
            { split: { in: '{{ item.title | split: "," }}', as: 'part' } },
            { 'http-request': { url: 'https://erp.example.com/{{ part }}', json: {} }, id: 'erp' },
          ],
        },
        [
          {
            app: 'leads',
            after: { title: 'a,b' },
            answers: [{ url: 'https://erp.example.com/b', status: 400 }],
            expect: {
              error: 'answered 400',
              steps: { erp: [{ sends: { url: 'https://erp.example.com/a' } }, { error: '400' }] },
            },
          },
        ],
      ));

    it('lets states last and dates come', async () => {
      const waits = {
        on: { app: 'leads', fields: { status: { to: 'Open', for: '3d' } } },
        where: { not: { 'item.tags': { contains: 'quiet' } } },
        steps: [tell('{{ item.title }} since {{ event.params.since }}')],
      };
      const given = { a: { app: 'leads', fields: { title: 'A', status: 'Won' } } };
      const open = { update: 'a', fields: { status: 'Open' } };
      await passes(waits, [
        {
          given,
          when: [open, { after: '3d' }],
          expect: { sends: [says('A since 2026-01-15T11:00:00.000Z')] },
        },
        { given, when: [open, { after: '2d' }], expect: false },
        {
          given,
          when: [open, { after: '2d' }, { update: 'a', fields: { status: 'Won' } }, { after: '3d' }],
          expect: false,
        },
        {
          given,
          when: [open, { after: '1d' }, { update: 'a', tags: ['quiet'] }, { after: '3d' }],
          expect: { why: 'does not hold' },
        },
      ]);
      const reminds = {
        on: { app: 'leads', date: 'due', at: '-2d 09:00' },
        steps: [tell('{{ item.title }}: {{ event.params.date }}')],
      };
      const due = { create: 'leads', fields: { title: 'B', due: '2026-01-20' }, as: 'b' };
      await passes(reminds, [
        { when: [due, { at: '2026-01-18 08:59' }], expect: false },
        { when: [due, { at: '2026-01-18 09:00' }], expect: { sends: [says('B: 2026-01-20')] } },
        {
          when: [due, { update: 'b', fields: { due: '2026-01-30' } }, { at: '2026-01-28 10:00' }],
          expect: 1,
        },
      ]);
    });

    it('what time leads to as deep as it goes in a daemon, and anew from a change of somebody else’s', () => {
      const due = { create: 'leads', as: 'b', fields: { title: 'B', due: '2026-01-16' } };
      return passes(
        {
          on: { app: 'leads', date: 'due' },
          loop: 'allowed',
          steps: [{ 'podio-item': { set: { due: '+1d' } } }],
        },
        [
          {
            when: [due, { after: '4d' }, { update: 'b', fields: { due: '2026-01-20' } }, { after: '3d' }],
            expect: 4,
          },
        ],
        { defaults: { timezone: 'Europe/Copenhagen', maxDepth: 2 } },
      );
    });

    it('time: schedules as they fall due, and what is said of now', () =>
      passes({ on: { schedule: '0 9 * * 1-5' }, steps: [tell('{{ now | date: "%A %H:%M" }}')] }, [
        { when: { tick: 'r' }, expect: { sends: [says('Friday 09:00')] } },
        { now: '2026-03-02 08:00', when: { after: '59m' }, expect: false },
        { now: '2026-03-02 08:00', when: [{ at: '2026-03-02 09:00' }, { after: '1d' }], expect: 2 },
        { now: '2026-03-07 08:00', when: { after: '2d' }, expect: false },
      ]));

    it('schedules with items: a run for each that there is', () =>
      passes(
        {
          on: { schedule: '0 9 * * *', items: { app: 'leads', where: { 'fields.status': 'Open' } } },
          where: { 'fields.value': { gt: 5 } },
          steps: [tell('{{ item.title }}')],
        },
        [
          {
            given: {
              a: { app: 'leads', fields: { title: 'A', status: 'Open', value: 6 } },
              b: { app: 'leads', fields: { title: 'B', status: 'Won', value: 7 } },
              c: { app: 'leads', fields: { title: 'C', status: 'Open', value: 5 } },
            },
            when: { tick: 'r' },
            expect: { fires: 1, sends: [says('A')] },
          },
        ],
      ));

    it('a rule that is fired by hand, and saved deliveries', () =>
      passes(
        {
          on: { app: 'leads', events: ['item.create', 'app.update'] },
          steps: [tell('{{ event.type }} {{ item.title }}')],
        },
        [
          {
            given: { a: { app: 'leads', fields: { title: 'A' } } },
            when: { fire: 'r', item: 'a' },
            expect: { sends: [says('item.fire A')] },
          },
          {
            when: [
              { deliver: 'type=app.update&app_id=101', app: 'leads' },
              { deliver: { type: 'item.create', item_id: 7 }, app: 'leads' },
            ],
            expect: { sends: [says('app.update '), says('item.create ')] },
          },
        ],
      ));

    it('what servers answer, and what comes of that', () =>
      passes(
        {
          on: { app: 'leads', events: 'item.create' },
          steps: [
            {
              'http-request': { url: 'https://erp.example.com/orders/{{ item.title }}', json: { a: 1 } },
              id: 'erp',
            },
            { slack: { text: '{{ data.erp.body.no }}' }, when: { 'data.erp.body.no': { exists: true } } },
          ],
        },
        [
          {
            app: 'leads',
            after: { title: 'x' },
            answers: [{ url: 'https://erp.example.com/*', method: 'post', json: { no: 7 } }],
            expect: {
              steps: {
                erp: {
                  sends: { url: { matches: '/orders/x$' }, body: { a: 1 } },
                  gives: { body: { no: 7 } },
                },
                slack: { gets: { erp: { status: 200 } }, sends: says('7') },
              },
            },
          },
          { app: 'leads', after: { title: 'x' }, expect: { steps: { slack: 'skipped' } } },
          {
            app: 'leads',
            after: { title: 'x' },
            answers: [{ url: 'https://erp.example.com/*', status: 400, body: 'no' }],
            expect: { error: 'answered 400', steps: { erp: { outcome: 'failed', error: 'answered 400' } } },
          },
        ],
      ));

    it('what is done at Podio, so that later steps and events find it there', () =>
      passes(
        {
          on: { app: 'leads', events: ['item.create', 'item.update'] },
          steps: [
            {
              'podio-item': {
                app: 'deals',
                match: { externalId: 'lead-{{ item.id }}' },
                create: true,
                copy: ['title', 'status', 'value'],
              },
              id: 'copy',
            },
            { 'podio-find': { app: 'deals', limit: 5 }, id: 'all' },
            { 'podio-comment': { text: '{{ data.all.items.size }} deals' } },
          ],
        },
        [
          {
            given: { old: { app: 'deals', fields: { title: 'Old' } } },
            when: [
              { create: 'leads', as: 'lead', fields: { title: 'Fjord', status: 'Open', value: 10 } },
              { update: 'lead', fields: { status: 'Won' } },
            ],
            expect: {
              steps: {
                copy: [
                  {
                    sends: {
                      podio: 'items.create',
                      app: 'deals',
                      fields: { title: 'Fjord', status: 'Open', value: 10 },
                    },
                    gives: { created: true },
                  },
                  {
                    sends: { podio: 'items.update', app: 'deals', fields: { status: 'Won' } },
                    gives: { changed: ['status'] },
                  },
                ],
                'podio-comment': [{ sends: { name: 'lead', body: { value: '2 deals' } } }, {}],
              },
            },
          },
        ],
      ));
  });

  it('runs no plugin that may do things on its own, and says so', async () => {
    await using site = await makeSite({
      plugins: { own: { use: './own.ts' } },
      rules: {
        r: {
          on: { app: 'leads', events: 'item.create' },
          steps: ['own'],
          tests: [
            {
              name: 'x',
              app: 'leads',
              after: { title: 'x' },
              expect: { steps: { own: { sends: { a: 1 } } } },
            },
          ],
        },
      },
    });
    site.write(
      'own.ts',
      `import { definePlugin, z } from 'podiod/plugin';
export default definePlugin({ name: 'own', options: z.object({}), setup: () => { throw new Error('must not be set up'); } });`,
    );
    const { code, stdout } = await run(site);
    expect(code).to.equal(1);
    expect(stdout).to.include('actual    not known: its plugin is not run in tests');
  });

  it('says which test can not be played, and plays the others', async () => {
    const all = await outcomes({ on: { app: 'leads', events: 'item.create' }, steps: ['audit'] }, [
      { now: 'soon', ...item, expect: true },
      { app: 'leads', after: { title: 'x', status: { a: 1 } }, expect: true },
      { when: { at: '2025-01-15 12:00' }, expect: false },
      { app: 'leads', after: { title: 'x' }, expect: true },
    ]);
    expect(all.map(({ ok, problem }) => [ok, problem?.split(':')[0]])).to.deep.equal([
      [false, '`now` is no time'],
      [false, '`create`'],
      [false, '`at`'],
      [true, undefined],
    ]);
  });

  it('tells of a field that one of the apps does not have, also where the condition holds', async () => {
    const where = { not: { 'fields.stage': 'Lost' } };
    const on = { app: ['leads', 'deals'], events: 'item.create' };
    await using site = await makeSite({ rules: { r: { on, where, steps: ['audit'] } } });
    const fields = (...names: readonly string[]) =>
      names.map((externalId, n) => ({
        id: n + 1,
        externalId,
        label: externalId,
        type: 'text',
        status: 'active',
      }));
    const app = (id: number, ...names: readonly string[]) => ({
      id,
      name: 'An app',
      itemName: 'Item',
      fields: fields(...names),
    });
    const apps = { leads: app(101, 'title'), deals: app(102, 'title', 'stage') };
    site.write('.podiorc.catalog.json', { version: 1, apps });
    const create = (to: string) => ({ create: to, fields: { title: 'Fjord' } });
    site.write('r.test.yml', {
      tests: [
        { name: 'a lead', when: [create('leads')], expect: { r: true } },
        { name: 'another lead', when: [create('leads')], expect: { r: true } },
        { name: 'a deal', when: [create('deals')], expect: { r: true } },
      ],
    });
    const { code, stdout, stderr } = await run(site);
    expect(code, stderr).to.equal(0);
    expect(stdout.replace(/\(.* s\)/, '(…)')).to.equal(
      '✓ a lead\n✓ another lead\n✓ a deal\n! r: the app has no field `stage`: taken for empty\n3 passed (…)\n',
    );
    const { tests } = JSON.parse((await run(site, '--json')).stdout) as TestReport;
    expect(tests.map(({ unknownFields }) => unknownFields)).to.deep.equal([
      { r: ['stage'] },
      { r: ['stage'] },
      undefined,
    ]);
  });

  it('calls an item by the text that the app has first, and not by the one whose name is first in the catalog', async () => {
    const text = (id: number, externalId: string) => ({
      id,
      externalId,
      label: externalId,
      type: 'text',
      status: 'active',
    });
    const app = (id: number, ...fields: readonly unknown[]) => ({
      id,
      name: 'App',
      itemName: 'Item',
      fields,
    });
    const apps = {
      leads: app(101, text(1, 'address'), text(2, 'note'), text(3, 'title')),
      deals: app(102, text(2, 'address'), text(1, 'name')),
    };
    const steps = [{ slack: { text: '{{ item.title }}' } }];
    await using site = await makeSite({
      plugins: { slack },
      rules: { r: { on: { app: ['leads', 'deals'], events: 'item.create' }, steps } },
    });
    site.write('.podiorc.catalog.json', { version: 1, apps });
    const sent = (title: string) => ({ r: { sends: [{ body: { text: title } }] } });
    site.write('r.test.yml', {
      tests: [
        {
          name: 'a',
          when: { create: 'leads', fields: { address: 'Hill 1', title: 'Fjord' } },
          expect: sent('Fjord'),
        },
        {
          name: 'b',
          when: { create: 'deals', fields: { address: 'Hill 1', name: 'Brook' } },
          expect: sent('Brook'),
        },
      ],
    });
    const { code, stdout } = await run(site);
    expect(code, stdout).to.equal(0);
  });

  it('has a hundred of them done in seconds', async () => {
    const tests = Array.from({ length: 100 }, () => ({ ...item, expect: { steps: { slack: 'done' } } }));
    const startedAt = performance.now();
    await passes(won, tests);
    expect(performance.now() - startedAt).to.be.below(10_000);
  });

  it('says that tests of a disabled rule are not run', async () => {
    const tests = [{ name: 'told', ...item, expect: true }];
    await using site = await makeSite({
      plugins: { slack },
      rules: { won, off: { ...won, enabled: false, tests } },
    });
    const all = await run(site);
    expect([all.code, all.stdout]).to.satisfy(
      ([code, said]: [number, string]) =>
        code === 0 && said.startsWith('0 passed, 1 not run (disabled: off)'),
    );
    const { stdout } = await run(site, '--json');
    expect(JSON.parse(stdout)).to.deep.equal({
      ok: true,
      tests: [],
      notRun: [{ name: 'told', rule: 'off' }],
    });
    const one = await run(site, '--rule', 'off');
    expect([one.code, one.stderr]).to.satisfy(
      ([code, said]: [number, string]) =>
        code === 2 && said.includes('the rule off is disabled: its tests are not run'),
    );
  });

  it('--watch runs them again when a file changes, a broken one included, until it is stopped', async () => {
    await using site = await makeSite({ plugins: { slack }, rules: { won } });
    const write = (title: string) =>
      site.write('w.test.yml', { tests: [{ name: title, ...item, expect: { won: true } }] });
    write('first');
    await using running = site.start(['test', '--watch']);
    await until(() => running.stdout().includes('✓ first'), 'the first round');
    await until(() => running.stderr().includes('waiting for a change'), 'that it waits');
    site.write('w.test.yml', 'tests: [');
    await until(() => running.stderr().includes('w.test.yml'), 'the problem');
    write('second');
    await until(() => running.stdout().includes('✓ second'), 'the second round');
    running.stop();
    expect(await running.ended).to.equal(0);
  });

  it('--watch runs them again, by what stands there now, when an include, a plugin, what it imports or the catalog changes', async () => {
    await using site = await makeSite({
      include: ['rules.yml'],
      plugins: { slack, greeting: { use: './greeting.ts' } },
      rules: undefined,
    });
    const rule = (sign: string) => ({
      on: { app: 'leads', events: 'item.create' },
      steps: [{ greeting: {}, id: 'a' }, tell(`{{ data.a.word }} {{ item.title }}${sign}`)],
      tests: [
        { name: 'greets', app: 'leads', after: { title: 'Ada' }, expect: { sends: [says('Hello Ada')] } },
      ],
    });
    const include = (sign: string) => site.write('rules.yml', { rules: { greets: rule(sign) } });
    const word = (text: string) => site.write('words/word.ts', `export const word: string = '${text}';`);
    const plugin = (more: string) =>
      site.write(
        'greeting.ts',
        `import { definePlugin, z } from 'podiod/plugin';
import { map } from 'rxjs';
import { word } from './words/word.ts';
export default definePlugin({
  name: 'greeting', pure: true, options: z.strictObject({}),
  setup: () => ({ operator: messages$ => messages$.pipe(map(message => message.with({ word: word${more} }))) }),
});`,
      );
    include('');
    word('Hello');
    plugin('');
    await using running = site.start(['test', '--watch']);
    let rounds = 0;
    /** The next round, once it waits for another change. */
    const next = async (): Promise<string> => {
      rounds++;
      const waiting = () => running.stderr().split('waiting for a change').length - 1;
      await until(() => waiting() >= rounds, `round ${rounds}`);
      return running.stdout().split(/^\d+ passed.*\n/m)[rounds - 1] ?? '';
    };
    expect(await next()).to.include('✓ greets');
    include('!');
    expect(await next()).to.include('actual    "Hello Ada!"');
    include('');
    expect(await next()).to.include('✓ greets');
    word('Howdy');
    expect(await next()).to.include('actual    "Howdy Ada"');
    plugin(".replace('owdy', 'ello')");
    expect(await next()).to.include('✓ greets');
    site.write('.podiorc.catalog.json', '{');
    expect(await next()).to.include('✓ greets');
    running.stop();
    await running.ended;
  });
});

describe('docs/testing.md', () => {
  it('shows tests that come out as it says', async () => {
    const text = readFileSync(new URL('../../../docs/testing.md', import.meta.url), 'utf8');
    const blocks = (language: string) =>
      [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
        ([, block = '']) => block,
      );
    const [config = '', mirror = ''] = blocks('yaml');
    const [passed, failed] = blocks('sh').map(block =>
      block
        .split('\n')
        .slice(1)
        .join('\n')
        .replace(/\d+\.\d s/, ''),
    );
    await using site = await makeSite();
    site.write('.podiorc.yml', config);
    const shown = async () => (await run(site)).stdout.replace(/\d+\.\d s/, '');
    expect(await shown()).to.equal(passed);
    site.write('mirror.test.yml', mirror);
    expect((await run(site)).code).to.equal(0);
    // One deal less large than the rule wants.
    site.write('.podiorc.yml', config.replace('value: 12000', 'value: 9000'));
    expect(await shown()).to.equal(failed);
  });
});
