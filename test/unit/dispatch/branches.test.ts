import { expect } from 'chai';
import fc from 'fast-check';
import { PermanentError } from '../../../src/core/errors.ts';
import type { Data } from '../../../src/plugin/contract.ts';
import type { StepTask } from '../../../src/plugin/host.ts';
import { forked, itemUpdate, makeRule, makeStep, POLICY, type Work, World } from './support.ts';

const branchOf = ({ deliveryKey }: StepTask) => deliveryKey.split('/').slice(3).join('/');
const ROWS = { a: 1, b: 2, c: 3 };
const split: Work = ({ data }) => forked(data, 'row', ROWS);
const delivery = { ...POLICY, attempts: 3, backoff: { fromMs: 1000, toMs: 1000 } };
const rule = (concurrency = 4) =>
  makeRule('r', {
    concurrency,
    steps: [makeStep('split'), makeStep('write', { delivery }), makeStep('tell', { delivery })],
  });

/** What each step did, in order; `broken` decides which tries fail. */
function noting(broken: (name: string, branch: string) => Error | undefined) {
  const ran: string[] = [];
  const work =
    (name: string): Work =>
    task => {
      const branch = branchOf(task);
      ran.push(`${name} ${branch}`);
      const error = broken(name, branch);
      if (error) throw error;
      return undefined;
    };
  return { ran, work: { split, write: work('write'), tell: work('tell') } };
}

const told = async (world: World) => {
  const [entry] = await world.store.journal.list({});
  const run = entry?.runs[0];
  return (
    run && { ...run, steps: run.steps.map(({ step, branch, outcome }) => [step, branch, outcome].join(' ')) }
  );
};

describe('Branches of a run', () => {
  it('have each their element, key and tries; while one waits the next one goes on', async () => {
    let down = true;
    const { ran, work } = noting((name, branch) =>
      down && name === 'write' && branch === 'b' ? new Error('down') : undefined,
    );
    const world = await new World({ rules: [rule()], work }).start();
    await world.append(itemUpdate(1, 1));
    expect(ran).to.deep.equal(['write a', 'tell a', 'write b', 'write c', 'tell c']);
    expect(await world.runs()).to.deep.equal([]);
    down = false;
    await world.clock.advance(1000);
    expect(ran.slice(5)).to.deep.equal(['write b', 'tell b']);
    expect(await world.runs()).to.deep.equal([['r', 1, 'settled']]);
  });

  it('are parked by themselves, hold neither cursor nor item, and are retried alone', async () => {
    let broken = true;
    const { ran, work } = noting((name, branch) =>
      broken && name === 'write' && branch !== 'b' ? new PermanentError(`no ${branch}`) : undefined,
    );
    const world = await new World({ rules: [rule()], work }).start();
    await world.append(itemUpdate(1, 1), itemUpdate(1, 2));
    expect(ran).to.deep.equal([
      'write a',
      'write b',
      'tell b',
      'write c',
      'write a',
      'write b',
      'tell b',
      'write c',
    ]);
    expect(await told(world)).to.deep.include({ outcome: 'parked', error: '2 branches of it parked: no a' });
    await world.clock.advance(5000);
    expect(await world.cursor('r')).to.equal(2);
    const rows = await world.store.parking.list();
    expect(rows.map(({ seq, branch, step, error }) => [seq, branch, step, error])).to.deep.equal([
      [1, 'a', 'write', 'no a'],
      [1, 'c', 'write', 'no c'],
      [2, 'a', 'write', 'no a'],
      [2, 'c', 'write', 'no c'],
    ]);
    broken = false;
    ran.length = 0;
    await world.store.parking.retry({ ids: [rows[1]?.id ?? ''] });
    await world.clock.advance(0);
    expect(ran).to.deep.equal(['write c', 'tell c']);
    expect((await told(world))?.outcome).to.equal('parked');
    await world.store.parking.retry({ rule: 'r' });
    await world.clock.advance(0);
    expect(ran.slice(2)).to.have.members(['write a', 'tell a', 'write a', 'tell a', 'write c', 'tell c']);
    expect(await told(world)).to.deep.include({
      outcome: 'settled',
      steps: [
        'split  done',
        'write b done',
        'tell b done',
        'write c done',
        'tell c done',
        'write a done',
        'tell a done',
      ],
    });
    expect(await world.store.parking.list()).to.deep.equal([]);
  });

  it('go on after a crash where each of them was: done, waiting, parked', async () => {
    const { ran, work } = noting((name, branch) => {
      if (name === 'write' && branch === 'a') return new PermanentError('no a');
      return name === 'tell' && branch === 'b' ? new Error('down') : undefined;
    });
    const world = await new World({ rules: [rule()], work }).start();
    await world.append(itemUpdate(1, 1));
    expect(ran).to.deep.equal(['write a', 'write b', 'tell b', 'write c', 'tell c']);
    ran.length = 0;
    const again = noting(() => undefined);
    await world.crash({ work: { ...again.work, split: () => expect.fail('the list was read') } });
    await world.clock.advance(1000);
    expect(again.ran).to.deep.equal(['tell b']);
    expect(await told(world)).to.deep.include({ outcome: 'parked' });
    expect((await world.store.parking.list()).map(({ branch }) => branch)).to.deep.equal(['a']);
  });

  it('of one key come one after the other, whatever becomes of the first', async () => {
    for (const error of [new Error('down'), new PermanentError('never')]) {
      const { ran, work } = noting((name, branch) =>
        name === 'write' && branch === 'a' ? error : undefined,
      );
      const twice: Work = ({ data }) => [
        ...forked(data, 'row', { a: 1 }),
        ...forked(data, 'row', { a: 2 }),
        ...forked(data, 'row', { b: 3 }),
      ];
      const world = await new World({ rules: [rule()], work: { ...work, split: twice } }).start();
      await world.append(itemUpdate(1, 1));
      await world.clock.advance(5000);
      const writes = ran.filter(one => one.startsWith('write'));
      expect(writes.lastIndexOf('write a')).to.be.lessThan(writes.indexOf('write a;2'));
      expect((await world.store.parking.list()).map(({ branch }) => branch)).to.deep.equal(['a']);
    }
  });

  it('wait together for a plugin that keeps failing, with one try at a time', async () => {
    let down = true;
    const { ran, work } = noting(name => (down && name === 'write' ? new Error('down') : undefined));
    const steps = [makeStep('split'), makeStep('write'), makeStep('tell')];
    const world = await new World({ rules: [makeRule('r', { steps })], work }).start();
    await world.append(itemUpdate(1), itemUpdate(2), itemUpdate(3));
    await world.clock.advance(60_000);
    const before = ran.length;
    await world.clock.advance(60_000);
    expect(ran.length - before).to.be.at.most(2);
    down = false;
    await world.clock.advance(120_000);
    expect((await world.runs()).map(([, , outcome]) => outcome)).to.deep.equal([
      'settled',
      'settled',
      'settled',
    ]);
  });

  it('within branches are branches of their own', async () => {
    const inner: Work = ({ data }) => forked(data, 'part', { x: 1, y: 2 });
    const seen: Data[] = [];
    const { work } = noting((name, branch) =>
      name === 'tell' && branch === 'b/x' ? new PermanentError('no') : undefined,
    );
    const tell: Work = (task, name) => {
      seen.push({ branch: branchOf(task), ...task.data });
      return work.tell(task, name);
    };
    const steps = [makeStep('split'), makeStep('write'), makeStep('tell')];
    const world = await new World({
      rules: [makeRule('r', { steps })],
      work: { split, write: inner, tell },
    }).start();
    await world.append(itemUpdate(1, 1));
    expect(seen).to.have.length(6);
    expect(seen[3]).to.deep.equal({ branch: 'b/y', row: 2, part: 2 });
    const [row] = await world.store.parking.list();
    expect(row?.branch).to.equal('b/x');
    await world.crash({ work: { split, write: inner, tell: ({ data }) => [data] } });
    await world.store.parking.retry({ all: true });
    await world.clock.advance(0);
    expect((await told(world))?.outcome).to.equal('settled');
  });

  it('that are dropped while others go on are not run again', async () => {
    let down = true;
    const { ran, work } = noting((name, branch) => {
      if (name === 'write' && branch === 'a') return new PermanentError('no a');
      return down && branch === 'b' ? new Error('down') : undefined;
    });
    const world = await new World({ rules: [rule()], work }).start();
    await world.append(itemUpdate(1, 1));
    await world.store.parking.drop({ all: true });
    down = false;
    ran.length = 0;
    await world.crash();
    await world.clock.advance(1000);
    expect(ran).to.deep.equal(['write b', 'tell b']);
    expect((await told(world))?.outcome).to.equal('settled');
  });

  it('are parked again, with what to do, where the rule comes to them no more', async () => {
    const { work } = noting((name, branch) =>
      name === 'write' && branch === 'b' ? new PermanentError('no b') : undefined,
    );
    const world = await new World({ rules: [rule()], work }).start();
    await world.append(itemUpdate(1, 1));
    const gone: string[] = [];
    const note: Work = ({ deliveryKey }) => {
      gone.push(deliveryKey);
      return undefined;
    };
    const steps = [makeStep('other'), makeStep('write')];
    await world.crash({
      rules: [makeRule('r', { steps, fingerprint: 'f2' })],
      work: { other: note, write: note },
    });
    await world.store.parking.retry({ all: true });
    await world.clock.advance(0);
    expect(gone).to.deep.equal(['r/item.update:1:1/other']);
    const [row] = await world.store.parking.list();
    expect(row).to.deep.include({ branch: 'b', step: 'write' });
    expect(row?.error).to.match(/steps were changed/);
  });

  it('go on with the list as it was read when a later step was mended', async () => {
    const { work } = noting((name, branch) =>
      name === 'write' && branch !== 'a' ? new PermanentError('wrong option') : undefined,
    );
    const old = { ...rule(), fingerprint: 'split=1 write=1 tell=1' };
    const world = await new World({ rules: [old], work }).start();
    await world.append(itemUpdate(1, 1));
    const mended = noting(() => undefined);
    const again: Work = () => expect.fail('the list was read again');
    await world.crash({
      rules: [{ ...rule(), fingerprint: 'split=1 write=2 tell=1' }],
      work: { ...mended.work, split: again },
    });
    const [first, second] = await world.store.parking.list();
    await world.store.parking.retry({ ids: [first?.id ?? ''] });
    await world.clock.advance(0);
    await world.crash();
    await world.store.parking.retry({ ids: [second?.id ?? ''] });
    await world.clock.advance(0);
    expect(mended.ran).to.deep.equal(['write b', 'tell b', 'write c', 'tell c']);
    expect((await told(world))?.outcome).to.equal('settled');
  });

  it('are each done once or parked, whatever fails and however often podiod is killed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('fine', 'flaky', 'never'), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 0, max: 2500 }), { maxLength: 4 }),
        async (kinds, kills) => {
          const done: string[] = [];
          const tries = new Map<string, number>();
          const rows = Object.fromEntries(kinds.map((kind, n) => [`${kind}-${n}`, n]));
          const write: Work = task => {
            const branch = branchOf(task);
            const n = (tries.get(branch) ?? 0) + 1;
            tries.set(branch, n);
            if (branch.startsWith('never')) throw new PermanentError('never');
            if (branch.startsWith('flaky') && n === 1) throw new Error('flaky');
            return undefined;
          };
          const tell: Work = task => {
            done.push(branchOf(task));
            return undefined;
          };
          const work = { split: ({ data }: StepTask) => forked(data, 'row', rows), write, tell };
          const world = await new World({ rules: [rule()], work }).start();
          await world.append(itemUpdate(1, 1));
          for (const ms of kills) {
            await world.clock.advance(ms);
            await world.crash();
          }
          await world.clock.advance(20_000);
          const names = Object.keys(rows);
          expect([...done].sort()).to.deep.equal(names.filter(name => !name.startsWith('never')).sort());
          const parked = (await world.store.parking.list()).map(({ branch }) => branch);
          expect(parked.sort()).to.deep.equal(names.filter(name => name.startsWith('never')).sort());
          expect(await world.runs()).to.deep.equal([['r', 1, parked.length > 0 ? 'parked' : 'settled']]);
        },
      ),
      { numRuns: 50 },
    );
  });
});
