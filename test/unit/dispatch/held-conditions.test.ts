import { expect } from 'chai';
import type { Check } from '../../../src/core/condition.ts';
import type { PodioEvent } from '../../../src/core/event.ts';
import type { AppTrigger, Mode, Rule } from '../../../src/core/rule.ts';
import type { Changes, View } from '../../../src/plugin/contract.ts';
import { PermanentError } from '../../../src/plugin/index.ts';
import { APP, forked, itemUpdate, makeRule, makeStep, pass, type Work, World } from './support.ts';

const MINUTE = 60_000;

/** Of an event: its revision, which is as good as a field. */
const big: Rule['where'] = {
  judge: async view => {
    const { revision = 0 } = (view as View).event();
    return { holds: revision < 100, checks: [seenIn(revision)] };
  },
};
const seenIn = (revision: number): Check => ({
  path: 'event.revision',
  test: 'lt 100',
  seen: String(revision),
  holds: revision < 100,
});

const ON_STATUS: AppTrigger = { ...APP, fields: [{ field: 'status', to: ['Won'] }] };
const change = (item: number, revision: number) => itemUpdate(item, revision, { type: 'app_field', id: 11 });
const won = async (): Promise<Changes> =>
  new Map([
    [
      'status',
      { fieldId: 11, type: 'text', label: 'Status', from: [{ value: 'Open' }], to: [{ value: 'Won' }] },
    ],
  ]);
const STATUS: Check = { path: 'changes.status', test: 'to Won', seen: 'from Open to Won', holds: true };

const ruleOf = (rule: Partial<Rule> = {}) => makeRule('r', { where: big, fingerprint: 'work=1', ...rule });

/** What is on record of the rule's runs of an event: names, and what was looked at. */
async function recordOf(world: World, { id }: Pick<PodioEvent, 'id'>, replay = 0) {
  const [entry] = await world.store.journal.trace(id);
  const run = entry?.runs.find(one => one.replay === replay);
  return run?.steps.map(({ step, outcome, checks }) => [step, outcome, ...(checks ?? [])]);
}

const WHERE = (revision: number) => ['rule.where', 'done', seenIn(revision)];

const gate = () => Promise.withResolvers<undefined>();

describe('conditions that held stay on record', () => {
  it('all of them, of a run that parks at its first step and is retried after a crash', async () => {
    const world = await new World({
      rules: [ruleOf({ triggers: [ON_STATUS] })],
      changes: won,
      work: {
        work: () => {
          throw new PermanentError('no');
        },
      },
    }).start();
    const event = change(1, 1);
    await world.append(event);
    const held = [['on.fields', 'done', STATUS], WHERE(1)];
    expect(await recordOf(world, event)).to.deep.equal([...held, ['work', 'failed']]);
    await world.crash({ work: { work: pass }, changes: async () => new Map() });
    await world.store.parking.retry({ all: true });
    await world.clock.advance(0);
    expect(await recordOf(world, event)).to.deep.equal([...held, ['work', 'done']]);
  });

  it('also where a step behind the one that parked was mended meanwhile', async () => {
    const steps = [makeStep('a'), makeStep('b')];
    const world = await new World({
      rules: [ruleOf({ steps, fingerprint: 'a=1 b=1' })],
      work: {
        a: () => {
          throw new PermanentError('no');
        },
      },
    }).start();
    const event = itemUpdate(1, 2);
    await world.append(event);
    const none: Rule['where'] = { judge: async () => ({ holds: false, checks: [] }) };
    await world.crash({ work: {}, rules: [ruleOf({ steps, where: none, fingerprint: 'a=1 b=2' })] });
    await world.store.parking.retry({ all: true });
    await world.clock.advance(0);
    expect(await recordOf(world, event)).to.deep.equal([WHERE(2), ['a', 'done'], ['b', 'done']]);
  });

  it('of a run that is killed in its second step, while it is under way and after', async () => {
    const held = gate();
    const steps = [makeStep('a'), makeStep('b')];
    const world = await new World({
      rules: [ruleOf({ steps, fingerprint: 'a=1 b=1', triggers: [ON_STATUS] })],
      changes: won,
      work: { b: () => held.promise },
    }).start();
    const event = change(1, 3);
    await world.append(event);
    const before = [['on.fields', 'done', STATUS], WHERE(3), ['a', 'done']];
    expect(await recordOf(world, event)).to.deep.equal(before);
    await world.crash({ work: {}, changes: async () => new Map() });
    expect(await recordOf(world, event)).to.deep.equal([...before, ['b', 'done']]);
  });

  it('of a run whose first step fails, before and after a crash: they are asked once', async () => {
    let asked = 0;
    const where: Rule['where'] = {
      judge: async () => ({ holds: ++asked === 1, checks: [seenIn(4)] }),
    };
    const world = await new World({
      rules: [ruleOf({ where })],
      work: {
        work: () => {
          throw new Error('no');
        },
      },
    }).start();
    const event = itemUpdate(1, 4);
    await world.append(event);
    expect(await recordOf(world, event)).to.deep.equal([WHERE(4)]);
    await world.crash({ work: {} });
    await world.clock.advance(1000);
    expect(await recordOf(world, event)).to.deep.equal([WHERE(4), ['work', 'done']]);
    expect(asked).to.equal(1);
  });

  it('of a run whose branches are parked and retried by themselves', async () => {
    const fan: Work = ({ data }) => forked(data, 'n', { x: 1, y: 2 });
    const steps = [makeStep('fan'), makeStep('work')];
    const world = await new World({
      rules: [ruleOf({ steps, fingerprint: 'fan=1 work=1' })],
      work: {
        fan,
        work: ({ data }) => {
          if (data.n === 2) throw new PermanentError('no');
          return undefined;
        },
      },
    }).start();
    const event = itemUpdate(1, 5);
    await world.append(event);
    const before = [WHERE(5), ['fan', 'done'], ['work', 'done']];
    expect(await recordOf(world, event)).to.deep.equal([...before, ['work', 'failed']]);
    await world.crash({ work: { fan } });
    await world.store.parking.retry({ all: true });
    await world.clock.advance(0);
    expect(await recordOf(world, event)).to.deep.equal([...before, ['work', 'done']]);
  });

  it('of one condition where the next can never be told', async () => {
    const where: Rule['where'] = {
      judge: async () => {
        throw new PermanentError('no access');
      },
    };
    const world = await new World({
      rules: [ruleOf({ where, triggers: [ON_STATUS] })],
      changes: won,
    }).start();
    const event = change(1, 6);
    await world.append(event);
    expect(await recordOf(world, event)).to.deep.equal([['on.fields', 'done', STATUS]]);
  });

  it('of an event that ends the process again and again, until it is parked for that', async () => {
    const world = new World({ rules: [ruleOf()], work: { work: () => gate().promise } });
    const event = itemUpdate(1, 8);
    await world.store.journal.append([event]);
    for (let life = 0; life < 5; life++) {
      await world.crash();
      await world.clock.advance(30_000);
    }
    expect(await recordOf(world, event)).to.deep.equal([WHERE(8), ['work', 'failed']]);
  });

  it('of a replay', async () => {
    const world = await new World({ rules: [ruleOf()] }).start();
    const event = itemUpdate(1, 7);
    await world.append(event);
    await world.store.replays.request('r', { from: 1, to: 1 });
    await world.clock.advance(0);
    expect(await recordOf(world, event, 1)).to.deep.equal([WHERE(7), ['work', 'done']]);
  });

  const seen = (mode: Mode['kind'], what: string, holds = true): Check => ({
    path: 'mode',
    test: mode,
    seen: what,
    holds,
  });

  it('of every event of a batch: while it waits, after it was run, parked and retried', async () => {
    const mode: Mode = { kind: 'batch', max: 10, closes: { kind: 'within', ms: MINUTE } };
    const world = await new World({
      rules: [ruleOf({ mode })],
      work: {
        work: () => {
          throw new PermanentError('no');
        },
      },
    }).start();
    const [one, two] = [itemUpdate(1, 1), itemUpdate(2, 2)];
    await world.append(one, itemUpdate(3, 300), two);
    expect(await recordOf(world, one)).to.deep.equal([WHERE(1)]);
    await world.crash();
    await world.clock.advance(MINUTE);
    const lead = ['rule.mode', 'done', seen('batch', '2 events as one run')];
    const other = [WHERE(1), ['rule.mode', 'done', seen('batch', `run with ${two.id}`)]];
    expect(await recordOf(world, two)).to.deep.equal([WHERE(2), lead, ['work', 'failed']]);
    expect(await recordOf(world, one)).to.deep.equal(other);
    await world.crash({ work: {} });
    await world.store.parking.retry({ all: true });
    await world.clock.advance(0);
    expect(await recordOf(world, two)).to.deep.equal([WHERE(2), lead, ['work', 'done']]);
    expect(await recordOf(world, one)).to.deep.equal(other);
  });

  it('of the latest, and of what it replaced', async () => {
    const held = gate();
    const world = await new World({
      rules: [ruleOf({ mode: { kind: 'latest' } })],
      work: { work: () => held.promise },
    }).start();
    const [first, second, third] = [itemUpdate(1, 1), itemUpdate(1, 2), itemUpdate(1, 3)];
    await world.append(first);
    await world.append(second, third);
    expect(await recordOf(world, third)).to.deep.equal([WHERE(3)]);
    await world.crash({ work: {} });
    const lead = ['rule.mode', 'done', seen('latest', 'the latest of 1 event')];
    expect(await recordOf(world, first)).to.deep.equal([WHERE(1), lead, ['work', 'done']]);
    expect(await recordOf(world, second)).to.deep.equal([
      WHERE(2),
      ['rule.mode', 'filtered', seen('latest', `a newer event came: ${third.id}`, false)],
    ]);
    expect((await recordOf(world, third))?.[0]).to.deep.equal(WHERE(3));
  });

  it('of edits that have settled, at each of them', async () => {
    const mode: Mode = { kind: 'settle', quietMs: MINUTE, atMostMs: 10 * MINUTE };
    const world = await new World({
      rules: [ruleOf({ mode, triggers: [ON_STATUS] })],
      changes: won,
      spanned: won,
    }).start();
    const [one, two] = [change(1, 1), change(1, 2)];
    await world.append(one, two);
    await world.clock.advance(MINUTE);
    const fields = ['on.fields', 'done', STATUS];
    const all = ['rule.mode', 'done', seen('settle', '2 events as one run')];
    expect(await recordOf(world, two)).to.deep.equal([all, fields, WHERE(2), ['work', 'done']]);
    const with2 = ['rule.mode', 'done', seen('settle', `run with ${two.id}`)];
    expect(await recordOf(world, one)).to.deep.equal([fields, WHERE(2), with2]);
  });

  it('what `when` saw too, where its step lets nothing through and has nothing to say of that', async () => {
    const judge = async () => ({ holds: true, checks: [seenIn(5)] });
    const world = await new World({
      rules: [makeRule('r', { steps: [makeStep('work', { when: { judge } })] })],
      work: { work: () => [] },
    }).start();
    const event = itemUpdate(1, 5);
    await world.append(event);
    expect(await recordOf(world, event)).to.deep.equal([['work', 'filtered', seenIn(5)]]);
  });

  it('of a run that waits for its turn, also over a crash', async () => {
    const mode: Mode = { kind: 'throttle', max: 1, perMs: MINUTE };
    const world = await new World({ rules: [ruleOf({ mode })] }).start();
    const [first, second] = [itemUpdate(1, 1), itemUpdate(2, 2)];
    await world.append(first, second);
    await world.crash();
    await world.clock.advance(MINUTE);
    expect(await recordOf(world, second)).to.deep.equal([WHERE(2), ['work', 'done']]);
  });
});
