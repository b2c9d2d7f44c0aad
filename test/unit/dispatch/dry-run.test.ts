import { expect } from 'chai';
import type { BatchEnd, Mode, Rule } from '../../../src/core/rule.ts';
import { type DryRunDeps, dryRun } from '../../../src/dispatch/dry-run.ts';
import { makeMatcher } from '../../../src/dispatch/match.ts';
import type { PreparedStep } from '../../../src/plugin/host.ts';
import { fakeStep, itemUpdate, known, makeRule, makeStep, viewOf, type Work } from './support.ts';

const event = { ...itemUpdate(1, 1), seq: 1, receivedAt: '2026-06-01T12:00:00.000Z' };

/** As a plugin host that captures effects: `sink` and `mute` only say what they would do. */
function deps(work: Record<string, Work>, names: readonly string[], trigger = {}): DryRunDeps {
  const sayer =
    (text: string | undefined): Work =>
    ({ would }) => {
      would?.({ ...(text !== undefined && { text }), notRun: true });
      return undefined;
    };
  const all = { sink: sayer('would post'), mute: sayer(undefined), ...work };
  const steps = names.map(name => makeStep(name, name === 'optional' ? { onError: 'continue' } : {}));
  const rule = makeRule('r', {
    steps,
    triggers: [{ kind: 'app', apps: ['leads'], events: ['item.update'], ...trigger }],
  });
  return {
    rule,
    steps: steps.map(step => fakeStep('r', step, all[step.name as keyof typeof all] ?? (() => undefined))),
    matcher: makeMatcher(rule, known),
    reader: { changes: async () => new Map() },
    view: viewOf,
    signal: new AbortController().signal,
  };
}

describe('dryRun', () => {
  it('runs pure steps and says what the others would do, or with which message', async () => {
    const split: Work = () => [{ n: 1 }, { n: 2 }];
    const result = await dryRun(deps({ split }, ['split', 'sink', 'mute']), event);
    expect(result.outcome).to.equal('settled');
    expect(result.steps.map(({ step, branch, outcome }) => [step, branch, outcome])).to.deep.equal([
      ['split', undefined, 'done'],
      ['sink', '0', 'described'],
      ['mute', '0', 'described'],
      ['sink', '1', 'described'],
      ['mute', '1', 'described'],
    ]);
    expect(result.steps[1]?.text).to.equal('would post');
    expect(JSON.parse(result.steps[4]?.text ?? '')).to.deep.equal({ event, data: { n: 2 } });
  });

  it('tells that the rule does not want the event, or that a step filtered it out', async () => {
    expect(await dryRun(deps({}, ['sink'], { apps: ['deals'] }), event)).to.deep.equal({
      rule: 'r',
      outcome: 'unmatched',
      steps: [],
    });
    const filtered = await dryRun(deps({ filter: () => [] }, ['filter', 'sink']), event);
    expect(filtered).to.deep.equal({
      rule: 'r',
      outcome: 'filtered',
      steps: [{ step: 'filter', outcome: 'filtered' }],
    });
    const onField = { ...event, ref: { type: 'app_field' as const, id: 11 } };
    const asked = deps({}, ['sink'], { fields: [{ field: 'status', to: ['Won'] }] });
    expect(await dryRun(asked, onField)).to.deep.equal({ rule: 'r', outcome: 'filtered', steps: [] });
  });

  it('stops at a step that fails, unless the step says to continue', async () => {
    const bad: Work = () => {
      throw new Error('no');
    };
    const result = await dryRun(deps({ optional: bad, bad }, ['optional', 'bad', 'sink']), event);
    expect(result).to.deep.equal({
      rule: 'r',
      outcome: 'failed',
      error: 'no',
      steps: [
        { step: 'optional', outcome: 'continued', error: 'no' },
        { step: 'bad', outcome: 'failed', error: 'no' },
      ],
    });
  });

  it('tells what where and when have seen, and goes on after a skipped step', async () => {
    const checks = [{ path: 'event.type', test: 'eq item.create', seen: 'item.update', holds: false }];
    const never = { judge: async () => ({ holds: false, checks }) };
    const given = deps({}, ['sink', 'mute']);
    const { rule, steps } = given;
    expect(await dryRun({ ...given, rule: { ...rule, where: never } }, event)).to.deep.equal({
      rule: 'r',
      outcome: 'filtered',
      steps: [],
      checks,
    });
    const [sink, mute] = steps as [PreparedStep, PreparedStep];
    const skipping = [{ ...sink, step: { ...sink.step, when: never } }, mute];
    const made = await dryRun({ ...given, steps: skipping }, event);
    expect(made.outcome).to.equal('settled');
    expect(made.steps[0]).to.deep.equal({ step: 'sink', outcome: 'skipped', checks });
    expect(made.steps[1]?.outcome).to.equal('described');
    const broken = { judge: () => Promise.reject(new Error('down')) };
    expect(await dryRun({ ...given, rule: { ...rule, where: broken } }, event)).to.include({
      outcome: 'failed',
      error: 'down',
    });
  });

  it('tells what the mode would do first, where the rule wants the event', async () => {
    const never = { judge: async () => ({ holds: false, checks: [] }) };
    const modeOf = async (mode: Mode, more: Partial<Rule> = {}) => {
      const given = deps({}, ['sink']);
      return (await dryRun({ ...given, rule: { ...given.rule, mode, ...more } }, event)).mode;
    };
    const settle: Mode = { kind: 'settle', quietMs: 120_000, atMostMs: 3_600_000 };
    const batch = (closes: BatchEnd): Mode => ({ kind: 'batch', max: 50, closes });
    const waits =
      'would wait 2m for further edits of its item, 1h in all at most, and be run with them (mode settle)';
    expect(await modeOf(settle)).to.equal(waits);
    expect(await modeOf(settle, { where: never })).to.equal(waits);
    expect(await modeOf(batch({ kind: 'within', ms: 600_000 }))).to.equal(
      'would join the batch of up to 50 events that closes 10m after its first event (mode batch)',
    );
    expect(await modeOf(batch({ kind: 'within', ms: 600_000 }), { where: never })).to.equal(undefined);
    const times: BatchEnd = { kind: 'at', minutes: [9 * 60, 16 * 60] };
    const [day] = event.receivedAt.split('T');
    expect(await modeOf(batch(times), { timezone: 'UTC' })).to.match(
      new RegExp(`that closes at ${day} (09|16):00 UTC \\(mode batch\\)$`),
    );
    expect(await modeOf({ kind: 'latest' })).to.match(/no newer event of the item .* \(mode latest\)$/);
    expect(await modeOf({ kind: 'throttle', max: 10, perMs: 60_000 })).to.equal(
      'would begin when fewer than 10 runs have begun within the last 1m (mode throttle)',
    );
  });
});
