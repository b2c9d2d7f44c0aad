import type { AppConfig, Config } from '../../config/model.ts';
import { type FieldValue, hookedBy } from '../../core/rule.ts';
import {
  buildWorld,
  type EmulatorOptions,
  startEmulator,
  startPeople,
  type World,
} from '../../emulator/index.ts';

/** An emulated Podio in which everything that a config speaks of exists. */
export interface EmulatedPodio {
  readonly url: string;
  readonly world: World;
  readonly apps: readonly { readonly name: string; readonly id: number; readonly token: string }[];
  /** What was done before anybody looked: so many items in every app, and some changes of them. */
  addHistory(itemsPerApp: number): void;
  /** Virtual people begin to edit items, one deed every `everyMs` on average. */
  startPeople(everyMs: number): void;
  stopPeople(): void;
  stop(): Promise<void>;
}

export async function startEmulatedPodio(
  config: Config,
  options: Pick<EmulatorOptions, 'host' | 'port' | 'limits'> & { readonly seed: number },
): Promise<EmulatedPodio> {
  // Everything runs on ports that Podio itself would refuse.
  const emulator = await startEmulator({ ...options, allowAnyPort: true });
  const { world } = emulator;
  buildWorld(world, {
    clientId: config.podio.clientId,
    clientSecret: config.podio.clientSecret,
    spaces: [...config.spaces.values()],
    logins: [...config.logins.values()],
    apps: Array.from(config.apps.values(), app => ({
      name: app.name,
      id: app.id,
      ...(app.token !== undefined && { token: app.token }),
      fields: fieldsMentioned(config, app),
    })),
  });
  let people: ReturnType<typeof startPeople> | undefined;
  return {
    url: emulator.url,
    world,
    apps: Array.from(config.apps.values(), ({ name, id }) => ({
      name,
      id,
      token: world.app(id)?.token ?? '',
    })),
    addHistory(itemsPerApp) {
      // A seed of its own: the same deeds twice would look odd.
      const predecessors = startPeople(world, { seed: options.seed + 1 });
      const isNew = ({ appId }: { appId: number }) => world.items(appId).length < itemsPerApp;
      while (world.apps().some(isNew)) predecessors.step();
    },
    startPeople(everyMs) {
      people = startPeople(world, { seed: options.seed, everyMs });
    },
    stopPeople: () => people?.stop(),
    async stop() {
      people?.stop();
      await emulator.stop();
    },
  };
}

/** The fields of an app that rules speak of, with the values they wait for. */
export function fieldsMentioned(config: Config, app: AppConfig): Record<string, (string | number | null)[]> {
  const fields: Record<string, (string | number | null)[]> = {};
  const mention = (name: string, values: readonly FieldValue[] = []) => {
    const externalId = app.fields[name] ?? name;
    const seen = values.filter(
      value => value === null || typeof value === 'string' || typeof value === 'number',
    );
    fields[externalId] = [...(fields[externalId] ?? []), ...seen];
  };
  for (const externalId of Object.values(app.fields)) mention(externalId);
  for (const { triggers, steps } of config.rules) {
    const watches = triggers.filter(trigger => hookedBy(trigger)?.apps.includes(app.name));
    if (watches.length === 0) continue;
    for (const trigger of watches) {
      if (trigger.kind === 'lasted') mention(trigger.field, [...(trigger.from ?? []), ...trigger.to]);
      if (trigger.kind !== 'app') continue;
      for (const { field, from, to } of trigger.fields ?? [])
        mention(field, [...(from ?? []), ...(to ?? [])]);
    }
    for (const { use, options } of steps) {
      if (use !== 'field-change-filter') continue;
      const { field, from, to } = options as {
        field: string | number;
        from?: FieldValue | FieldValue[];
        to?: FieldValue | FieldValue[];
      };
      mention(String(field), [from ?? [], to ?? []].flat());
    }
  }
  return fields;
}
