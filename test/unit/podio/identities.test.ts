import { expect } from 'chai';
import type { AppConfig, LoginConfig, SpaceConfig } from '../../../src/config/model.ts';
import { makeIdentities } from '../../../src/podio/identities.ts';
import { makeNames } from '../../../src/podio/names.ts';
import { makeSettings } from './support.ts';

const app = (name: string, id: number, given: { token?: string; login?: string }): AppConfig => ({
  name,
  id,
  token: given.token,
  login: given.login,
  fields: {},
});
const bot: LoginConfig = { name: 'bot', username: 'bot@example.com', password: 'hush' };
const named = <T extends { readonly name: string }>(...entries: readonly T[]) =>
  new Map(entries.map(entry => [entry.name, entry]));

const full = {
  apps: named(app('leads', 101, { token: 't' }), app('deals', 102, { login: 'bot' })),
  logins: named(bot),
  spaces: named<SpaceConfig>({ name: 'sales', id: 7, login: 'bot' }),
};
const empty = { apps: named<AppConfig>(), logins: named<LoginConfig>(), spaces: named<SpaceConfig>() };

const fields = {
  byId: (fieldId: number) =>
    fieldId === 9
      ? { appId: 101, fieldId, externalId: 'status', type: 'category', label: 'Status' }
      : undefined,
};
const LEADS = { kind: 'app', appId: 101, token: 't' };
const BOT = { kind: 'login', name: 'bot', username: 'bot@example.com', password: 'hush' };
const FORMER_BOT = { ...BOT, password: undefined };

describe('podio identities', () => {
  it('finds who reaches an app, a field and a space', async () => {
    const identities = await makeIdentities(full, { settings: makeSettings(), fields });
    expect(identities.forApp('leads')).to.deep.equal(LEADS);
    expect(identities.forApp(101)).to.deep.equal(LEADS);
    expect(identities.forApp('101')).to.deep.equal(LEADS);
    expect(identities.forApp('deals')).to.deep.equal(BOT);
    expect(identities.forRef({ type: 'app', id: 102 })).to.deep.equal(BOT);
    expect(identities.forRef({ type: 'app_field', id: 9 })).to.deep.equal(LEADS);
    expect(identities.forRef({ type: 'space', id: 7 })).to.deep.equal(BOT);
  });

  it('finds nobody for what is in neither the config nor the store', async () => {
    const identities = await makeIdentities(full, { settings: makeSettings(), fields });
    expect(identities.forApp('other')).to.equal(undefined);
    expect(identities.forApp(999)).to.equal(undefined);
    expect(identities.forRef({ type: 'app_field', id: 1 })).to.equal(undefined);
    expect(identities.forRef({ type: 'space', id: 8 })).to.equal(undefined);
  });

  it('remembers who reached what has left the config', async () => {
    const settings = makeSettings({ 'token/app/101': {}, 'token/login/bot@example.com': {} });
    await makeIdentities(full, { settings, fields });
    expect(JSON.stringify([...settings.all])).not.to.contain('hush');
    const identities = await makeIdentities(empty, { settings, fields });
    expect(identities.forRef({ type: 'app', id: 101 })).to.deep.equal({ ...LEADS, token: undefined });
    expect(identities.forRef({ type: 'app_field', id: 9 })).to.deep.equal({ ...LEADS, token: undefined });
    expect(identities.forRef({ type: 'app', id: 102 })).to.deep.equal(FORMER_BOT);
    expect(identities.forRef({ type: 'space', id: 7 })).to.deep.equal(FORMER_BOT);
  });

  it('uses the login with its password where that is still in the config', async () => {
    const settings = makeSettings();
    await makeIdentities(full, { settings, fields });
    const renamed = { ...empty, logins: named({ ...bot, name: 'robot' }) };
    const identities = await makeIdentities(renamed, { settings, fields });
    expect(identities.forRef({ type: 'app', id: 102 })).to.deep.equal({ ...BOT, name: 'robot' });
    expect(identities.forRef({ type: 'space', id: 7 })).to.deep.equal({ ...BOT, name: 'robot' });
  });

  it('has nobody to offer when no token was kept', async () => {
    const settings = makeSettings();
    await makeIdentities(full, { settings, fields });
    const identities = await makeIdentities(empty, { settings, fields });
    expect(identities.forRef({ type: 'app', id: 101 })).to.equal(undefined);
    expect(identities.forRef({ type: 'app', id: 102 })).to.equal(undefined);
  });

  it('tells the store only what has changed', async () => {
    const settings = makeSettings();
    await makeIdentities(full, { settings, fields });
    let writes = 0;
    const { set } = settings;
    settings.set = (key, value) => {
      writes += 1;
      return set(key, value);
    };
    await makeIdentities(full, { settings, fields });
    expect(writes).to.equal(0);
    const moved = { ...full, apps: named(app('leads', 101, { login: 'bot' })) };
    await makeIdentities(moved, { settings, fields });
    expect(writes).to.equal(1);
  });
});

describe('podio names', () => {
  const names = makeNames(full, fields);

  it('gives names for ids and back', () => {
    expect([names.app(101), names.app(9), names.space(7), names.space(8)]).to.deep.equal([
      'leads',
      undefined,
      'sales',
      undefined,
    ]);
    expect([names.appId('deals'), names.appId('other')]).to.deep.equal([102, undefined]);
  });

  it('gives the app of a ref', () => {
    expect(names.appOfRef({ type: 'app', id: 102 })).to.equal('deals');
    expect(names.appOfRef({ type: 'app_field', id: 9 })).to.equal('leads');
    expect(names.appOfRef({ type: 'app_field', id: 1 })).to.equal(undefined);
    expect(names.appOfRef({ type: 'space', id: 7 })).to.equal(undefined);
    expect(names.appOfRef({ type: 'schedule', id: 'morning' })).to.equal(undefined);
  });
});
