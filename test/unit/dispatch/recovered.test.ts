import { expect } from 'chai';
import type { PodioEvent } from '../../../src/core/event.ts';
import { ageCheck, isBefore } from '../../../src/dispatch/recovered.ts';
import { makeRule } from './support.ts';

const found: PodioEvent = {
  seq: 1,
  id: 'item.update:1:2',
  type: 'item.update',
  source: 'recovered',
  ref: { type: 'app', id: 101 },
  itemId: 1,
  revision: 2,
  params: { changed_at: '2026-01-01T12:00:00.000Z' },
  receivedAt: '2026-01-02T12:00:00.000Z',
};
const live: PodioEvent = { ...found, source: 'webhook', params: {} };
const noon = Date.UTC(2026, 0, 1, 12);
const DAY = 86_400_000;

describe('changes found later', () => {
  it('are left out by rules that say so, or when they are too old', () => {
    expect(ageCheck(found, makeRule('r'))).to.equal(undefined);
    expect(ageCheck(found, makeRule('r', { recovered: 'run' }))).to.equal(undefined);
    expect(ageCheck(found, makeRule('r', { recovered: 'skip' }))).to.include({
      test: 'not recovered',
      holds: false,
    });
    const aged = (maxAgeMs: number) => ageCheck(found, makeRule('r', { recovered: { maxAgeMs } }));
    expect(aged(DAY)).to.deep.equal({
      path: 'event.source',
      test: 'recovered within 1d',
      seen: 'recovered after 1d',
      holds: true,
    });
    expect(aged(DAY - 1)?.holds).to.equal(false);
  });

  it('of unknown age are told', () => {
    const ageless = { ...found, params: {} };
    expect(ageCheck(ageless, makeRule('r', { recovered: { maxAgeMs: 1 } }))?.holds).to.equal(true);
    expect(isBefore(ageless, makeRule('r'), noon + DAY)).to.equal(false);
  });

  it('are nothing to a rule that was first loaded after they were made', () => {
    expect(isBefore(found, makeRule('r', { startAt: 'head' }), noon + 1000)).to.equal(true);
    // Podio tells whole seconds, so this one may have been made after.
    expect(isBefore(found, makeRule('r', { startAt: 'head' }), noon + 999)).to.equal(false);
    expect(isBefore(found, makeRule('r', { startAt: 'earliest' }), noon + DAY)).to.equal(false);
  });

  it('have nothing to do with deliveries', () => {
    expect(ageCheck(live, makeRule('r', { recovered: 'skip' }))).to.equal(undefined);
    expect(isBefore(live, makeRule('r', { startAt: 'head' }), noon + DAY)).to.equal(false);
  });
});
