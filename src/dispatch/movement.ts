import { type Clock, sleep } from '../core/clock.ts';

/** Of a lane, at one moment. */
export interface Vitals {
  /** Whether there is something that podiod itself has to do here; what plugins do, and waits, are left out. */
  readonly owes: boolean;
  /** How much has been done so far: it only ever grows. */
  readonly done: number;
}

const LOOK_MS = 20;

/** Resolves when the lane owes nothing, or has got on since it was asked. */
export async function movement(lane: { vitals(): Vitals }, clock: Clock): Promise<void> {
  const { done } = lane.vitals();
  for (let now = lane.vitals(); now.owes && now.done === done; now = lane.vitals()) {
    await sleep(clock, LOOK_MS);
  }
}
