// Does in its set-up and at its end what it is told to.
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { definePlugin, pathOption, z } from 'podiod/plugin';

const never = (): Promise<never> => new Promise(() => {});

export default definePlugin({
  name: 'sluggish',
  options: z.strictObject({
    setup: z.enum(['at once', 'fails', 'at the gate', 'never']).default('at once'),
    gate: pathOption().optional(),
    /** Where it notes that its set-up has begun. */
    notes: pathOption().optional(),
    dispose: z.enum(['at once', 'never']).default('at once'),
  }),
  async setup({ setup, gate = '', notes, dispose }) {
    if (notes !== undefined) appendFileSync(notes, '{}\n');
    if (setup === 'fails') throw new Error('no key');
    if (setup === 'never') await never();
    while (setup === 'at the gate' && !existsSync(gate)) await pause(10);
    return {
      operator: messages$ => messages$,
      dispose: () => (dispose === 'never' ? never() : undefined),
    };
  },
});
