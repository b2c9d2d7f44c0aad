// `podiod why` beside a daemon in this process, and afterwards without one.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { StepVerdict } from '../../../src/core/run.ts';
import type { WhyAnswer } from '../../../src/daemon/index.ts';
import { until } from '../../support/wait.ts';
import { fromEnv, makeSite, type Site } from './site.ts';

/** The third of the options that the emulator gives the field: Open, Contacted, Won, Lost. */
const WON = 3;

const rules = {
  won: {
    on: { app: 'leads', fields: { status: { to: 'Won' } } },
    where: { 'item.title': { contains: 'fjord' } },
    steps: [{ audit: {}, id: 'note' }],
  },
  filter: {
    on: { app: 'leads', fields: ['status'], events: 'item.create' },
    steps: [{ 'field-change-filter': { field: 'status', to: 'Won' } }, 'audit'],
  },
  elsewhere: { on: { app: 'deals', events: 'item.update' }, steps: ['audit'] },
  said: { on: { app: 'leads', events: 'comment.create' }, steps: ['audit'] },
  off: { enabled: false, on: { app: 'leads', events: 'item.*' }, steps: ['audit'] },
};

async function asked({ podiod }: Site, ...argv: string[]): Promise<WhyAnswer> {
  const { code, stdout, stderr } = await podiod(['why', '--json', ...argv]);
  expect(code, stderr).to.equal(0);
  return JSON.parse(stdout);
}

const verdicts = ({ changes }: WhyAnswer) =>
  changes.map(({ rules }) => rules.map(({ rule, verdict }) => `${rule} ${verdict}`));

describe('podiod why', function () {
  this.timeout(30_000);
  const ending = new AsyncDisposableStack();
  let site: Site;
  let daemon: ReturnType<Site['start']>;
  /** Won, and its `where` holds; then told of nothing that a rule wants. */
  let fjord: number;
  /** Won, and its `where` does not hold. */
  let alder: number;

  const settled = (events: number) =>
    until(async () => {
      const status = JSON.parse((await site.podiod(['status', '--json'])).stdout);
      const journal = JSON.parse((await site.podiod(['events', '--json'])).stdout);
      return status.rules.every(({ lag }: { lag: number }) => lag === 0) && journal.events.length >= events;
    }, `${events} events`);

  before(async () => {
    site = ending.use(await makeSite({ rules }));
    daemon = ending.use(site.start(['--config', '.podiorc.yml']));
    await until(async () => (await site.podiod(['status', '--ready'])).code === 0, 'a ready daemon');
    fjord = site.podio.createItem(101, { fields: { title: 'Fjord', status: 1 } }).itemId;
    await settled(1);
    site.podio.updateItem(fjord, { fields: { status: WON } });
    await settled(2);
    alder = site.podio.createItem(101, { fields: { title: 'Alder', status: WON } }).itemId;
    await settled(3);
  });
  after(() => ending.disposeAsync());

  const tells = () => {
    it('of an item: every rule, the nearest miss first', async () => {
      const answer = await asked(site, '--item', String(fjord));
      expect(verdicts(answer)).to.deep.equal([
        ['filter filtered', 'won filtered', 'said unmatched', 'elsewhere unmatched', 'off disabled'],
        ['won settled', 'filter unmatched', 'elsewhere unmatched', 'said unmatched', 'off disabled'],
      ]);
      const [created, changed] = answer.changes;
      expect(created?.rules[1]?.why).to.match(/fields of its trigger/);
      for (const rule of created?.rules.slice(0, 2) ?? [])
        expect(rule.runs[0]?.steps[0]?.checks, rule.rule).to.deep.equal([
          { path: 'changes.status', test: 'to Won', seen: 'from empty to Open', holds: false },
        ]);
      const steps = changed?.rules[0]?.runs[0]?.steps ?? [];
      expect(
        steps.map(({ step, outcome, attempts, checks }) => [step, outcome, attempts, checks]),
      ).to.deep.equal([
        [
          'on.fields',
          'done',
          1,
          [{ path: 'changes.status', test: 'to Won', seen: 'from Open to Won', holds: true }],
        ],
        [
          'rule.where',
          'done',
          1,
          [{ path: 'item.title', test: 'contains fjord', seen: 'Fjord', holds: true }],
        ],
        ['note', 'done', 1, undefined],
      ]);
      expect(changed?.rules[0]?.runs[0]?.endedAt).to.match(/^2.*Z$/);
      const said = created?.rules.find(({ rule }) => rule === 'said');
      expect(said?.trigger.map(({ path, holds }) => [path, holds])).to.deep.equal([
        ['on.app', true],
        ['on.events', false],
      ]);
      expect(answer.absent).to.deep.equal([]);
    });

    it('of a condition: what was seen', async () => {
      const { changes } = await asked(site, '--item', String(alder), '--rule', 'won');
      expect(changes).to.have.length(1);
      expect(changes[0]?.rules).to.have.length(1);
      expect(changes[0]?.rules[0]?.runs[0]?.steps[1]).to.deep.include({
        step: 'rule.where',
        checks: [{ path: 'item.title', test: 'contains fjord', seen: 'Alder', holds: false }],
      });
      const { stdout } = await site.podiod(['why', '--item', String(alder)]);
      expect(stdout).to.match(
        /· won: its `where` does not hold\n {6}✓ on.app leads, is leads\n {6}✓ on.events .*, is item.create\n +fields: done, 1 try, \d+ ms from 2[^ ]*Z\n +✓ changes.status to Won, is from empty to Won\n +where: filtered, 1 try, \d+ ms from 2[^ ]*Z\n/,
      );
      expect(stdout).to.include('✗ item.title contains fjord, is Alder');
      expect(stdout).to.include('- off: the rule is disabled');
    });

    it('of an event by its number or its id, and of a rule', async () => {
      const last = (await asked(site, '--rule', 'won', '--limit', '1')).changes[0];
      expect(last?.event.itemId).to.equal(alder);
      const id = last?.event.id ?? '';
      const seq = String(last?.event.seq);
      for (const event of [seq, id, `won/${id}/note`, `won/1-${seq}/note/1`]) {
        const { changes } = await asked(site, '--event', event);
        expect(changes.map(one => one.event.id)).to.deep.equal([last?.event.id]);
      }
    });

    it('of what never arrived', async () => {
      const { changes, absent, apps } = await asked(site, '--item', '999999');
      expect(changes).to.deep.equal([]);
      expect(absent.map(({ kind }) => kind)).to.deep.equal(['never']);
      expect(absent[0]?.why).to.match(/^no event of item 999999 has arrived; the journal goes back to 2/);
      expect(apps.map(({ app, lastEvent }) => [app, lastEvent?.type])).to.deep.equal([
        ['leads', 'item.create'],
        ['deals', undefined],
      ]);
      const zero = await asked(site, '--event', '0');
      expect(zero.absent).to.deep.equal([{ kind: 'never', why: 'there is no event 0: they count from 1' }]);
      const later = await asked(site, '--event', '12345');
      expect(later.absent[0]?.why).to.match(/no event 12345 yet: the newest is \d/);
      const { stdout } = await site.podiod(['why', '--event', 'item.update:9:9']);
      expect(stdout).to.match(/^\? no event item\.update:9:9 has arrived/);
      expect(stdout).to.match(/deals: no event of it has ever arrived/);
    });

    it('wrong usage and unknown rules are told', async () => {
      const empty = [
        ['--item', ''],
        ['--event', ' '],
        ['--rule', ''],
      ];
      for (const argv of [
        [],
        ...empty,
        ['--item', '1', '--event', '2'],
        ['--item', '#'],
        ['--rule', 'nobody'],
      ]) {
        expect((await site.podiod(['why', ...argv])).code, argv.join(' ')).to.equal(2);
      }
    });
  };

  describe('beside a daemon', () => {
    tells();

    it('by the number that people see', async () => {
      const { changes } = await asked(site, '--item', 'leads/2');
      expect(changes.map(({ event }) => event.itemId)).to.deep.equal([alder]);
    });

    it('whether hooks are there for what never arrived', async () => {
      const { apps } = await asked(site, '--item', '999999');
      const seenAt = apps[0]?.hooks?.seenAt;
      expect(Date.parse(seenAt ?? '')).to.be.within(Date.now() - 30_000, Date.now());
      expect(apps.map(({ hooks }) => hooks)).to.deep.equal([
        {
          active: 4,
          inactive: 0,
          types: ['app.update', 'comment.create', 'item.create', 'item.update'],
          seenAt,
        },
        { active: 1, inactive: 0, types: ['item.update'], seenAt },
      ]);
    });
  });

  describe('without a daemon', () => {
    before(async () => {
      daemon.stop();
      expect(await daemon.ended).to.equal(0);
    });
    tells();

    it('nobody knows of hooks', async () => {
      const { apps } = await asked(site, '--item', '999999');
      expect(apps.map(({ hooks }) => hooks)).to.deep.equal([null, null]);
    });

    it('secrets that the shell lacks are not needed', async () => {
      const file = join(site.folder, '.podiorc.yml');
      const text = readFileSync(file, 'utf8');
      writeFileSync(file, text.replaceAll(/client-secret|leads-token/g, fromEnv('NOT_HERE')));
      const { code, stdout, stderr } = await site.podiod(['why', '--item', String(alder)]);
      expect(code, stderr).to.equal(0);
      expect(stdout).to.include('won: its `where` does not hold');
      writeFileSync(file, text);
    });
  });
});

describe('a field that the app does not have', function () {
  this.timeout(30_000);

  it('stands in the record of the run that named it, step by step', async () => {
    await using site = await makeSite({
      rules: {
        tells: {
          on: { app: 'leads', fields: ['status'] },
          steps: [
            {
              'podio-comment': {
                text: 'Now {{ fields.stauts }}{{ changes.status.to.colour }}, {{ fields.onwer }} {{ fields.none.mial }}',
              },
            },
            { audit: {}, when: { 'fields.titel': { exists: true }, 'fields.status.txt': 'Won' } },
            'audit',
          ],
        },
        never: {
          on: { app: 'leads', fields: ['status'] },
          where: { 'fields.titel': 'Fjord' },
          steps: ['audit'],
        },
        holds: {
          on: { app: 'leads', fields: ['status'] },
          where: { not: { 'fields.titel': 'Fjord {{ fields.naem }}' } },
          steps: ['audit'],
        },
        gathers: {
          on: { app: 'leads', fields: ['status'] },
          where: { 'fields.titel': { exists: false } },
          mode: { batch: { max: 1, within: '1m' } },
          steps: ['audit'],
        },
      },
    });
    await using daemon = site.start(['--config', '.podiorc.yml']);
    await until(async () => (await site.podiod(['status', '--ready'])).code === 0, 'a ready daemon');
    const { itemId } = site.podio.createItem(101, { fields: { title: 'Fjord', status: WON } });
    const runs = async () => {
      const { events } = JSON.parse((await site.podiod(['events', '--json'])).stdout);
      return events.flatMap(
        (event: { runs: { rule: string; outcome: string; steps: StepVerdict[] }[] }) => event.runs,
      );
    };
    await until(async () => (await runs()).length >= 4, 'all runs');

    const named = Object.fromEntries(
      (await runs()).map(
        ({ rule, outcome, steps }: { rule: string; outcome: string; steps: StepVerdict[] }) => [
          rule,
          [outcome, ...steps.map(({ step, outcome: made, unknownFields }) => [step, made, unknownFields])],
        ],
      ),
    );
    expect(named).to.deep.equal({
      tells: [
        'settled',
        ['podio-comment', 'done', ['changes.status.to.colour', 'none', 'onwer', 'stauts']],
        ['audit', 'skipped', ['fields.status.txt', 'titel']],
        ['audit-2', 'done', undefined],
      ],
      never: ['filtered', ['rule.where', 'filtered', ['titel']]],
      holds: ['settled', ['rule.where', 'done', ['naem', 'titel']], ['audit', 'done', undefined]],
      gathers: [
        'settled',
        ['rule.where', 'done', ['titel']],
        ['rule.mode', 'done', undefined],
        ['audit', 'done', undefined],
      ],
    });

    const { changes } = await asked(site, '--item', String(itemId), '--rule', 'tells');
    expect(changes[0]?.rules[0]?.runs[0]?.steps[0]?.unknownFields).to.deep.equal([
      'changes.status.to.colour',
      'none',
      'onwer',
      'stauts',
    ]);
    const { stdout: why } = await site.podiod(['why', '--item', String(itemId)]);
    expect(why).to.match(
      /podio-comment: done.*\n {8}`changes.status.to.colour` is no part of that field: taken for empty\n/,
    );
    expect(why).to.match(
      /holds: it ran\n(?: {6}✓ on.*\n)+ {6}where: done.*\n {8}✓ fields.titel not eq .*\n {8}the app has no field `naem`: taken for empty\n/,
    );
    const { stdout: events } = await site.podiod(['events']);
    expect(events).to.match(
      /tells: settled\n {12}`changes.status.to.colour` is no part of that field: taken for empty\n/,
    );
    daemon.stop();
    expect(await daemon.ended).to.equal(0);
  });
});

describe('events that wait', function () {
  this.timeout(30_000);

  it('are told by podiod events: what for, and until when; what only the daemon knows while it runs', async () => {
    const on = { app: 'leads', events: 'item.create' };
    await using site = await makeSite({
      plugins: {
        audit: { use: 'file-logger', path: './audit.ndjson' },
        away: { use: 'slack-notifier', webhookUrl: 'http://127.0.0.1:9/' },
      },
      rules: {
        edits: { on, mode: { settle: '1h' }, steps: ['audit'] },
        digest: { on, mode: { batch: { max: 10, within: '2h' } }, steps: ['audit'] },
        slow: { on, mode: { throttle: { max: 1, per: '3h' } }, steps: ['audit'] },
        failing: { on, delivery: { backoff: '4h..4h' }, steps: [{ away: { text: 'hello' } }] },
      },
    });
    await using daemon = site.start(['--config', '.podiorc.yml']);
    await until(async () => (await site.podiod(['status', '--ready'])).code === 0, 'a ready daemon');
    const begun = Date.now();
    for (const title of ['first', 'second']) site.podio.createItem(101, { fields: { title } });
    interface Waiting {
      readonly waiting?: readonly { rule: string; why: string; until: string | null }[];
    }
    const waits = async () => {
      const { events } = JSON.parse((await site.podiod(['events', '--json'])).stdout);
      return (events as readonly Waiting[]).map(({ waiting = [] }) => waiting);
    };
    const all = await until(async () => {
      const [first = [], second = []] = await waits();
      const told = [...first, ...second].map(({ why }) => why);
      const isUnderWay = told.some(
        why => why.startsWith('it is in hand') || why.includes('with others: 1 event'),
      );
      // One of the two begins in the throttled rule.
      return told.length === 7 && !isUnderWay && [first, second];
    }, 'all that wait');
    const rules = (told: (typeof all)[number] = []) => told.map(({ rule }) => rule).sort();
    expect(rules(all.flat())).to.deep.equal([
      ...['digest', 'digest', 'edits', 'edits', 'failing', 'failing', 'slow'],
    ]);
    const of = (name: string) => all.flat().find(({ rule }) => rule === name) ?? expect.fail(name);
    expect(of('edits').why).to.match(/^it waits for the edits of its item to stop: .* \(mode settle\)$/);
    expect(of('digest').why).to.match(/^it waits to be run with others: 2 events since .* \(mode batch\)$/);
    expect(of('failing').why).to.match(/^away has failed 1 try, next try in \dh .*: .*/);
    expect(of('slow').why).to.match(
      /^it waits for its turn: 1 run begins in 3h at most, the next one at .*Z \(mode throttle\)$/,
    );
    const hours = (name: string) => (Date.parse(of(name).until ?? '') - begun) / 3_600_000;
    expect(hours('edits')).to.be.within(1, 1.02);
    expect(hours('digest')).to.be.within(2, 2.02);
    expect(hours('failing')).to.be.within(2, 4.02);

    const ofRule = async (...argv: readonly string[]) => {
      const { events } = JSON.parse((await site.podiod(['events', '--json', '--rule', ...argv])).stdout);
      return (events as readonly { seq: number }[]).map(({ seq }) => seq);
    };
    const both = await ofRule('edits');
    expect(both).to.have.length(2);
    for (const rule of ['digest', 'slow', 'failing']) expect(await ofRule(rule), rule).to.deep.equal(both);
    expect(await ofRule('slow', '--limit', '1')).to.deep.equal(both.slice(1));
    expect(await ofRule('edits', '--type', 'item.update')).to.deep.equal([]);

    const { stdout } = await site.podiod(['events']);
    expect(stdout).to.match(
      /… edits: it waits for the edits of its item to stop: .*; until \d{4}-\d\d-.*Z\n/,
    );
    expect((await site.podiod(['status'])).stdout).to.match(
      /slow: 1 run waits for its turn, the next may begin at \d{4}-/,
    );

    daemon.stop();
    expect(await daemon.ended).to.equal(0);
    const [first, second] = await waits();
    expect([rules(first), rules(second)]).to.deep.equal(Array(2).fill(['digest', 'edits', 'failing']));
    expect(await ofRule('edits')).to.deep.equal(both);
    // What has not begun in it only the daemon knew.
    expect(await ofRule('slow')).to.have.length(1);
  });
});
