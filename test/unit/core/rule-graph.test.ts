import { expect } from 'chai';
import fc from 'fast-check';
import type { AppTrigger, StepWrite, Trigger } from '../../../src/core/rule.ts';
import { loopsOf, type RuleEdge, ruleGraph } from '../../../src/core/rule-graph.ts';

const APPS = new Map([
  ['leads', { fields: { worth: 'deal-value' } }],
  ['deals', { fields: {} }],
]);
const on = (fields?: readonly string[], more: Partial<AppTrigger> = {}): AppTrigger => ({
  kind: 'app',
  apps: ['leads'],
  events: ['item.create', 'item.update'],
  ...(fields && { fields: fields.map(field => ({ field })) }),
  ...more,
});
const rule = (name: string, triggers: readonly Trigger[], ...writes: readonly StepWrite[]) => ({
  name,
  triggers,
  includeOwn: true,
  steps: [{ name: 'write', writes }],
});
const update = (fields?: readonly string[], more: Partial<StepWrite> = {}): StepWrite => ({
  event: 'item.update',
  ...(fields && { fields }),
  ...more,
});
const show = ({ from, to, app, fields, told }: RuleEdge) =>
  `${from} ${told ? '->' : '..'} ${to} ${app}${fields ? `: ${fields.join()}` : ''}`;
const edges = (...rules: Parameters<typeof ruleGraph>[0]) => ruleGraph(rules, APPS).edges.map(show);

describe('the graph of rules', () => {
  it('goes from who writes a field to who watches it, by alias or external id', () => {
    expect(
      edges(
        rule('a', [on()], update(['deal-value', 'owner'])),
        rule('b', [on(['worth', 'stage'])]),
        rule('c', [on(['stage'])]),
        rule('d', [on()]),
      ),
    ).to.deep.equal(['a .. b leads: deal-value', 'a .. d leads: deal-value,owner']);
  });

  it('takes what is not known for possible', () => {
    expect(edges(rule('a', [on()], update()), rule('b', [on(['stage'])]))).to.deep.equal([
      'a .. b leads: stage',
    ]);
    expect(edges(rule('a', [on()], update(['stage'])), rule('b', [on(['1001'])]))).to.deep.equal([
      'a .. b leads: 1001',
    ]);
  });

  it('leaves out what is set to something that the other one does not wait for', () => {
    const won = rule('b', [{ ...on(), fields: [{ field: 'stage', to: ['Won'] }] }]);
    const sets = (stage: string) => rule('a', [on()], update(['stage'], { values: { stage } }));
    expect(edges(sets('Lost'), won)).to.deep.equal([]);
    expect(edges(sets('Won'), won)).to.deep.equal(['a .. b leads: stage']);
  });

  it('keeps apps and events apart', () => {
    const deal = { apps: ['deals'] };
    expect(
      edges(
        rule('a', [on()], update(['x'], { app: 'deals' }), { event: 'comment.create' }),
        rule('b', [on(['x'])]),
        rule('c', [on(['x'], deal)]),
        rule('d', [on(undefined, { events: ['comment.create'] })]),
        rule('e', [{ kind: 'schedule', cron: '0 9 * * *', timezone: 'UTC', missed: 'skip' }], update(['x'])),
      ),
    ).to.deep.equal(['a .. c deals: x', 'a .. d leads']);
  });

  it('goes to rules on spaces that want to hear of tasks, whichever app they are of', () => {
    const tasks: Trigger = { kind: 'space', spaces: ['sales'], events: ['task.create'] };
    const makes = (hook: boolean): StepWrite => ({ event: 'task.create', hook });
    expect(
      edges(
        rule('a', [on()], makes(true)),
        rule('b', [tasks], makes(true)),
        rule('c', [tasks], makes(false)),
        { ...rule('d', [tasks]), includeOwn: false },
      ),
    ).to.deep.equal(['a -> b sales', 'a -> c sales', 'b -> b sales', 'b -> c sales']);
  });

  it('leaves out a rule that writes back without hooks, and not one that tells them', () => {
    expect(edges(rule('a', [on(['x'])], update(['x'])))).to.deep.equal([]);
    const back = rule('a', [on(['x'])], update(['x'], { hook: true }));
    expect(edges(back)).to.deep.equal(['a -> a leads: x']);
    expect(edges({ ...back, includeOwn: false })).to.deep.equal([]);
  });

  it('tells whether a rule hears of it, and whether that is said to be meant so', () => {
    const written = rule('a', [on(['y'])], update(['x'], { hook: true }));
    const { includeOwn: _, ...silent } = rule('b', [on(['x'])]);
    const told = (to: object) =>
      ruleGraph([written, { ...silent, ...to }], APPS).edges.map(({ told, hooked, meant }) => [
        told,
        hooked,
        meant,
      ]);
    expect(told({})).to.deep.equal([[false, true, false]]);
    expect(told({ includeOwn: false })).to.deep.equal([[false, true, true]]);
    expect(told({ includeOwn: true })).to.deep.equal([[true, true, false]]);
  });
});

describe('what waits for time in the graph of rules', () => {
  const waits: Trigger = { kind: 'lasted', apps: ['leads'], field: 'worth', to: ['x'], forMs: 1000 };

  const comes: Trigger = {
    kind: 'date',
    apps: ['leads'],
    field: 'due',
    at: { days: 0, ms: 0 },
    timezone: 'UTC',
    missed: 'run',
  };
  const later = (...rules: readonly ReturnType<typeof rule>[]) =>
    ruleGraph(rules, APPS).edges.filter(({ later }) => later);
  const loops = (...rules: readonly (ReturnType<typeof rule> & { loop?: 'allowed' })[]) =>
    loopsOf(rules, ruleGraph(rules, APPS)).map(way => way.map(({ from }) => from));

  it('is told with or without hooks, whether or not the rule hears of own changes, beside what it is told at once', () => {
    const quiet = (one: ReturnType<typeof rule>) => ({ ...one, includeOwn: false });
    expect(
      later(
        rule('a', [on(['stage'])], update(['deal-value'])),
        quiet(rule('b', [waits], update(['worth'], { hook: true }))),
        rule('c', [on(), waits], update(['owner'])),
        rule('d', [comes]),
      ).map(show),
    ).to.deep.equal([
      'a -> b leads: deal-value',
      'a -> c leads: deal-value',
      'b -> b leads: deal-value',
      'b -> c leads: deal-value',
    ]);
  });

  it('makes a loop where rules may bring about for each other what they wait for', () => {
    const state = (to: string): Trigger => ({ ...waits, field: 'stage', to: [to] });
    const sets = (value: unknown) => update(['stage'], { values: { stage: value } });
    const open = rule('open', [state('Open')], sets('Won'));
    const won = rule('won', [state('Won')], sets('Open'));
    expect(loops(open, won)).to.deep.equal([['open', 'won']]);
    expect(loops(open, { ...won, loop: 'allowed' })).to.deep.equal([]);
    expect(loops(open, rule('lost', [state('Won')], sets('Lost')))).to.deep.equal([]);
    expect(loops(rule('escalated', [state('Waiting')], sets('Escalated')))).to.deep.equal([]);
    expect(loops(rule('unknown', [state('Waiting')], sets('{{ fields.next }}')))).to.deep.equal([
      ['unknown'],
    ]);
    // Half of the way by what Podio tells.
    const told = rule('told', [on(['stage'])], sets('Open'));
    expect(loops(open, told)).to.deep.equal([]);
    expect(loops(rule('open', [state('Open')], { ...sets('Won'), hook: true }), told)).to.deep.equal([
      ['open', 'told'],
    ]);
  });

  it('makes a loop where a rule puts off the date that it waits for, and none where it empties it', () => {
    const due = (value: unknown) => rule('due', [comes], update(['due'], { values: { due: value } }));
    expect(loops(due('2027-01-01'))).to.deep.equal([['due']]);
    expect(loops(due(null))).to.deep.equal([]);
  });
});

describe('loops of rules', () => {
  const hook = { hook: true };
  const ring = (names: readonly string[]) =>
    names.map((name, index) =>
      rule(name, [on([name])], update([names[(index + 1) % names.length] ?? ''], hook)),
    );
  const loops = (rules: readonly (ReturnType<typeof rule> & { loop?: 'allowed' })[]) =>
    loopsOf(rules, ruleGraph(rules, APPS)).map(way => way.map(({ from }) => from));

  it('are told by a way that comes back', () => {
    expect(loops(ring(['a', 'b', 'c']))).to.deep.equal([['a', 'b', 'c']]);
    expect(loops([...ring(['a', 'b']), ...ring(['x'])])).to.deep.equal([['a', 'b'], ['x']]);
    expect(loops([rule('z', [on(['z'])], update(['a'], hook)), ...ring(['a', 'b'])])).to.deep.equal([
      ['a', 'b'],
    ]);
  });

  it('need hooks', () => {
    expect(
      loops([rule('a', [on(['a'])], update(['b'])), rule('b', [on(['b'])], update(['a'], hook))]),
    ).to.deep.equal([]);
  });

  it('are cut by one rule that allows them', () => {
    const [a, b, c] = ring(['a', 'b', 'c']) as [
      ReturnType<typeof rule>,
      ReturnType<typeof rule>,
      ReturnType<typeof rule>,
    ];
    expect(loops([a, { ...b, loop: 'allowed' }, c])).to.deep.equal([]);
  });

  it('are found exactly where there are some', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const arrow = fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names));
    fc.assert(
      fc.property(fc.array(arrow, { maxLength: 10 }), arrows => {
        const rules = names.map(name =>
          rule(
            name,
            [on([name])],
            ...arrows.filter(([from]) => from === name).map(([, to]) => update([to], hook)),
          ),
        );
        // By reachability, told the slow way.
        const reach = new Set(arrows.map(([from, to]) => `${from}${to}`));
        for (const via of names)
          for (const from of names)
            for (const to of names) if (reach.has(from + via) && reach.has(via + to)) reach.add(from + to);
        const found = loops(rules);
        const isCyclic = names.some(name => reach.has(name + name));
        expect(found.length > 0).to.equal(isCyclic);
        for (const way of found)
          for (const [index, from] of way.entries())
            expect(arrows.some(([a, b]) => a === from && b === way[(index + 1) % way.length])).to.equal(true);
      }),
    );
  });
});
