import type { AppConfig, SpaceConfig } from '../config/model.ts';
import type { FieldDirectory, Names } from './contract.ts';

/** Names from the config by Podio's ids. */
export function makeNames(
  config: {
    readonly apps: ReadonlyMap<string, AppConfig>;
    readonly spaces: ReadonlyMap<string, SpaceConfig>;
  },
  fields: Pick<FieldDirectory, 'byId'>,
): Names {
  const apps = new Map(Array.from(config.apps.values(), ({ id, name }) => [id, name]));
  const spaces = new Map(Array.from(config.spaces.values(), ({ id, name }) => [id, name]));
  return {
    app: id => apps.get(id),
    appId: name => config.apps.get(name)?.id,
    space: id => spaces.get(id),
    appOfRef(ref) {
      if (ref.type === 'app') return apps.get(Number(ref.id));
      if (ref.type !== 'app_field') return undefined;
      const field = fields.byId(Number(ref.id));
      return field && apps.get(field.appId);
    },
  };
}
