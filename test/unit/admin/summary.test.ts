import { expect } from 'chai';
import { summaryOf } from '../../../src/admin/summary.ts';
import { makeFacts } from './facts.ts';

describe('summaryOf', () => {
  it('says what there is, and of trouble only what there is', () => {
    expect(summaryOf(makeFacts())).to.equal(
      '2 rules, 1 without set-up, 2 hooks active, 1 inactive, 1 missing, 3 parked, lag 3',
    );
    const { reconcile, running } = makeFacts();
    const calm = makeFacts({
      running: running.map(one => ({ ...one, state: 'running' })),
      parked: new Map(),
      lanes: [],
      reconcile: {
        ...reconcile,
        hooks: reconcile.hooks.slice(0, 1),
        plan: { actions: [], summary: { ...reconcile.plan.summary, create: 0 } },
      },
    });
    expect(summaryOf(calm)).to.equal('2 rules, 1 hook active, lag 0');
    const refused = { error: 'one problem in the config', at: '2026-01-10T10:00:00.000Z' };
    expect(summaryOf({ ...calm, config: { refused, needsRestart: [] } })).to.equal(
      '2 rules, 1 hook active, lag 0, the config file was not taken',
    );
  });

  it('names what is not ready, degraded, halted or not set up', () => {
    const [first, second] = makeFacts().running;
    const facts = makeFacts({
      parked: new Map(),
      running: [{ ...first, state: 'halted', error: 'no' }, second].flatMap(one => one ?? []) as never,
      readiness: {
        ready: false,
        reasons: ['stopping'],
        degraded: [{ ref: 'app/1', error: 'gone', since: '', rules: [] }],
        rules: [],
      },
    });
    expect(summaryOf(facts)).to.equal(
      'not ready (stopping): 2 rules, 1 halted, 1 without set-up, 2 hooks active, 1 inactive, 1 missing, 1 ref degraded, lag 3',
    );
  });
});
