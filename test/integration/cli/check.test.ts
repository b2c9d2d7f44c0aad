import { expect } from 'chai';
import { fromEnv, makeSite } from './site.ts';

describe('podiod check', () => {
  it('says what it has checked', async () => {
    await using site = await makeSite();
    const { code, stdout, stderr } = await site.podiod(['check']);
    expect(code).to.equal(0);
    expect(stderr).to.equal('');
    expect(stdout).to.match(/\nok: \S+\.podiorc\.yml \(2 apps, 2 rules, \d warnings?\)\nnote: .*\n$/);
    expect(JSON.parse((await site.podiod(['check', '--json'])).stdout)).to.deep.include({ ok: true });
  });

  it('says that nothing would happen where there is no rule, or none enabled', async () => {
    await using site = await makeSite();
    const notes = async () =>
      (await site.podiod(['check'])).stdout.split('\n').filter(line => line.startsWith('note: '));
    site.configure({ rules: {} });
    expect(await notes()).to.deep.equal([
      'note: there are no rules yet, so nothing would happen; docs/guide.md leads to a first one',
    ]);
    const off = { on: { app: 'leads', events: 'item.create' }, steps: ['audit'], enabled: false };
    site.configure({ rules: { off } });
    expect(await notes()).to.deep.equal(['note: no rule is enabled, so nothing would happen']);
  });

  it('tells every problem with its place, and exits 78', async () => {
    await using site = await makeSite();
    site.write(
      '.podiorc.yml',
      'server: { publicUrl: https://a.example }\nsrever: 1\nrules: { a: { on: { app: x }, steps: [] } }\n',
    );
    const { code, stdout } = await site.podiod(['check']);
    expect(code).to.equal(78);
    expect(stdout)
      .to.include('.podiorc.yml:2:1')
      .and.to.match(/\d problems/);
    const json = await site.podiod(['check', '--json']);
    expect(json.code).to.equal(78);
    const { ok, problems } = JSON.parse(json.stdout);
    expect(ok).to.equal(false);
    expect(problems.length).to.be.at.least(2);
    expect(problems[0]).to.have.all.keys(
      'file line column endLine endColumn severity code path message hint'.split(' '),
    );
  });

  it('does without secrets where it is told to', async () => {
    await using site = await makeSite();
    const clientSecret = fromEnv('CLIENT_SECRET');
    site.configure({ podio: { apiUrl: site.podioUrl, clientId: 'podiod', clientSecret } });
    const { code, stdout } = await site.podiod(['check']);
    expect(code).to.equal(78);
    expect(stdout).to.include('CLIENT_SECRET').and.to.include('podiod check --without-secrets');
    const without = await site.podiod(['check', '--without-secrets']);
    expect(without.code).to.equal(0);
    expect(without.stdout)
      .to.match(/\nok: .*/)
      .and.not.to.include('--without-secrets');
    expect((await site.podiod(['check'], { env: { CLIENT_SECRET: 'x' } })).code).to.equal(0);
  });

  it('tells what waiting for dates and reading items at every tick come to, where that is too much', async () => {
    await using site = await makeSite();
    const minutely = { schedule: '* 9 * * *', items: { app: 'app-1' } };
    site.configure({
      logins: { bot: { username: 'bot@example.com', password: 'secret' } },
      apps: Object.fromEntries(
        Array.from({ length: 100 }, (_, n) => [`app-${n}`, { id: 1_000 + n, login: 'bot' }]),
      ),
      reconcile: { every: '1h' },
      rules: {
        dates: { on: { app: 'app-*', date: 'due' }, steps: ['audit'] },
        ...Object.fromEntries(
          Array.from({ length: 5 }, (_, n) => [`items-${n}`, { on: minutely, steps: ['audit'] }]),
        ),
      },
    });
    const { code, stdout } = await site.podiod(['check']);
    expect(code, stdout).to.equal(0);
    const notes = stdout.split('\n').filter(line => line.startsWith('note: login bot'));
    expect(notes.at(-2)).to.equal(
      'note: login bot: 100 apps of rules with `date` or `for` need 100 rate limited calls an hour, podio.backgroundShare of 250 is 75: ' +
        'what these wait for and nobody told of is looked for every 1h 20m instead of 1h',
    );
    expect(notes.at(-1)).to.equal(
      'note: login bot: schedules with `items` of items-0, items-1, items-2, items-3, items-4 need 300 rate limited calls in an hour, and Podio allows 250: ' +
        'what comes after has to wait',
    );
  });

  it('tells how often background work really comes round where its share is too small', async () => {
    await using site = await makeSite();
    const apps = Object.fromEntries(
      Array.from({ length: 200 }, (_, n) => [`app-${n}`, { id: 1_000 + n, login: 'bot' }]),
    );
    site.configure({
      logins: { bot: { username: 'bot@example.com', password: 'secret' } },
      apps,
      rules: { all: { on: { app: 'app-*', events: 'item.*' }, steps: ['audit'] } },
    });
    const { code, stdout } = await site.podiod(['check']);
    expect(code).to.equal(0);
    expect(stdout.split('\n').filter(line => line.startsWith('note: '))).to.deep.equal([
      'note: login bot: 200 apps, spaces and fields need 800 calls an hour, podio.backgroundShare of 1000 is 300: ' +
        'hooks are looked at every 40m instead of 15m',
      'note: login bot: 200 apps need 200 rate limited calls an hour, podio.backgroundShare of 250 is 75: ' +
        'missed changes are looked for every 2h 40m instead of 1h',
    ]);
    const { ok, problems } = JSON.parse((await site.podiod(['check', '--json'])).stdout);
    expect(ok).to.equal(true);
    expect(problems.filter(({ severity }: { severity: string }) => severity === 'error')).to.deep.equal([]);
  });
});

describe('podiod check, of a plugin that fails to say what it does', () => {
  it('checks the rest, whatever it throws or answers', async () => {
    await using site = await makeSite();
    await site.podiod(['pull']);
    for (const reads of [
      `() => [{ at: ['copy', 0], into: { app: 'deals', field: 'title', misfit() { throw new Error('boom'); } } }]`,
      `() => { throw new Error('boom'); }`,
      `() => [{}, { at: 'copy' }, null]`,
      `() => 5`,
    ]) {
      site.write(
        'copier.ts',
        `import { definePlugin, z } from 'podiod/plugin';
export default definePlugin({
  name: 'copier',
  options: z.object({ copy: z.array(z.string()) }),
  reads: ${reads},
  setup: () => ({ operator: messages$ => messages$ }),
});
`,
      );
      site.configure({
        plugins: { copier: { use: './copier.ts' } },
        rules: {
          a: { on: { app: 'leads', events: 'item.update' }, steps: [{ copier: { copy: ['title'] } }] },
          b: { on: { app: 'leads', fields: ['nope'] }, steps: [{ copier: { copy: [] } }] },
        },
      });
      const { code, stdout, stderr } = await site.podiod(['check']);
      expect(code, reads).to.equal(78);
      expect(stdout + stderr, reads)
        .to.include('`nope` is no field of the app `leads`')
        .and.not.include('boom');
    }
  });
});

describe('podiod check --graph', () => {
  const PLUGIN = `import { definePlugin, z } from 'podiod/plugin';
export default definePlugin({
  name: 'writer',
  options: z.object({ set: z.record(z.string(), z.string()), hook: z.boolean().optional() }),
  writes: ({ set, hook }) => [{ event: 'item.update', fields: Object.keys(set), hook }],
  setup: () => ({ operator: messages$ => messages$ }),
});
`;
  const writing = (hook?: boolean) => ({
    plugins: { audit: { use: 'file-logger', path: './audit.ndjson' }, write: { use: './writer.ts' } },
    rules: {
      qualify: {
        on: { app: 'leads', events: 'item.create' },
        steps: [{ write: { set: { status: 'Won' }, ...(hook !== undefined && { hook }) } }],
      },
      won: { on: { app: 'leads', fields: ['status'] }, includeOwn: true, steps: ['audit'] },
    },
  });

  it('warns of a step about the item of events that have none, and of no other', async () => {
    await using site = await makeSite();
    const schedule = '0 5 * * *';
    const comment = { 'podio-comment': { text: 'hi' } };
    const change = { 'podio-item': { set: { status: 'Won' } } };
    const found = [
      { 'podio-find': { app: 'leads' }, id: 'found' },
      { split: { in: '{{ data.found.items }}', as: 'one' } },
    ];
    site.configure({
      rules: {
        comments: { on: { schedule }, steps: [comment] },
        changes: { on: { schedule }, steps: [...found, change] },
        told: {
          on: { schedule },
          steps: [
            ...found,
            { 'podio-item': { item: '{{ data.one.id }}', set: { status: 'Won' } } },
            { 'podio-comment': { on: '{{ data.one.id }}', text: 'hi' } },
            { 'podio-item': { app: 'deals', set: { title: 'New' } } },
            { 'podio-item': { app: 'deals', match: { title: 'New' }, create: true, set: { status: 'Won' } } },
            { 'podio-task': { text: 'Look' } },
          ],
        },
        each: { on: { schedule, items: { app: 'leads' } }, steps: [comment, change] },
        either: { on: [{ schedule }, { app: 'leads', events: 'item.create' }], steps: [comment, change] },
      },
    });
    const { code, stdout } = await site.podiod(['check', '--json']);
    expect(code, stdout).to.equal(0);
    const { problems } = JSON.parse(stdout) as {
      problems: { code: string; path: unknown; severity: string }[];
    };
    expect(
      problems.flatMap(({ code, path, severity }) => (code === 'CONFIG_MISSING' ? [[severity, path]] : [])),
    ).to.deep.equal([
      ['warning', ['rules', 'comments', 'steps', 0]],
      ['warning', ['rules', 'changes', 'steps', 2]],
    ]);
  });

  it('draws which rules write what other rules watch', async () => {
    await using site = await makeSite();
    site.write('writer.ts', PLUGIN);
    site.configure(writing());
    const { code, stdout } = await site.podiod(['check', '--graph']);
    expect(code).to.equal(0);
    expect(stdout).to.match(
      /^qualify\n {2}└ write ⇢ won {2}leads\.status \(not told: written without hooks\)\n/,
    );
    expect(stdout).to.include('[CONFIG_UNTOLD_WRITE]');
    site.configure(writing(true));
    const told = await site.podiod(['check', '--graph', 'mermaid']);
    expect(told.stdout).to.equal(
      'flowchart LR\n  r0["qualify"]\n  r1["won"]\n  r0 -- "write: leads.status" --> r1\n',
    );
    const { graph } = JSON.parse((await site.podiod(['check', '--graph', '--json'])).stdout);
    expect(graph.edges).to.deep.equal([
      {
        from: 'qualify',
        step: 'write',
        to: 'won',
        app: 'leads',
        event: 'item.update',
        fields: ['status'],
        told: true,
        hooked: true,
        meant: false,
      },
    ]);
  });

  it('says so where there is nothing to draw', async () => {
    await using site = await makeSite();
    expect((await site.podiod(['check', '--graph'])).stdout).to.match(
      /^No rule writes what another one watches/,
    );
  });
});
