// Fails in the way it is asked to for as long as a file is there, and notes every try.
import { appendFileSync, existsSync } from 'node:fs';
import { definePlugin, PermanentError, pathOption, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';

/** What is thrown into the stream or beside it. A promise that never settles stands for work that never ends. */
const FAULTS = {
  permanent() {
    throw new PermanentError('refused for good');
  },
  timer() {
    setTimeout(() => {
      throw new Error('thrown in a timer');
    }, 5);
    return new Promise<never>(() => {});
  },
  rejection() {
    void Promise.reject(new Error('rejected beside the stream'));
    return new Promise<never>(() => {});
  },
} as const;

export default definePlugin({
  name: 'faulty',
  options: z.strictObject({
    notes: pathOption(),
    /** While this file is there, it fails. */
    cause: pathOption(),
    how: z.enum(['permanent', 'timer', 'rejection']),
  }),
  setup: ({ notes, cause, how }) => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(async message => {
          const fails = existsSync(cause);
          appendFileSync(notes, `${JSON.stringify({ key: message.deliveryKey, fails })}\n`);
          if (fails) await FAULTS[how]();
          return message;
        }),
      ),
  }),
});
