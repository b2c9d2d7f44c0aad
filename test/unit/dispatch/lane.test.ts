import { expect } from 'chai';
import type { RuleCondition } from '../../../src/core/condition.ts';
import { PermanentError, RetryAfter, StoreError } from '../../../src/core/errors.ts';
import type { Mode } from '../../../src/core/rule.ts';
import type { View } from '../../../src/plugin/contract.ts';
import type { StepTask } from '../../../src/plugin/host.ts';
import {
  APP,
  itemUpdate,
  listeningLog,
  makeRule,
  makeStep,
  POLICY,
  pass,
  type Work,
  World,
} from './support.ts';

/** Work that stays in hand until it is let go, by event id. */
function gate() {
  const waiting = new Map<string, () => void>();
  const work: Work = ({ event }) =>
    new Promise(resolve => {
      waiting.set(event.id, () => resolve(undefined));
    });
  return {
    work,
    inHand: () => [...waiting.keys()],
    let(id: string) {
      waiting.get(id)?.();
      waiting.delete(id);
    },
  };
}

/** Fails `times` for each event, then passes. */
function failing(times: number, error: () => unknown = () => new Error('no')) {
  const tries = new Map<string, number>();
  const keys: string[] = [];
  const work: Work = ({ event, deliveryKey }) => {
    keys.push(deliveryKey);
    const tried = (tries.get(event.id) ?? 0) + 1;
    tries.set(event.id, tried);
    if (tried <= times) throw error();
    return undefined;
  };
  return { work, tries, keys };
}

const parkedOf = async (world: World) =>
  (await world.store.parking.list()).map(({ rule, seq, step, attempts, error }) => ({
    rule,
    seq,
    step,
    attempts,
    error,
  }));

describe('Lane', () => {
  it('runs every matching event once and records it', async () => {
    const seen: string[] = [];
    const world = await new World({
      rules: [makeRule('r', { triggers: [{ ...APP, events: ['item.update'] }] })],
      work: {
        work: task => {
          seen.push(task.deliveryKey);
          return undefined;
        },
      },
    }).start();
    await world.append(itemUpdate(1, 5), { ...itemUpdate(2, 1), type: 'item.create' }, itemUpdate(3, 7));
    expect(seen).to.deep.equal(['r/item.update:1:5/work', 'r/item.update:3:7/work']);
    expect(await world.runs()).to.deep.equal([
      ['r', 1, 'settled'],
      ['r', 3, 'settled'],
    ]);
  });

  it('calls a run filtered when nothing came through the last step', async () => {
    const world = await new World({ rules: [makeRule('r')], work: { work: () => [] } }).start();
    await world.append(itemUpdate(1));
    const [listed] = await world.store.journal.list({});
    expect(listed?.runs[0]).to.deep.include({ outcome: 'filtered' });
    expect(listed?.runs[0]?.steps).to.deep.equal([
      { step: 'work', outcome: 'filtered', attempts: 1, ms: 0, startedAt: world.clock.now() },
    ]);
  });

  it('begins a new rule at the head of the journal, or at its start', async () => {
    const seen: string[] = [];
    const work: Work = (task, rule) => {
      seen.push(`${rule} ${task.event.seq}`);
      return undefined;
    };
    const world = new World({
      rules: [makeRule('late', { startAt: 'head' }), makeRule('early', { startAt: 'earliest' })],
      work: { work },
    });
    await world.store.journal.append([itemUpdate(1)]);
    await world.start();
    await world.append(itemUpdate(2));
    expect(seen.sort()).to.deep.equal(['early 1', 'early 2', 'late 2']);
  });

  describe('order', () => {
    it('runs events of one item one at a time in journal order, others beside them up to the concurrency', async () => {
      const hold = gate();
      const world = await new World({
        rules: [makeRule('r', { concurrency: 3 })],
        work: { work: hold.work },
      }).start();
      await world.append(
        itemUpdate(1, 1),
        itemUpdate(1, 2),
        itemUpdate(2, 1),
        itemUpdate(3, 1),
        itemUpdate(4, 1),
      );
      expect(hold.inHand()).to.deep.equal(['item.update:1:1', 'item.update:2:1', 'item.update:3:1']);
      hold.let('item.update:1:1');
      await world.clock.advance(0);
      // Fair: item 4 waited longer than the second event of item 1.
      expect(hold.inHand()).to.deep.equal(['item.update:2:1', 'item.update:3:1', 'item.update:4:1']);
      hold.let('item.update:3:1');
      await world.clock.advance(0);
      expect(hold.inHand()).to.deep.equal(['item.update:2:1', 'item.update:4:1', 'item.update:1:2']);
    });

    it('counts behind a run that is tried again what concerns the rule, and nothing else', async () => {
      let broken = true;
      const world = await new World({
        rules: [makeRule('r')],
        work: {
          work: () => {
            if (broken) throw new Error('no');
            return undefined;
          },
        },
      }).start();
      const unsettled = () => world.dispatcher.status()[0]?.unsettled;
      await world.append(itemUpdate(1, 1));
      expect(unsettled()).to.equal(1);
      const elsewhere = (item: number) => ({
        ...itemUpdate(item, 1),
        ref: { type: 'app', id: 999 } as const,
      });
      await world.append(elsewhere(11), elsewhere(12), elsewhere(13));
      expect(unsettled()).to.equal(1);
      broken = false;
      await world.clock.advance(1000);
      expect(unsettled()).to.equal(0);
    });

    it('holds back one item only while an event is in backoff, and frees its slot', async () => {
      const order: string[] = [];
      let broken = true;
      const world = await new World({
        rules: [makeRule('r', { concurrency: 1 })],
        work: {
          work: ({ event }) => {
            if (event.itemId === 1 && broken) throw new Error('no');
            order.push(event.id);
            return undefined;
          },
        },
      }).start();
      await world.append(itemUpdate(1, 1), itemUpdate(1, 2), itemUpdate(2, 1), itemUpdate(3, 1));
      expect(order).to.deep.equal(['item.update:2:1', 'item.update:3:1']);
      expect(world.dispatcher.status()).to.deep.equal([
        { rule: 'r', state: 'running', inHand: 0, waiting: 1, position: 4, unsettled: 2 },
      ]);
      broken = false;
      await world.clock.advance(1000);
      expect(order.slice(2)).to.deep.equal(['item.update:1:1', 'item.update:1:2']);
    });

    it('keeps rules apart: one that hangs or fails does not hold another', async () => {
      const hold = gate();
      const seen: number[] = [];
      const world = await new World({
        rules: [
          makeRule('hangs', { steps: [makeStep('hang')] }),
          makeRule('fails', { steps: [makeStep('fail')] }),
          makeRule('works'),
        ],
        work: {
          hang: hold.work,
          fail: () => {
            throw new Error('no');
          },
          work: ({ event }) => {
            seen.push(event.seq);
            return undefined;
          },
        },
      }).start();
      await world.append(...Array.from({ length: 20 }, (_, item) => itemUpdate(item)));
      expect(seen).to.have.length(20);
    });

    it('holds a bounded window of the journal, however long nothing gets done', async () => {
      let reads = 0;
      const world = await new World({
        rules: [makeRule('r', { concurrency: 2 })],
        work: {
          work: () => {
            throw new Error('no');
          },
        },
        limits: { entries: 5, bytes: 1_000_000, chain: 64 },
        wrap: store => ({
          ...store,
          journal: {
            ...store.journal,
            read: query => {
              reads++;
              return store.journal.read(query);
            },
          },
        }),
      }).start();
      await world.append(...Array.from({ length: 50 }, (_, item) => itemUpdate(item)));
      const [status] = world.dispatcher.status();
      expect(status).to.include({ waiting: 5, position: 5 });
      const before = reads;
      await world.clock.advance(10 * 60 * 1000);
      expect(world.dispatcher.status()[0]).to.include({ position: 5 });
      expect(reads).to.equal(before);
    });
  });

  describe('retry', () => {
    it('tries the failing step alone, with backoff, and passes on what came before it', async () => {
      const first: Work = () => [{ first: { n: 1 } }];
      const second = failing(2);
      const seen: unknown[] = [];
      let firsts = 0;
      const world = await new World({
        rules: [makeRule('r', { steps: [makeStep('first'), makeStep('second'), makeStep('third')] })],
        work: {
          first: (task, rule) => {
            firsts++;
            return first(task, rule);
          },
          second: second.work,
          third: ({ data }) => {
            seen.push(data);
            return undefined;
          },
        },
      }).start();
      await world.append(itemUpdate(1, 1));
      await world.clock.advance(999);
      expect(second.keys).to.have.length(1);
      await world.clock.advance(1);
      expect(second.keys).to.have.length(2);
      await world.clock.advance(2000);
      expect(second.keys).to.deep.equal(Array(3).fill('r/item.update:1:1/second'));
      expect([firsts, seen]).to.deep.equal([1, [{ first: { n: 1 } }]]);
      const [listed] = await world.store.journal.list({});
      expect(listed?.runs[0]?.steps.map(({ step, attempts }) => [step, attempts])).to.deep.equal([
        ['first', 1],
        ['second', 3],
        ['third', 1],
      ]);
    });

    it('parks when the attempts are used up, and goes on with the next event of the item', async () => {
      const delivery = { ...POLICY, attempts: 2 };
      const steps = [makeStep('work', { delivery })];
      const bad: Work = ({ event }) => {
        if (event.revision === 1) throw new Error('no luck');
        return undefined;
      };
      const world = await new World({ rules: [makeRule('r', { steps })], work: { work: bad } }).start();
      await world.append(itemUpdate(1, 1), itemUpdate(1, 2));
      expect(await world.runs()).to.deep.equal([]);
      await world.clock.advance(1000);
      expect(await world.runs()).to.deep.equal([
        ['r', 1, 'parked'],
        ['r', 2, 'settled'],
      ]);
      expect(await parkedOf(world)).to.deep.equal([
        { rule: 'r', seq: 1, step: 'work', attempts: 2, error: 'no luck' },
      ]);
    });

    it('parks a permanent error at once', async () => {
      const work = failing(9, () => new PermanentError('never'));
      const world = await new World({ rules: [makeRule('r')], work: { work: work.work } }).start();
      await world.append(itemUpdate(1));
      expect(await parkedOf(world)).to.have.length(1);
    });

    it('keeps errors without what is secret in them', async () => {
      const work: Work = ({ event }) => {
        throw event.revision === 1 ? new PermanentError('no s3cret') : new Error('a s3cret less');
      };
      const maskError = (text: string) => text.replaceAll('s3cret', '***');
      const rules = [
        makeRule('parks'),
        makeRule('goes-on', { steps: [makeStep('work', { onError: 'continue' })] }),
      ];
      const world = await new World({ rules, work: { work }, maskError }).start();
      await world.append(itemUpdate(1, 1), itemUpdate(2, 2));
      const listed = await world.store.journal.list({});
      expect(JSON.stringify(listed)).to.include('no ***').and.not.include('s3cret');
      expect(JSON.stringify(await parkedOf(world)))
        .to.include('no ***')
        .and.not.include('s3cret');
      const [waiting] = await world.store.journal.trace(listed[1]?.event.id ?? '');
      expect(JSON.stringify(waiting)).to.include('a *** less').and.not.include('s3cret');
    });

    it('in shadow keeps what it would do, and parks nothing', async () => {
      const work: Work = ({ event, would }) => {
        if (event.revision === 1) throw new PermanentError('never');
        would?.({ text: 'posts s3cret', sends: [] });
        return undefined;
      };
      const rule = makeRule('r', { shadow: true });
      const mask = (text: string) => text.replaceAll('s3cret', '***');
      const world = await new World({ rules: [rule], work: { work }, mask }).start();
      await world.append(itemUpdate(1, 1), itemUpdate(1, 2));
      const [first, second] = await world.store.journal.list({});
      expect(first?.runs[0]).to.include({
        outcome: 'dropped',
        error: 'would be parked: never',
        shadow: true,
      });
      expect(second?.runs[0]).to.include({ outcome: 'settled', shadow: true });
      expect(second?.runs[0]?.steps[0]?.would).to.deep.equal({ text: 'posts ***', sends: [] });
      expect(await parkedOf(world)).to.deep.equal([]);

      // Enabled, it does not run them again.
      const { shadow: _, ...enabled } = rule;
      await world.crash({ rules: [enabled] });
      await world.append(itemUpdate(1, 3));
      expect(
        (await world.store.journal.list({})).map(({ runs }) => runs.map(run => run.shadow)),
      ).to.deep.equal([[true], [true], [undefined]]);
    });

    it('waits as long as the error asks without using up an attempt', async () => {
      const steps = [makeStep('work', { delivery: { ...POLICY, attempts: 1 } })];
      const work = failing(2, () => new RetryAfter(30_000));
      const world = await new World({ rules: [makeRule('r', { steps })], work: { work: work.work } }).start();
      await world.append(itemUpdate(1));
      await world.clock.advance(59_999);
      expect(await world.runs()).to.deep.equal([]);
      await world.clock.advance(1);
      expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
    });

    it('passes the message on unchanged where the step says so', async () => {
      const seen: unknown[] = [];
      const world = await new World({
        rules: [
          makeRule('r', { steps: [makeStep('a'), makeStep('b', { onError: 'continue' }), makeStep('c')] }),
        ],
        work: {
          a: () => [{ a: 1 }],
          b: () => {
            throw new PermanentError('never');
          },
          c: ({ data }) => {
            seen.push(data);
            return undefined;
          },
        },
      }).start();
      await world.append(itemUpdate(1));
      expect(seen).to.deep.equal([{ a: 1 }]);
      const [listed] = await world.store.journal.list({});
      expect(listed?.runs[0]?.outcome).to.equal('settled');
      expect(listed?.runs[0]?.steps[1]).to.deep.include({
        outcome: 'continued',
        attempts: 1,
        error: 'never',
      });
    });

    it('halts visibly where the rule says so, and goes on after a restart', async () => {
      const steps = [makeStep('work', { delivery: { ...POLICY, attempts: 1, whenExhausted: 'halt' } })];
      const { log, lines } = listeningLog();
      const world = await new World({
        rules: [makeRule('r', { steps, concurrency: 1 })],
        work: {
          work: () => {
            throw new Error('no');
          },
        },
        log,
      }).start();
      await world.append(itemUpdate(1), itemUpdate(2));
      expect(world.dispatcher.status()[0]).to.include({ state: 'halted', error: 'no' });
      expect(await world.runs()).to.deep.equal([]);
      expect(lines.filter(line => line.level === 'error')).to.have.length(1);
      await world.crash({ work: { work: pass } });
      expect(await world.runs()).to.deep.equal([
        ['r', 1, 'settled'],
        ['r', 2, 'settled'],
      ]);
    });

    it('says once that a step fails, once that it works again, and not for each event', async () => {
      const { log, lines } = listeningLog();
      let broken = true;
      const world = await new World({
        rules: [makeRule('r')],
        work: {
          work: () => {
            if (broken) throw new Error('no');
            return undefined;
          },
        },
        log,
      }).start();
      await world.append(...Array.from({ length: 30 }, (_, item) => itemUpdate(item)));
      await world.clock.advance(10_000);
      broken = false;
      await world.clock.advance(60_000);
      expect(await world.runs()).to.have.length(30);
      expect(lines).to.deep.equal([
        { level: 'warn', message: 'step failed', step: 'work' },
        { level: 'info', message: 'plugin works again' },
      ]);
    });
  });

  describe('branches', () => {
    const steps = [makeStep('split'), makeStep('again'), makeStep('sink')];

    it('runs the rest of the steps for each message, depth first', async () => {
      const keys: string[] = [];
      const world = await new World({
        rules: [makeRule('r', { steps })],
        work: {
          split: () => [{ n: 0 }, { n: 1 }, { n: 2 }],
          again: ({ data }) => (data.n === 1 ? [] : data.n === 2 ? [data, data] : [data]),
          sink: ({ deliveryKey }) => {
            keys.push(deliveryKey);
            return undefined;
          },
        },
      }).start();
      await world.append(itemUpdate(1, 1));
      expect(keys).to.deep.equal(['0', '2/0', '2/1'].map(branch => `r/item.update:1:1/sink/${branch}`));
      expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
    });

    it('goes on after a crash with the branch that was in hand, and repeats no finished step', async () => {
      const ran: string[] = [];
      const hold = gate();
      const note = (task: StepTask) => ran.push(task.deliveryKey.split('/').slice(2).join('/'));
      const world = await new World({
        rules: [makeRule('r', { steps: [makeStep('split'), makeStep('sink')] })],
        work: {
          split: task => {
            note(task);
            return [{ n: 0 }, { n: 1 }, { n: 2 }];
          },
          sink: (task, rule) => {
            note(task);
            return task.data.n === 1 ? hold.work(task, rule) : undefined;
          },
        },
      }).start();
      await world.append(itemUpdate(1, 1));
      expect(ran).to.deep.equal(['split', 'sink/0', 'sink/1']);
      await world.crash({
        work: {
          split: () => {
            throw new Error('ran twice');
          },
          sink: task => {
            note(task);
            return undefined;
          },
        },
      });
      expect(ran.slice(3)).to.deep.equal(['sink/1', 'sink/2']);
      const [listed] = await world.store.journal.list({});
      expect(listed?.runs[0]?.steps.map(({ step, branch }) => `${step} ${branch ?? ''}`)).to.deep.equal([
        'split ',
        'sink 0',
        'sink 1',
        'sink 2',
      ]);
    });
  });

  describe('restart', () => {
    it('does not run a finished run again, also when one before it is open', async () => {
      const hold = gate();
      const seen: number[] = [];
      const world = await new World({
        rules: [makeRule('r')],
        work: {
          work: (task, rule) => {
            seen.push(task.event.seq);
            return task.event.seq === 1 ? hold.work(task, rule) : undefined;
          },
        },
      }).start();
      await world.append(itemUpdate(1), itemUpdate(2), itemUpdate(3));
      await world.crash();
      expect(seen).to.deep.equal([1, 2, 3, 1]);
    });

    it('keeps attempts and the rest of a wait', async () => {
      const steps = [
        makeStep('work', { delivery: { ...POLICY, attempts: 3, backoff: { fromMs: 10_000, toMs: 10_000 } } }),
      ];
      let tries = 0;
      const world = await new World({
        rules: [makeRule('r', { steps })],
        work: {
          work: () => {
            tries++;
            throw new Error('no');
          },
        },
      }).start();
      await world.append(itemUpdate(1));
      await world.clock.advance(4000);
      await world.crash();
      await world.clock.advance(5999);
      expect(tries).to.equal(1);
      await world.clock.advance(1);
      expect(tries).to.equal(2);
      await world.crash();
      await world.clock.advance(10_000);
      expect(tries).to.equal(3);
      expect((await parkedOf(world))[0]).to.include({ attempts: 3 });
    });

    it('counts retryFor from the first try, over restarts', async () => {
      const steps = [
        makeStep('work', {
          delivery: { ...POLICY, retryForMs: 60_000, backoff: { fromMs: 20_000, toMs: 20_000 } },
        }),
      ];
      const world = await new World({
        rules: [makeRule('r', { steps })],
        work: {
          work: () => {
            throw new Error('no');
          },
        },
      }).start();
      await world.append(itemUpdate(1));
      await world.clock.advance(30_000);
      await world.crash();
      await world.clock.advance(29_999);
      expect(await world.runs()).to.deep.equal([]);
      await world.clock.advance(1);
      expect(await world.runs()).to.deep.equal([['r', 1, 'parked']]);
    });

    it('begins a run again when the steps were changed', async () => {
      const hold = gate();
      const ran: string[] = [];
      const steps = [makeStep('a'), makeStep('b')];
      const note: Work = ({ deliveryKey }) => {
        ran.push(deliveryKey.split('/').at(-1) ?? '');
        return undefined;
      };
      const world = await new World({
        rules: [makeRule('r', { steps })],
        work: { a: note, b: hold.work },
      }).start();
      await world.append(itemUpdate(1));
      await world.crash({ rules: [makeRule('r', { steps, fingerprint: 'f2' })], work: { a: note, b: note } });
      expect(ran).to.deep.equal(['a', 'a', 'b']);
    });

    it('finishes a run that was begun, also when the triggers were changed', async () => {
      const hold = gate();
      const world = await new World({ rules: [makeRule('r')], work: { work: failing(1).work } }).start();
      await world.append(itemUpdate(1));
      const elsewhere = makeRule('r', { triggers: [{ ...APP, apps: ['deals'] }] });
      await world.crash({ rules: [elsewhere], work: { work: hold.work } });
      await world.clock.advance(1000);
      expect(hold.inHand()).to.have.length(1);
    });

    it('starts no step before the one before it is on disk', async () => {
      const flushed = Promise.withResolvers<void>();
      const ran: string[] = [];
      const note: Work = ({ deliveryKey }) => {
        ran.push(deliveryKey.split('/').at(-1) ?? '');
        return undefined;
      };
      const world = await new World({
        rules: [makeRule('r', { steps: [makeStep('a'), makeStep('b')] })],
        work: { a: note, b: note },
        wrap: store => ({
          ...store,
          lanes: {
            ...store.lanes,
            checkpoint: async (...given) => {
              await flushed.promise;
              await store.lanes.checkpoint(...given);
            },
          },
        }),
      }).start();
      await world.append(itemUpdate(1));
      expect(ran).to.deep.equal(['a']);
      flushed.resolve();
      await world.clock.advance(0);
      expect(ran).to.deep.equal(['a', 'b']);
    });

    it('moves the cursor over entries that nobody wants, about once a second', async () => {
      let advances = 0;
      const world = await new World({
        rules: [makeRule('r', { triggers: [{ ...APP, apps: ['deals'] }] })],
        wrap: store => ({
          ...store,
          lanes: {
            ...store.lanes,
            advance: (lease, cursor) => {
              advances++;
              return store.lanes.advance(lease, cursor);
            },
          },
        }),
      }).start();
      for (let item = 0; item < 20; item++) await world.append(itemUpdate(item));
      expect(await world.cursor('r')).to.equal(0);
      await world.clock.advance(1000);
      expect([await world.cursor('r'), advances]).to.deep.equal([20, 1]);
    });
  });

  describe('one change over several hooks', () => {
    const field = (itemId: number, revision: number, id: number) =>
      itemUpdate(itemId, revision, { type: 'app_field', id });
    const both = makeRule('r', {
      triggers: [{ ...APP, fields: [{ field: 'status' }, { field: 'value' }] }],
    });

    it('runs once per rule', async () => {
      const seen: number[] = [];
      const world = await new World({
        rules: [both, makeRule('other')],
        work: {
          work: ({ event }, rule) => {
            if (rule === 'r') seen.push(event.seq);
            return undefined;
          },
        },
      }).start();
      await world.append(itemUpdate(1, 1), field(1, 1, 11), field(1, 1, 12), field(1, 2, 12));
      expect(seen).to.deep.equal([2, 4]);
      await world.clock.advance(1000);
      expect(await world.cursor('r')).to.equal(4);
    });

    it('runs once also when the first of them is in hand, and after a restart', async () => {
      const hold = gate();
      const world = await new World({ rules: [both], work: { work: hold.work } }).start();
      await world.append(field(1, 1, 11), field(1, 1, 12));
      expect(hold.inHand()).to.have.length(1);
      await world.crash({ work: { work: pass } });
      expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
      await world.append(field(1, 1, 13));
      await world.crash();
      expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
    });

    describe('found first, when the item was gone and nothing could be told of its fields', () => {
      const found = { ...itemUpdate(1, 1), source: 'recovered' } as const;

      it('runs by the word of a field’s own hook, once, in a replay too', async () => {
        const world = await new World({ rules: [both] }).start();
        await world.append(found, field(1, 1, 11), field(1, 1, 12));
        const asTold = [
          ['r', 1, 'filtered'],
          ['r', 2, 'settled'],
        ];
        expect(await world.runs()).to.deep.equal(asTold);
        await world.crash();
        expect(await world.runs()).to.deep.equal(asTold);
        await world.dispatcher.replay({ rule: 'r', from: { seq: 1 }, dryRun: false });
        await world.clock.advance(0);
        const records = (await world.store.journal.trace('item.update:1:1')).map(({ runs }) =>
          runs.map(({ replay, outcome }) => [replay, outcome]),
        );
        expect(records).to.deep.equal([
          [
            [0, 'filtered'],
            [1, 'filtered'],
          ],
          [
            [0, 'settled'],
            [1, 'settled'],
          ],
          [],
        ]);
      });

      it('does not where that word is not enough, or the rule wants nothing that was missed', async () => {
        const won = makeRule('won', {
          triggers: [{ ...APP, fields: [{ field: 'status', to: ['Won'] }] }],
        });
        const skips = makeRule('skips', { ...both, name: 'skips', recovered: 'skip' });
        const world = await new World({ rules: [won, skips] }).start();
        await world.append(found, field(1, 1, 11));
        expect(await world.runs()).to.have.deep.members([
          ['won', 1, 'filtered'],
          ['skips', 1, 'filtered'],
        ]);
      });

      it('does not in any mode, nor after a restart, where the rule leaves what was missed: coming late, it was missed', async () => {
        const modes: readonly (Mode | undefined)[] = [
          undefined,
          { kind: 'latest' },
          { kind: 'settle', quietMs: 1000, atMostMs: 5000 },
          { kind: 'batch', max: 10, closes: { kind: 'within', ms: 1000 } },
          { kind: 'throttle', max: 1, perMs: 1000 },
        ];
        const seen: string[] = [];
        const world = await new World({
          rules: modes.map(mode => ({
            ...both,
            name: mode?.kind ?? 'each',
            recovered: 'skip' as const,
            ...(mode && { mode }),
          })),
          work: { work: ({ event }, rule) => void seen.push(`${rule} ${event.id}`) },
        }).start();
        await world.append(found, field(1, 1, 11));
        await world.crash();
        await world.append(field(1, 1, 12), field(1, 2, 11));
        await world.clock.advance(60_000);
        // Only what was delivered in time.
        expect(seen.toSorted()).to.deep.equal(
          modes.map(mode => `${mode?.kind ?? 'each'} item.update:1:2`).toSorted(),
        );
        expect((await world.runs()).filter(([, , outcome]) => outcome === 'filtered')).to.have.deep.members(
          modes.map(mode => [mode?.kind ?? 'each', 1, 'filtered']),
        );
      });
    });
  });

  it('is nothing to a rule that came after it, also where the delivery of one found before comes at last', async () => {
    const rules = ['head', 'earliest'].map(startAt =>
      makeRule(startAt, {
        startAt: startAt as 'head',
        triggers: [{ ...APP, fields: [{ field: 'status' }] }],
      }),
    );
    const world = await new World({ rules }).start();
    const changed_at = new Date(world.clock.now() - 60_000).toISOString();
    const late = (itemId: number) => itemUpdate(itemId, 5, { type: 'app_field', id: 11 });
    const found = (itemId: number) => ({
      ...itemUpdate(itemId, 5),
      source: 'recovered' as const,
      params: { changed_at },
    });
    await world.append(found(1), late(1), late(2));
    const ran = (await world.runs()).filter(([, , outcome]) => outcome === 'settled');
    expect(ran.map(([rule, seq]) => `${rule} ${seq}`)).to.deep.equal(['earliest 2', 'earliest 3', 'head 3']);
  });

  describe('conditions on fields', () => {
    const rule = makeRule('r', { triggers: [{ ...APP, fields: [{ field: 'status', to: ['Won'] }] }] });
    const statusEvent = itemUpdate(1, 1, { type: 'app_field', id: 11 });
    const to = (text: string) => async () =>
      new Map([
        ['status', { fieldId: 11, type: 'category', label: 'S', from: [], to: [{ value: { id: 1, text } }] }],
      ]);

    it('records what was seen when they say no', async () => {
      const world = await new World({ rules: [rule], changes: to('Lost') }).start();
      await world.append(statusEvent);
      const [listed] = await world.store.journal.list({});
      const checks = [{ path: 'changes.status', test: 'to Won', seen: 'from empty to Lost', holds: false }];
      const startedAt = world.clock.now();
      const step = { step: 'on.fields', outcome: 'filtered', attempts: 1, ms: 0, startedAt, checks };
      expect(listed?.runs).to.deep.equal([{ rule: 'r', outcome: 'filtered', steps: [step] }]);
    });

    it('are asked again, with backoff, when Podio fails', async () => {
      let calls = 0;
      const world = await new World({
        rules: [rule],
        changes: () => {
          if (++calls < 3) throw new Error('down');
          return to('Won')();
        },
      }).start();
      await world.append(statusEvent);
      await world.clock.advance(3000);
      expect([calls, await world.runs()]).to.deep.equal([3, [['r', 1, 'settled']]]);
    });

    it('park the run when they can not be read, and a retry asks them again', async () => {
      const world = await new World({
        rules: [rule],
        changes: async () => {
          throw new PermanentError('no access');
        },
      }).start();
      await world.append(statusEvent);
      expect(await parkedOf(world)).to.deep.equal([
        { rule: 'r', seq: 1, step: 'on.fields', attempts: 1, error: 'no access' },
      ]);
      await world.crash({ changes: to('Lost') });
      await world.store.parking.retry({ all: true });
      await world.clock.advance(0);
      expect(await world.runs()).to.deep.equal([['r', 1, 'filtered']]);
    });

    it('are not asked again for a run that was parked later on', async () => {
      const world = await new World({
        rules: [rule],
        changes: to('Won'),
        work: { work: failing(1, () => new PermanentError('no')).work },
      }).start();
      await world.append(statusEvent);
      await world.crash({ changes: async () => new Map(), work: { work: pass } });
      await world.store.parking.retry({ all: true });
      await world.clock.advance(0);
      expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
    });
  });

  describe('where', () => {
    const no = { path: 'fields.value', test: 'gte 10', seen: '5', holds: false };
    const where = (judge: RuleCondition['judge']) => makeRule('r', { where: { judge } });

    it('decides before the first step, and what it saw is on record', async () => {
      const ran: unknown[] = [];
      const even = where(async view => {
        const itemId = (view as View).event().itemId ?? 0;
        return { holds: itemId % 2 === 0, checks: [{ ...no, seen: String(itemId) }] };
      });
      const work: Work = ({ event }) => {
        ran.push(event.itemId);
        return undefined;
      };
      const world = await new World({ rules: [even], work: { work } }).start();
      await world.append(itemUpdate(1, 1), itemUpdate(2, 1));
      expect(ran).to.deep.equal([2]);
      const [first, second] = await world.store.journal.list({});
      const checks = [{ ...no, seen: '1' }];
      const startedAt = world.clock.now();
      expect(first?.runs).to.deep.equal([
        {
          rule: 'r',
          outcome: 'filtered',
          steps: [{ step: 'rule.where', outcome: 'filtered', attempts: 1, ms: 0, startedAt, checks }],
        },
      ]);
      expect(second?.runs[0]).to.deep.include({ outcome: 'settled' });
      expect(
        second?.runs[0]?.steps.map(({ step, outcome, checks: all }) => [step, outcome, all]),
      ).to.deep.equal([
        ['rule.where', 'done', [{ ...no, seen: '2' }]],
        ['work', 'done', undefined],
      ]);
    });

    it('stays on record when its run is parked and tried again', async () => {
      const yes = { ...no, holds: true };
      const world = await new World({
        rules: [where(async () => ({ holds: true, checks: [yes] }))],
        work: { work: failing(1, () => new PermanentError('no')).work },
      }).start();
      await world.append(itemUpdate(1, 1));
      const steps = async () =>
        (await world.store.journal.list({}))[0]?.runs[0]?.steps.map(one => [
          one.step,
          one.outcome,
          one.checks,
        ]);
      expect(await steps()).to.deep.equal([
        ['rule.where', 'done', [yes]],
        ['work', 'failed', undefined],
      ]);
      await world.crash({ work: { work: pass } });
      await world.store.parking.retry({ all: true });
      await world.clock.advance(0);
      expect(await steps()).to.deep.equal([
        ['rule.where', 'done', [yes]],
        ['work', 'done', undefined],
      ]);
    });

    it('keeps no secret of what it saw', async () => {
      const seen = where(async () => ({ holds: false, checks: [{ ...no, seen: 'a s3cret!' }] }));
      const world = await new World({ rules: [seen], mask: text => text.replace('s3cret', '***') }).start();
      await world.append(itemUpdate(1, 1));
      const [listed] = await world.store.journal.list({});
      expect(listed?.runs[0]?.steps[0]?.checks?.[0]?.seen).to.equal('a ***!');
    });

    it('is asked again, with backoff and over a restart, while it can not be told', async () => {
      let calls = 0;
      const flaky = where(async () => {
        if (++calls < 4) throw new Error('down');
        return { holds: true, checks: [] };
      });
      const world = await new World({ rules: [flaky] }).start();
      await world.append(itemUpdate(1, 1));
      await world.clock.advance(1000);
      expect(calls).to.equal(2);
      await world.crash({});
      await world.clock.advance(10_000);
      expect([calls, await world.runs()]).to.deep.equal([4, [['r', 1, 'settled']]]);
    });

    it('parks what it can never tell, under its own name', async () => {
      const never = where(async () => {
        throw new PermanentError('no access');
      });
      const world = await new World({ rules: [never] }).start();
      await world.append(itemUpdate(1, 1));
      expect(await parkedOf(world)).to.deep.equal([
        { rule: 'r', seq: 1, step: 'rule.where', attempts: 1, error: 'no access' },
      ]);
      await world.crash({ rules: [where(async () => ({ holds: false, checks: [] }))] });
      await world.store.parking.retry({ all: true });
      await world.clock.advance(0);
      expect(await world.runs()).to.deep.equal([['r', 1, 'filtered']]);
    });

    it('is not asked again once a step was reached', async () => {
      let calls = 0;
      const once = where(async () => ({ holds: ++calls === 1, checks: [] }));
      const { work } = failing(1, () => new PermanentError('no'));
      const world = await new World({ rules: [once], work: { work } }).start();
      await world.append(itemUpdate(1, 1));
      await world.crash({ work: { work: pass } });
      await world.store.parking.retry({ all: true });
      await world.clock.advance(0);
      expect([calls, await world.runs()]).to.deep.equal([1, [['r', 1, 'settled']]]);
    });
  });

  describe('when', () => {
    const no = { path: 'data.a.n', test: 'gt 1', seen: '1', holds: false };
    const steps = (judge: RuleCondition['judge']) => [
      makeStep('a'),
      makeStep('b', { when: { judge } }),
      makeStep('c'),
    ];
    const big = steps(async view => {
      const { n } = (view as View).data().a as { n: number };
      return { holds: n > 1, checks: [{ ...no, seen: String(n), holds: n > 1 }] };
    });
    const ran = () => {
      const names: string[] = [];
      const note =
        (name: string): Work =>
        () => {
          names.push(name);
          return undefined;
        };
      return { names, note };
    };

    it('skips its step where it does not hold, for each message by itself', async () => {
      const { names, note } = ran();
      const a: Work = () => [{ a: { n: 1 } }, { a: { n: 2 } }];
      const world = await new World({
        rules: [makeRule('r', { steps: big })],
        work: { a, b: note('b'), c: note('c') },
      }).start();
      await world.append(itemUpdate(1, 1));
      expect(names).to.deep.equal(['c', 'b', 'c']);
      const [listed] = await world.store.journal.list({});
      expect(listed?.runs[0]?.outcome).to.equal('settled');
      expect(
        listed?.runs[0]?.steps.map(({ step, branch, outcome, checks }) => [
          step,
          branch,
          outcome,
          checks?.[0]?.seen,
        ]),
      ).to.deep.equal([
        ['a', undefined, 'done', undefined],
        ['b', '0', 'skipped', '1'],
        ['c', '0', 'done', undefined],
        ['b', '1', 'done', '2'],
        ['c', '1', 'done', undefined],
      ]);
    });

    it('is asked again when it can not be told, within the tries of its step, and parks whatever onError says', async () => {
      let calls = 0;
      const asked = steps(async () => {
        calls++;
        throw new Error('down');
      }).map(step => (step.name === 'b' ? { ...step, onError: 'continue' as const } : step));
      const delivery = { ...POLICY, attempts: 3 };
      const rule = makeRule('r', { steps: asked.map(step => ({ ...step, delivery })) });
      const world = await new World({ rules: [rule] }).start();
      await world.append(itemUpdate(1, 1));
      await world.clock.advance(60_000);
      expect(calls).to.equal(3);
      expect(await parkedOf(world)).to.deep.equal([
        { rule: 'r', seq: 1, step: 'b', attempts: 3, error: 'down' },
      ]);
    });

    it('is not asked again for a try after the first', async () => {
      let calls = 0;
      const asked = steps(async () => ({ holds: ++calls === 1, checks: [] }));
      const { work: b } = failing(2);
      const world = await new World({ rules: [makeRule('r', { steps: asked })], work: { b } }).start();
      await world.append(itemUpdate(1, 1));
      await world.clock.advance(10_000);
      expect([calls, await world.runs()]).to.deep.equal([1, [['r', 1, 'settled']]]);
    });

    it('leaves a skipped step skipped over a restart', async () => {
      let calls = 0;
      const asked = steps(async () => ({ holds: ++calls > 1, checks: [] }));
      const { names, note } = ran();
      const { work: c } = failing(1);
      const world = await new World({
        rules: [makeRule('r', { steps: asked })],
        work: { b: note('b'), c },
      }).start();
      await world.append(itemUpdate(1, 1));
      await world.crash({});
      await world.clock.advance(10_000);
      expect([calls, names, await world.runs()]).to.deep.equal([1, [], [['r', 1, 'settled']]]);
    });
  });

  describe('parked runs', () => {
    const steps = [makeStep('a'), makeStep('b')];
    const parked = async (work: Record<string, Work> = {}) => {
      const ran: string[] = [];
      const note = ({ deliveryKey }: StepTask) => {
        ran.push(deliveryKey);
        return undefined;
      };
      const world = await new World({
        rules: [makeRule('r', { steps, concurrency: 1 })],
        work: {
          a: note,
          b: task => {
            note(task);
            throw new PermanentError('never');
          },
          ...work,
        },
      }).start();
      await world.append(itemUpdate(1, 1));
      ran.length = 0;
      return { world, ran, note };
    };
    const retry = async (world: World) => {
      await world.store.parking.retry({ all: true });
      await world.clock.advance(0);
    };

    it('resume at the failed step with the old key', async () => {
      const { world, ran, note } = await parked();
      world.options.work = { a: note, b: note };
      await world.crash();
      expect(ran).to.deep.equal([]);
      await retry(world);
      expect(ran).to.deep.equal(['r/item.update:1:1/b']);
      expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
      expect(await parkedOf(world)).to.deep.equal([]);
    });

    it('park again, can be asked for again, and keep the wish over a restart', async () => {
      const { world, ran, note } = await parked();
      await retry(world);
      expect(ran).to.have.length(1);
      expect(await parkedOf(world)).to.have.length(1);
      await retry(world);
      expect(ran).to.have.length(2);
      await world.dispatcher.stop(0);
      await world.store.parking.retry({ all: true });
      await world.crash({ work: { a: note, b: note } });
      expect(ran).to.have.length(3);
      expect(await parkedOf(world)).to.deep.equal([]);
    });

    it('are found when the wish comes while the lane is being taken over', async () => {
      const { world, ran, note } = await parked();
      await world.crash({
        work: { a: note, b: note },
        wrap: store => ({
          ...store,
          lanes: {
            ...store.lanes,
            load: async lease => {
              const state = await store.lanes.load(lease);
              await store.parking.retry({ all: true });
              return state;
            },
          },
        }),
      });
      expect(ran).to.have.length(1);
    });

    it('run once, also when the list of wishes is older than the end of the run', async () => {
      const { world, ran, note } = await parked();
      const hold = gate();
      const late = Promise.withResolvers<void>();
      let isLate = false;
      await world.crash({
        work: {
          a: note,
          b: (task, rule) => {
            note(task);
            return hold.work(task, rule);
          },
        },
        wrap: store => ({
          ...store,
          lanes: {
            ...store.lanes,
            requested: async lease => {
              const list = await store.lanes.requested(lease);
              if (isLate) await late.promise;
              return list;
            },
          },
        }),
      });
      await retry(world);
      isLate = true;
      await retry(world);
      hold.let('item.update:1:1');
      await world.clock.advance(0);
      expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
      late.resolve();
      await world.clock.advance(0);
      expect(ran).to.have.length(1);
    });

    it('run behind live events, and one that waits to be tried again does not hold the cursor', async () => {
      const hold = gate();
      const order: string[] = [];
      const { world } = await parked();
      await world.crash({
        work: {
          a: pass,
          b: async (task, rule) => {
            order.push(task.event.id);
            await hold.work(task, rule);
            return undefined;
          },
        },
      });
      await world.append(itemUpdate(2, 1), itemUpdate(3, 1));
      await retry(world);
      for (const id of ['item.update:2:1', 'item.update:3:1']) {
        hold.let(id);
        await world.clock.advance(0);
      }
      expect(order).to.deep.equal(['item.update:2:1', 'item.update:3:1', 'item.update:1:1']);
      await world.clock.advance(1000);
      expect(await world.cursor('r')).to.equal(3);
    });
  });

  describe('the store', () => {
    it('fails for a while: the work in hand waits, nothing is lost, one line tells', async () => {
      const { log, lines } = listeningLog();
      let broken = false;
      let runs = 0;
      const world = await new World({
        rules: [makeRule('r'), makeRule('q')],
        work: {
          work: () => {
            runs++;
            return undefined;
          },
        },
        log,
        wrap: store => ({
          ...store,
          lanes: {
            ...store.lanes,
            finish: async (...finished) => {
              if (broken) throw new StoreError('STORE_WRITE_FAILED', 'disk full');
              await store.lanes.finish(...finished);
            },
          },
        }),
      }).start();
      broken = true;
      await world.append(...Array.from({ length: 10 }, (_, item) => itemUpdate(item)));
      await world.clock.advance(60_000);
      expect(runs).to.equal(8);
      broken = false;
      await world.clock.advance(20_000);
      expect([runs, (await world.runs()).length]).to.deep.equal([20, 20]);
      expect(lines.map(line => line.level)).to.deep.equal(['error', 'info']);
    });

    it('gives the lane to someone else: what is in hand is aborted and counts no more', async () => {
      const hold = gate();
      const world = await new World({ rules: [makeRule('r')], work: { work: hold.work } }).start();
      await world.append(itemUpdate(1), itemUpdate(2));
      await world.store.lanes.acquire({ rule: 'r', shard: 0, of: 1 }, 'head');
      await world.clock.advance(0);
      expect(world.dispatcher.status()[0]).to.include({ state: 'stopped', inHand: 0 });
      for (const id of hold.inHand()) hold.let(id);
      await world.clock.advance(1000);
      expect(await world.runs()).to.deep.equal([]);
    });

    it('wakes the lanes: nothing is read without a pulse, and no entry waits for a poll', async () => {
      const world = await new World({ rules: [makeRule('r')] }).start();
      const started = world.clock.now();
      for (let item = 0; item < 50; item++) {
        await world.store.journal.append([itemUpdate(item)]);
        await world.store.journal.append([itemUpdate(item)]);
      }
      await world.clock.advance(0);
      expect(await world.runs()).to.have.length(100);
      expect(world.clock.now()).to.equal(started);
    });
  });

  describe('set-up', () => {
    it('makes events of the rule wait', async () => {
      const ready = Promise.withResolvers<void>();
      const world = await new World({ rules: [makeRule('r')], ready: ready.promise }).start();
      await world.append(itemUpdate(1));
      expect(await world.runs()).to.deep.equal([]);
      expect(world.dispatcher.status()[0]).to.include({ state: 'waiting for setup' });
      ready.resolve();
      await world.clock.advance(0);
      expect(await world.runs()).to.have.length(1);
      expect(world.dispatcher.status()[0]).to.include({ state: 'running' });
    });
  });

  describe('stop', () => {
    it('takes no more and finishes what is in hand', async () => {
      const hold = gate();
      const world = await new World({
        rules: [makeRule('r', { concurrency: 1 })],
        work: { work: hold.work },
      }).start();
      await world.append(itemUpdate(1, 1), itemUpdate(2, 1));
      const stopped = world.dispatcher.stop(5000);
      hold.let('item.update:1:1');
      expect(await stopped).to.equal(0);
      await world.append(itemUpdate(3));
      expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
      expect(hold.inHand()).to.deep.equal([]);
    });

    it('aborts at the deadline, and the next start goes on', async () => {
      const hold = gate();
      let aborted = false;
      const world = await new World({
        rules: [makeRule('r')],
        work: {
          work: (task, rule) => {
            task.signal.addEventListener('abort', () => {
              aborted = true;
            });
            return hold.work(task, rule);
          },
        },
      }).start();
      await world.append(itemUpdate(1));
      const stopped = world.dispatcher.stop(5000);
      await world.clock.advance(4999);
      expect(aborted).to.equal(false);
      await world.clock.advance(1);
      expect([await stopped, aborted]).to.deep.equal([1, true]);
      expect(await world.runs()).to.deep.equal([]);
      await world.crash({ work: { work: pass } });
      expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
    });

    it('does not wait for what is in backoff, and saves the cursor', async () => {
      const work = failing(1);
      const world = await new World({
        rules: [makeRule('r'), makeRule('none', { triggers: [{ ...APP, apps: ['deals'] }] })],
        work: { work: work.work },
      }).start();
      await world.append(itemUpdate(1));
      expect(await world.dispatcher.stop(5000)).to.equal(0);
      expect(await world.cursor('none')).to.equal(1);
      // No timer is left behind either.
      const never = new Promise<void>(() => {});
      expect(await world.clock.until(never).catch((error: Error) => error.message)).to.contain(
        'no timer is left',
      );
    });
  });

  it('shows every event as it is released', async () => {
    const seen: string[] = [];
    let done = false;
    const world = new World({ rules: [] });
    await world.store.journal.append([itemUpdate(1, 1)]);
    await world.start();
    await world.append(itemUpdate(2, 1));
    world.dispatcher.events$.subscribe({
      next: event => {
        seen.push(event.id);
      },
      complete: () => {
        done = true;
      },
    });
    await world.append(itemUpdate(3, 1), itemUpdate(3, 2));
    expect(seen).to.deep.equal(['item.update:3:1', 'item.update:3:2']);
    await world.dispatcher.stop(0);
    expect(done).to.equal(true);
  });
});
