import type { Config } from '../config/model.ts';
import type { HookRef } from '../core/hook.ts';
import type { FieldDirectory } from '../podio/contract.ts';

/** What the config calls an app, a space or a field (`leads.status`); a field by its alias where it has one. */
export function namesOf(
  { apps, spaces }: Pick<Config, 'apps' | 'spaces'>,
  fields: Pick<FieldDirectory, 'byId'>,
): (ref: HookRef) => string | undefined {
  const appsById = new Map(Array.from(apps.values(), app => [app.id, app]));
  const spacesById = new Map(Array.from(spaces.values(), space => [space.id, space.name]));
  return ({ type, id }) => {
    if (type === 'app') return appsById.get(id)?.name;
    if (type === 'space') return spacesById.get(id);
    const field = fields.byId(id);
    const app = field && appsById.get(field.appId);
    if (!app) return undefined;
    const [alias] = Object.entries(app.fields).find(([, to]) => to === field.externalId) ?? [];
    return `${app.name}.${alias ?? field.externalId}`;
  };
}
