// Why a rule ran or did not, on a real daemon: everything that can become of a change is told apart.
import { expect } from 'chai';
import type { WhyAnswer } from '../../src/daemon/index.ts';
import { until } from '../support/wait.ts';
import { DEALS, LEADS, makeSite, type Site, startReceiver } from './site.ts';

const DAY = 86_400_000;

/** Each look is a process of its own. */
const PATIENCE_MS = 30_000;

async function ask(site: Site, ...argv: string[]): Promise<WhyAnswer> {
  const { code, stdout, stderr } = await site.podiod(['why', '--json', ...argv]);
  expect(code, stderr).to.equal(0);
  return JSON.parse(stdout) as WhyAnswer;
}

/** What became of one change under each rule. */
const verdictsOf = ({ changes }: WhyAnswer): Record<string, string> =>
  Object.fromEntries(changes.flatMap(({ rules }) => rules.map(({ rule, verdict }) => [rule, verdict])));

const ruleOf = (answer: WhyAnswer, name: string) => {
  const found = answer.changes.flatMap(({ rules }) => rules).find(({ rule }) => rule === name);
  if (found === undefined) throw new Error(`nothing of ${name}`);
  return found;
};

const leads = (more: object = {}) => ({ app: 'leads', events: 'item.update', ...more });

describe('podiod why, on a daemon', function () {
  this.timeout(90_000);

  it('a step that hangs is named, with since when, before it or anything else has an end', async () => {
    const site = await makeSite({
      plugins: {
        audit: { use: 'file-logger', path: './events.ndjson' },
        gated: { use: './gated.ts', notes: './gated.ndjson', gate: './gate' },
      },
      rules: { hangs: { on: leads(), steps: ['gated'] }, second: { on: leads(), steps: ['audit', 'gated'] } },
    });
    site.copyPlugin('gated.ts');
    const daemon = await site.boot();
    const { itemId } = await site.podio.createItem(LEADS.id, { fields: { title: 'Alder', status: 'Open' } });
    await site.podio.updateItem(itemId, { fields: { title: 'Birch' } });
    const answer = await until(
      async () => {
        const found = await ask(site, '--item', String(itemId), '--limit', '1');
        expect(verdictsOf(found)).to.deep.equal({ hangs: 'open', second: 'open' });
        expect(ruleOf(found, 'second').runs).to.have.length(1);
        return found;
      },
      'both to be running',
      PATIENCE_MS,
    );
    const running = /gated is running since \d{4}-\d\d-\d\dT[\d:.]+Z; a try may take 1m/;
    for (const rule of ['hangs', 'second']) expect(ruleOf(answer, rule).why).to.match(running);
    const { stdout } = await site.podiod(['events', '--limit', '1']);
    for (const rule of ['hangs', 'second'])
      expect(stdout).to.match(new RegExp(`… ${rule}: ${running.source}`));
    // What comes behind it waits for it.
    await site.podio.updateItem(itemId, { fields: { title: 'Cedar' } });
    await until(
      async () => {
        const found = await ask(site, '--item', String(itemId), '--limit', '1', '--rule', 'hangs');
        expect(ruleOf(found, 'hangs').why).to.equal(
          `it waits for event ${answer.changes[0]?.seqs[0]} of the same item, which is not done yet`,
        );
        return found;
      },
      'the next one to wait',
      PATIENCE_MS,
    );
    site.write('gate', '');
    await daemon.end('SIGTERM');
  });

  it('tells apart what can become of a change, and says it on the admin API as the command does', async () => {
    const away = await startReceiver(() => 500);
    const failing = (delivery: object) => [
      { 'http-request': { url: away.url, method: 'POST', json: {} }, id: 'call', delivery },
    ];
    const site = await makeSite({
      plugins: {
        audit: { use: 'file-logger', path: './events.ndjson' },
        held: { use: 'file-logger', path: './held.ndjson' },
        gated: { use: './gated.ts', notes: './gated.ndjson', gate: './gate' },
      },
      rules: {
        runs: { on: leads(), steps: ['audit'] },
        shadowed: { on: leads(), enabled: 'shadow', steps: ['audit'] },
        condition: { on: leads(), where: { 'item.title': { contains: 'fjord' } }, steps: ['audit'] },
        fields: { on: { app: 'leads', fields: { status: { to: 'Lost' } } }, steps: ['audit'] },
        unmatched: { on: { app: 'deals', events: 'item.update' }, steps: ['audit'] },
        off: { on: leads(), enabled: false, steps: ['audit'] },
        paused: { on: leads(), steps: ['audit'] },
        held: { on: leads(), steps: ['held'] },
        gives_up: { on: leads(), steps: failing({ attempts: 1 }) },
        halts: { on: leads(), steps: failing({ attempts: 1, whenExhausted: 'halt' }) },
        tries: { on: leads(), steps: failing({ backoff: '1h..2h', retryFor: '2d' }) },
        latest: { on: leads(), mode: 'latest', steps: ['gated'] },
        throttled: { on: leads(), mode: { throttle: { max: 1, per: '1h' } }, steps: ['audit'] },
        batched: { on: leads(), mode: { batch: { max: 10, within: '1h' } }, steps: ['audit'] },
        settles: { on: leads(), mode: { settle: '1h', atMost: '2h' }, steps: ['audit'] },
        writes: {
          on: { app: 'leads', events: 'comment.create' },
          steps: [{ 'podio-item': { set: { status: 'Lost' }, hook: true } }],
        },
      },
    });
    site.copyPlugin('gated.ts');
    const daemon = await site.boot();
    for (const what of [
      ['--rule', 'paused'],
      ['--plugin', 'held'],
    ])
      expect((await site.podiod(['pause', ...what])).code).to.equal(0);
    const { itemId } = await site.podio.createItem(LEADS.id, { fields: { title: 'Alder', status: 'Open' } });
    const update = (title: string) => site.podio.updateItem(itemId, { fields: { title } });
    const change = (revision: number) => ['--event', `item.update:${itemId}:${revision}`];
    await update('Birch');
    const expected = {
      runs: 'settled',
      shadowed: 'settled',
      condition: 'filtered',
      fields: 'unmatched',
      unmatched: 'unmatched',
      off: 'disabled',
      paused: 'paused',
      held: 'paused',
      gives_up: 'parked',
      halts: 'open',
      tries: 'open',
      latest: 'open',
      throttled: 'settled',
      batched: 'open',
      settles: 'open',
      writes: 'unmatched',
    };
    const first = await until(
      async () => {
        const answer = await ask(site, ...change(1));
        expect(verdictsOf(answer)).to.deep.equal(expected);
        expect(ruleOf(answer, 'batched').why).to.include('1 event since');
        return answer;
      },
      'the first change everywhere',
      PATIENCE_MS,
    );
    const why = (answer: WhyAnswer, rule: string) => ruleOf(answer, rule).why;
    expect(first.changes[0]?.ran).to.have.members(['runs', 'shadowed', 'gives_up', 'throttled']);
    expect(first.changes[0]?.pending).to.include.members(['paused', 'held', 'tries', 'batched', 'settles']);
    expect(why(first, 'shadowed')).to.equal('in shadow: it ran, and nothing was done outside');
    expect(why(first, 'condition')).to.equal('its `where` does not hold');
    expect(why(first, 'paused')).to.match(/^the rule is paused since 2/);
    expect(why(first, 'held')).to.match(/^its plugin held is paused since 2/);
    expect(ruleOf(first, 'held').next).to.equal('podiod resume --plugin held lets it go on.');
    expect(why(first, 'gives_up')).to.match(/^parked at call after 1 try: .*500/);
    expect(ruleOf(first, 'gives_up').next).to.match(/^podiod parked retry \d+ tries it again/);
    expect(why(first, 'halts')).to.match(/^the rule is halted: .*500/);
    expect(why(first, 'tries')).to.match(/^call has failed 1 try, next try in .*: .*500/);
    expect(why(first, 'batched')).to.match(
      /^it waits to be run with others: 1 event since .*\(mode batch\)$/,
    );
    expect(why(first, 'settles')).to.match(/^it waits for the edits of its item to stop: 1 event since/);

    // Each step says when it was tried, how often, and what came of it.
    const [run] = ruleOf(first, 'runs').runs;
    const [step] = run?.steps ?? [];
    expect(step).to.include({ step: 'audit', outcome: 'done', attempts: 1 });
    const [received, startedAt, endedAt] = [
      first.changes[0]?.event.receivedAt,
      step?.startedAt,
      run?.endedAt,
    ].map(time => Date.parse(time ?? ''));
    expect(startedAt).to.be.within(received ?? Number.NaN, endedAt ?? Number.NaN);
    const told = (await site.podiod(['why', ...change(1), '--rule', 'runs'])).stdout;
    expect(told).to.include(`audit: done, 1 try, ${step?.ms} ms from ${step?.startedAt}\n`);

    await update('Cedar');
    await update('Dogwood');
    const later = await until(
      async () => {
        const answer = await ask(site, ...change(2));
        expect(verdictsOf(answer)).to.include({ latest: 'open', throttled: 'waiting', tries: 'waiting' });
        return answer;
      },
      'what became of the second',
      PATIENCE_MS,
    );
    expect(why(later, 'latest')).to.match(/^it waits for the run before it of its item: .* \(mode latest\)$/);
    const ahead = first.changes[0]?.seqs[0];
    expect(ruleOf(later, 'tries')).to.deep.include({
      why: `it waits for event ${ahead} of the same item, which is not done yet`,
      next: `podiod why --event ${ahead} --rule tries says what that waits for.`,
    });
    site.write('gate', '');
    const replaced = await until(
      async () => {
        const answer = await ask(site, ...change(2), '--rule', 'latest');
        expect(ruleOf(answer, 'latest').verdict).to.equal('filtered');
        return answer;
      },
      'the newer one to have run',
      PATIENCE_MS,
    );
    expect(why(replaced, 'latest')).to.equal(`a newer event came: item.update:${itemId}:3`);
    expect(why(later, 'throttled')).to.match(
      /waits for its turn: 1 run begins in 1h at most, .*mode throttle/,
    );
    expect(why(later, 'halts')).to.match(/^the rule is halted/);

    // Its own.
    await site.podio.addComment(itemId, 'lost');
    const own = await until(
      async () => {
        const answer = await ask(site, ...change(4));
        expect(verdictsOf(answer)).to.include({ runs: 'own', fields: 'own' });
        return answer;
      },
      'its own change',
      PATIENCE_MS,
    );
    expect(why(own, 'fields')).to.match(/^own change, made by rule writes; .*`includeOwn: true`/);
    expect(verdictsOf(await ask(site, '--item', String(itemId), '--limit', '1'))).to.include({
      fields: 'own',
    });

    // Where one rule was asked about, the others count: some have run.
    const asked = await site.podiod(['why', ...change(1), '--rule', 'unmatched']);
    expect(asked.stdout)
      .to.match(/^.*\n {2}- unmatched: no trigger fits/)
      .and.not.include('no rule');

    // Never arrived.
    const nothing = await ask(site, '--item', '999999999');
    expect(nothing.changes).to.deep.equal([]);
    expect(nothing.absent.map(({ kind }) => kind)).to.deep.equal(['never']);

    // For programs: the same document.
    for (const [query, argv] of [
      [`event=${change(1)[1]}`, change(1)],
      [
        `event=${first.changes[0]?.seqs[0]}&rule=runs`,
        ['--event', `${first.changes[0]?.seqs[0]}`, '--rule', 'runs'],
      ],
      ['item=leads/1&last=2', ['--item', 'leads/1', '--limit', '2']],
      ['item=999999999', ['--item', '999999999']],
    ] as const) {
      const response = await daemon.admin(`/api/why?${query}`);
      expect(response.status).to.equal(200);
      expect(withoutWaits(await response.json()), query).to.deep.equal(
        withoutWaits(await ask(site, ...argv)),
      );
    }
    for (const query of ['item=leads/77', 'item=nowhere/1', 'item=leads', 'event=1&rule=nobody']) {
      const { status } = await daemon.admin(`/api/why?${query}`);
      expect(status, query).to.be.oneOf([400, 404]);
    }
    await daemon.end('SIGTERM');
  });

  it('of what no rule ran for, says so; of one that waits, says that', async () => {
    const site = await makeSite({
      rules: {
        fjords: { on: leads(), where: { 'item.title': 'Fjord' }, steps: ['audit'] },
        ...Object.fromEntries(
          ['deals', 'offers', 'orders', 'bills', 'refunds', 'returns'].map(name => [
            name,
            { on: { app: 'deals', events: 'item.update' }, steps: ['audit'] },
          ]),
        ),
      },
    });
    const daemon = await site.boot();
    const { itemId } = await site.podio.createItem(LEADS.id, { fields: { title: 'Alder' } });
    await site.podio.updateItem(itemId, { fields: { title: 'Birch' } });
    await site.untilRun(1, 'fjords');
    // Asked of a rule alone, it is about what happened where the rule looks.
    const { itemId: deal } = await site.podio.createItem(DEALS.id, { fields: { title: 'Deal' } });
    await site.podio.updateItem(deal, { fields: { title: 'Done deal' } });
    await site.podio.updateItem(itemId, { fields: { title: 'Cedar' } });
    await until(async () => (await site.peek()).length === 3, 'three events', PATIENCE_MS);
    for (const [rule, about] of [
      ['deals', [deal]],
      ['fjords', [itemId, itemId]],
    ] as const) {
      const { changes } = await ask(site, '--rule', rule);
      expect(
        changes.map(({ event }) => event.itemId),
        rule,
      ).to.deep.equal(about);
    }
    const item = ['why', '--item', String(itemId)];
    // A condition was looked at, and that is not a rule that ran.
    for (const argv of [item, [...item, '--rule', 'deals']])
      expect((await site.podiod(argv)).stdout.split('\n')[1]).to.equal('  no rule ran for it');
    // That rules of another app did not is told once.
    expect((await site.podiod(item)).stdout).to.match(
      /\n {2}- 6 rules of other apps or spaces: bills, deals, offers, orders, refunds and 1 more; --rule NAME tells of one\n$/,
    );
    await site.podiod(['pause', '--rule', 'fjords']);
    await site.podio.updateItem(itemId, { fields: { title: 'Fjord' } });
    const paused = await until(
      async () => {
        const { stdout } = await site.podiod([...item, '--limit', '1']);
        return stdout.includes('the rule is paused') && stdout;
      },
      'a paused rule',
      PATIENCE_MS,
    );
    expect(paused.split('\n')[1]).to.equal('  no rule has run for it yet, 1 may still');

    // By the time that it is looked at it has been deleted.
    const { itemId: brief } = await site.podio.createItem(LEADS.id, { fields: { title: 'Alder' } });
    await site.podio.updateItem(brief, { fields: { title: 'Fjord' } });
    await until(async () => (await site.peek()).length === 5, 'the change on disk', PATIENCE_MS);
    await site.podio.deleteItem(brief);
    await site.podiod(['resume', '--rule', 'fjords']);
    await until(
      async () => {
        const { stdout } = await site.podiod(['why', '--item', String(brief)]);
        expect(stdout).to.include('✗ item.title eq Fjord, is empty: the item was not there');
        return true;
      },
      'why',
      PATIENCE_MS,
    );
    await daemon.end('SIGTERM');
  });

  it('of last week, by what was recorded then, whatever the rules are now', async () => {
    const rules = {
      large: { on: leads(), where: { 'item.title': { contains: 'fjord' } }, steps: ['audit'] },
      gone: { on: leads(), steps: [{ audit: {}, id: 'note' }] },
      stays: { on: leads(), steps: ['audit'] },
    };
    const site = await makeSite({ rules });
    site.write('last-week.mjs', shiftedBy(-8 * DAY));
    const lastWeek = site.run({ env: { NODE_OPTIONS: `--import=${site.folder}/last-week.mjs` } });
    await lastWeek.ready();
    const { itemId } = await site.podio.createItem(LEADS.id, { fields: { title: 'Alder' } });
    await site.podio.updateItem(itemId, { fields: { title: 'Birch' } });
    await site.untilRun(1, 'large', 'gone', 'stays');
    await lastWeek.end('SIGTERM');

    const added = { on: leads(), steps: ['audit'] };
    site.configure({
      rules: {
        large: { ...rules.large, where: { 'item.title': { contains: 'alder' } } },
        stays: { ...rules.stays, on: { app: 'deals', events: 'item.update' } },
        added,
      },
    });
    const daemon = await site.boot();
    // Retention looks at a start: it leaves this alone.
    await site.podio.updateItem(itemId, { fields: { title: 'Cedar' } });
    await site.untilRun(2, 'large');
    for (const isRunning of [true, false]) {
      if (!isRunning) await daemon.end('SIGTERM');
      const answer = await ask(site, '--event', `item.update:${itemId}:1`);
      const [change] = answer.changes;
      expect(Date.now() - Date.parse(change?.event.receivedAt ?? '')).to.be.within(7 * DAY, 9 * DAY);
      expect(verdictsOf(answer)).to.deep.equal({
        large: 'filtered',
        gone: 'settled',
        stays: 'settled',
        added: 'before',
      });
      expect(change?.ran).to.have.members(['gone', 'stays']);
      // Conditions as they were asked then.
      const judged = ruleOf(answer, 'large').runs[0]?.steps.at(-1);
      expect(judged?.checks).to.deep.equal([
        { path: 'item.title', test: 'contains fjord', seen: 'Birch', holds: false },
      ]);
      expect(Date.now() - Date.parse(judged?.startedAt ?? '')).to.be.within(7 * DAY, 9 * DAY);
      expect(ruleOf(answer, 'gone').runs[0]?.steps[0]).to.include({ step: 'note', outcome: 'done' });
    }
  });

  it('of items from before, of other apps, and of links', async () => {
    const site = await makeSite({ rules: { runs: { on: leads(), steps: ['audit'] } } });
    await site.podio.addApp({ appId: 103, spaceId: 7, name: 'orders', token: 'orders-token', fields: [] });
    const { itemId: old } = await site.podio.createItem(LEADS.id, { fields: { title: 'Alder' } });
    const daemon = await site.boot();
    const { itemId } = await site.podio.createItem(LEADS.id, { fields: { title: 'Birch' } });
    await site.podio.updateItem(itemId, { fields: { title: 'Cedar' } });
    await site.untilRun(1, 'runs');

    const kinds = ({ absent }: WhyAnswer) => absent.map(({ kind }) => kind);
    expect(kinds(await ask(site, '--item', String(old)))).to.deep.equal(['never']);
    const leadsLink = 'https://podio.com/example/space-7/apps/app-101/items/2';
    for (const link of [leadsLink, `${leadsLink}/`, `${leadsLink}?comment=1#comment`, 'leads/2']) {
      const { changes } = await ask(site, '--item', link);
      expect(
        changes.map(({ event }) => event.itemId),
        link,
      ).to.deep.equal([itemId]);
    }
    const wrong: readonly (readonly [item: string, says: RegExp])[] = [
      [
        'https://podio.com/example/sales/apps/orders/items/2',
        /no app of the config has the link .*orders.items.2/,
      ],
      [
        'https://podio.com/example/other/apps/leads/items/2',
        /no app of the config has the link .*other.apps/,
      ],
      ['https://podio.com/example/space-7/apps/app-101', /is no item.*Give the item_id/s],
      ['orders/1', /there is no app orders in the config.*leads, deals/s],
      ['Leads/1', /is no item/],
      ['leads/99', /the app leads has no item with the number 99/],
    ];
    for (const [item, says] of wrong) {
      const { code, stderr } = await site.podiod(['why', '--item', item]);
      expect([code, stderr], item).to.satisfy(
        ([ended, told]: [number, string]) => ended > 0 && says.test(told),
      );
    }
    await daemon.end('SIGTERM');
  });
});

/** How long something waits still is another answer a moment later. */
const withoutWaits = (answer: unknown): unknown =>
  JSON.parse(
    JSON.stringify(answer, (key, value) =>
      ['waitMs', 'sinceFirstMs', 'why'].includes(key) ? undefined : value,
    ),
  );

/** To be loaded before podiod: a machine whose wall clock shows another time. */
const shiftedBy = (ms: number): string => `
const Real = Date;
const now = () => Real.now() + (${ms});
globalThis.Date = new Proxy(Real, {
  construct: (target, args, own) => Reflect.construct(target, args.length === 0 ? [now()] : args, own),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
`;
