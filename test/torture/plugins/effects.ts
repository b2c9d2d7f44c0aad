// What a step does to the world, for the torture: one line each, appended and never changed, by which process.
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { definePlugin, pathOption, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';

/** The same number for the same key, so that it is the same events that take long or fail. */
function spread(key: string): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) >>> 0;
  return hash;
}

export default definePlugin({
  name: 'effects',
  options: z.strictObject({
    path: pathOption(),
    /** One of so many takes a while. */
    slow: z.int().default(0),
    /** One of so many fails at first, before it has done anything. */
    fails: z.int().default(0),
  }),
  setup({ path, slow, fails }, { rule, step }) {
    const file = openSync(path, 'a');
    const failed = new Set<string>();
    return {
      operator: messages$ =>
        messages$.pipe(
          concatMap(async message => {
            const { deliveryKey: key, events } = message;
            const number = spread(key);
            if (slow > 0 && number % slow === 0) await pause(number % 40);
            if (fails > 0 && number % fails === 1 && !failed.has(key)) {
              failed.add(key);
              throw new Error('not at the first try');
            }
            // In one call: a killed process leaves a whole line or none.
            const lines = events.map(
              ({ seq, itemId = 0 }) => `${process.pid}\t${rule}\t${step}\t${seq}\t${itemId}\t${key}\n`,
            );
            writeSync(file, lines.join(''));
            return message;
          }),
        ),
      dispose: () => closeSync(file),
    };
  },
});
