import type { Config } from '../config/model.ts';
import { type Identity, identityKey, makeIdentities } from '../podio/index.ts';
import { DOCUMENTED, shareOf, stretch } from '../podio/pace.ts';
import { wantedFields } from '../reconcile/index.ts';
import { followedApps } from '../recover/index.ts';

/** Background work that an identity's share does not suffice for as often as configured. Times in milliseconds. */
export interface Stretched {
  /** As named in the config. */
  readonly identity: string;
  /** `hooks`: apps, spaces and fields whose hooks are looked at; `changes`: apps looked at for changes that were missed. */
  readonly work: 'hooks' | 'changes';
  /** Refs, or apps; each takes one call. */
  readonly count: number;
  /** Of so many calls an hour the share is taken, and so many calls it comes to. */
  readonly limit: number;
  readonly share: number;
  readonly configuredMs: number;
  readonly everyMs: number;
}

/**
 * How often background work will come round, from the config alone: nobody is asked, and Podio's documented limits are
 * taken for its real ones. Refs that only the store remembers are left out.
 */
export async function forecast(
  config: Pick<Config, 'apps' | 'spaces' | 'logins' | 'rules' | 'podio' | 'reconcile' | 'catchUp'>,
): Promise<readonly Stretched[]> {
  const { apps, spaces, rules, reconcile, catchUp } = config;
  const { backgroundShare } = config.podio;
  const settings = { list: async () => new Map<string, unknown>(), set: async () => {} };
  const identities = await makeIdentities(config, { settings, fields: { byId: () => undefined } });

  const stretched = (
    work: Stretched['work'],
    callers: readonly (Identity | undefined)[],
    limit: number,
    configuredMs: number,
  ): readonly Stretched[] => {
    const known = callers.filter(caller => caller !== undefined);
    const share = shareOf(limit, backgroundShare);
    return [...Map.groupBy(known, identityKey).values()].flatMap(([as, ...others]) => {
      const count = others.length + 1;
      const everyMs = stretch(configuredMs, count, share);
      if (!as || everyMs === configuredMs) return [];
      const identity = as.kind === 'login' ? `login ${as.name}` : `app ${nameOf(as.appId)}`;
      return [{ identity, work, count, limit, share, configuredMs, everyMs }];
    });
  };
  const nameOf = (appId: number) => [...apps.values()].find(({ id }) => id === appId)?.name ?? String(appId);

  const looked = [
    ...[...apps.keys()].map(identities.forApp),
    ...[...spaces.values()].map(({ id }) => identities.forRef({ type: 'space', id })),
    ...wantedFields(rules, apps).map(({ app }) => identities.forApp(app.name)),
  ];
  const followed = [...followedApps(rules, apps).keys()].map(identities.forApp);
  return [
    ...stretched('hooks', looked, DOCUMENTED.general, reconcile.everyMs),
    ...stretched('changes', followed, DOCUMENTED.limited, catchUp.everyMs),
  ];
}
