import { expect } from 'chai';
import { alarmEvent, alarmKey, alarmOf } from '../../../src/core/alarm.ts';
import type { PodioEvent } from '../../../src/core/event.ts';

const since = Date.UTC(2026, 0, 1, 12);
const parked = {
  alarm: 'parked',
  subject: 'won',
  rule: 'won',
  count: 3,
  since,
  raisedAt: since + 5000,
  text: '3 runs gave up',
} as const;
const journaled = (event: ReturnType<typeof alarmEvent>): PodioEvent => ({
  ...event,
  seq: 1,
  receivedAt: new Date(since).toISOString(),
});

describe('an alarm', () => {
  it('is known to templates by its event', () => {
    expect(alarmOf(journaled(alarmEvent(parked, 'cleared', 'all is well')))).to.deep.equal({
      name: 'parked',
      state: 'cleared',
      subject: 'won',
      rule: 'won',
      count: 3,
      since: new Date(since),
      text: 'all is well',
    });
  });

  it('has an identity for its beginning and one for its end, which are no other outage’s', () => {
    const ids = [
      alarmEvent(parked, 'raised'),
      alarmEvent(parked, 'cleared'),
      alarmEvent({ ...parked, subject: 'lost' }, 'raised'),
      alarmEvent({ ...parked, raisedAt: since + 5001 }, 'raised'),
      alarmEvent({ ...parked, alarm: 'halted' }, 'raised'),
    ].map(({ id }) => id);
    expect(new Set(ids)).to.have.property('size', ids.length);
    expect(alarmEvent({ ...parked, count: 9, text: 'more' }, 'raised').id).to.equal(ids[0]);
    expect(alarmKey({ alarm: 'disk', subject: '' })).to.equal('disk');
  });

  it('is no other event', () => {
    const { params } = alarmEvent(parked, 'raised');
    const app = { type: 'app', id: 101 } as const;
    expect(alarmOf({ type: 'podiod.parked', ref: app, params })).to.deep.equal({});
    expect(alarmOf({ type: 'item.fire', ref: { type: 'daemon', id: 1 }, params })).to.deep.equal({});
  });
});
