import { expect } from 'chai';
import type { App } from '../../../src/core/podio.ts';
import type { Identity } from '../../../src/podio/contract.ts';
import { makeFieldDirectory } from '../../../src/podio/fields.ts';
import { makeSettings } from './support.ts';

const LEADS: Identity = { kind: 'app', appId: 101, token: 'hush' };

const field = (field_id: number, external_id: string, status = 'active') => ({
  field_id,
  external_id,
  type: 'text',
  label: external_id.toUpperCase(),
  status,
  config: {},
});

const setUp = async (settings = makeSettings()) => {
  const podio = {
    asked: 0,
    fields: [field(1, 'title'), field(2, 'status'), field(3, '2')],
  };
  const apps = {
    async get(_as: Identity, appId: number): Promise<App> {
      podio.asked += 1;
      return {
        app_id: appId,
        status: 'active',
        config: { name: 'Leads' },
        fields: podio.fields,
        token: 'hush',
      };
    },
  };
  return { podio, settings, fields: await makeFieldDirectory({ settings, apps }) };
};

describe('podio field directory', () => {
  it('asks Podio once for all fields of an app, however many want to know', async () => {
    const { podio, fields } = await setUp();
    expect(fields.known(101, 'title')).to.equal(undefined);
    expect(fields.hasRead(101)).to.equal(false);
    const [title, status] = await Promise.all([
      fields.find(LEADS, 101, 'title'),
      fields.find(LEADS, 101, 'status'),
    ]);
    expect(title).to.deep.equal({
      appId: 101,
      fieldId: 1,
      externalId: 'title',
      type: 'text',
      label: 'TITLE',
    });
    expect(status?.fieldId).to.equal(2);
    expect(fields.known(101, '1')?.externalId).to.equal('title');
    expect(fields.byId(2)?.externalId).to.equal('status');
    expect([fields.hasRead(101), fields.hasRead(102)]).to.deep.equal([true, false]);
    expect(podio.asked).to.equal(1);
  });

  it('takes an external id before a field id', async () => {
    const { fields } = await setUp();
    expect((await fields.find(LEADS, 101, '2'))?.fieldId).to.equal(3);
  });

  it('asks nothing after a restart, and has never kept the token', async () => {
    const { fields, settings } = await setUp();
    await fields.find(LEADS, 101, 'title');
    expect(JSON.stringify([...settings.all])).not.to.contain('hush');
    const again = await setUp(settings);
    expect(await again.fields.find(LEADS, 101, 'status')).to.include({ fieldId: 2 });
    expect(again.fields.byId(1)?.appId).to.equal(101);
    expect(again.podio.asked).to.equal(0);
  });

  it('looks again for a name that it does not know', async () => {
    const { podio, fields } = await setUp();
    expect(await fields.find(LEADS, 101, 'late')).to.equal(undefined);
    podio.fields = [...podio.fields, field(4, 'late'), field(5, 'old', 'deleted')];
    expect((await fields.find(LEADS, 101, 'late'))?.fieldId).to.equal(4);
    expect(await fields.find(LEADS, 101, 'old')).to.equal(undefined);
  });

  it('keeps the app of a field that is gone, for the hooks left on it', async () => {
    const { podio, fields, settings } = await setUp();
    await fields.find(LEADS, 101, 'status');
    podio.fields = [field(1, 'title')];
    await fields.find(LEADS, 101, 'new');
    expect(fields.known(101, 'status')).to.equal(undefined);
    expect((await setUp(settings)).fields.byId(2)?.appId).to.equal(101);
  });

  it('shares a failure with those who waited, and tries again for the next', async () => {
    const settings = makeSettings();
    let fails = true;
    const fields = await makeFieldDirectory({
      settings,
      apps: {
        async get(_as, appId) {
          if (fails) throw new Error('down');
          return { app_id: appId, status: 'active', config: { name: 'Leads' }, fields: [field(1, 'title')] };
        },
      },
    });
    const both = await Promise.allSettled([
      fields.find(LEADS, 101, 'title'),
      fields.find(LEADS, 101, 'title'),
    ]);
    expect(both.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
    fails = false;
    expect((await fields.find(LEADS, 101, 'title'))?.fieldId).to.equal(1);
  });

  it('survives what it can not read in the store', async () => {
    const settings = makeSettings({ 'fields/101': [{ fieldId: 'x' }, 7], 'fields/102': 'nonsense' });
    const { fields } = await setUp(settings);
    expect((await fields.find(LEADS, 101, 'title'))?.fieldId).to.equal(1);
  });
});
