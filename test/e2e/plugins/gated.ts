// Notes when a try begins and ends, and ends only while the gate is open: tests see into a step, and hold it.
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { definePlugin, pathOption, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';

export default definePlugin({
  name: 'gated',
  options: z.strictObject({
    notes: pathOption(),
    gate: pathOption(),
    /** Goes on waiting when it is told to stop. */
    deaf: z.boolean().default(false),
  }),
  setup: ({ notes, gate, deaf }) => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(async message => {
          const note = (what: string) =>
            appendFileSync(notes, `${JSON.stringify({ key: message.deliveryKey, what })}\n`);
          note('begun');
          while (!existsSync(gate)) {
            if (!deaf) message.signal.throwIfAborted();
            await pause(10);
          }
          note('ended');
          return message;
        }),
      ),
  }),
});
