/**
 * What lanes agree on while it is not known what ended the process. Whoever was alone in hand then is tried again one at a
 * time over all lanes. And who would be found guilty by one end more has the process to itself: or the guilty of another
 * rule, in hand at the same moment, would convict it.
 */
export interface Turn {
  /** No run may be started: one is to have the process to itself, or has it. */
  readonly isClosed: boolean;
  /** One waits until nothing is in hand: a run that has more to do than the step it is at leaves off before the next one. */
  readonly isAwaited: boolean;
  /** `again` is called once when runs may be started again; asking twice with the same one is asking once. */
  whenOpen(again: () => void): void;
  /** Of every run that is started. */
  began(): void;
  /** The run came to an end or to a wait. Its turn, if it had one, is given back before. */
  ended(): void;
  /**
   * False: someone has it, or others are in hand beside one that wants to be `sole`; then nothing more is started until
   * these have ended. `again` is called once when it may be asked for anew.
   */
  take(sole: boolean, again: () => void): boolean;
  give(): void;
}

export function makeTurn(): Turn {
  let inHand = 0;
  let taken: 'no' | 'turn' | 'sole' = 'no';
  let waiting: (() => void)[] = [];
  /** Waits until nothing is in hand. */
  let reserved: (() => void) | undefined;
  let shutOut = new Set<() => void>();

  const isClosed = () => reserved !== undefined || taken === 'sole';

  const open = () => {
    if (isClosed() || shutOut.size === 0) return;
    const called = shutOut;
    shutOut = new Set();
    for (const again of called) again();
  };

  return {
    get isClosed() {
      return isClosed();
    },
    get isAwaited() {
      return reserved !== undefined;
    },
    whenOpen: again => void shutOut.add(again),
    began() {
      inHand++;
    },
    ended() {
      inHand--;
      if (inHand > 0 || reserved === undefined) return;
      const again = reserved;
      reserved = undefined;
      again();
      // Where it can't be started now, after all.
      open();
    },
    take(sole, again) {
      if (taken !== 'no' || (sole && reserved !== undefined)) waiting.push(again);
      else if (sole && inHand > 0) reserved = again;
      else {
        taken = sole ? 'sole' : 'turn';
        return true;
      }
      return false;
    },
    give() {
      taken = 'no';
      const called = waiting;
      waiting = [];
      // One of them takes it; the others wait on, in the same order.
      for (const again of called) again();
      open();
    },
  };
}
