// Takes its time, then leaves a line: for seeing which steps run again after a kill.
import { appendFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { definePlugin, pathOption, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';

export default definePlugin({
  name: 'dawdle',
  options: z.strictObject({ path: pathOption(), ms: z.int() }),
  setup: ({ path, ms }, { step }) => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(async message => {
          // Items differ, so that runs end at different times.
          await pause(((message.event.itemId ?? 0) % ms) + 1);
          const { id, seq, itemId } = message.event;
          await appendFile(path, `${JSON.stringify({ id, seq, itemId, step })}\n`);
          return message;
        }),
      ),
  }),
});
