import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { BacktestReport } from '../../../src/cli/backtest/command.ts';
import { until } from '../../support/wait.ts';
import { makeSite, type Site } from './site.ts';

const slack = { use: 'slack-notifier', webhookUrl: 'https://hooks.slack.example/x' };
const RULES = {
  won: {
    on: { app: 'leads', fields: { status: { from: 'Open', to: 'Won' } } },
    where: { 'fields.value': { gte: 100 } },
    steps: [{ slack: { text: '{{ actor.name }} won {{ item.title }} of {{ fields.value }}' } }],
  },
  all: {
    on: { app: 'leads', events: ['item.create', 'item.update'] },
    where: { 'fields.stauts': { exists: false } },
    steps: ['audit'],
  },
  settles: { on: { app: 'leads', events: 'item.update' }, mode: { settle: '1h' }, steps: ['audit'] },
  together: {
    on: { app: 'leads', fields: ['status'] },
    where: { 'fields.value': { exists: true } },
    mode: { batch: { max: 5, within: '1m' } },
    steps: [{ slack: { text: '{{ batch.size }}' } }],
  },
  stuck: {
    on: { app: 'leads', fields: { status: { to: 'Won', for: '3d' } } },
    steps: [{ slack: { text: '{{ item.title }}' } }],
  },
  nightly: {
    on: { schedule: '0 2 * * *', items: { app: 'leads', where: { 'fields.status': 'Won' } } },
    steps: [{ slack: { text: '{{ item.title }}' } }],
  },
  morning: { on: { schedule: '0 9 * * *', timezone: 'UTC' }, steps: ['audit'] },
};

const site = () =>
  makeSite({ plugins: { slack, audit: { use: 'file-logger', path: './audit.ndjson' } }, rules: RULES });

/** Three leads: one large one that is won and then changed again, a small one, and one that is open. */
function fill({ podio }: Site): readonly number[] {
  const make = (title: string, value: number) =>
    podio.createItem(101, { fields: { title, value, status: 'Open' } }, { by: 'Ada' }).itemId;
  const [large, small, open] = [make('Fjord', 120), make('Brook', 5), make('Lake', 500)] as const;
  podio.updateItem(large, { fields: { status: 'Won' } }, { by: 'Bob' });
  podio.updateItem(small, { fields: { status: 'Won' } }, { by: 'Bob' });
  // What it is now is not what it was then.
  podio.updateItem(large, { fields: { value: 7, title: 'Fjord II' } }, { by: 'Cy' });
  return [large, small, open];
}

const report = async (of: Site, ...argv: string[]): Promise<BacktestReport> => {
  const { code, stdout, stderr } = await of.podiod(['backtest', '--since', '1h', '--yes', '--json', ...argv]);
  expect(code, stderr).to.equal(0);
  return JSON.parse(stdout) as BacktestReport;
};

const operations = ({ podio }: Site) =>
  podio.requests.map(({ operation }) => operation).filter(name => name !== 'oauth.token');

describe('podiod backtest', function () {
  this.timeout(30_000);

  it('runs a rule over the revisions that Podio has, with items as they were, and sends nothing', async () => {
    await using place = await site();
    const [large] = fill(place);
    const { hits, calls, ...rest } = await report(place, '--rule', 'won');
    expect(rest).to.deep.include({
      rule: 'won',
      interrupted: false,
      events: 6,
      ran: 6,
      fired: 1,
      items: 1,
      failed: 0,
      filtered: 5,
      stoppedBy: { fields: 4, where: 1 },
      unprovable: 0,
    });
    expect(hits.map(({ event, itemId, outcome }) => [event, itemId, outcome])).to.deep.equal([
      [`item.update:${large}:1`, large, 'settled'],
    ]);
    const [, , told] = hits[0]?.steps ?? [];
    expect(told?.would?.text).to.equal('posts to Slack: Bob won Fjord of €120.00');
    expect(told?.startedAt).to.equal(hits[0]?.at);
    expect(told?.would?.sends?.[0]).to.deep.include({
      http: 'POST',
      body: { text: 'Bob won Fjord of €120.00' },
    });
    expect(calls.made).to.equal(operations(place).length);
    expect(new Set(operations(place))).to.deep.equal(
      new Set(['apps.get', 'items.filter', 'items.revisions', 'items.difference']),
    );
    expect(readdirSync(place.folder).sort()).to.deep.equal(['.podiorc.yml', 'data']);
    // Of its progress nothing stays, only the tokens of its logins.
    expect(readdirSync(place.dataDir)).to.deep.equal(['command-tokens.json']);
  });

  it('says what it costs before it begins, and asks', async () => {
    await using place = await site();
    fill(place);
    const argv = ['backtest', '--rule', 'won', '--since', '1h'];
    const refused = await place.podiod(argv);
    expect(refused.code).to.equal(2);
    expect(refused.stderr).to.include('Say --yes');
    expect(place.podio.requests).to.have.length(0);

    const no = await place.podiod(argv, { terminal: 120, input: 'n\n' });
    expect(no.code).to.equal(1);
    expect(no.stderr).to.match(/leads: 3 items were edited; 1 to 4 calls more, at once/);
    expect(no.stderr).to.include('no daemon runs here').and.to.include('Nothing is read.');
    // To know what there is.
    expect(operations(place)).to.deep.equal(['apps.get', 'items.filter']);

    const yes = await place.podiod(argv, { terminal: 120, input: 'yes\n' });
    expect(yes.code).to.equal(0);
    expect(yes.stdout).to.include('would have fired once, for 1 item');
    expect(yes.stdout).to.include('slack: posts to Slack: Bob won Fjord of €120.00');
    expect(yes.stdout).to.include('5 filtered out (4 by fields, 1 by where)');
  });

  it('goes on where it was stopped, and asks for nothing twice', async () => {
    await using place = await site();
    const { podio } = place;
    for (let n = 0; n < 30; n++) {
      const { itemId } = podio.createItem(101, {
        fields: { title: `lead ${n}`, value: 120, status: 'Open' },
      });
      podio.updateItem(itemId, { fields: { status: 'Won' } });
      podio.updateItem(itemId, { fields: { status: 'Lost' } });
    }
    podio.setFaults({ latencyMs: 20 });
    const argv = ['backtest', '--rule', 'won', '--since', '1h', '--yes'];
    for (const [more, after] of [
      [[], 4],
      [['--json'], 12],
    ] as const) {
      await using running = place.start([...argv, ...more]);
      await until(() => operations(place).length > after, 'some calls');
      running.stop();
      expect(await running.ended).to.equal(1);
      // Not what comes of all of it.
      if (more.length > 0) expect(JSON.parse(running.stdout())).to.include({ interrupted: true });
      else expect(running.stdout()).to.match(/^won would .*have fired.* so far, /m);
    }
    const before = operations(place).length;
    expect(before).to.be.below(60);
    const file = join(place.dataDir, 'backtest-won.ndjson');
    expect(readFileSync(file, 'utf8').split('\n').length).to.be.above(10);
    podio.clearFaults();
    const { fired, interrupted, calls } = await report(place, '--rule', 'won');
    expect({ fired, interrupted }).to.deep.equal({ fired: 30, interrupted: false });
    expect(calls.kept).to.be.above(10);
    const paths = podio.requests
      .filter(({ status, operation }) => status === 200 && operation !== 'oauth.token')
      .map(({ path }) => path);
    // The one that was under way each time that it was stopped, nobody has heard the answer of.
    expect(paths.length - new Set(paths).size).to.be.at.most(2);
    expect(existsSync(file)).to.equal(false);
  });

  it('says that it was stopped, and no more, while it still counts what there is', async () => {
    await using place = await site();
    // Nothing listens there.
    const podio = { apiUrl: 'http://127.0.0.1:1', clientId: 'podiod', clientSecret: 'client-secret' };
    place.configure({ podio });
    const hint = 'The same command goes on where it was.';
    for (const argv of [[], ['--json']]) {
      await using running = place.start(['backtest', '--rule', 'won', '--since', '1h', '--yes', ...argv], {
        terminal: 120,
      });
      await until(
        () => /\/oauth\/.* could not be sent to .*: waiting \d+s/.test(running.stderr()),
        'why it waits',
      );
      running.stop();
      expect(await running.ended).to.equal(1);
      if (argv.length > 0)
        expect(JSON.parse(running.stdout())).to.deep.equal({
          error: { code: 'STOPPED', message: 'it was stopped', hint },
        });
      else expect(running.stderr().endsWith(`podiod: it was stopped\n${hint}\n`)).to.equal(true);
    }
  });

  it('says why it waits where there is no terminal, once', async () => {
    await using place = await site();
    fill(place);
    place.podio.setFaults({ down: true });
    await using running = place.start(['backtest', '--rule', 'won', '--since', '1h', '--yes']);
    await until(() => /^waiting: .* could not be sent to /m.test(running.stderr()), 'the reason');
    place.podio.clearFaults();
    expect(await running.ended).to.equal(0);
    expect(running.stderr().match(/^waiting: /gm)).to.have.length(1);
    expect(running.stdout()).to.include('would have fired once');
  });

  it('begins anew when it is asked something else, or to', async () => {
    await using place = await site();
    fill(place);
    const file = place.write('kept.ndjson', '{"rule":"won","since":"2h","until":null}\nhalf a li');
    expect((await report(place, '--rule', 'won', '--state', file)).calls.kept).to.equal(0);
    place.write('kept.ndjson', 'not even JSON');
    expect((await report(place, '--rule', 'won', '--state', file, '--fresh')).fired).to.equal(1);
  });

  it('takes what is spare of the running daemon’s budget, and what only its journal knows', async () => {
    await using place = await makeSite({
      plugins: { slack, audit: { use: 'file-logger', path: './audit.ndjson' } },
      rules: {
        ...RULES,
        comments: { on: { app: 'leads', events: 'comment.create' }, steps: ['audit'] },
        writes: {
          on: { app: 'leads', events: 'comment.create' },
          steps: [{ 'podio-item': { set: { title: 'Talked of' } } }],
        },
      },
    });
    fill(place);
    await using daemon = place.start(['run'], {});
    await until(() => /podiod is up/.test(daemon.stderr()), 'the daemon');
    await until(async () => (await place.podiod(['status', '--ready'])).code === 0, 'its hooks');
    const { itemId } = place.podio.items(101)[0] ?? expect.fail('no item');
    place.podio.addComment(itemId, 'hello');
    await until(() => place.podio.show(itemId).title === 'Talked of', 'the rule that hears of it');
    const logins = place.podio.requests.filter(({ operation }) => operation === 'oauth.token').length;

    const { fired, calls } = await report(place, '--rule', 'won');
    expect(fired).to.equal(1);
    expect(calls.made).to.be.above(4);
    // Its own client would have needed a token.
    expect(place.podio.requests.filter(({ operation }) => operation === 'oauth.token').length).to.equal(
      logins,
    );
    const talk = await report(place, '--rule', 'comments');
    expect(talk.hits.map(({ type }) => type)).to.deep.equal(['comment.create']);
    expect(talk.calls.made).to.equal(0);
    expect((await report(place, '--rule', 'all', '--journal')).calls.made).to.equal(0);
    // What the daemon made itself the rule would not have heard of.
    const { stoppedBy, ...all } = await report(place, '--rule', 'all');
    expect({ ...stoppedBy, events: all.events, fired: all.fired }).to.deep.equal({
      own: 1,
      events: 7,
      fired: 6,
    });
  });

  it('reads for steps whatever plugins may read, with a daemon as without one', async () => {
    const lost = { app: 'leads', fields: { status: { to: 'Won' } } };
    const found = { slack: { text: '{{ data.x.items | map: "title" }}' } };
    const steps: Record<string, readonly (object | string)[]> = {
      'by external id': [
        {
          'podio-item': {
            app: 'deals',
            match: { externalId: 'lead/{{ item.id }}-{{ item.title }}' },
            create: true,
            set: { title: '{{ item.title }}' },
          },
        },
      ],
      'by a field': [
        { 'podio-item': { app: 'deals', match: { title: '{{ item.title }}' }, set: { value: '5 EUR' } } },
      ],
      tagged: [
        { 'podio-find': { app: 'deals', where: { 'item.tags': { contains: 'vip' } } }, id: 'x' },
        found,
      ],
      searched: [{ 'podio-find': { app: 'deals', where: { 'fields.title': 'Deal' } }, id: 'x' }, found],
      task: [{ 'podio-task': { text: 'Call', assign: 'boss@example.com', due: '+1d' } }],
      comment: [{ 'podio-comment': { text: 'Won' } }],
      mail: [
        {
          email: {
            smtp: 'smtp://mail.example',
            from: 'a@example.com',
            to: 'b@example.com',
            subject: 'Won',
            text: 'Won',
            attachments: '{{ files }}',
          },
        },
      ],
      'of its own': ['reads', { slack: { text: '{{ data.reads }}' } }],
    };
    await using place = await makeSite({ plugins: { slack } });
    const { podio } = place;
    const { viewId } = podio.addView(102, { name: 'All', filters: {} });
    steps.viewed = [{ 'podio-find': { app: 'deals', view: viewId }, id: 'x' }, found];
    const names = Object.keys(steps).map(name => [name.replaceAll(' ', '-'), steps[name]] as const);
    place.configure({
      plugins: { slack, reads: { use: './reads.mjs' } },
      rules: Object.fromEntries(names.map(([name, these]) => [name, { on: lost, steps: these }])),
    });
    place.write(
      'reads.mjs',
      `import { definePlugin, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';
export default definePlugin({
  name: 'reads',
  options: z.object({}),
  effects: 'context',
  setup: (_, { podio }) => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(async message => {
          const id = message.event.itemId;
          const app = await podio.apps.get('leads');
          const values = await podio.request('GET', '/item/' + id + '/value/');
          const revisions = await podio.request('GET', '/item/' + id + '/revision/');
          const tasks = await podio.tasks.list('item', id);
          const comments = await podio.comments.list('item', id);
          const items = await podio.request('POST', '/item/app/101/filter/', { body: { limit: 1 } });
          return message.with({ reads: [app.app_id, values, revisions, tasks, comments, items].length });
        }),
      ),
  }),
});
`,
    );
    fill(place);
    podio.createItem(102, { fields: { title: 'Deal' }, tags: ['vip'] });
    const all = async () => {
      const told: Record<string, object> = {};
      for (const [name] of names) {
        const { hits, calls, fired, failed } = await report(place, '--rule', name);
        told[name] = {
          fired,
          failed,
          hits: hits.map(({ outcome, steps }) => ({
            outcome,
            steps: steps.map(({ would, error }) => ({ would, error })),
          })),
          calls,
        };
      }
      return told;
    };
    const alone = await all();
    expect(Object.values(alone)).to.satisfy((told: { fired: number; failed: number }[]) =>
      told.every(({ fired, failed }) => fired === 2 && failed === 0),
    );
    await using daemon = place.start(['run'], {});
    await until(() => /podiod is up/.test(daemon.stderr()), 'the daemon');
    await until(async () => (await place.podiod(['status', '--ready'])).code === 0, 'its hooks');
    expect(await all()).to.deep.equal(alone);
  });

  it('says how long its logins take, and what all apps of the rule cost together', async () => {
    const ids = Array.from({ length: 20 }, (_, n) => 300 + n);
    const apps = Object.fromEntries(ids.map(id => [`client-${id}`, { id, token: `token-${id}` }]));
    const on = { app: 'client-*', events: 'item.update' };
    await using place = await makeSite({
      apps,
      plugins: { slack },
      rules: { all: { on, steps: [{ slack: { text: '{{ item.title }}' } }] } },
    });
    const { spaceId } = place.podio.app(101) ?? expect.fail('no app');
    for (const appId of ids)
      place.podio.addApp({
        spaceId,
        appId,
        name: `Client ${appId}`,
        token: `token-${appId}`,
        fields: [{ externalId: 'title', type: 'text' }],
      });
    for (const appId of ids.slice(0, 2)) {
      const { itemId } = place.podio.createItem(appId, { fields: { title: 'a' } });
      for (const title of ['b', 'c']) place.podio.updateItem(itemId, { fields: { title } });
    }
    const { code, stderr } = await place.podiod(['backtest', '--rule', 'all', '--since', '1h', '--yes']);
    expect(code, stderr).to.equal(0);
    const [login = '', ...rest] = stderr.split('\n');
    expect(login).to.match(/^Logging in: Podio limits logins, so they are spread; about 7s\./);
    expect(rest.join('\n')).to.match(/\n {2}all of them: 2 to 4 calls more, at once\n/);
  });

  it('plays schedules at their times', async () => {
    await using place = await site();
    const { hits, fired, calls } = await report(
      place,
      '--rule',
      'morning',
      '--since',
      '2026-03-01T00:00Z',
      '--until',
      '2026-03-04T00:00Z',
    );
    expect(fired).to.equal(3);
    expect(hits.map(({ at }) => at.slice(0, 16))).to.deep.equal([
      '2026-03-01T09:00',
      '2026-03-02T09:00',
      '2026-03-03T09:00',
    ]);
    expect(calls.made).to.equal(0);
  });

  it('shows no more runs than it is asked to, and counts all', async () => {
    await using place = await site();
    fill(place);
    const { hits, fired, unknownFields } = await report(place, '--rule', 'all', '--limit', '2');
    expect([hits.length, fired]).to.deep.equal([2, 6]);
    expect(unknownFields).to.deep.equal(['stauts']);
    const { stdout } = await place.podiod([
      'backtest',
      '--since',
      '1h',
      '--yes',
      '--rule',
      'all',
      '--limit',
      '2',
    ]);
    expect(stdout).to.include('... and 4 more');
    expect(stdout).to.include('\nthe app has no field `stauts`: taken for empty\n');
  });

  it('says of a mode that still waits at the end that it does', async () => {
    await using place = await site();
    fill(place);
    const { fired, notes } = await report(place, '--rule', 'settles');
    expect(fired).to.equal(0);
    expect(notes).to.include("at the end 3 events wait to be run, as the rule's mode says");
    const { stdout } = await place.podiod(['backtest', '--since', '1h', '--yes', '--rule', 'settles']);
    expect(stdout).to.match(/^settles would not have fired, /m);
  });

  it('counts what runs together as one run, also where conditions judged each event', async () => {
    await using place = await site();
    fill(place);
    const { events, fired, hits } = await report(place, '--rule', 'together');
    expect([events, fired]).to.deep.equal([6, 1]);
    expect(hits[0]?.steps.at(-1)?.would?.text).to.equal('posts to Slack: 5');
  });

  it('does not say that a rule would not have fired where nobody knows the events that it is for', async () => {
    await using place = await site();
    fill(place);
    for (const [rule, note] of [
      [
        'stuck',
        /^note: states that last and dates that come are known from when a daemon has run this rule/m,
      ],
      ['nightly', /^note: which items a schedule would have found is not known; podiod test plays it/m],
    ] as const) {
      expect(await report(place, '--rule', rule)).to.include({ canTell: false, events: 0 });
      const { stdout } = await place.podiod(['backtest', '--since', '1h', '--yes', '--rule', rule]);
      expect(stdout)
        .to.match(note)
        .and.include(`${rule} may have fired or not: what it is for is not known, `);
    }
    expect(await report(place, '--rule', 'won')).to.include({ canTell: true });
  });

  for (const [what, argv, said] of [
    ['an unknown rule', ['--rule', 'wno', '--since', '1d'], 'Did you mean `won`?'],
    ['a time that is none', ['--rule', 'won', '--since', 'soon'], '--since must be like'],
    [
      'a time after its end',
      ['--rule', 'won', '--since', '1h', '--until', '2h'],
      '--since must be before --until',
    ],
  ] as const) {
    it(`refuses ${what}`, async () => {
      await using place = await site();
      const { code, stderr } = await place.podiod(['backtest', '--yes', ...argv]);
      expect(code).to.equal(2);
      expect(stderr).to.include(said);
    });
  }
});

describe('docs/backtest.md', () => {
  it('shows what a backtest shows', async () => {
    await using place = await site();
    fill(place);
    const text = readFileSync(new URL('../../../docs/backtest.md', import.meta.url), 'utf8');
    const [, shown = ''] = /```sh\n\$ podiod backtest[^\n]*\n([\s\S]*?)```/.exec(text) ?? [];
    const argv = ['backtest', '--rule', 'won', '--since', '30d'];
    const asked = await place.podiod([...argv, '--yes']);
    const timeless = (lines: string) => lines.replace(/\d{4}-\d\d-\d\d( \d\d:\d\d)?/g, 'DAY').trim();
    const [before, after] = shown.split(/\n\nGo on\? .* yes\n/);
    expect(timeless(asked.stderr)).to.equal(timeless(before ?? ''));
    expect(timeless(asked.stdout)).to.equal(timeless(after ?? ''));
  });
});
