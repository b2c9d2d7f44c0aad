/** Waiting for the world to look a certain way: looked at again whenever something changed, never by sleeping. */
export interface Waiting {
  /**
   * Resolves when `condition` holds, at once if it does already. Rejects after `timeoutMs` (default 5 s, real time);
   * `what` names in the error what was waited for.
   */
  until(condition: () => boolean, what?: string, timeoutMs?: number): Promise<void>;
}

export function makeWaiting(): Waiting & { changed(): void } {
  const looks = new Set<() => void>();
  return {
    changed() {
      for (const look of looks) look();
    },
    until(condition, what = 'the condition', timeoutMs = 5000) {
      return new Promise((resolve, reject) => {
        const end = (settle: () => void): void => {
          clearTimeout(timer);
          looks.delete(look);
          settle();
        };
        const look = (): void => {
          try {
            if (condition()) end(resolve);
          } catch (error) {
            end(() => reject(error));
          }
        };
        const timer = setTimeout(
          () => end(() => reject(new Error(`waited ${timeoutMs} ms for ${what}, in vain`))),
          timeoutMs,
        );
        looks.add(look);
        look();
      });
    },
  };
}
