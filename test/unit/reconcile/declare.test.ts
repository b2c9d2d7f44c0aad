import { expect } from 'chai';
import type { Rule } from '../../../src/core/rule.ts';
import { declareHooks, resolveFields } from '../../../src/reconcile/declare.ts';
import { makeLimit } from '../../../src/reconcile/limit.ts';
import { ModelPodio, revoked } from './model/podio.ts';
import { appsOf, onApp, onFields, onSpace, rule, spacesOf } from './model/rules.ts';

const publicUrl = 'https://hooks.example.com/podio';
const secret = 'a secret of sixteen or more';
const apps = appsOf({ leads: 101, deals: 102 }, { value: 'deal-value-2' });
const spaces = spacesOf({ sales: 7 });
const status = { appId: 101, fieldId: 201, externalId: 'status', type: 'category', label: 'Status' };
const value = { appId: 101, fieldId: 202, externalId: 'deal-value-2', type: 'money', label: 'Value' };

async function declare(rules: readonly Rule[], podio = new ModelPodio()) {
  if (podio.fields.length === 0) podio.fields = [status, value];
  const lookups = await resolveFields(rules, apps, {
    fields: podio.directory(),
    identities: podio.identities,
    limit: makeLimit(2),
    signal: new AbortController().signal,
    priority: 'live',
  });
  return declareHooks(rules, apps, spaces, lookups, publicUrl, secret);
}

/** `app/101 item.create: rule, rule` */
const shown = ({ hooks }: Awaited<ReturnType<typeof declare>>) =>
  hooks.map(({ ref, type, rules }) => `${ref.type}/${ref.id} ${type}: ${rules.join(', ')}`);

describe('declareHooks', () => {
  it('needs one hook for each app, space and type, however many rules want it', async () => {
    const declaration = await declare([
      rule('a', onApp(['leads', 'deals'], 'item.create'), onApp('leads', 'item.create')),
      rule('b', onApp('leads', 'item.create', 'comment.create')),
      rule('c', onSpace('sales', 'task.create')),
    ]);
    expect(shown(declaration)).to.deep.equal([
      'app/101 item.create: a, b',
      'app/102 item.create: a',
      'app/101 comment.create: b',
      'space/7 task.create: c',
    ]);
  });

  it('hangs item events of a trigger with fields on the fields alone', async () => {
    const declaration = await declare([
      rule('a', onFields('leads', ['status', 'value'], 'item.create', 'item.update')),
      rule('b', onApp('leads', 'item.update')),
    ]);
    expect(shown(declaration)).to.deep.equal([
      'app_field/201 item.create: a',
      'app_field/201 item.update: a',
      'app_field/202 item.create: a',
      'app_field/202 item.update: a',
      'app/101 item.update: b',
    ]);
  });

  it('takes events that fields have none of from the app', async () => {
    const declaration = await declare([
      rule('a', onFields('leads', ['status'], 'item.update', 'file.change')),
    ]);
    expect(shown(declaration)).to.deep.equal(['app/101 file.change: a', 'app_field/201 item.update: a']);
  });

  it('knows a field by alias, external id and field id', async () => {
    const declaration = await declare([
      rule('a', onFields('leads', ['value'], 'item.update')),
      rule('b', onFields('leads', ['deal-value-2'], 'item.update')),
      rule('c', onFields('leads', ['202'], 'item.update')),
    ]);
    expect(shown(declaration)).to.deep.equal(['app_field/202 item.update: a, b, c']);
  });

  it('needs the hooks of the field that a rule waits for', async () => {
    const declaration = await declare([
      rule('a', { kind: 'lasted', apps: ['leads'], field: 'status', to: ['Waiting'], forMs: 1000 }),
      rule('b', {
        kind: 'date',
        apps: ['leads'],
        field: 'value',
        at: { days: 0, ms: 0 },
        timezone: 'UTC',
        missed: 'run',
      }),
    ]);
    expect(shown(declaration)).to.deep.equal([
      'app_field/201 item.create: a',
      'app_field/201 item.update: a',
      'app_field/202 item.create: b',
      'app_field/202 item.update: b',
    ]);
  });

  it('needs nothing for schedules', async () => {
    const declaration = await declare([
      rule('a', { kind: 'schedule', cron: '0 9 * * *', timezone: 'UTC', missed: 'skip' }),
    ]);
    expect(declaration).to.deep.equal({ hooks: [], unresolved: [] });
  });

  it('tells of a field that the app does not have, and declares the rest', async () => {
    const { hooks, unresolved } = await declare([
      rule('a', onFields('leads', ['statsu', 'status'], 'item.update')),
      rule('b', onApp('deals', 'item.create')),
    ]);
    expect(hooks.map(({ ref }) => ref)).to.deep.equal([
      { type: 'app_field', id: 201 },
      { type: 'app', id: 102 },
    ]);
    expect(unresolved).to.have.lengthOf(1);
    expect(unresolved[0]).to.include({ rule: 'a', app: 'leads', field: 'statsu' });
    expect(unresolved[0]?.error.message).to.contain('statsu');
  });

  it('lets an app that refuses to be read harm its own rules only', async () => {
    const podio = new ModelPodio();
    podio.fields = [status, { ...status, appId: 102, fieldId: 301 }];
    podio.fault = (_operation, ref) => (ref === 'app/101' ? revoked() : undefined);
    const { hooks, unresolved } = await declare(
      [
        rule('a', onFields('leads', ['status'], 'item.update')),
        rule('b', onFields('deals', ['status'], 'item.update')),
      ],
      podio,
    );
    expect(hooks.map(({ ref, rules }) => [ref.id, rules])).to.deep.equal([[301, ['b']]]);
    expect(unresolved.map(entry => [entry.rule, entry.error.message])).to.deep.equal([
      ['a', 'Podio refused the token'],
    ]);
  });
});
