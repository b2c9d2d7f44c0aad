import type { AppConfig, LoginConfig, SpaceConfig } from '../config/model.ts';
import type { HookRef } from '../core/hook.ts';
import type { Settings } from '../store/contract.ts';
import { type FieldDirectory, type Identities, type Identity, identityKey } from './contract.ts';
import { isRecord } from './json.ts';
import { TOKEN_PREFIX } from './token-keep.ts';

/** Which identity served an app or space, under `identity/{ref}`: to clean up there once it has left the config. */
const PREFIX = 'identity/';

export interface Credentials {
  readonly apps: ReadonlyMap<string, AppConfig>;
  readonly logins: ReadonlyMap<string, LoginConfig>;
  readonly spaces: ReadonlyMap<string, SpaceConfig>;
}

/** A login as remembered: without its password. */
interface Remembered {
  /** As of `identityKey`. */
  readonly identity: string;
  readonly login?: string;
}

/**
 * Who reaches what. Resolves when the store has been looked at for apps and spaces that are no longer in the config,
 * and has been told of those that are.
 */
export async function makeIdentities(
  config: Credentials,
  options: {
    readonly settings: Pick<Settings, 'set' | 'list'>;
    readonly fields: Pick<FieldDirectory, 'byId'>;
  },
): Promise<Identities> {
  const { settings, fields } = options;
  const apps = new Map(Array.from(config.apps.values(), app => [app.id, app]));
  const spaces = new Map(Array.from(config.spaces.values(), space => [space.id, space]));
  const logins = Array.from(config.logins.values());
  const [remembered, tokens] = await Promise.all([settings.list(PREFIX), settings.list(TOKEN_PREFIX)]);

  const ofLogin = (name: string): Identity | undefined => {
    const login = config.logins.get(name);
    return login && { kind: 'login', name, username: login.username, password: login.password };
  };

  const ofApp = (app: AppConfig): Identity | undefined =>
    app.token !== undefined
      ? { kind: 'app', appId: app.id, token: app.token }
      : app.login === undefined
        ? undefined
        : ofLogin(app.login);

  const hasToken = (identity: Identity): boolean => tokens.has(TOKEN_PREFIX + identityKey(identity));

  /** Of an app or space that has left the config: its login, should that still be there, else a token kept. */
  const ofFormer = (ref: HookRef): Identity | undefined => {
    const kept = remembered.get(`${PREFIX}${ref.type}/${ref.id}`);
    const { identity: key, login: name } = isRemembered(kept)
      ? kept
      : { identity: undefined, login: undefined };
    if (key !== undefined && name !== undefined) {
      const username = key.slice('login/'.length);
      const login = logins.find(other => other.username === username);
      if (login) return ofLogin(login.name);
      const former: Identity = { kind: 'login', name, username, password: undefined };
      return hasToken(former) ? former : undefined;
    }
    if (ref.type !== 'app') return undefined;
    const former: Identity = { kind: 'app', appId: ref.id, token: undefined };
    return hasToken(former) ? former : undefined;
  };

  const forAppId = (id: number): Identity | undefined => {
    const app = apps.get(id);
    return app ? ofApp(app) : ofFormer({ type: 'app', id });
  };

  const forRef = (ref: HookRef): Identity | undefined => {
    switch (ref.type) {
      case 'app':
        return forAppId(ref.id);
      case 'app_field': {
        const field = fields.byId(ref.id);
        return field && forAppId(field.appId);
      }
      case 'space': {
        const space = spaces.get(ref.id);
        return space ? ofLogin(space.login) : ofFormer(ref);
      }
    }
  };

  const remember = async (ref: HookRef): Promise<void> => {
    const identity = forRef(ref);
    if (!identity) return;
    const key = `${PREFIX}${ref.type}/${ref.id}`;
    const now: Remembered = {
      identity: identityKey(identity),
      ...(identity.kind === 'login' && { login: identity.name }),
    };
    const before = remembered.get(key);
    if (isRemembered(before) && before.identity === now.identity && before.login === now.login) return;
    await settings.set(key, now);
  };
  // Together, so that they share a flush.
  await Promise.all([
    ...Array.from(apps.keys(), id => remember({ type: 'app', id })),
    ...Array.from(spaces.keys(), id => remember({ type: 'space', id })),
  ]);

  return {
    forRef,
    forApp(app) {
      const byName = typeof app === 'string' ? config.apps.get(app) : undefined;
      if (byName) return ofApp(byName);
      const id = Number(app);
      return Number.isSafeInteger(id) ? forAppId(id) : undefined;
    },
  };
}

const isRemembered = (value: unknown): value is Remembered =>
  isRecord(value) &&
  typeof value.identity === 'string' &&
  (value.login === undefined || typeof value.login === 'string');
