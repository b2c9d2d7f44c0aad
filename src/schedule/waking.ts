import type { Cancel, Clock } from '../core/clock.ts';

/** A wake-up that comes before anybody rests is not lost. */
export interface Waking {
  wake(): void;
  /** Until it is woken, a stop, or the time is over. */
  rest(ms: number, signal: AbortSignal): Promise<void>;
}

export function makeWaking(clock: Clock): Waking {
  let isDue = false;
  let end = (): void => {};
  return {
    wake() {
      isDue = true;
      end();
    },
    rest: (ms, signal) =>
      new Promise(resolve => {
        let cancel: Cancel = () => {};
        end = () => {
          cancel();
          signal.removeEventListener('abort', end);
          isDue = false;
          end = () => {};
          resolve();
        };
        if (isDue || signal.aborted) return end();
        cancel = clock.after(ms, end);
        signal.addEventListener('abort', end);
      }),
  };
}
