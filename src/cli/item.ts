import { isPodiodError } from '../core/errors.ts';
import type { Cli, CommonOptions } from './io.ts';

/**
 * The item_id of what a person writes for an item: the id itself, `app/app_item_id` (the number people see), or a link.
 * The latter two are for Podio to tell: the running daemon asks it, or where there is none, this shell with its secrets.
 */
export async function resolveItem(cli: Cli, options: CommonOptions, text: string): Promise<number> {
  const [{ findItem, parseItemName }, { loadConfigOrFail, loadPartialOrFail, makeCommandLog }] =
    await Promise.all([import('../daemon/find-item.ts'), import('./setup.ts')]);
  const name = parseItemName(text);
  if ('itemId' in name) return name.itemId;
  const { adminClient } = await import('../admin/client.ts');
  try {
    return await adminClient(await loadPartialOrFail(cli, options)).findItem(text);
  } catch (error) {
    if (!isPodiodError(error) || error.code !== 'ADMIN_UNREACHABLE') throw error;
  }
  const { connectForReading } = await import('../daemon/index.ts');
  const { config, secrets } = await loadConfigOrFail(cli, options);
  const connection = await connectForReading(config, { log: makeCommandLog(cli, options, secrets, 'error') });
  return findItem(connection, config, name);
}
