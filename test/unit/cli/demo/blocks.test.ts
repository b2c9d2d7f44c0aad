import { expect } from 'chai';
import { gatherBlocks } from '../../../../src/cli/demo/blocks.ts';
import type { PodioEvent } from '../../../../src/core/event.ts';
import type { RunRecord } from '../../../../src/core/run.ts';
import { makeVirtualClock } from '../../../support/virtual-clock.ts';

const event = (seq: number, id = `e${seq}`): PodioEvent => ({
  seq,
  id,
  type: 'item.update',
  source: 'webhook',
  ref: { type: 'app', id: 101 },
  params: {},
  receivedAt: '2026-01-01T00:00:00.000Z',
});

const run = (eventId: string, rule: string): RunRecord => ({
  rule,
  eventId,
  replay: 0,
  seq: 1,
  outcome: 'settled',
  steps: [],
  endedAt: 0,
});

function makeStory(expected: readonly string[] = ['a', 'b']) {
  const clock = makeVirtualClock();
  const told: string[] = [];
  const blocks = gatherBlocks({
    clock,
    expect: () => expected,
    async tell({ event, runs }) {
      told.push([event.id, ...runs.map(({ rule }) => rule)].join(' '));
    },
    tellLate: ({ id }, { rule }) => void told.push(`late ${id} ${rule}`),
  });
  return { clock, told, blocks };
}

describe('demo: what belongs together', () => {
  it('tells an event once every rule that wants it has reported', async () => {
    const { clock, told, blocks } = makeStory();
    expect(blocks.event(event(1))).to.equal(true);
    blocks.run(run('e1', 'a'));
    await clock.advance(500);
    expect(told).to.deep.equal([]);
    blocks.run(run('e1', 'b'));
    await clock.advance(0);
    expect(told).to.deep.equal(['e1 a b']);
  });

  it('waits a moment for twins from other hooks, which begin no block of their own', async () => {
    const { clock, told, blocks } = makeStory(['a']);
    blocks.event(event(1));
    blocks.run(run('e1', 'a'));
    await clock.advance(100);
    expect(told).to.deep.equal([]);
    expect(blocks.has(event(2, 'e1'))).to.equal(true);
    expect(blocks.event(event(2, 'e1'))).to.equal(false);
    blocks.run(run('e1', 'b'));
    await clock.advance(200);
    expect(told).to.deep.equal(['e1 a b']);
  });

  it('keeps to the order of the events, whichever is done first', async () => {
    const { clock, told, blocks } = makeStory(['a']);
    blocks.event(event(1));
    blocks.event(event(2));
    blocks.run(run('e2', 'a'));
    await clock.advance(300);
    expect(told).to.deep.equal([]);
    blocks.run(run('e1', 'a'));
    await clock.advance(0);
    expect(told).to.deep.equal(['e1 a', 'e2 a']);
  });

  it('does not wait for ever: a run that takes long is told late', async () => {
    const { clock, told, blocks } = makeStory();
    blocks.event(event(1));
    blocks.run(run('e1', 'a'));
    await clock.advance(3000);
    expect(told).to.deep.equal(['e1 a']);
    blocks.run(run('e1', 'b'));
    expect(told).to.deep.equal(['e1 a', 'late e1 b']);
  });

  it('knows nothing of runs whose event it was not told of', () => {
    const { told, blocks } = makeStory();
    blocks.run(run('e9', 'a'));
    expect(told).to.deep.equal([]);
  });

  it('is done when all that came is told, and forgets what was long ago', async () => {
    const { clock, told, blocks } = makeStory([]);
    for (let seq = 1; seq <= 500; seq++) blocks.event(event(seq));
    await clock.until(blocks.told());
    expect(told).to.have.length(500);
    expect(blocks.has(event(1))).to.equal(false);
    expect(blocks.has(event(500))).to.equal(true);
  });
});
