import type { Config } from '../config/model.ts';
import { type Catalog, type CatalogApp, catalogApp, toCatalogApp } from '../core/catalog.ts';
import { coerceError } from '../core/errors.ts';
import type { Connection } from './connect.ts';

export interface Pulled {
  readonly catalog: Catalog;
  /** Apps that could not be read: the catalog has what was known of them, if anything. */
  readonly failed: readonly { readonly app: string; readonly error: Error; readonly kept: boolean }[];
}

/** Reads the definition of every app of the config, one call each. */
export async function pullCatalog(
  config: Pick<Config, 'apps'>,
  { podio, identities }: Pick<Connection, 'podio' | 'identities'>,
  before: Catalog | undefined,
): Promise<Pulled> {
  const apps = new Map<string, CatalogApp>();
  const failed: Pulled['failed'][number][] = [];
  const read = async (name: string, id: number): Promise<CatalogApp> => {
    const identity = identities.forApp(name);
    if (!identity) throw new Error(`no token or login reaches the app ${name}`);
    return toCatalogApp(await podio.apps.get(identity, id));
  };
  const answers = await Promise.allSettled(
    Array.from(config.apps.values(), ({ name, id }) => read(name, id)),
  );
  for (const [index, { name, id }] of [...config.apps.values()].entries()) {
    const answer = answers[index];
    if (answer?.status === 'fulfilled') {
      apps.set(name, answer.value);
      continue;
    }
    const kept = before && catalogApp(before, id);
    if (kept) apps.set(name, kept);
    failed.push({ app: name, error: coerceError(answer?.reason), kept: kept !== undefined });
  }
  return { catalog: { apps }, failed };
}
