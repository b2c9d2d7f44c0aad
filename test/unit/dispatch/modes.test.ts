import { expect } from 'chai';
import { sleep } from '../../../src/core/clock.ts';
import type { PodioEvent } from '../../../src/core/event.ts';
import type { AppTrigger, Mode, Rule, ScheduleTrigger } from '../../../src/core/rule.ts';
import type { Changes, FieldChanged } from '../../../src/plugin/contract.ts';
import type { StepTask } from '../../../src/plugin/host.ts';
import { PermanentError } from '../../../src/plugin/index.ts';
import {
  APP,
  exchange,
  forked,
  itemUpdate,
  makeRule,
  makeStep,
  POLICY,
  World,
  type WorldOptions,
} from './support.ts';

const MINUTE = 60_000;

const SETTLE: Mode = { kind: 'settle', quietMs: 2 * MINUTE, atMostMs: 60 * MINUTE };
const LATEST: Mode = { kind: 'latest' };
const batchOf = (max: number, ms = 10 * MINUTE): Mode => ({
  kind: 'batch',
  max,
  closes: { kind: 'within', ms },
});

const NIGHTLY: ScheduleTrigger = {
  kind: 'schedule',
  cron: '15 2 * * *',
  timezone: 'UTC',
  missed: 'skip',
  items: { app: 'leads' },
};

/** What the step was given, one entry a run: the seqs of its events. */
function told() {
  const runs: { seqs: number[]; key: string; event: string }[] = [];
  return {
    runs,
    get seqs() {
      return runs.map(({ seqs }) => seqs);
    },
    note({ event, bundle, deliveryKey }: StepTask) {
      const events = bundle?.events ?? [event];
      runs.push({ seqs: events.map(({ seq }) => seq), key: deliveryKey, event: event.id });
    },
  };
}

const ruleOf = (mode: Mode, rule: Partial<Rule> = {}) => makeRule('r', { mode, ...rule });

const changed = (from: string | undefined, to: string | undefined): FieldChanged => ({
  fieldId: 11,
  type: 'text',
  label: 'Status',
  from: from === undefined ? [] : [{ value: from }],
  to: to === undefined ? [] : [{ value: to }],
});
const statusChange = (from: string | undefined, to: string | undefined): Changes =>
  new Map(from === to ? [] : [['status', changed(from, to)]]);

describe('mode settle', () => {
  it('runs also when a timer is a moment early', async () => {
    const seen = told();
    const world = new World({
      rules: [ruleOf(SETTLE)],
      work: { work: task => void seen.note(task) },
    });
    const { after } = world.clock;
    world.clock.after = (ms, fn) => after(Math.max(ms - 0.5, 0.5), fn);
    await world.start();
    await world.append(itemUpdate(1, 1));
    await world.clock.advance(2 * MINUTE - 1);
    expect(seen.seqs).to.deep.equal([]);
    await world.clock.advance(3);
    expect(seen.seqs).to.deep.equal([[1]]);
  });

  it('gathers on while an event of another rule waits to have the process to itself', async () => {
    const seen = told();
    const fields = ['status', 'value'].map(
      (field): AppTrigger => ({ ...APP, fields: [{ field }], events: ['item.update'] }),
    );
    const poison = { ...itemUpdate(9, 1), ref: { type: 'app', id: 102 }, app: 'deals' } as const;
    const gate = { open: Promise.resolve() };
    const world = new World({
      rules: [
        ruleOf(SETTLE, { triggers: fields }),
        makeRule('suspect', { triggers: [{ ...APP, apps: ['deals'] }] }),
      ],
      work: { work: task => void seen.note(task) },
      wrap: store => ({
        ...store,
        lanes: {
          ...store.lanes,
          gather: (...args: Parameters<typeof store.lanes.gather>) =>
            gate.open.then(() => store.lanes.gather(...args)),
        },
      }),
    });
    await world.store.journal.append([poison]);
    // The process has ended twice while this one was alone in hand: the next time it has to itself.
    for (let ends = 0; ends < 2; ends++) {
      const lease = await world.store.lanes.acquire({ rule: 'suspect', shard: 0, of: 1 }, 'earliest');
      await world.store.lanes.mark(lease, { seq: 1, eventId: poison.id, replay: 0 }, true);
      world.store = world.store.reopen();
    }
    await world.crash();
    const { promise, resolve } = Promise.withResolvers<void>();
    gate.open = promise;
    const change = (item: number, field: number) => itemUpdate(item, 1, { type: 'app_field', id: field });
    // The second tells of the same change as the first, so it waits for it, and the third for both.
    await world.append(change(1, 11), change(1, 12), change(2, 11));
    await world.clock.advance(10_000);
    resolve();
    await world.clock.advance(5 * MINUTE);
    expect(seen.runs.map(({ event }) => event).toSorted()).to.deep.equal([
      'item.update:1:1',
      'item.update:2:1',
      poison.id,
    ]);
  });

  it('runs when the last that was read before it is for others', async () => {
    const seen = told();
    const gate = { open: Promise.resolve() };
    const world = await new World({
      rules: [ruleOf(SETTLE)],
      work: { work: task => void seen.note(task) },
      wrap: store => ({
        ...store,
        journal: { ...store.journal, read: query => gate.open.then(() => store.journal.read(query)) },
      }),
    }).start();
    await world.append(itemUpdate(1, 1));
    const { promise, resolve } = Promise.withResolvers<void>();
    gate.open = promise;
    await world.append({ ...itemUpdate(2, 1), ref: { type: 'app', id: 102 }, app: 'deals' });
    await world.clock.advance(2 * MINUTE);
    expect(seen.seqs).to.deep.equal([]);
    resolve();
    await world.clock.advance(0);
    expect(seen.seqs).to.deep.equal([[1]]);
  });

  it('runs once when an item has been quiet for so long', async () => {
    const seen = told();
    const world = await new World({
      rules: [ruleOf(SETTLE)],
      work: { work: task => void seen.note(task) },
    }).start();
    await world.append(itemUpdate(1, 1), itemUpdate(2, 1));
    await world.clock.advance(MINUTE);
    await world.append(itemUpdate(1, 2));
    await world.clock.advance(MINUTE);
    expect(seen.seqs).to.deep.equal([[2]]);
    await world.clock.advance(MINUTE - 1);
    expect(seen.seqs).to.have.length(1);
    await world.clock.advance(1);
    expect(seen.runs[1]).to.deep.equal({
      seqs: [1, 3],
      key: 'r/item.update:1:2/work',
      event: 'item.update:1:2',
    });
    expect(await world.runs()).to.deep.equal([
      ['r', 1, 'settled'],
      ['r', 2, 'settled'],
      ['r', 3, 'settled'],
    ]);
    expect(await world.cursor('r')).to.equal(3);
  });

  it('does not wait for ever for edits that never stop', async () => {
    const seen = told();
    const world = await new World({
      rules: [ruleOf({ ...SETTLE, atMostMs: 5 * MINUTE })],
      work: { work: task => void seen.note(task) },
    }).start();
    for (let edit = 1; edit <= 8; edit++) {
      await world.append(itemUpdate(1, edit));
      await world.clock.advance(MINUTE);
    }
    expect(seen.seqs).to.deep.equal([[1, 2, 3, 4, 5]]);
    await world.clock.advance(2 * MINUTE);
    expect(seen.seqs).to.deep.equal([
      [1, 2, 3, 4, 5],
      [6, 7, 8],
    ]);
  });

  it('goes on after kill -9 as if nothing had been', async () => {
    const seen = told();
    const world = await new World({
      rules: [ruleOf(SETTLE)],
      work: { work: task => void seen.note(task) },
    }).start();
    await world.append(itemUpdate(1, 1));
    await world.clock.advance(MINUTE);
    await world.crash();
    await world.append(itemUpdate(1, 2));
    await world.crash();
    await world.clock.advance(2 * MINUTE);
    await world.crash();
    await world.clock.advance(10 * MINUTE);
    expect(seen.seqs).to.deep.equal([[1, 2]]);
  });

  it('makes no difference of what came while podiod was down', async () => {
    const seen = told();
    const world = new World({ rules: [ruleOf(SETTLE)], work: { work: task => void seen.note(task) } });
    for (const [edit, pause] of [
      [1, MINUTE],
      [2, 3 * MINUTE],
      [3, MINUTE],
      [4, 0],
    ] as const) {
      await world.store.journal.append([itemUpdate(1, edit)]);
      await world.clock.advance(pause);
    }
    await world.start();
    expect(seen.seqs).to.deep.equal([[1, 2]]);
    await world.clock.advance(2 * MINUTE);
    expect(seen.seqs).to.deep.equal([
      [1, 2],
      [3, 4],
    ]);
  });

  it('edits that cancel out give no run, and why says so', async () => {
    const seen = told();
    const states = [undefined, 'a', 'b', 'a', 'c'];
    const at = (revision: number) => statusChange(states[revision - 1], states[revision]);
    const world = await new World({
      rules: [ruleOf(SETTLE)],
      work: { work: task => void seen.note(task) },
      changes: async ({ revision = 0 }) => at(revision),
      spanned: async events =>
        statusChange(states[(events[0]?.revision ?? 0) - 1], states[events.at(-1)?.revision ?? 0]),
    }).start();
    await world.append(itemUpdate(1, 2), itemUpdate(1, 3));
    await world.clock.advance(2 * MINUTE);
    expect(seen.seqs).to.deep.equal([]);
    const [, last] = await world.store.journal.list({});
    expect(last?.runs[0]).to.deep.include({ outcome: 'filtered' });
    expect(last?.runs[0]?.steps[1]?.checks).to.deep.equal([
      { path: 'changes', test: 'exists', seen: '2 edits that cancel each other out', holds: false },
    ]);
    await world.append(itemUpdate(1, 4));
    await world.clock.advance(2 * MINUTE);
    expect(seen.seqs).to.deep.equal([[3]]);
  });

  it('what changes nothing that Podio tells of does not cancel out', async () => {
    const seen = told();
    const world = await new World({
      rules: [ruleOf(SETTLE)],
      work: { work: task => void seen.note(task) },
    }).start();
    await world.append(itemUpdate(1, 2), itemUpdate(1, 3));
    await world.clock.advance(2 * MINUTE);
    expect(seen.seqs).to.deep.equal([[1, 2]]);
  });

  it('an item that was made and deleted gives no run, also where an edit is told late; one that is back does', async () => {
    for (const [revision, runs] of [
      [1, []],
      [3, [[1, 2, 3]]],
    ] as const) {
      const seen = told();
      const world = await new World({
        rules: [
          ruleOf(SETTLE, { triggers: [{ ...APP, events: ['item.create', 'item.update', 'item.delete'] }] }),
        ],
        work: { work: task => void seen.note(task) },
      }).start();
      await world.append(
        { ...itemUpdate(1, 0), id: 'item.create:1:0', type: 'item.create' },
        { ...itemUpdate(1, 2), id: 'item.delete:1:2', type: 'item.delete' },
        itemUpdate(1, revision),
      );
      await world.clock.advance(2 * MINUTE);
      expect(seen.seqs).to.deep.equal(runs);
    }
  });

  it('of very many edits it is not asked whether each shows: they run', async () => {
    const seen = told();
    let asked = 0;
    const world = await new World({
      rules: [ruleOf(SETTLE)],
      work: { work: task => void seen.note(task) },
      changes: async () => {
        asked++;
        return statusChange('a', 'b');
      },
    }).start();
    const edits = Array.from({ length: 101 }, (_, n) => itemUpdate(1, n + 1));
    await world.append(...edits.slice(1));
    await world.clock.advance(2 * MINUTE);
    expect([seen.seqs, asked]).to.deep.equal([[], 100]);
    await world.append(...edits.map(edit => ({ ...edit, id: edit.id.replace(':1:', ':2:'), itemId: 2 })));
    await world.clock.advance(2 * MINUTE);
    expect([seen.seqs.flat().length, asked]).to.deep.equal([101, 100]);
  });

  it('an edit that shows in no difference stands, among others that cancel out', async () => {
    const seen = told();
    const states = ['a', 'b', 'b', 'a'];
    const world = await new World({
      rules: [ruleOf(SETTLE)],
      work: { work: task => void seen.note(task) },
      changes: async ({ revision = 0 }) =>
        states[revision - 1] === states[revision]
          ? new Map()
          : statusChange(states[revision - 1], states[revision]),
    }).start();
    await world.append(itemUpdate(1, 1), itemUpdate(1, 2), itemUpdate(1, 3));
    await world.clock.advance(2 * MINUTE);
    expect(seen.seqs).to.deep.equal([[1, 2, 3]]);
  });

  it('fields of the trigger, and where, are judged by what came of it', async () => {
    const seen = told();
    const where = { judge: async () => ({ holds: true, checks: [] }) };
    const states = ['Open', 'Won', 'Open', 'Lost', 'Won', 'Won'];
    const spans: [number, number][] = [];
    const trigger = {
      kind: 'app',
      apps: ['leads'],
      events: ['item.update'],
      fields: [{ field: 'status', to: ['Won'] }],
    } as const;
    const world = await new World({
      rules: [ruleOf(SETTLE, { triggers: [trigger], where })],
      work: { work: task => void seen.note(task) },
      changes: async ({ revision = 0 }) => statusChange(states[revision - 1], states[revision]),
      spanned: async events => {
        const [from, to] = [(events[0]?.revision ?? 0) - 1, events.at(-1)?.revision ?? 0];
        spans.push([from, to]);
        return statusChange(states[from], states[to]);
      },
    }).start();
    const edit = (revision: number) => itemUpdate(1, revision, { type: 'app_field', id: 11 });
    // Won for a moment only.
    await world.append(edit(1), edit(2));
    await world.clock.advance(2 * MINUTE);
    expect(seen.seqs).to.deep.equal([]);
    // Lost for a moment only: from Open to Won in the end.
    await world.append(edit(3), edit(4));
    await world.clock.advance(2 * MINUTE);
    expect(seen.seqs).to.deep.equal([[3, 4]]);
    expect(spans).to.deep.include.members([
      [0, 2],
      [2, 4],
    ]);
  });

  it('a later edit waits for the run in hand, and runs after it', async () => {
    const seen = told();
    let fails = true;
    const world = await new World({
      rules: [ruleOf(SETTLE)],
      work: {
        work: task => {
          seen.note(task);
          if (task.event.seq === 1 && fails) throw new Error('not now');
          return undefined;
        },
      },
    }).start();
    await world.append(itemUpdate(1, 1));
    await world.clock.advance(2 * MINUTE);
    await world.append(itemUpdate(1, 2), itemUpdate(2, 1));
    await world.clock.advance(2 * MINUTE);
    expect(new Set(seen.seqs.map(String))).to.deep.equal(new Set(['1', '3']));
    fails = false;
    await world.clock.advance(2 * MINUTE);
    expect(seen.seqs.slice(-2)).to.deep.equal([[1], [2]]);
  });
});

describe('modes and branches', () => {
  const rows = { a: 1, b: 2 };
  const steps = [makeStep('split'), makeStep('work')];
  /** `broken`: the branch that gives up. */
  const splitting = (seen: string[], broken: { branch?: string }) => ({
    split: ({ data }: StepTask) => forked(data, 'row', rows),
    work: ({ bundle, deliveryKey }: StepTask) => {
      const branch = deliveryKey.split('/').at(-1);
      seen.push(`${bundle?.events.map(({ seq }) => seq).join('+')} ${deliveryKey}`);
      if (branch === broken.branch) throw new PermanentError(`no ${branch}`);
      return undefined;
    },
  });
  const outcomes = async (world: World) => (await world.runs()).map(([, , outcome]) => outcome);

  it('settle: each branch has all the events and a key of its own, over a restart', async () => {
    const seen: string[] = [];
    const world = await new World({
      rules: [ruleOf(SETTLE, { steps })],
      work: splitting(seen, {}),
    }).start();
    await world.append(itemUpdate(1, 1));
    await world.clock.advance(MINUTE);
    await world.append(itemUpdate(1, 2));
    await world.crash();
    await world.clock.advance(2 * MINUTE);
    expect(seen).to.deep.equal(['1+2 r/item.update:1:2/work/a', '1+2 r/item.update:1:2/work/b']);
    expect(await outcomes(world)).to.deep.equal(['settled', 'settled']);
  });

  for (const [mode, key] of [
    [SETTLE, 'item.update:1:2'],
    [batchOf(2), '1-2'],
  ] as const) {
    it(`${mode.kind}: a branch is parked, retried and dropped by itself, and all events have the run's outcome`, async () => {
      const seen: string[] = [];
      const broken: { branch?: string } = { branch: 'b' };
      const world = await new World({
        rules: [ruleOf(mode, { steps })],
        work: splitting(seen, broken),
      }).start();
      await world.append(itemUpdate(1, 1), itemUpdate(1, 2));
      await world.clock.advance(2 * MINUTE);
      expect(seen).to.deep.equal([`1+2 r/${key}/work/a`, `1+2 r/${key}/work/b`]);
      expect(await outcomes(world)).to.deep.equal(['parked', 'parked']);
      expect((await world.store.parking.list()).map(({ branch, events }) => [branch, events])).to.deep.equal([
        ['b', 2],
      ]);
      // What came later does not wait for it.
      await world.append(itemUpdate(1, 3), itemUpdate(1, 4));
      await world.clock.advance(2 * MINUTE);
      expect(await outcomes(world)).to.deep.equal(Array(4).fill('parked'));
      await world.crash();
      delete broken.branch;
      const [first, second] = (await world.store.parking.list()).map(({ id }) => id);
      await world.store.parking.retry({ ids: [first ?? ''] });
      await world.clock.advance(0);
      expect(seen.slice(4)).to.deep.equal([`1+2 r/${key}/work/b`]);
      await world.store.parking.drop({ ids: [second ?? ''] });
      expect((await outcomes(world)).slice(0, 2)).to.deep.equal(['settled', 'settled']);
      expect(new Set((await outcomes(world)).slice(2)).size).to.equal(1);
      expect(await world.store.parking.list()).to.deep.equal([]);
      expect((await world.store.lanes.status())[0]).not.to.have.property('gathered');
    });
  }
});

describe('mode latest', () => {
  it('runs the newest of what waits for a run in hand, and says what it replaced', async () => {
    const seen = told();
    let open = () => {};
    const gate = new Promise<void>(resolve => {
      open = resolve;
    });
    const world = await new World({
      rules: [ruleOf(LATEST)],
      work: {
        work: async task => {
          seen.note(task);
          if (task.event.seq === 1) await gate;
          return undefined;
        },
      },
    }).start();
    await world.append(itemUpdate(1, 1));
    expect(seen.seqs).to.deep.equal([[1]]);
    await world.append(itemUpdate(1, 2), itemUpdate(2, 1));
    for (let edit = 3; edit < 200; edit++) await world.append(itemUpdate(1, edit));
    expect(seen.seqs).to.deep.equal([[1], [3]]);
    open();
    await world.clock.advance(0);
    expect(seen.seqs).to.deep.equal([[1], [3], [200]]);
    const listed = await world.store.journal.list({});
    expect(listed[1]?.runs[0]).to.deep.include({ outcome: 'filtered' });
    expect(listed[1]?.runs[0]?.steps[0]?.checks?.[0]?.seen).to.equal('a newer event came: item.update:1:199');
    expect(listed[199]?.runs[0]).to.deep.include({ outcome: 'settled' });
    expect(await world.cursor('r')).to.equal(200);
  });

  it('only what the rule wants replaces', async () => {
    const seen = told();
    const world = new World({
      rules: [
        ruleOf(LATEST, {
          where: {
            judge: async view => {
              const { revision } = (view as { event(): PodioEvent }).event();
              return { holds: revision !== 3, checks: [] };
            },
          },
        }),
      ],
      work: { work: task => void seen.note(task) },
    });
    await world.store.journal.append([itemUpdate(1, 1), itemUpdate(1, 2), itemUpdate(1, 3)]);
    await world.start();
    expect(seen.seqs.at(-1)).to.deep.equal([2]);
  });
});

describe('mode batch', () => {
  it('runs so many as one message, or those that came within a time', async () => {
    const seen = told();
    const world = await new World({
      rules: [ruleOf(batchOf(3))],
      work: { work: task => void seen.note(task) },
    }).start();
    for (let item = 1; item <= 5; item++) await world.append(itemUpdate(item, 1));
    expect(seen.seqs).to.deep.equal([[1, 2, 3]]);
    expect(seen.runs[0]?.key).to.equal('r/1-3/work');
    await world.clock.advance(10 * MINUTE);
    expect(seen.seqs).to.deep.equal([
      [1, 2, 3],
      [4, 5],
    ]);
    expect((await world.runs()).map(([, seq, outcome]) => [seq, outcome])).to.deep.equal(
      [1, 2, 3, 4, 5].map(seq => [seq, 'settled']),
    );
  });

  it('decides on each event before it joins', async () => {
    const seen = told();
    const where = {
      judge: async (view: object) => {
        const { itemId = 0 } = (view as { event(): PodioEvent }).event();
        return { holds: itemId % 2 === 0, checks: [] };
      },
    };
    const world = await new World({
      rules: [ruleOf(batchOf(3), { where })],
      work: { work: task => void seen.note(task) },
    }).start();
    for (let item = 1; item <= 6; item++) await world.append(itemUpdate(item, 1));
    expect(seen.seqs).to.deep.equal([[2, 4, 6]]);
  });

  it('what Podio does not bear out comes into none', async () => {
    const seen = told();
    const asked: number[] = [];
    const world = await new World({
      rules: [ruleOf(batchOf(2), { steps: [makeStep('confirm', { use: 'confirm' }), makeStep('work')] })],
      work: {
        confirm: ({ event, bundle }) => {
          asked.push(event.seq);
          return bundle === undefined && event.itemId === 2 ? [] : undefined;
        },
        work: task => void seen.note(task),
      },
    }).start();
    for (let item = 1; item <= 3; item++) await world.append(itemUpdate(item, 1));
    expect(asked).to.deep.equal([1, 2, 3, 3]);
    expect(seen.seqs).to.deep.equal([[1, 3]]);
    expect(await world.runs()).to.deep.include(['r', 2, 'filtered']);
  });

  it('at a time of the day, in the time zone of the rule', async () => {
    const seen = told();
    // 00:00 UTC is 01:00 in Copenhagen.
    const mode: Mode = { kind: 'batch', max: 100, closes: { kind: 'at', minutes: [120, 540] } };
    const world = await new World({
      rules: [ruleOf(mode, { timezone: 'Europe/Copenhagen' })],
      work: { work: task => void seen.note(task) },
    }).start();
    await world.append(itemUpdate(1, 1));
    await world.clock.advance(59 * MINUTE);
    await world.append(itemUpdate(2, 1));
    expect(seen.seqs).to.deep.equal([]);
    await world.clock.advance(MINUTE);
    expect(seen.seqs).to.deep.equal([[1, 2]]);
    await world.append(itemUpdate(3, 1));
    await world.clock.advance(7 * 60 * MINUTE);
    expect(seen.seqs.at(-1)).to.deep.equal([3]);
  });

  it('when the run of a schedule is through, but for what can not be decided yet', async () => {
    const seen = told();
    const mode: Mode = { kind: 'batch', max: 100, closes: { kind: 'run' } };
    let canDecide = false;
    const where = {
      judge: async (view: object) => {
        const { itemId } = (view as { event(): PodioEvent }).event();
        if (itemId === 2 && !canDecide) throw new Error('Podio is away');
        return { holds: itemId !== 3, checks: [] };
      },
    };
    const world = await new World({
      rules: [ruleOf(mode, { where, triggers: [NIGHTLY] })],
      work: { work: task => void seen.note(task) },
    }).start();
    const found = (minute: string, itemId: number) => ({
      ...itemUpdate(itemId, 1),
      id: `schedule.item:r:${minute}:${itemId}`,
      type: 'schedule.item',
      source: 'schedule' as const,
      params: { rule: 'r' },
    });
    const end = (minute: string) => ({
      id: `schedule.end:r:${minute}`,
      type: 'schedule.end',
      source: 'schedule' as const,
      ref: { type: 'schedule' as const, id: 'r' },
      params: { rule: 'r' },
    });
    await world.append(found('a', 1), found('a', 2), found('a', 3), found('a', 4));
    await world.clock.advance(0);
    expect(seen.seqs).to.deep.equal([]);
    await world.append(end('a'));
    expect(seen.seqs).to.deep.equal([[1, 4]]);
    canDecide = true;
    await world.clock.advance(10 * MINUTE);
    await world.append(found('b', 1), end('b'));
    expect(seen.seqs).to.deep.equal([
      [1, 4],
      [2, 6],
    ]);
    expect(await world.cursor('r')).to.equal(7);
  });

  it('when the end of the run is the first that is read after a start', async () => {
    const seen = told();
    const close = { open: Promise.resolve() };
    const world = await new World({
      rules: [ruleOf({ kind: 'batch', max: 100, closes: { kind: 'run' } }, { triggers: [NIGHTLY] })],
      work: { work: task => void seen.note(task) },
      wrap: store => ({
        ...store,
        lanes: {
          ...store.lanes,
          close: (lease, query) => close.open.then(() => store.lanes.close(lease, query)),
        },
      }),
    }).start();
    const ofRun = (id: string, event: object) => ({
      ...itemUpdate(1, 1),
      id,
      type: id.split(':')[0] ?? '',
      source: 'schedule' as const,
      params: { rule: 'r' },
      ...event,
    });
    await world.append(ofRun('schedule.item:r:a:1', {}));
    world.store = world.store.reopen();
    await world.store.journal.append([
      ofRun('schedule.end:r:a', { ref: { type: 'schedule', id: 'r' }, itemId: undefined }),
    ]);
    const { promise, resolve } = Promise.withResolvers<void>();
    close.open = promise;
    await world.crash();
    resolve();
    await world.clock.advance(0);
    expect(world.dispatcher.status().map(({ state, error }) => [state, error])).to.deep.equal([
      ['running', undefined],
    ]);
    expect(seen.seqs).to.deep.equal([[1]]);
  });

  it('is parked as one, and retried as one, over a restart', async () => {
    const seen = told();
    let works = false;
    const world = await new World({
      rules: [ruleOf(batchOf(2))],
      work: {
        work: task => {
          seen.note(task);
          if (!works) throw new PermanentError('no');
          return undefined;
        },
      },
    }).start();
    await world.append(itemUpdate(1, 1), itemUpdate(2, 1), itemUpdate(1, 2), itemUpdate(2, 2));
    expect(seen.seqs).to.deep.equal([
      [1, 2],
      [3, 4],
    ]);
    expect((await world.runs()).map(([, , outcome]) => outcome)).to.deep.equal(Array(4).fill('parked'));
    await world.crash();
    works = true;
    const [first] = await world.store.parking.list();
    await world.store.parking.retry({ ids: [first?.id ?? ''] });
    await world.clock.advance(0);
    expect(seen.runs.at(-1)).to.deep.equal({ seqs: [1, 2], key: 'r/1-2/work', event: 'item.update:2:1' });
    expect((await world.runs()).map(([, , outcome]) => outcome)).to.deep.equal([
      'settled',
      'settled',
      'parked',
      'parked',
    ]);
  });

  it('a finished step is not run again when the next one fails, or podiod is killed', async () => {
    const seen = told();
    let fails = true;
    const world = await new World({
      rules: [
        ruleOf(batchOf(2), {
          steps: [makeStep('first'), makeStep('second', { delivery: { ...POLICY } })],
        }),
      ],
      work: {
        first: task => void seen.note(task),
        second: () => {
          if (fails) throw new Error('not now');
          return undefined;
        },
      },
    }).start();
    await world.append(itemUpdate(1, 1), itemUpdate(2, 1));
    await world.crash();
    await world.clock.advance(1);
    fails = false;
    await world.crash();
    await world.clock.advance(10 * MINUTE);
    expect(seen.seqs).to.deep.equal([[1, 2]]);
    expect((await world.runs()).map(([, , outcome]) => outcome)).to.deep.equal(['settled', 'settled']);
  });

  it('what waits when the mode changes is run as it was meant, at once', async () => {
    const seen = told();
    const world = await new World({
      rules: [ruleOf(batchOf(100))],
      work: { work: task => void seen.note(task) },
    }).start();
    await world.append(itemUpdate(1, 1), itemUpdate(2, 1));
    await world.crash({ rules: [makeRule('r')] });
    expect(seen.seqs).to.deep.equal([[1, 2]]);
    await world.append(itemUpdate(1, 2));
    expect(seen.seqs).to.deep.equal([[1, 2], [3]]);
  });

  it('what waits when there is no mode any more waits for no other run', async () => {
    const seen = told();
    const world = await new World({
      rules: [ruleOf(SETTLE)],
      work: {
        work: task => {
          seen.note(task);
          if (task.event.itemId === 2) throw new Error('not now');
          return undefined;
        },
      },
    }).start();
    await world.append(itemUpdate(1, 1));
    world.store = world.store.reopen();
    await world.store.journal.append([itemUpdate(2, 1)]);
    await world.crash({ rules: [makeRule('r')] });
    expect(seen.seqs).to.deep.include([1]);
  });

  it('groups are the same when many come while the rule is paused', async () => {
    const seen = told();
    const world = await new World({
      rules: [ruleOf(SETTLE)],
      work: { work: task => void seen.note(task) },
    }).start();
    await world.append(itemUpdate(1, 1));
    await world.clock.advance(MINUTE);
    await world.append(itemUpdate(2, 1));
    await world.store.pauses.pause({ kind: 'rule', name: 'r' });
    await world.clock.advance(0);
    const others = Array.from({ length: 300 }, (_, n) => itemUpdate(1000 + n, 1));
    await world.append(...others.slice(0, 100));
    // The first is due now, and the second in half a minute when it is edited again.
    await world.clock.advance(1.5 * MINUTE);
    await world.append(...others.slice(100), itemUpdate(2, 2));
    await world.clock.advance(10 * MINUTE);
    await world.store.pauses.resume({ kind: 'rule', name: 'r' });
    await world.clock.advance(0);
    const ofBoth = seen.seqs.filter(seqs => seqs.includes(2) || seqs.includes(303));
    expect(ofBoth).to.deep.equal([[2, 303]]);
    expect(seen.seqs).to.have.length(302);
  });

  it('nothing begins while the rule is paused', async () => {
    const seen = told();
    const world = await new World({
      rules: [ruleOf(batchOf(2))],
      work: { work: task => void seen.note(task) },
    }).start();
    await world.append(itemUpdate(1, 1));
    await world.store.pauses.pause({ kind: 'rule', name: 'r' });
    await world.clock.advance(0);
    await world.append(itemUpdate(2, 1));
    await world.clock.advance(20 * MINUTE);
    expect(seen.seqs).to.deep.equal([]);
    await world.store.pauses.resume({ kind: 'rule', name: 'r' });
    await world.clock.advance(0);
    expect(seen.seqs).to.deep.equal([[1, 2]]);
  });

  for (const by of ['restart', 'reload'])
    it(`a parked batch that is retried when the rule makes none any more holds back its items, and no others, after a ${by}`, async () => {
      const seen = told();
      let fails: 'for good' | 'for now' | 'no' = 'for good';
      const world = await new World({
        rules: [ruleOf(batchOf(2))],
        limits: { entries: 100, bytes: 1_000_000, chain: 1 },
        work: {
          work(task) {
            if (task.bundle !== undefined && fails === 'for good') throw new PermanentError('never');
            if (task.bundle !== undefined && fails === 'for now') throw new Error('not now');
            seen.note(task);
            return undefined;
          },
        },
      }).start();
      await world.append(itemUpdate(1, 1), itemUpdate(2, 1));
      await world.clock.advance(0);
      expect(await world.store.parking.list()).to.have.length(1);
      fails = 'for now';
      const rules = [makeRule('r')];
      world.options = { ...world.options, rules };
      await (by === 'reload' ? exchange(world, rules) : world.crash());
      await world.store.parking.retry({ all: true });
      await world.clock.advance(0);
      // All of them stay in the journal while something of their item is in hand.
      const later = Array.from({ length: 10 }, (_, n) => itemUpdate(2, n + 2));
      await world.append(...later, itemUpdate(3, 1), itemUpdate(1, 2));
      await world.clock.advance(100);
      expect(seen.seqs).to.deep.equal([[13]]);
      fails = 'no';
      await world.clock.advance(5 * MINUTE);
      expect(seen.seqs.slice(1, 2)).to.deep.equal([[1, 2]]);
      expect(seen.seqs.slice(2).toSorted(([a = 0], [b = 0]) => a - b)).to.deep.equal([
        ...later.map((_, n) => [n + 3]),
        [14],
      ]);
    });

  it('an event is replayed under another ref, also when its run from before the mode still waited', async () => {
    const triggers: AppTrigger[] = [APP, { ...APP, fields: [{ field: 'status' }] }];
    const seen: string[] = [];
    const world = await new World({
      rules: [makeRule('r', { triggers })],
      changes: async () => statusChange('a', 'b'),
      work: {
        work: ({ event }) => {
          seen.push(`${event.source} ${event.seq}`);
          if (seen.length === 1) throw new Error('not now');
          return undefined;
        },
      },
    }).start();
    await world.append(itemUpdate(1, 1), itemUpdate(1, 1, { type: 'app_field', id: 11 }));
    await world.crash({ rules: [ruleOf(batchOf(10), { triggers })] });
    await world.dispatcher.replay({ rule: 'r', from: { seq: 2 }, dryRun: false });
    await world.clock.advance(MINUTE);
    expect(seen).to.deep.equal(['webhook 1', 'webhook 1', 'replay 2']);
  });

  it('what people ask for waits as batches do for what had begun by itself before', async () => {
    let inHand = 0;
    let most = 0;
    const seen: string[] = [];
    const world = await new World({
      rules: [makeRule('r')],
      work: {
        async work({ event, signal }) {
          most = Math.max(most, ++inHand);
          await sleep(world.clock, 1000, signal).finally(() => inHand--);
          seen.push(`${event.source} ${event.seq}`);
          if (seen.length === 1) throw new Error('not now');
          return undefined;
        },
      },
    }).start();
    await world.append(itemUpdate(1, 1));
    await world.clock.advance(1500);
    await world.crash({ rules: [ruleOf(batchOf(10))] });
    await world.dispatcher.replay({ rule: 'r', from: { seq: 1 }, dryRun: false });
    await world.clock.advance(MINUTE);
    expect(seen).to.deep.equal(['webhook 1', 'webhook 1', 'replay 1']);
    expect(most).to.equal(1);
  });

  for (const mode of [SETTLE, LATEST, batchOf(10), undefined])
    it(`what was to be replayed comes after what had begun by itself, where the mode is ${mode?.kind ?? 'none'} now`, async () => {
      const inHand = new Map<number, number>();
      const bad: string[] = [];
      const seen: string[] = [];
      let fails = true;
      const world = await new World({
        rules: [makeRule('r', { concurrency: 100 })],
        work: {
          async work({ event, signal }) {
            const item = event.itemId ?? 0;
            const n = (inHand.get(item) ?? 0) + 1;
            inHand.set(item, n);
            if (n > 1) bad.push(`${event.source} ${event.seq}`);
            await sleep(world.clock, 1000, signal).finally(() =>
              inHand.set(item, (inHand.get(item) ?? 1) - 1),
            );
            seen.push(`${event.source} ${event.seq}`);
            if (fails) throw new Error('not now');
            return undefined;
          },
        },
      }).start();
      await world.append(...Array.from({ length: 60 }, (_, n) => itemUpdate(n + 1, 1)));
      await world.clock.advance(1500);
      fails = false;
      seen.length = 0;
      await world.store.replays.request('r', { from: 40, to: 60 });
      await world.crash({ rules: [makeRule('r', { concurrency: 100, ...(mode && { mode }) })] });
      await world.clock.advance(MINUTE);
      expect(bad).to.deep.equal([]);
      for (let seq = 40; seq <= 60; seq++)
        expect(seen.indexOf(`webhook ${seq}`)).to.be.below(seen.indexOf(`replay ${seq}`));
      expect(seen.length).to.equal(81);
    });
});

describe('mode throttle', () => {
  const throttle: Mode = { kind: 'throttle', max: 2, perMs: MINUTE };

  it('begins so many within a time, in order, and drops none', async () => {
    const seen: [seq: number, minute: number][] = [];
    const options: WorldOptions = {
      rules: [ruleOf(throttle)],
      work: {
        work: ({ event }) => void seen.push([event.seq, Math.floor(world.clock.monotonic() / MINUTE)]),
      },
    };
    const world = await new World(options).start();
    const start = Math.floor(world.clock.monotonic() / MINUTE);
    for (let item = 1; item <= 7; item++) await world.append(itemUpdate(item, 1));
    await world.crash();
    expect(seen).to.have.length(2);
    expect(world.dispatcher.status()[0]?.throttled).to.deep.equal({
      runs: 5,
      nextAt: new Date(world.clock.now() + MINUTE).toISOString(),
    });
    await world.clock.advance(MINUTE);
    await world.crash();
    for (let n = 0; n < 4; n++) await world.clock.advance(MINUTE);
    expect(seen.map(([seq, minute]) => [seq, minute - start])).to.deep.equal([
      [1, 0],
      [2, 0],
      [3, 1],
      [4, 1],
      [5, 2],
      [6, 2],
      [7, 3],
    ]);
    expect(world.dispatcher.status()[0]).not.to.have.property('throttled');
  });

  it('begins no more on a disk that is slow to write that they may, and then is not', async () => {
    const SECOND = 1000;
    let slowMs = 20 * SECOND;
    const seen: number[] = [];
    const world = await new World({
      rules: [ruleOf(throttle)],
      wrap: store => ({
        ...store,
        lanes: {
          ...store.lanes,
          async admit(...given) {
            const waitMs = await store.lanes.admit(...given);
            if (waitMs === 0 && slowMs > 0) await sleep(world.clock, slowMs);
            return waitMs;
          },
        },
      }),
      work: { work: () => void seen.push(world.clock.monotonic()) },
    }).start();
    for (let item = 1; item <= 6; item++) await world.append(itemUpdate(item, 1));
    await world.clock.advance(30 * SECOND);
    slowMs = 0;
    for (let n = 0; n < 20; n++) await world.clock.advance(10 * SECOND);
    expect(seen).to.have.length(6);
    for (const [n, at] of seen.slice(2).entries()) expect(at - (seen[n] ?? 0)).to.be.at.least(MINUTE);
  });

  it('lets others begin where the one whose time has come waits for a suspect of another rule', async () => {
    const seen = told();
    const { promise: slow, resolve: end } = Promise.withResolvers<undefined>();
    const other = { ...itemUpdate(9, 1), ref: { type: 'app', id: 102 }, app: 'deals' } as const;
    const world = new World({
      rules: [
        ruleOf({ kind: 'throttle', max: 1, perMs: MINUTE }),
        makeRule('suspect', { triggers: [{ ...APP, apps: ['deals'] }] }),
      ],
      work: { work: (task, rule) => (rule === 'suspect' ? slow : void seen.note(task)) },
    });
    await world.store.journal.append([1, 2, 3].map(item => itemUpdate(item, 1)));
    await world.store.journal.append([other]);
    // The process has ended while each of these was alone in hand: from now on one at a time is tried.
    for (const [rule, seq] of [
      ['r', 2],
      ['suspect', 4],
    ] as const) {
      const lease = await world.store.lanes.acquire({ rule, shard: 0, of: 1 }, 'earliest');
      const eventId = seq === 2 ? 'item.update:2:1' : other.id;
      await world.store.lanes.mark(lease, { seq, eventId, replay: 0 }, true);
    }
    await world.crash();
    await world.clock.advance(3_000);
    // They come behind it.
    await world.append(...[5, 6, 7, 8].map(item => itemUpdate(item, 1)));
    await world.clock.advance(5 * MINUTE);
    end(undefined);
    await world.clock.advance(10 * MINUTE);
    expect(seen.seqs.flat().toSorted()).to.deep.equal([1, 2, 3, 5, 6, 7, 8]);
  });

  it('one that has to be alone keeps its place while many others wait', async () => {
    const seen: number[] = [];
    const world = new World({
      rules: [ruleOf({ kind: 'throttle', max: 1, perMs: MINUTE })],
      work: {
        // Each is in hand when the next one may begin.
        work: async ({ event }) => {
          seen.push(event.seq);
          await sleep(world.clock, 1.5 * MINUTE, new AbortController().signal);
          return undefined;
        },
      },
    });
    await world.store.journal.append(Array.from({ length: 12 }, (_, n) => itemUpdate(n + 1, 1)));
    // The process has ended while the second was alone in hand.
    const lease = await world.store.lanes.acquire({ rule: 'r', shard: 0, of: 1 }, 'earliest');
    await world.store.lanes.mark(lease, { seq: 2, eventId: 'item.update:2:1', replay: 0 }, true);
    await world.crash();
    await world.clock.advance(10 * MINUTE);
    expect(seen.indexOf(2)).to.be.within(0, 3);
  });

  it('one that waits is not what ends the process, and one that does is found all the same', async () => {
    const seen: number[] = [];
    let ends = 0;
    const world = new World({
      rules: [ruleOf({ kind: 'throttle', max: 1, perMs: MINUTE })],
      work: {
        work: ({ event }) => {
          seen.push(event.seq);
          if (event.seq !== 4) return undefined;
          ends++;
          return new Promise<never>(() => {});
        },
      },
    });
    await world.start();
    await world.append(...[1, 2, 3, 4].map(item => itemUpdate(item, 1)));
    // Killed by others, while the second and the third wait for their turn.
    for (let kills = 0; kills < 8; kills++) {
      await world.clock.advance(6000);
      await world.crash();
    }
    expect(await world.store.parking.list()).to.deep.equal([]);
    for (let life = 0, ended = 0; life < 20; life++) {
      await world.clock.advance(5 * MINUTE);
      if (ends > ended) await world.crash();
      ended = ends;
    }
    expect((await world.runs()).map(([, seq, outcome]) => [seq, outcome])).to.deep.equal([
      [1, 'settled'],
      [2, 'settled'],
      [3, 'settled'],
      [4, 'parked'],
    ]);
    expect(seen.filter(seq => seq !== 4)).to.deep.equal([1, 2, 3]);
    expect(ends).to.be.at.most(4);
  });

  it('what is filtered and what is tried again begins nothing', async () => {
    const seen: number[] = [];
    let fails = 3;
    const where = {
      judge: async (view: object) => ({
        holds: ((view as { event(): PodioEvent }).event().itemId ?? 0) > 5,
        checks: [],
      }),
    };
    const world = await new World({
      rules: [ruleOf(throttle, { where })],
      work: {
        work: ({ event }) => {
          seen.push(event.seq);
          if (event.seq === 6 && fails-- > 0) throw new Error('not now');
          return undefined;
        },
      },
    }).start();
    for (let item = 1; item <= 7; item++) await world.append(itemUpdate(item, 1));
    expect(seen).to.deep.equal([6, 7]);
    await world.clock.advance(30_000);
    expect(seen).to.deep.equal([6, 7, 6, 6, 6]);
  });
});
