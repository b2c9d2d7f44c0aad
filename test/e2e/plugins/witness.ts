// Tells what it begins and what it is done with, and as what: for seeing who has run what, and in which order.
import { appendFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { definePlugin, pathOption, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';

export default definePlugin({
  name: 'witness',
  options: z.strictObject({ notes: pathOption(), as: z.string(), variant: z.int().default(0), ms: z.int() }),
  setup: ({ notes, as, variant, ms }, { rule }) => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(async message => {
          const { id, seq, itemId } = message.event;
          const note = (what: 'begun' | 'done') =>
            appendFileSync(
              notes,
              `${JSON.stringify({ as, rule, variant, what, id, seq, itemId, key: message.deliveryKey })}\n`,
            );
          note('begun');
          await pause((seq % ms) + 1);
          note('done');
          return message;
        }),
      ),
  }),
});
