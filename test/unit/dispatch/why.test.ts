import { expect } from 'chai';
import type { PodioEvent } from '../../../src/core/event.ts';
import type { FieldChange, Rule, Trigger } from '../../../src/core/rule.ts';
import type { StepVerdict } from '../../../src/core/run.ts';
import { type RulesWorld, silentRevisions, whyChange } from '../../../src/dispatch/why.ts';
import type { TracedEntry, TracedRun } from '../../../src/store/contract.ts';
import { APP, known, makeRule } from './support.ts';

const LOADED_AT = Date.UTC(2026, 5, 1);

const event = (fields: Partial<PodioEvent> = {}): PodioEvent => ({
  seq: 7,
  id: 'item.update:1:1',
  type: 'item.update',
  source: 'webhook',
  ref: { type: 'app', id: 101 },
  app: 'leads',
  itemId: 1,
  revision: 1,
  params: {},
  receivedAt: '2026-06-02T12:00:00.000Z',
  ...fields,
});
const fieldEvent = (id: number) => event({ seq: 8, ref: { type: 'app_field', id } });

const step = (name: string, more: Partial<StepVerdict> = {}): StepVerdict => ({
  step: name,
  outcome: 'done',
  attempts: 1,
  ms: 3,
  ...more,
});
const run = (more: Partial<TracedRun> = {}): TracedRun => ({
  rule: 'r',
  replay: 0,
  outcome: 'settled',
  steps: [step('work')],
  endedAt: LOADED_AT,
  ...more,
});

const onFields = (...fields: FieldChange[]): Trigger => ({ ...APP, fields });

function world(rules: readonly Rule[], more: Partial<RulesWorld> = {}): RulesWorld {
  const lanes = rules.map(({ name }) => ({ rule: name, cursor: 100, loadedAt: LOADED_AT }));
  return { rules, disabled: [], known, lanes, paused: [], running: [], ...more };
}

/** What became of the event under one rule. */
function why(rule: Partial<Rule>, entries: readonly TracedEntry[], more: Partial<RulesWorld> = {}) {
  const [answer] = whyChange(world([makeRule('r', rule)], more), entries).rules;
  if (!answer) throw new Error('there is a rule');
  return answer;
}

const alone = (of = event(), ...runs: TracedRun[]): readonly TracedEntry[] => [{ event: of, runs }];

const lane = (of: Partial<RulesWorld['lanes'][number]>): Partial<RulesWorld> => ({
  lanes: [{ rule: 'r', cursor: 100, loadedAt: LOADED_AT, ...of }],
});

const live = (of: Partial<RulesWorld['running'][number]>): Partial<RulesWorld> => ({
  ...lane({ cursor: 3 }),
  running: [{ rule: 'r', state: 'running', inHand: 1, waiting: 2, position: 7, ...of }],
});

describe('what is running', () => {
  const since = Date.UTC(2026, 5, 2, 12, 0, 4);
  const now = { rule: 'r', seqs: [7], replay: 0, step: 'work', branch: '', attempt: 1, since };
  const hung = (more: object = {}) => ({ ...live({}), inHand: [{ ...now, ...more }] });

  it('open, with the step and since when, though nothing of it is on disk', () => {
    expect(why({}, alone(), hung())).to.include({
      verdict: 'open',
      why: 'work is running since 2026-06-02T12:00:04.000Z; a try may take 1m',
    });
    expect(why({}, alone(), hung({ seqs: [6] })).verdict).to.equal('waiting');
    expect(why({}, alone(), hung({ rule: 'other' })).verdict).to.equal('waiting');
  });

  it('which try, which branch and which replay it is', () => {
    const again = { branch: '2', attempt: 3, replay: 1 };
    expect(why({}, alone(event(), run()), hung(again))).to.include({
      verdict: 'open',
      why: 'work for 2 is running since 2026-06-02T12:00:04.000Z, try 3; a try may take 1m (replay 1)',
    });
  });

  it('a pause does not stop what has begun', () => {
    const paused = [{ kind: 'rule', name: 'r', since } as const];
    expect(why({}, alone(), { ...hung(), paused }).verdict).to.equal('open');
    expect(why({}, alone(), { ...hung({ seqs: [6] }), paused }).verdict).to.equal('paused');
  });
});

describe('why a rule ran', () => {
  it('settled: with its steps', () => {
    const answer = why({}, alone(event(), run()));
    expect(answer).to.include({ verdict: 'settled', why: 'it ran' });
    expect(answer.runs[0]?.steps).to.deep.equal([step('work')]);
  });

  it('parked: where, after how many tries, why, and what to do', () => {
    const parked = { id: '12', step: 'work', attempts: 5, error: 'Slack said no', requested: false };
    const answer = why({}, alone(event(), run({ outcome: 'parked', error: 'Slack said no', parked })));
    expect(answer.verdict).to.equal('parked');
    expect(answer.why).to.equal('parked at work after 5 tries: Slack said no');
    expect(answer.next).to.include('podiod parked retry 12');
    const asked = { ...parked, requested: true };
    const again = why({}, alone(event(), run({ outcome: 'parked', parked: asked })));
    expect(again.why).to.match(/asked for/);
    expect(again.next).to.equal(undefined);
  });

  it('dropped', () => {
    expect(why({}, alone(event(), run({ outcome: 'dropped', error: 'no' }))).verdict).to.equal('dropped');
  });

  it('open: under way, or failing', () => {
    const tries = { step: 'work', branch: '', attempts: 3, sinceFirstMs: 9, waitMs: 19_500, error: 'no' };
    expect(why({}, alone(event(), run({ outcome: 'open', steps: [] })))).to.include({
      verdict: 'open',
      why: 'it is under way',
    });
    const failing = why({}, alone(event(), run({ outcome: 'open', steps: [], tries: [tries] })));
    expect(failing.why).to.equal('work has failed 3 tries, next try in 20s: no');
    const held = [{ ...tries, attempts: 0 }];
    const waiting = why({}, alone(event(), run({ outcome: 'open', steps: [], tries: held })));
    expect(waiting.why).to.equal('work waits, next try in 20s: no');
  });

  it('open, where nothing goes on: no daemon, a halted rule, one without its plugins, one that is away', () => {
    const tries = { step: 'work', branch: '', attempts: 3, sinceFirstMs: 9, waitMs: 0, error: 'no' };
    const entries = alone(event(), run({ outcome: 'open', steps: [], tries: [tries] }));
    const failing = 'work has failed 3 tries, next try now: no';
    expect(why({}, entries)).to.include({ why: failing, next: 'Is podiod running? podiod status tells.' });
    expect(why({}, entries, live({})))
      .to.include({ why: failing })
      .and.not.have.property('next');
    const halted = why({}, entries, live({ state: 'halted', error: 'Slack said no' }));
    expect(halted.why).to.equal('the rule is halted: Slack said no');
    expect(halted.next).to.include('podiod parked retry --rule r');
    const setup = why({}, entries, live({ state: 'waiting for setup', error: 'no key' }));
    expect(setup.why).to.equal('a step is not set up yet: no key');
    const away = (more: Partial<RulesWorld>) => whyChange(world([], more), entries).rules[0];
    const off = away({ disabled: ['r'] });
    const stands = 'and it stays so until that is changed';
    expect(off?.why).to.equal(`work has failed 3 tries: no; the rule is disabled, ${stands}`);
    expect(off?.next).to.match(/^With `enabled: true` it goes on; podiod parked drop --rule r /);
    const gone = away({});
    expect(gone?.why).to.equal(`work has failed 3 tries: no; the rule is not in the config, ${stands}`);
    expect(gone?.next).to.match(
      /^Back in the config, or as `was: r` of a rule with a new name, it goes on; /,
    );
  });

  it('the last replay tells', () => {
    const answer = why({}, alone(event(), run({ outcome: 'filtered' }), run({ replay: 1 })));
    expect(answer).to.include({ verdict: 'settled', why: 'it ran (replay 1)' });
    expect(answer.runs).to.have.length(2);
  });

  it('filtered: by the fields of the trigger, by where, by a step', () => {
    const by = (steps: readonly StepVerdict[]) =>
      why({}, alone(event(), run({ outcome: 'filtered', steps }))).why;
    expect(by([step('on.fields', { outcome: 'filtered' })])).to.match(/fields of its trigger/);
    expect(by([])).to.match(/let nothing through; what .* is kept no more/);
    expect(by([step('rule.on', { outcome: 'filtered' })])).to.match(/its triggers fit no more/);
    expect(by([step('rule.where', { outcome: 'filtered' })])).to.equal('its `where` does not hold');
    expect(by([step('a'), step('b', { outcome: 'filtered' })])).to.equal('b let nothing through');
  });

  it('filtered: a missed change that `recovered` leaves out', () => {
    const found = event({ source: 'recovered', params: { changed_at: '2026-06-02T11:00:00Z' } });
    const steps = [step('rule.recovered', { outcome: 'filtered' })];
    // As it was then, whatever the rule says now.
    expect(why({}, alone(found, run({ outcome: 'filtered', steps }))).why).to.match(
      /`recovered` leaves it out/,
    );
  });

  it('settled so long ago that its steps are kept no more', () => {
    expect(why({}, alone(event(), run({ steps: [] }))).why).to.match(/^it ran; what .* is kept no more$/);
  });

  it('on account of a trigger: which one, by what there was of the event', () => {
    const triggers = [{ ...APP, events: ['comment.create'] }, APP];
    const seen = (rule: Partial<Rule>, ...entries: TracedEntry[]) =>
      why(rule, entries).trigger.map(({ path, test, seen: is, holds }) => [path, test, is, holds]);
    expect(seen({ triggers }, { event: event(), runs: [run()] })).to.deep.equal([
      ['on.app', 'leads', 'leads', true],
      ['on.events', 'item.create, item.update', 'item.update', true],
    ]);
    // Its triggers are others now.
    expect(
      seen({ triggers: [onFields({ field: 'status' })] }, { event: event(), runs: [run()] }),
    ).to.deep.equal([]);
    const change = { event: fieldEvent(11), runs: [run()] };
    const fields = onFields({ field: 'status', to: ['Won'] });
    expect(seen({ triggers: [fields] }, { event: event(), runs: [] }, change).at(-1)).to.deep.equal([
      'on.fields',
      'status to Won',
      'status',
      true,
    ]);
    const judged = { event: fieldEvent(11), runs: [run({ steps: [step('on.fields'), step('work')] })] };
    expect(seen({ triggers: [fields] }, judged).map(([path]) => path)).to.deep.equal(['on.app', 'on.events']);
    const found = event({ source: 'recovered' });
    const missed = { event: found, runs: [run({ steps: [step('on.fields'), step('work')] })] };
    expect(seen({ triggers: [fields] }, missed)).to.have.length(2);
  });

  it('on account of time, or of a person', () => {
    const seen = (triggers: readonly Trigger[], of: Partial<PodioEvent>) =>
      why({ triggers }, alone(event({ source: 'daemon', ...of }), run())).trigger.map(
        ({ path, test, seen: is }) => `${path} ${test}: ${is}`,
      );
    const made = { rule: 'r', item_id: '1' };
    const nightly = { kind: 'schedule', cron: '15 2 * * *', timezone: 'UTC', missed: 'skip' } as const;
    const at = { scheduled_for: '2026-06-02T02:15:00.000Z' };
    expect(
      seen([nightly], { type: 'schedule.fire', ref: { type: 'schedule', id: 'r' }, params: at }),
    ).to.deep.equal(['on.schedule 15 2 * * *: 2026-06-02T02:15:00.000Z']);
    const where = JSON.stringify([['fields.status', 'eq Open', 'Open', 1]]);
    const picked = { type: 'schedule.item', params: { ...made, ...at, where } };
    expect(seen([{ ...nightly, items: { app: 'leads' } }], picked)).to.deep.equal([
      'on.schedule 15 2 * * *: 2026-06-02T02:15:00.000Z',
      'on.items.app leads: leads',
      'on.items.where fields.status eq Open: Open',
    ]);
    expect(seen([nightly], picked)).to.deep.equal([]);
    const date = {
      kind: 'date',
      apps: ['leads'],
      field: 'renewal',
      at: { days: -30, ms: 0 },
      timezone: 'UTC',
      missed: 'run',
    } as const;
    const due = { ...made, field: 'renewal', date: '2026-07-02', due: '2026-06-02T00:00:00.000Z' };
    expect(seen([date], { type: 'item.date', params: due })).to.deep.equal([
      'on.date renewal: 2026-07-02, due 2026-06-02T00:00:00.000Z',
    ]);
    const lasted = {
      kind: 'lasted',
      apps: ['leads'],
      field: 'status',
      to: ['Won'],
      forMs: 3 * 86_400_000,
    } as const;
    const since = { ...made, field: 'status', revision: '4', since: '2026-05-30T00:00:00.000Z' };
    expect(seen([date, lasted], { type: 'item.lasted', params: since })).to.deep.equal([
      'on.fields status to Won for 3d: so since 2026-05-30T00:00:00.000Z',
    ]);
    expect(seen([APP], { type: 'item.fire', params: made })).to.deep.equal(['on podiod fire: by hand']);
  });
});

describe('why a rule did not run', () => {
  const parts = (rule: Partial<Rule>, ...events: PodioEvent[]) => {
    const answer = why(
      rule,
      events.map(one => ({ event: one, runs: [] })),
    );
    expect(answer.verdict).to.equal('unmatched');
    return answer.trigger.map(({ path, seen, holds }) => [path, seen, holds]);
  };

  it('unmatched: which part of the trigger does not fit, and what was there', () => {
    expect(parts({ triggers: [APP] }, event({ ref: { type: 'app', id: 102 }, app: 'deals' }))).to.deep.equal([
      ['on.app', 'deals', false],
      ['on.events', 'item.update', true],
    ]);
    expect(parts({ triggers: [APP] }, event({ type: 'comment.create' }))).to.deep.equal([
      ['on.app', 'leads', true],
      ['on.events', 'comment.create', false],
    ]);
    const space: Trigger = { kind: 'space', spaces: ['sales'], events: ['task.create'] };
    expect(parts({ triggers: [space] }, event())).to.deep.equal([
      ['on.space', 'leads', false],
      ['on.events', 'item.update', false],
    ]);
    const alarms: Trigger = { kind: 'podiod', events: ['podiod.parked'] };
    const raised = {
      type: 'podiod.parked',
      ref: { type: 'daemon', id: 'x' },
      params: { rule: 'r' },
    } as const;
    expect(parts({ triggers: [alarms] }, event())).to.deep.equal([['on.events', 'item.update', false]]);
    expect(parts({ triggers: [alarms] }, event(raised))).to.deep.equal([
      ['on.events', 'podiod.parked', true],
      ['event.params.rule', 'r', false],
    ]);
    const schedule: Trigger = { kind: 'schedule', cron: '0 9 * * *', timezone: 'UTC', missed: 'skip' };
    expect(parts({ triggers: [schedule] }, event())).to.deep.equal([['on.schedule', 'item.update', false]]);
  });

  it('unmatched: which field told of it', () => {
    const rule = { triggers: [onFields({ field: 'status', to: ['Won', null] })] };
    expect(parts(rule, event(), fieldEvent(12)).at(-1)).to.deep.equal([
      'on.fields',
      'a change that no hook of such a field told of',
      false,
    ]);
    expect(parts(rule, fieldEvent(12)).at(-1)).to.deep.equal(['on.fields', 'deal-value', false]);
    expect(why(rule, alone()).trigger.at(-1)?.test).to.equal('status to Won or empty');
  });

  it('unmatched: of several triggers the one that fits best', () => {
    const other: Trigger = { kind: 'app', apps: ['deals'], events: ['comment.create'] };
    expect(parts({ triggers: [other, APP] }, event({ type: 'file.change' }))[0]).to.deep.equal([
      'on.app',
      'leads',
      true,
    ]);
  });

  it('a rule that ran for a twin of the entry ran', () => {
    const entries = [
      { event: event(), runs: [] },
      { event: fieldEvent(11), runs: [run()] },
    ];
    const rule = { triggers: [onFields({ field: 'status' })] };
    expect(why(rule, entries).verdict).to.equal('settled');
    expect(whyChange(world([]), entries).seqs).to.deep.equal([7, 8]);
  });

  it('before: it came, or was made, before the rule was first loaded', () => {
    const came = why({ startAt: 'head' }, alone(event({ receivedAt: '2026-05-31T23:00:00.000Z' })));
    expect(came.verdict).to.equal('before');
    expect(came.why).to.include('2026-06-01T00:00:00.000Z');
    expect(came.next).to.include('podiod replay --rule r --from 7 --to 7');
    const made = event({ source: 'recovered', params: { changed_at: '2026-05-31T11:00:00Z' } });
    expect(why({ startAt: 'head' }, alone(made)).why).to.match(/made at 2026-05-31T11:00:00Z/);
    // Its own delivery came late, and does not say when the change was made.
    const twins = [
      { event: { ...made, id: event().id }, runs: [] },
      { event: { ...fieldEvent(11), id: event().id }, runs: [] },
    ];
    const onField = { startAt: 'head', triggers: [onFields({ field: 'status' })] } as const;
    expect(why(onField, twins).verdict).to.equal('before');
  });

  it('passed: its triggers were others then', () => {
    expect(why({}, alone()).verdict).to.equal('passed');
  });

  it('waiting: never loaded, not reached, halted, not set up', () => {
    expect(why({}, alone(), { lanes: [] }).why).to.match(/no daemon has loaded/);
    const behind = why({}, alone(), lane({ cursor: 3 }));
    expect(behind.verdict).to.equal('waiting');
    expect(behind.why).to.equal('the rule has settled everything up to 3, this is 7');
    expect(why({}, alone(), live({})).why).to.match(/1 are in hand, 2 wait/);
    // Of a field that is compared only when its turn comes nobody knows yet whether the rule is meant.
    const status = onFields({ field: 'status', to: ['Won'] });
    const missed = event({ source: 'recovered' });
    expect(why({ triggers: [status] }, alone(missed), lane({ cursor: 3 })).why).to.equal(
      'the rule has settled everything up to 3, this is 7; whether its fields changed is looked at then',
    );
    const slow = { mode: { kind: 'throttle', max: 3, perMs: 90_000 } } as const;
    const throttled = { runs: 2, nextAt: '2026-06-02T12:01:00.000Z' };
    expect(why(slow, alone(), live({ inHand: 0, throttled })).why).to.equal(
      'it waits for its turn: 3 runs begin in 1m 30s at most, 2 wait, the next one at 2026-06-02T12:01:00.000Z (mode throttle)',
    );
    expect(why(slow, alone(), live({ throttled })).why).to.match(/^it is in hand, or waits for its turn: /);
    expect(why({}, alone(), live({ state: 'halted', error: 'ERP is gone' })).why).to.equal(
      'the rule is halted: ERP is gone',
    );
    expect(why({}, alone(), live({ state: 'waiting for setup', error: 'no file' })).why).to.match(/no file/);
  });

  it('paused: itself or a plugin of it, also where it waits to try again', () => {
    const of = (kind: 'rule' | 'plugin', name: string) => ({ paused: [{ kind, name, since: LOADED_AT }] });
    const answer = why({}, alone(), { ...lane({ cursor: 3 }), ...of('rule', 'r') });
    expect(answer).to.include({
      verdict: 'paused',
      why: 'the rule is paused since 2026-06-01T00:00:00.000Z',
      next: 'podiod resume --rule r lets it go on.',
    });
    const open = why({}, alone(event(), run({ outcome: 'open' })), of('plugin', 'work'));
    expect(open).to.include({
      verdict: 'paused',
      why: 'its plugin work is paused since 2026-06-01T00:00:00.000Z',
    });
    expect(why({}, alone(event(), run()), of('rule', 'r')).verdict).to.equal('settled');
    expect(why({}, alone(), { ...lane({ cursor: 3 }), ...of('plugin', 'other') }).verdict).to.equal(
      'waiting',
    );
  });

  it('disabled, and gone from the config', () => {
    const { rules } = whyChange(world([], { disabled: ['off'] }), alone(event(), run({ rule: 'old' })));
    expect(rules.map(({ rule, verdict }) => [rule, verdict])).to.deep.equal([
      ['old', 'settled'],
      ['off', 'disabled'],
    ]);
    expect(whyChange(world([]), alone(event()), 'old').rules).to.deep.equal([
      {
        rule: 'old',
        verdict: 'disabled',
        why: 'the rule has left the config, and nothing on record of this',
        trigger: [],
        runs: [],
      },
    ]);
  });

  it('the nearest miss first', () => {
    const failing = (holds: readonly boolean[]) => [
      step('rule.where', {
        outcome: 'filtered',
        checks: holds.map(one => ({ path: 'fields.status', test: 'Won', seen: 'Open', holds: one })),
      }),
    ];
    const rules = [
      makeRule('a-far', { triggers: [{ kind: 'app', apps: ['deals'], events: ['comment.create'] }] }),
      makeRule('b-type', { triggers: [{ ...APP, events: ['comment.create'] }] }),
      makeRule('b-asked', { triggers: [onFields({ field: 'status' })] }),
      makeRule('c-fields', { triggers: [onFields({ field: 'status' })] }),
      makeRule('d-two-tests'),
      makeRule('e-one-test'),
      makeRule('f-late-step'),
      makeRule('g-ran'),
    ];
    const filtered = (rule: string, steps: readonly StepVerdict[]) =>
      run({ rule, outcome: 'filtered', steps });
    const { rules: answers } = whyChange(
      world(rules, { disabled: ['off'] }),
      alone(
        event(),
        filtered('d-two-tests', failing([false, false])),
        filtered('e-one-test', failing([true, false])),
        filtered('b-asked', [step('on.fields', { outcome: 'filtered' })]),
        filtered('f-late-step', [step('one'), step('two', { outcome: 'filtered' })]),
        run({ rule: 'g-ran' }),
      ),
    );
    expect(answers.map(({ rule }) => rule)).to.deep.equal([
      'g-ran',
      'f-late-step',
      'e-one-test',
      'd-two-tests',
      'b-asked',
      'c-fields',
      'b-type',
      'a-far',
      'off',
    ]);
    const one = whyChange(world(rules), alone(), 'b-type').rules;
    expect(one.map(({ rule }) => rule)).to.deep.equal(['b-type']);
  });
});

describe('revisions that no event tells of', () => {
  it('are those that are accounted for, from the first event on', () => {
    const ledger = { upTo: 9, above: [11], missing: [[6, 7] as const] };
    expect(silentRevisions(new Set([3, 5]), ledger)).to.deep.equal([
      [4, 4],
      [8, 9],
      [11, 11],
    ]);
    expect(silentRevisions(new Set([9]), ledger)).to.deep.equal([[11, 11]]);
    expect(silentRevisions(new Set(), ledger)).to.deep.equal([[11, 11]]);
    const far = Number.MAX_SAFE_INTEGER;
    expect(silentRevisions(new Set([1]), { upTo: far, above: [], missing: [[2, far - 1]] })).to.deep.equal([
      [far, far],
    ]);
  });
});
