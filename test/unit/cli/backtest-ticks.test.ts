import { expect } from 'chai';
import { ticksOf } from '../../../src/cli/backtest/history.ts';
import { makeRule } from '../dispatch/support.ts';

describe('the ticks of a backtest', () => {
  const rule = makeRule('often', {
    triggers: [{ kind: 'schedule', cron: '* * * * *', timezone: 'UTC', missed: 'skip' }],
  });
  const since = Date.UTC(2026, 2, 1);
  const minutes = (count: number) => ticksOf(rule, { since, until: since + (count - 1) * 60_000 }, 3);

  it('are all there are, and where that is too many it is said', () => {
    const whole = minutes(3);
    expect(whole.ticks).to.have.length(3);
    expect(whole).not.to.have.property('most');
    const cut = minutes(4);
    expect(cut.ticks).to.have.length(3);
    expect(cut.most).to.equal(3);
  });
});
