/** The emulated world: everything there is at this Podio, to be built, changed and looked at from tests and the demo. */
import type { EmulatorClock } from '../clock.ts';
import { realClock } from '../clock.ts';
import { type Context, makeIds } from '../context.ts';
import { contactJson, embedJson, fileJson, referenceJson, userJson } from '../json.ts';
import { makeRandom } from '../random.ts';
import {
  DEFAULT_LIMITS,
  DEFAULT_SWITCHES,
  type Faults,
  type Limits,
  NO_FAULTS,
  type Switches,
} from '../settings.ts';
import type { Lookup } from '../values/kind.ts';
import { type Accounts, makeAccounts } from './accounts.ts';
import { type Apps, makeApps } from './apps.ts';
import { type HookBook, type Hooks, makeHooks } from './hooks.ts';
import { type Items, makeItems } from './items.ts';
import { type Log, makeLog } from './log.ts';
import type { Delivery } from './sender.ts';
import { makeTalk, type Talk } from './talk.ts';
import { makeTokens, type TokenBook, type Tokens } from './tokens.ts';
import { makeWaiting, type Waiting } from './waiting.ts';

/** One API call, as it ended. */
export interface ApiRequest {
  /** ms since 1970 UTC. */
  readonly at: number;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: string;
  /** `items.get`, `hooks.create`, ...; undefined for a path that no operation has. */
  readonly operation: string | undefined;
  /** `app/101`, `user/2100001`; undefined before login. */
  readonly identity: string | undefined;
  readonly clientId: string | undefined;
  /** Undefined: the connection was cut. */
  readonly status: number | undefined;
}

export interface WorldOptions extends Partial<Switches> {
  /** Same seed, same tokens, codes and faults. Default: 1. */
  readonly seed?: number;
  readonly clock?: EmulatorClock;
  readonly limits?: Partial<Limits>;
  readonly faults?: Partial<Faults>;
  /** Entries kept in `requests` and `deliveries`. Default: 10,000. */
  readonly logSize?: number;
}

export interface World extends Accounts, Apps, Items, Talk, Hooks, Tokens, Waiting {
  /** Tries of webhooks that have ended, oldest first. */
  readonly deliveries: readonly Delivery[];
  /** API calls that have ended, oldest first. */
  readonly requests: readonly ApiRequest[];
  clearLogs(): void;
  setSwitches(switches: Partial<Switches>): void;
  setLimits(limits: Partial<Limits>): void;
  /** Merged over those in force. */
  setFaults(faults: Partial<Faults>): void;
  clearFaults(): void;
  readonly clock: EmulatorClock;
}

/** What the HTTP side needs besides the world itself. */
export interface Internals {
  readonly world: World;
  readonly context: Context;
  readonly hooks: HookBook;
  readonly tokens: TokenBook;
  readonly requestLog: Log<ApiRequest>;
  readonly lookup: (lenient: boolean) => Lookup;
  /** Until then every call is answered with 420; ms since 1970 UTC. */
  rateLimitedUntil(): number;
}

export function makeWorld(options: WorldOptions = {}): Internals {
  const { seed = 1, clock = realClock, limits, faults, logSize = 10_000, ...switches } = options;
  const waiting = makeWaiting();
  const requestLog = makeLog<ApiRequest>(logSize);
  const deliveryLog = makeLog<Delivery>(logSize);
  let rateLimitedUntil = 0;

  const context: Context = {
    clock,
    random: makeRandom(seed),
    switches: { ...DEFAULT_SWITCHES, ...switches },
    limits: { ...DEFAULT_LIMITS, ...limits },
    faults: { ...NO_FAULTS },
    nextId: makeIds(),
    emit: occurrence => hooks.tell(occurrence),
    changed: waiting.changed,
  };

  const lookup = (lenient: boolean): Lookup => ({
    zone: context.switches.timezone,
    lenient,
    item(itemId) {
      const item = items.item(itemId);
      return item && !item.deleted ? referenceJson(world, item) : undefined;
    },
    contact(profileId) {
      const contact = accounts.contact(profileId);
      return contact && contactJson(contact);
    },
    contactNamed: text => accounts.contactNamed(text).profileId,
    profileOfUser: userId => accounts.user(userId)?.profileId,
    user(userId) {
      const user = accounts.user(userId);
      return user && userJson(user);
    },
    file(fileId) {
      const file = talk.file(fileId);
      return file && fileJson(world, file);
    },
    embed(embedId) {
      const embed = talk.embed(embedId);
      return embed && embedJson(embed);
    },
    embedOf: url => talk.addEmbed(url).embedId,
  });

  const accounts = makeAccounts(context);
  const apps = makeApps(context, accounts);
  const items = makeItems(context, accounts, apps, lookup);
  const talk = makeTalk(context, accounts, apps, items);
  const tokens = makeTokens(context);
  const hooks = makeHooks(context, accounts, deliveryLog);

  const { tell: _tell, stop: _stop, ...publicHooks } = hooks;
  const world: World = {
    ...accounts,
    ...apps,
    ...items,
    ...talk,
    ...publicHooks,
    revokeTokens: tokens.revokeTokens,
    activeTokens: tokens.activeTokens,
    until: waiting.until,
    clock,
    deliveries: deliveryLog.entries,
    requests: requestLog.entries,
    clearLogs() {
      requestLog.clear();
      deliveryLog.clear();
    },
    setSwitches: changes => void Object.assign(context.switches, changes),
    setLimits: changes => void Object.assign(context.limits, changes),
    setFaults(changes) {
      Object.assign(context.faults, changes);
      if (changes.rateLimitSeconds !== undefined)
        rateLimitedUntil = clock.now() + changes.rateLimitSeconds * 1000;
    },
    clearFaults: () => world.setFaults(NO_FAULTS),
  };
  if (faults) world.setFaults(faults);

  return {
    world,
    context,
    hooks,
    tokens,
    requestLog,
    lookup,
    rateLimitedUntil: () => rateLimitedUntil,
  };
}
