import { expect } from 'chai';
import {
  type AlarmFacts,
  findOutages,
  isPatient,
  overText,
  type RuleFacts,
} from '../../../src/alarms/find.ts';
import { ALARM_NAMES } from '../../../src/core/alarm.ts';
import type { BudgetStatus } from '../../../src/podio/contract.ts';
import { makeFacts } from '../admin/facts.ts';

const GB = 1024 ** 3;

const idle = (rule: string, but: Partial<RuleFacts> = {}): RuleFacts => ({
  rule,
  state: 'running',
  inHand: 0,
  waiting: 0,
  plugins: ['audit'],
  ...but,
});

/** A daemon in which all is well but what a test says. */
function facts(but: Partial<AlarmFacts> = {}): AlarmFacts {
  const { now, reconcile, retention } = makeFacts();
  return {
    now,
    upMs: 3_600_000,
    limits: { afterMs: 300_000, disk: GB, budget: 0.02 },
    rules: [idle('won-leads')],
    parked: new Map(),
    left: [],
    plugins: [{ plugin: 'audit', state: 'closed', hasWorked: true }],
    reconcile: { ...reconcile, hooks: [] },
    podio: { hasAnswered: true },
    budgets: [],
    diskFree: 5 * GB,
    retention,
    silences: [],
    refused: undefined,
    ...but,
  };
}

const none = () => false;
const found = (but: Partial<AlarmFacts>, isRaised: Parameters<typeof findOutages>[1] = none) =>
  findOutages(facts(but), isRaised).outages;

describe('outages', () => {
  it('are none where all is well', () => {
    expect(found({})).to.deep.equal([]);
  });

  it('of parked runs are one for each rule', () => {
    const parked = new Map([
      ['won-leads', 3],
      ['gone', 1],
      ['none', 0],
    ]);
    expect(found({ parked })).to.deep.equal([
      {
        alarm: 'parked',
        subject: 'won-leads',
        rule: 'won-leads',
        count: 3,
        text: '3 runs of rule won-leads gave up: podiod parked --rule won-leads says why',
      },
      {
        alarm: 'parked',
        subject: 'gone',
        rule: 'gone',
        count: 1,
        text: '1 run of rule gone gave up: podiod parked --rule gone says why',
      },
    ]);
  });

  it('of what waits of rules that are gone are those of what is parked, and count it', () => {
    const left = [
      { rule: 'old', begun: 1, gathered: 2, behind: 9 },
      { rule: 'off', disabled: true as const, begun: 1, gathered: 0, behind: 0 },
      // Which of them it wanted nobody knows.
      { rule: 'behind', begun: 0, gathered: 0, behind: 4 },
    ];
    const outages = found({ parked: new Map([['old', 2]]), left });
    expect(outages.map(({ subject, count, text }) => [subject, count, text])).to.deep.equal([
      ['old', 5, '5 runs of rule old wait, and it is not in the config: podiod parked says what to do'],
      ['off', 1, '1 run of rule off waits, and it is disabled: podiod parked says what to do'],
    ]);
  });

  it('of rules: halted, not set up, silent; a paused one is nobody’s trouble', () => {
    const { now } = facts();
    const texts = found({
      rules: [
        idle('a', { state: 'halted', error: 'step tell gave up' }),
        idle('b', { state: 'waiting for setup', error: 'no such file' }),
        idle('c', { state: 'paused' }),
      ],
      silences: [
        { rule: 'd', since: now - 90_000_000, everyMs: 86_400_000 },
        { rule: 'e', since: now - 260_000_000, everyMs: 86_400_000, days: [1, 2, 3, 4, 5] },
      ],
    }).map(({ alarm, subject, text }) => [alarm, subject, text]);
    expect(texts).to.deep.equal([
      ['halted', 'a', 'rule a has halted: step tell gave up'],
      ['halted', 'b', 'rule b can not be set up: no such file'],
      ['silence', 'd', 'nothing came for rule d in 1d 1h, and it expects something every 1d'],
      ['silence', 'e', 'nothing came for rule e in 3d, and it expects something every 1d of mon-fri'],
    ]);
  });

  it('of hooks are one for each ref, and name the rules', () => {
    const { reconcile } = makeFacts();
    const ref = { type: 'app', id: 101 } as const;
    const hook = {
      ref,
      type: 'item.update',
      hookId: 1,
      url: '',
      owner: 'ours',
      rules: ['won-leads'],
    } as const;
    const create = { ref, type: 'item.create', url: '', hookId: null, reason: '', rules: ['audit'] } as const;
    const outages = found({
      reconcile: {
        ...reconcile,
        hooks: [
          { ...hook, status: 'inactive' },
          { ...hook, status: 'active', type: 'item.delete' },
          { ...hook, status: 'inactive', owner: 'foreign' },
          { ...hook, status: 'inactive', rules: [], type: 'comment.create' },
        ],
        plan: { ...reconcile.plan, actions: [{ ...create, action: 'create' }] },
        degraded: [
          {
            ref: 'app/101',
            error: 'token refused',
            hint: 'make a new one',
            since: '2026-01-10T10:00:00.000Z',
            rules: ['won-leads'],
          },
        ],
      },
    });
    expect(outages).to.deep.equal([
      {
        alarm: 'hook-down',
        subject: 'app/101',
        count: 2,
        text: 'Podio does not tell of item.update, item.create of app/101: no active hook (concerns won-leads, audit)',
      },
      {
        alarm: 'degraded',
        subject: 'app/101',
        rule: 'won-leads',
        count: 1,
        since: Date.parse('2026-01-10T10:00:00.000Z'),
        text: 'app/101: token refused. make a new one (concerns won-leads)',
      },
    ]);
  });

  it('of Podio are one, however many refs fail by it', () => {
    const { reconcile, now } = facts();
    const away = (n: number) =>
      ({
        ref: `app/${n}`,
        error: 'Podio is down',
        hint: undefined,
        since: '2026-01-10T10:00:00.000Z',
        rules: [],
        away: true,
      }) as const;
    const of = facts({
      podio: { hasAnswered: true, down: { ms: 60_000, error: 'no answer' } },
      reconcile: { ...reconcile, degraded: [away(1), away(2), away(3)] },
    });
    const { outages, isKnown } = findOutages(of, none);
    expect(outages).to.deep.equal([
      {
        alarm: 'podio-down',
        subject: '',
        count: 1,
        since: now - 60_000,
        text: 'Podio does not answer: no answer. Events are taken in; what needs Podio waits',
      },
    ]);
    // One that was refused before may still be.
    expect(isKnown({ alarm: 'degraded', subject: 'app/1' })).to.equal(false);
    expect(isKnown({ alarm: 'degraded', subject: 'app/4' })).to.equal(true);
  });

  it('of the budget: nothing left, or Podio has asked to wait', () => {
    const budget = (identity: string, remaining: number, pausedMs = 0): BudgetStatus => ({
      identity,
      general: { limit: 1000, remaining },
      limited: undefined,
      pausedMs,
    });
    expect(
      found({ budgets: [budget('app/101', 21), budget('app/102', 20), budget('app/103', 900, 60_000)] }).map(
        ({ subject, text }) => [subject, text],
      ),
    ).to.deep.equal([
      ['app/102', 'the calls of app/102 to Podio are used up: 20 of 1000 are left'],
      ['app/103', 'Podio has asked app/103 to wait: no calls for 1m'],
    ]);
    const making = { ...budget('app/101', 900), limited: { limit: 250, remaining: 5 } };
    expect(found({ budgets: [making] }).map(({ text }) => text)).to.deep.equal([
      'the calls of app/101 to Podio are used up: 5 of 250 are left',
    ]);
    // After a start that says nothing of what has not been asked for.
    const isOver = (upMs: number, one = budget('app/101', 900)) =>
      findOutages(facts({ upMs, budgets: [one] }), none).isKnown({ alarm: 'budget', subject: 'app/101' });
    expect(isOver(60_000)).to.equal(false);
    expect(isOver(60_000, { ...making, limited: { limit: 250, remaining: 100 } })).to.equal(true);
    expect(isOver(3_600_000)).to.equal(true);
    // Only what was used up has to be told of.
    const isOverOf = (...of: string[]) =>
      findOutages(facts({ upMs: 60_000, budgets: [budget('app/101', 900)] }), none).isKnown({
        alarm: 'budget',
        subject: 'app/101',
        of,
      });
    expect([isOverOf('general'), isOverOf('limited'), isOverOf()]).to.deep.equal([true, false, true]);
    expect(found({ budgets: [making, budget('app/102', 0)] }).map(({ of }) => of)).to.deep.equal([
      ['limited'],
      ['general'],
    ]);
    const own = { alarm: 'budget', subject: 'app/101', isOwn: true } as const;
    const { isKnown } = findOutages(facts({ upMs: 60_000, budgets: [budget('app/101', 900)] }), none);
    expect(isKnown(own)).to.equal(true);
  });

  it('of the disk end when there is somewhat more room than made one', () => {
    expect(found({ diskFree: GB })).to.deep.equal([]);
    expect(found({ diskFree: GB - 1 }).map(({ alarm }) => alarm)).to.deep.equal(['disk']);
    const isRaised = (alarm: string) => alarm === 'disk';
    expect(found({ diskFree: 1.05 * GB }, isRaised)).to.have.length(1);
    expect(found({ diskFree: 1.11 * GB }, isRaised)).to.have.length(0);
  });

  it('of the database: too large, or what is old can not be removed', () => {
    const { retention } = facts();
    const outages = found({
      retention: { ...retention, over: 'rule x has not settled', lastError: 'no room' },
    });
    expect(outages.map(({ alarm, text }) => [alarm, text])).to.deep.equal([
      ['size', 'the database has 1.4 mb, retention.size allows 2 gb: rule x has not settled'],
      ['cleanup', 'old events can not be removed: no room'],
    ]);
  });

  it('can be unknown after a start, until there has been a look', () => {
    const start = facts({
      upMs: 1000,
      plugins: [{ plugin: 'audit', state: 'closed' }],
      reconcile: { ...facts().reconcile, lastRunAt: undefined },
      podio: { hasAnswered: false },
      budgets: [{ identity: 'app/101', general: undefined, limited: undefined, pausedMs: 0 }],
      diskFree: undefined,
      retention: { ...facts().retention, lastRoundAt: undefined },
      silences: undefined,
    });
    const subjects = { halted: 'won-leads', 'plugin-down': 'audit', budget: 'app/101' } as Record<
      string,
      string
    >;
    const known = (of: AlarmFacts) =>
      ALARM_NAMES.filter(alarm => findOutages(of, none).isKnown({ alarm, subject: subjects[alarm] ?? '' }));
    expect(known(start)).to.deep.equal(['parked', 'config']);
    expect(known(facts({ ...start, ...facts(), budgets: [] }))).to.deep.equal(ALARM_NAMES);
    // What has left the config is over.
    const { isKnown } = findOutages(start, none);
    expect(isKnown({ alarm: 'plugin-down', subject: 'old' })).to.equal(true);
    expect(isKnown({ alarm: 'halted', subject: 'old' })).to.equal(true);
  });

  it('of a plugin are over after a start where nothing waits for it', () => {
    const plugins = [{ plugin: 'audit', state: 'closed' }] as const;
    const isOver = (but: Partial<AlarmFacts>) =>
      findOutages(facts({ plugins, ...but }), none).isKnown({ alarm: 'plugin-down', subject: 'audit' });
    expect(isOver({})).to.equal(true);
    expect(isOver({ upMs: 200_000 })).to.equal(false);
    for (const but of [{ waiting: 1 }, { inHand: 1 }, { state: 'paused' }, { state: 'halted' }] as const) {
      expect(isOver({ rules: [idle('a'), idle('b', but)] }), JSON.stringify(but)).to.equal(false);
    }
    expect(isOver({ rules: [idle('a'), idle('b', { waiting: 1, plugins: ['tell'] })] })).to.equal(true);
  });

  it('of a config that was not taken say why', () => {
    const { now } = facts();
    const refused = { error: 'one problem in the config', at: new Date(now - 60_000).toISOString() };
    expect(found({ refused })).to.deep.equal([
      {
        alarm: 'config',
        subject: '',
        count: 1,
        since: now - 60_000,
        text: 'the config was to be read again and was not taken, the one before goes on: one problem in the config',
      },
    ]);
  });

  it('have words for their end', () => {
    for (const alarm of ALARM_NAMES) {
      expect(overText({ alarm, subject: 'x' }), alarm).to.match(/again|any more|as they should be/);
    }
    expect(ALARM_NAMES.filter(alarm => !isPatient(alarm))).to.deep.equal([
      'parked',
      'silence',
      'disk',
      'size',
    ]);
  });
});
