// Tells the bench that an event has reached a plugin: a datagram with the item's id.
import { createSocket } from 'node:dgram';
import { definePlugin, z } from 'podiod/plugin';
import { tap } from 'rxjs';

export default definePlugin({
  name: 'stamp',
  options: z.strictObject({ port: z.int() }),
  setup: ({ port }) => {
    const sender = createSocket('udp4');
    return {
      operator: tap(({ event }) => sender.send(String(event.itemId), port, '127.0.0.1')),
      dispose: () => sender.close(),
    };
  },
});
