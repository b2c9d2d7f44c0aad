import { expect } from 'chai';
import type { PodioEvent } from '../../../src/core/event.ts';
import type { FieldChange, Trigger } from '../../../src/core/rule.ts';
import { makeMatcher } from '../../../src/dispatch/match.ts';
import type { Changes, FieldChanged } from '../../../src/plugin/contract.ts';
import { known, makeRule } from './support.ts';

const event = (fields: Partial<PodioEvent>): PodioEvent => ({
  seq: 1,
  id: 'item.update:1:1',
  type: 'item.update',
  source: 'webhook',
  ref: { type: 'app', id: 101 },
  params: {},
  receivedAt: '2026-06-01T12:00:00.000Z',
  ...fields,
});
const matcher = (...triggers: Trigger[]) => makeMatcher(makeRule('r', { triggers }), known);
const onFields = (...fields: FieldChange[]): Trigger => ({
  kind: 'app',
  apps: ['leads'],
  events: ['item.create', 'item.update'],
  fields,
});
const fieldEvent = (id: number, fields: Partial<PodioEvent> = {}) =>
  event({ ref: { type: 'app_field', id }, app: 'leads', ...fields });

const won = [{ value: { id: 2, text: 'Won' } }];
const open = [{ value: { id: 1, text: 'Open' } }];
const status: FieldChanged = { fieldId: 11, type: 'category', label: 'Status', from: open, to: won };
const changes = (entries: Record<string, FieldChanged>): Changes => new Map(Object.entries(entries));

describe('match', () => {
  it('takes events of its apps by type, whatever the app is called in the event', () => {
    const { match } = matcher({ kind: 'app', apps: ['leads'], events: ['item.update'] });
    expect(match(event({ app: 'old-name' }))).to.equal('yes');
    expect(match(event({ type: 'item.create' }))).to.equal('no');
    expect(match(event({ ref: { type: 'app', id: 102 } }))).to.equal('no');
    expect(match(event({ ref: { type: 'space', id: 101 } }))).to.equal('no');
  });

  it('takes events of its spaces', () => {
    const { match } = matcher({ kind: 'space', spaces: ['sales'], events: ['task.create'] });
    expect(match(event({ type: 'task.create', ref: { type: 'space', id: 7 } }))).to.equal('yes');
    expect(match(event({ type: 'task.create', ref: { type: 'space', id: 8 } }))).to.equal('no');
  });

  it('takes ticks of its own schedule only', () => {
    const { match } = matcher({ kind: 'schedule', cron: '* * * * *', timezone: 'UTC', missed: 'skip' });
    const tick = (id: string) =>
      event({ type: 'schedule.fire', source: 'schedule', ref: { type: 'schedule', id } });
    expect(match(tick('r'))).to.equal('yes');
    expect(match(tick('other'))).to.equal('no');
    expect(matcher({ kind: 'app', apps: ['leads'], events: ['item.update'] }).match(tick('r'))).to.equal(
      'no',
    );
  });

  it('takes what was made for its rule by hand, whatever its triggers, and nothing made for another one', () => {
    const byHand = (rule: string) => event({ type: 'item.fire', source: 'daemon', params: { rule } });
    const kinds: readonly Trigger[] = [
      { kind: 'app', apps: ['leads'], events: ['item.update'] },
      onFields({ field: 'status', to: ['Won'] }),
      { kind: 'schedule', cron: '* * * * *', timezone: 'UTC', missed: 'skip' },
    ];
    for (const trigger of kinds) {
      expect(matcher(trigger).match(byHand('r')), trigger.kind).to.equal('yes');
      expect(matcher(trigger).match(byHand('other')), trigger.kind).to.equal('no');
    }
    // A parameter of a delivery means nothing.
    const { match } = matcher(kinds[0] as Trigger);
    expect(match(event({ params: { rule: 'other' } }))).to.equal('yes');
  });

  it('takes alarms by name, but none of itself', () => {
    const { match } = matcher({ kind: 'podiod', events: ['podiod.parked'] });
    const alarm = (type: string, rule?: string) =>
      event({ type, source: 'daemon', ref: { type: 'daemon', id: 'x' }, params: rule ? { rule } : {} });
    expect(match(alarm('podiod.parked', 'other'))).to.equal('yes');
    expect(match(alarm('podiod.parked'))).to.equal('yes');
    expect(match(alarm('podiod.parked', 'r'))).to.equal('no');
    expect(match(alarm('podiod.disk'))).to.equal('no');
    expect(match(event({}))).to.equal('no');
    const all = { kind: 'app', apps: ['leads'], events: ['podiod.parked'] } as const;
    expect(matcher(all).match(alarm('podiod.parked'))).to.equal('no');
  });

  it('takes what time brought to its rule, where it waits for that', () => {
    const lasted: Trigger = { kind: 'lasted', apps: ['leads'], field: 'status', to: ['Won'], forMs: 1 };
    const dated: Trigger = {
      kind: 'date',
      apps: ['leads'],
      field: 'due',
      at: { days: 0, ms: 0 },
      timezone: 'UTC',
      missed: 'run',
    };
    const items: Trigger = {
      kind: 'schedule',
      cron: '* * * * *',
      timezone: 'UTC',
      missed: 'skip',
      items: { app: 'leads' },
    };
    const made = (type: string, params = {}) =>
      event({ type, source: 'daemon', params: { rule: 'r', ...params } });
    const takes = (trigger: Trigger) =>
      ['item.lasted', 'item.date', 'schedule.item', 'schedule.end'].filter(
        type => matcher(trigger).match(made(type)) === 'yes',
      );
    expect([takes(lasted), takes(dated), takes(items)]).to.deep.equal([
      ['item.lasted'],
      ['item.date'],
      ['schedule.item'],
    ]);
    expect(matcher(lasted).match(made('item.lasted', { rule: 'other' }))).to.equal('no');
    // The change itself is none that it runs for, nor a tick that only brings items.
    expect(matcher(lasted).match(fieldEvent(11))).to.equal('no');
    const tick = { type: 'schedule.fire', ref: { type: 'schedule', id: 'r' } } as const;
    expect(matcher(items).match(event({ ...tick, params: { items: 'leads' } }))).to.equal('no');
    const both = matcher(items, { kind: 'schedule', cron: '* * * * *', timezone: 'UTC', missed: 'skip' });
    expect(both.match(event({ ...tick, params: { items: 'leads' } }))).to.equal('no');
    expect(both.match(event(tick))).to.equal('yes');
  });

  it("takes what a field's own hook delivers, by external id, alias or field id", () => {
    for (const field of ['deal-value', 'value', '12']) {
      const { match } = matcher(onFields({ field }));
      expect(match(fieldEvent(12)), field).to.equal('yes');
      expect(match(fieldEvent(11)), field).to.equal('no');
      expect(match(fieldEvent(12, { type: 'item.delete' })), field).to.equal('no');
    }
  });

  it("leaves other rules' field hooks and, for a rule on fields, the app's own hook alone", () => {
    expect(matcher(onFields({ field: 'status' })).match(event({}))).to.equal('no');
    expect(matcher({ kind: 'app', apps: ['leads'], events: ['item.update'] }).match(fieldEvent(11))).to.equal(
      'no',
    );
  });

  it('asks for the difference where from and to decide', () => {
    const { match, decide } = matcher(onFields({ field: 'status', from: ['Open'], to: ['Won', 'Signed'] }));
    expect(match(fieldEvent(11))).to.equal('ask');
    expect(decide(fieldEvent(11), changes({ status }))).to.equal(true);
    expect(decide(fieldEvent(11), changes({ status: { ...status, from: won } }))).to.equal(false);
    expect(decide(fieldEvent(11), changes({ status: { ...status, to: open } }))).to.equal(false);
    expect(decide(fieldEvent(11), changes({}))).to.equal(false);
  });

  it('finds a field by its id in the difference, and takes null for empty', () => {
    const { decide } = matcher(onFields({ field: '11', from: [null] }));
    expect(decide(fieldEvent(11), changes({ status: { ...status, from: [] } }))).to.equal(true);
    expect(decide(fieldEvent(11), changes({ status }))).to.equal(false);
  });

  it('asks for a recovered change, which comes by the app', () => {
    const { match, decide } = matcher(onFields({ field: 'status' }));
    const recovered = event({ source: 'recovered' });
    expect(match(recovered)).to.equal('ask');
    expect(match(event({ source: 'recovered', type: 'item.delete' }))).to.equal('no');
    expect(decide(recovered, changes({ status }))).to.equal(true);
    expect(decide(recovered, changes({ other: status }))).to.equal(false);
  });

  it('looks at the conditions of all fields, since the hook of the other one brings the same change', () => {
    const { match, decide } = matcher(onFields({ field: 'status', to: ['Lost'] }, { field: 'value' }));
    const both = changes({ status, 'deal-value': { ...status, fieldId: 12, type: 'money' } });
    expect(match(fieldEvent(11))).to.equal('ask');
    expect(decide(fieldEvent(11), both)).to.equal(true);
    expect(match(fieldEvent(12))).to.equal('yes');
  });

  it('does not say no to a field hook when the rule wants every change of the app as well', () => {
    const { match } = matcher(onFields({ field: 'status', to: ['Won'] }), {
      kind: 'app',
      apps: ['leads'],
      events: ['item.update'],
    });
    expect(match(fieldEvent(11))).to.equal('yes');
    expect(match(fieldEvent(11, { type: 'item.create' }))).to.equal('ask');
    expect(match(event({}))).to.equal('yes');
  });

  it("asks rather than loses an event while the app's fields are not known", () => {
    const unread = { ...known, fields: { ...known.fields, hasRead: () => false } };
    const { match } = makeMatcher(makeRule('r', { triggers: [onFields({ field: 'new-field' })] }), unread);
    expect(match(fieldEvent(99))).to.equal('ask');
    expect(match(event({ ref: { type: 'app_field', id: 99 } }))).to.equal('no');
  });

  it('asks nothing for a field that the app does not have', () => {
    const { match } = matcher(onFields({ field: 'statsu' }));
    expect(match(fieldEvent(11))).to.equal('no');
    expect(match(fieldEvent(99))).to.equal('no');
  });

  it('tells for people how each condition went', () => {
    const { checks } = matcher(
      onFields({ field: 'status', from: ['Open', null], to: ['Lost'] }, { field: 'value' }),
    );
    expect(checks(fieldEvent(11), changes({ status }))).to.deep.equal([
      {
        path: 'changes.status',
        test: 'from Open or empty to Lost',
        seen: 'from Open to Won',
        holds: false,
      },
      { path: 'changes.deal-value', test: 'any', seen: 'unchanged', holds: false },
    ]);
    expect(checks(fieldEvent(11, { type: 'item.delete' }), changes({ status }))).to.deep.equal([]);
  });
});
