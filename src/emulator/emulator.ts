import type { AddressInfo } from 'node:net';
import { makeServer } from './http/server.ts';
import { makeWorld, type World, type WorldOptions } from './world/world.ts';

export interface EmulatorOptions extends WorldOptions {
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: 0, any free port. */
  readonly port?: number;
}

export interface Emulator {
  /** Base of the API, without a slash at its end: what stands for `https://api.podio.com`. */
  readonly url: string;
  readonly world: World;
  /** Closes every connection and drops the deliveries that are still to be sent. */
  stop(): Promise<void>;
}

/** Starts a Podio of its own. Rejects when the port can't be had. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { host = '127.0.0.1', port = 0, ...worldOptions } = options;
  const podio = makeWorld(worldOptions);
  const server = makeServer(podio);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`,
    world: podio.world,
    async stop() {
      podio.hooks.stop();
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
