/** Names in filters that nothing is called: where nothing was found, that may be why. */
import { UsageError } from '../core/errors.ts';
import { suggestion } from '../core/suggest.ts';
import type { EventQuery, StoreReader } from '../store/contract.ts';
import type { Cli, CommonOptions } from './io.ts';

/** Rejects with USAGE for one that is neither in the config nor in the journal; a config that can't be read names all. */
export async function refuseUnknown(
  cli: Cli,
  options: CommonOptions,
  { rule, app, type }: Pick<EventQuery, 'rule' | 'app' | 'type'>,
  reader: Pick<StoreReader, 'journal' | 'lanes' | 'rules'>,
): Promise<void> {
  if (rule === undefined && app === undefined && type === undefined) return;
  const isThere = async (query: EventQuery): Promise<boolean> =>
    (await reader.journal.list({ ...query, last: 1 })).length > 0;
  if (type !== undefined) {
    const { EVENT_TYPES } = await import('../config/conditions.ts');
    if (!EVENT_TYPES.includes(type) && !(await isThere({ type })))
      throw new UsageError(`there is no type of event ${type}`, suggestion(type, EVENT_TYPES, 'There are'));
  }
  if (rule === undefined && app === undefined) return;
  const { readConfig } = await import('./setup.ts');
  const { config } = await readConfig(cli, { ...options, placeholders: true });
  if (config === undefined) return;
  if (app !== undefined && !config.apps.has(app) && !(await isThere({ app })))
    throw new UsageError(`there is no app ${app}`, suggestion(app, config.apps.keys(), 'There are'));
  if (rule === undefined) return;
  const names = [...config.rules.map(({ name }) => name), ...(config.disabledRules ?? [])];
  const left = [...(await reader.rules.keys()).keys(), ...(await reader.lanes.status()).map(one => one.rule)];
  if (!names.includes(rule) && !left.includes(rule))
    throw new UsageError(`there is no rule ${rule}`, suggestion(rule, names, 'There are'));
}
