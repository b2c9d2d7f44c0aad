import type { Config } from '../config/model.ts';
import { type Identity, identityKey, makeIdentities } from '../podio/index.ts';
import { DOCUMENTED, shareOf, stretch } from '../podio/pace.ts';
import { wantedFields } from '../reconcile/index.ts';
import { followedApps } from '../recover/index.ts';
import { makeCron } from '../schedule/cron.ts';
import { watchesOf } from '../schedule/watches.ts';

const HOUR_MS = 3_600_000;

/** Background work that an identity's share does not suffice for as often as configured. Times in milliseconds. */
export interface Stretched {
  /** As named in the config. */
  readonly identity: string;
  /**
   * `hooks`: apps, spaces and fields whose hooks are looked at; `changes`: apps looked at for changes that were missed; `timers`:
   * apps of rules that wait for a date, or for a state to last, looked at for what nobody has told of.
   */
  readonly work: 'hooks' | 'changes' | 'timers';
  /** Refs, or apps, one for each rule that waits; each takes one call. */
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
  const identities = await identitiesOf(config);

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
      return [{ identity: callerName(as, apps), work, count, limit, share, configuredMs, everyMs }];
    });
  };

  const looked = [
    ...[...apps.keys()].map(identities.forApp),
    ...[...spaces.values()].map(({ id }) => identities.forRef({ type: 'space', id })),
    ...wantedFields(rules, apps).map(({ app }) => identities.forApp(app.name)),
  ];
  const followed = [...followedApps(rules, apps).keys()].map(identities.forApp);
  const waitedFor = watchesOf(rules, apps).map(({ app }) => identities.forApp(app.name));
  return [
    ...stretched('hooks', looked, DOCUMENTED.general, reconcile.everyMs),
    ...stretched('changes', followed, DOCUMENTED.limited, catchUp.everyMs),
    ...stretched('timers', waitedFor, DOCUMENTED.limited, catchUp.everyMs),
  ];
}

/** Schedules with `items` of one identity that take more calls in an hour than Podio allows at all. */
export interface Overdrawn {
  readonly identity: string;
  /** By name. */
  readonly rules: readonly string[];
  /** At the least: one for each tick, however few items there are. */
  readonly calls: number;
  readonly limit: number;
}

/** Schedules come round in a week, nearly all. */
const LOOKED_AT_MS = 7 * 24 * HOUR_MS;

/**
 * Whether reading items at every tick takes more than there is, from the config alone. It is no background work, so nothing
 * holds it back before Podio does.
 */
export async function overdrawn(
  { apps, rules, ...config }: Pick<Config, 'apps' | 'spaces' | 'logins' | 'rules'>,
  from: number,
): Promise<readonly Overdrawn[]> {
  const { forApp } = await identitiesOf({ apps, ...config });
  const byCaller = new Map<string, { readonly rules: Set<string>; readonly ofHour: Map<number, number> }>();
  for (const { name, triggers } of rules) {
    for (const trigger of triggers) {
      if (trigger.kind !== 'schedule' || trigger.items === undefined) continue;
      const caller = forApp(trigger.items.app);
      if (caller === undefined) continue;
      const key = callerName(caller, apps);
      const one = byCaller.get(key) ?? { rules: new Set(), ofHour: new Map() };
      byCaller.set(key, one);
      one.rules.add(name);
      const cron = makeCron(trigger);
      for (let at = cron.next(from); at !== undefined && at < from + LOOKED_AT_MS; at = cron.next(at)) {
        const hour = Math.floor(at / HOUR_MS);
        one.ofHour.set(hour, (one.ofHour.get(hour) ?? 0) + 1);
      }
    }
  }
  return [...byCaller].flatMap(([identity, { rules: names, ofHour }]) => {
    const calls = Math.max(0, ...ofHour.values());
    const { limited: limit } = DOCUMENTED;
    return calls > limit ? [{ identity, rules: [...names], calls, limit }] : [];
  });
}

const identitiesOf = (config: Parameters<typeof makeIdentities>[0]) => {
  const settings = { list: async () => new Map<string, unknown>(), set: async () => {} };
  return makeIdentities(config, { settings, fields: { byId: () => undefined } });
};

/** As the config names it. */
function callerName(as: Identity, apps: Config['apps']): string {
  if (as.kind === 'login') return `login ${as.name}`;
  return `app ${[...apps.values()].find(({ id }) => id === as.appId)?.name ?? as.appId}`;
}
