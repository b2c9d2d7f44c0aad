import { expect } from 'chai';
import type { AppConfig, Config } from '../../../src/config/model.ts';
import { makeLive, type Terms } from '../../../src/daemon/live.ts';
import type { Identity } from '../../../src/podio/contract.ts';

const app = (name: string, id: number, token: string): AppConfig => ({
  name,
  id,
  token,
  login: undefined,
  fields: {},
});

function terms(...apps: AppConfig[]): Terms {
  const byName = new Map(apps.map(one => [one.name, one]));
  const identityOf = (one: AppConfig | undefined): Identity | undefined =>
    one && { kind: 'app', appId: one.id, token: one.token };
  return {
    config: { apps: byName } as unknown as Config,
    identities: {
      forRef: ({ id }) => identityOf(apps.find(one => one.id === id)),
      forApp: name => identityOf(byName.get(String(name))),
    },
    names: {
      app: id => apps.find(one => one.id === id)?.name,
      appId: name => byName.get(name)?.id,
      space: () => undefined,
      appOfRef: () => undefined,
    },
  };
}

const tokenOf = ({ identities }: Terms, name: string): string | undefined => {
  const identity = identities.forApp(name);
  return identity?.kind === 'app' ? identity.token : undefined;
};

describe('live terms', () => {
  const first = terms(app('leads', 1, 'old'), app('gone', 2, 'left'));
  const second = terms(app('leads', 1, 'new'), app('fresh', 3, 'f'));

  it('answers by what holds now', () => {
    const live = makeLive(first);
    expect(tokenOf(live, 'leads')).to.equal('old');
    live.become(second);
    expect(live.config).to.equal(second.config);
    expect(tokenOf(live, 'leads')).to.equal('new');
    expect(tokenOf(live, 'gone')).to.equal(undefined);
    expect(live.names.app(3)).to.equal('fresh');
  });

  it('shows what is built of terms these, and not yet those that hold', () => {
    const live = makeLive(first);
    const early = live.seenBy(second);
    expect(early.config).to.equal(second.config);
    expect(tokenOf(early, 'fresh')).to.equal('f');
    expect(tokenOf(early, 'gone')).to.equal(undefined);
  });

  it('shows what has outlived its terms the new ones, and the old where those know nothing', () => {
    const live = makeLive(first);
    const old = live.seenBy(first);
    live.become(second);
    expect(tokenOf(old, 'leads')).to.equal('new');
    expect(tokenOf(old, 'gone')).to.equal('left');
    expect(old.names.appId('gone')).to.equal(2);
    expect(old.names.appId('fresh')).to.equal(3);
  });
});
