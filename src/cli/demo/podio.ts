import type { Config } from '../../config/model.ts';
import {
  buildWorld,
  type EmulatorOptions,
  startEmulator,
  startPeople,
  type World,
} from '../../emulator/index.ts';
import { appToTry } from '../stage/fields.ts';

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
    apps: Array.from(config.apps.values(), app => appToTry(config, app)),
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
