import type { Config } from '../config/model.ts';
import { UsageError } from '../core/errors.ts';
import type { Connection } from '../daemon/connect.ts';
import type { Identity, PodioClient } from '../podio/contract.ts';
import type { Cli, CommonOptions } from './io.ts';

const HINT = 'Give the item_id (digits), app/app_item_id such as leads/42, or the link of the item in Podio.';

/**
 * The item_id of what a person writes for an item: the id itself, `app/app_item_id` (the number people see), or a link.
 * The latter two ask Podio.
 */
export async function resolveItem(cli: Cli, options: CommonOptions, text: string): Promise<number> {
  if (/^[0-9]+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  const link = /^https?:\/\/.*\/apps\/([^/]+)\/items\/([0-9]+)/.exec(text);
  const named = /^([a-z0-9][a-z0-9_-]*)\/([0-9]+)$/.exec(text);
  if (!link && !named) throw new UsageError(`${text} is no item`, HINT);

  const [{ loadConfigOrFail, makeCommandLog }, { connectForReading }] = await Promise.all([
    import('./setup.ts'),
    import('../daemon/index.ts'),
  ]);
  const { config, secrets } = await loadConfigOrFail(cli, options);
  const connection = await connectForReading(config, { log: makeCommandLog(cli, options, secrets, 'error') });
  if (named) {
    const [, name = '', number = ''] = named;
    const app = config.apps.get(name);
    if (!app) throw new UsageError(`there is no app ${name} in the config`, HINT);
    return itemIn(connection, app.id, number);
  }
  const [, label = '', number = ''] = link ?? [];
  return itemIn(connection, await appWithLabel(connection, config, text, label), number);
}

async function itemIn({ podio, identities }: Connection, appId: number, number: string): Promise<number> {
  const as = identityOf(identities.forApp(appId), appId);
  const item = await podio.request(as, {
    method: 'GET',
    path: `/app/${appId}/item/${number}`,
    operation: 'items.get_by_app_item_id',
  });
  return (item as { item_id: number }).item_id;
}

/** A link names org, space and app by their URL labels; only the app itself knows its own. */
async function appWithLabel(
  { podio, identities }: Connection,
  config: Config,
  link: string,
  label: string,
): Promise<number> {
  for (const { id } of config.apps.values()) {
    const app = await appOf(podio, identityOf(identities.forApp(id), id), id);
    if (app.url_label === label && (app.link === undefined || sharesWay(link, app.link))) return id;
  }
  throw new UsageError(`no app of the config has the link ${link}`, HINT);
}

const appOf = async (podio: PodioClient, as: Identity, id: number) =>
  (await podio.apps.get(as, id)) as { url_label?: string; link?: string };

/** Whether the item's link lies under the app's: the same org and space. */
const sharesWay = (link: string, appLink: string): boolean =>
  new URL(link).pathname.startsWith(`${new URL(appLink).pathname.replace(/\/$/, '')}/`);

function identityOf(identity: Identity | undefined, appId: number): Identity {
  if (identity) return identity;
  throw new UsageError(`nothing in the config reaches app ${appId}`, 'Give the app a token or a login.');
}
