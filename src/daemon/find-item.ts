import type { AppConfig, Config } from '../config/model.ts';
import { PodioError, UsageError } from '../core/errors.ts';
import type { HookRef } from '../core/hook.ts';
import { didYouMean } from '../core/suggest.ts';
import { type Identity, identityKey } from '../podio/contract.ts';
import { isGone } from '../podio/errors.ts';
import type { Connection } from './connect.ts';

/** What people write for an item: its item_id, the number they see in an app, or its link. */
export type ItemName =
  | { readonly itemId: number }
  | { readonly app: string; readonly number: string }
  | { readonly link: URL; readonly label: string; readonly number: string };

const HINT = 'Give the item_id (digits), app/app_item_id such as leads/42, or the link of the item in Podio.';

/** Throws a UsageError for what is none. */
export function parseItemName(written: string): ItemName {
  // Pasted, often with what stood around it.
  const text = written.trim();
  if (/^[0-9]+$/.test(text) && Number.isSafeInteger(Number(text))) return { itemId: Number(text) };
  const [, app, number] = /^([a-z0-9][a-z0-9_-]*)\/([0-9]+)$/.exec(text) ?? [];
  if (app !== undefined && number !== undefined) return { app, number };
  const link = /^https?:\/\//.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  const [, label, numberInLink] = /\/apps\/([^/]+)\/items\/([0-9]+)\/?$/.exec(link?.pathname ?? '') ?? [];
  if (link && label !== undefined && numberInLink !== undefined) return { link, label, number: numberInLink };
  throw new UsageError(`${text} is no item`, HINT);
}

/** The item_id. Only Podio knows it where a name is not the id itself. */
export async function findItem(
  connection: Pick<Connection, 'podio' | 'identities'>,
  config: Pick<Config, 'apps'>,
  name: ItemName,
): Promise<number> {
  if ('itemId' in name) return name.itemId;
  return (await findNumbered(connection, config, name)).itemId;
}

export interface FoundItem {
  readonly itemId: number;
  readonly app: AppConfig;
}

/**
 * The item and its app, both there for certain: Podio is asked. An item_id says nothing of its app, so those of the config
 * are asked in turn, `likely` ones first.
 */
export async function locateItem(
  connection: Pick<Connection, 'podio' | 'identities'>,
  config: Pick<Config, 'apps'>,
  name: ItemName,
  likely: readonly string[] = [],
): Promise<FoundItem> {
  if (!('itemId' in name)) return findNumbered(connection, config, name);
  const { podio, identities } = connection;
  const asked = new Set<string>();
  for (const app of new Set([...likely, ...config.apps.keys()])) {
    const as = identities.forApp(app);
    if (as === undefined || asked.has(identityKey(as))) continue;
    asked.add(identityKey(as));
    try {
      const item = await podio.items.get(as, name.itemId);
      const found = [...config.apps.values()].find(({ id }) => id === item.app?.app_id);
      if (found) return { itemId: name.itemId, app: found };
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
  throw noSuchItem(`no app of the config has an item with the item_id ${name.itemId}`);
}

async function findNumbered(
  connection: Pick<Connection, 'podio' | 'identities'>,
  { apps }: Pick<Config, 'apps'>,
  name: Exclude<ItemName, { readonly itemId: number }>,
): Promise<FoundItem> {
  const { podio, identities } = connection;
  const identityOf = (id: number): Identity => {
    const identity = identities.forRef({ type: 'app', id } satisfies HookRef);
    if (identity) return identity;
    throw new UsageError(`nothing in the config reaches app ${id}`, 'Give the app a token or a login.');
  };

  /** A link names org, space and app by their URL labels; only the app itself knows its own. */
  const appOfLink = async (link: URL, label: string): Promise<AppConfig> => {
    // One that can't be asked may be the one; and where it is not, it is no matter.
    let failed: unknown;
    for (const found of apps.values()) {
      const { id } = found;
      try {
        const app = (await podio.apps.get(identityOf(id), id)) as { url_label?: string; link?: string };
        if (app.url_label === label && (app.link === undefined || liesUnder(link, app.link))) return found;
      } catch (error) {
        failed ??= error;
      }
    }
    if (failed !== undefined) throw failed;
    throw new UsageError(`no app of the config has the link ${link.origin}${link.pathname}`, HINT);
  };
  const appNamed = (app: string): AppConfig => {
    const found = apps.get(app);
    if (found) return found;
    throw new UsageError(
      `there is no app ${app} in the config`,
      didYouMean(app, apps.keys()) ?? `Its apps: ${[...apps.keys()].join(', ') || 'none'}.`,
    );
  };

  const app = 'app' in name ? appNamed(name.app) : await appOfLink(name.link, name.label);
  try {
    const item = await podio.request(identityOf(app.id), {
      method: 'GET',
      path: `/app/${app.id}/item/${name.number}`,
      operation: 'items.get_by_app_item_id',
    });
    return { itemId: (item as { item_id: number }).item_id, app };
  } catch (error) {
    if (!isGone(error)) throw error;
    throw noSuchItem(
      `the app ${app.name} has no item with the number ${name.number}, or it was deleted`,
      `What was deleted has its item_id alone: podiod events --app ${app.name} --type item.delete`,
    );
  }
}

/** Rightly written, but not there: no wrong usage. */
const noSuchItem = (message: string, hint = HINT): PodioError =>
  new PodioError('PODIO_NOT_FOUND', message, { hint, retry: 'never' });

/** Whether the item's link lies under the app's: the same org and space. */
const liesUnder = (link: URL, appLink: string): boolean =>
  link.pathname.startsWith(`${new URL(appLink).pathname.replace(/\/$/, '')}/`);
