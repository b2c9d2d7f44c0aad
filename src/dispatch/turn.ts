/** What one at a time may have, over all lanes. */
export interface Turn {
  /** False: someone has it. `again` is called once when it may be asked for anew. */
  take(again: () => void): boolean;
  give(): void;
}

export function makeTurn(): Turn {
  let taken = false;
  let waiting: (() => void)[] = [];
  return {
    take(again) {
      const isFree = !taken;
      if (isFree) taken = true;
      else waiting.push(again);
      return isFree;
    },
    give() {
      taken = false;
      const called = waiting;
      waiting = [];
      // One of them takes it; the others wait on, in the same order.
      for (const again of called) again();
    },
  };
}
