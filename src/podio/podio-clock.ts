/** How far Podio's clock is from this one, from the `Date` of its answers. */
export interface PodioClock {
  /** How far Podio's is ahead, milliseconds; negative: behind. 0 as long as nothing says that it is off. */
  aheadMs(): number;
}

export interface HearingPodioClock extends PodioClock {
  /** An answer's date, and between which times of this clock it was made. UTC milliseconds. */
  heard(date: number, sentAt: number, receivedAt: number): void;
}

/** A date says whole seconds. */
const RESOLUTION_MS = 1000;

export function makePodioClock(): HearingPodioClock {
  let ahead = 0;
  return {
    aheadMs: () => ahead,
    heard(date, sentAt, receivedAt) {
      // The least that makes the date possible: clocks that agree within what can be told are taken to agree.
      const least = date - receivedAt;
      const most = date + RESOLUTION_MS - sentAt;
      ahead = least > 0 ? least : Math.min(most, 0);
    },
  };
}
