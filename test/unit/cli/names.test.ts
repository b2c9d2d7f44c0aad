import { expect } from 'chai';
import { namesOf } from '../../../src/cli/names.ts';
import type { Config } from '../../../src/config/model.ts';
import type { KnownField } from '../../../src/podio/contract.ts';

const fields: readonly KnownField[] = [
  { appId: 101, fieldId: 1, externalId: 'status', type: 'category', label: 'Status' },
  { appId: 101, fieldId: 2, externalId: 'deal-value-2', type: 'money', label: 'Value' },
  { appId: 999, fieldId: 3, externalId: 'title', type: 'text', label: 'Title' },
];

const nameOf = namesOf(
  {
    apps: new Map([['leads', { name: 'leads', id: 101, fields: { value: 'deal-value-2' } }]]),
    spaces: new Map([['sales', { name: 'sales', id: 7, login: 'bot' }]]),
  } as unknown as Pick<Config, 'apps' | 'spaces'>,
  { byId: id => fields.find(({ fieldId }) => fieldId === id) },
);

describe('names of refs', () => {
  it('are those of the config', () => {
    expect(nameOf({ type: 'app', id: 101 })).to.equal('leads');
    expect(nameOf({ type: 'space', id: 7 })).to.equal('sales');
    expect(nameOf({ type: 'app_field', id: 1 })).to.equal('leads.status');
  });

  it('use the alias of a field', () => {
    expect(nameOf({ type: 'app_field', id: 2 })).to.equal('leads.value');
  });

  it('are not made up for what the config does not know', () => {
    expect(nameOf({ type: 'app', id: 7 })).to.equal(undefined);
    expect(nameOf({ type: 'space', id: 101 })).to.equal(undefined);
    expect(nameOf({ type: 'app_field', id: 3 })).to.equal(undefined);
    expect(nameOf({ type: 'app_field', id: 4 })).to.equal(undefined);
  });
});
