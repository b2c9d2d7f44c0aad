import type { EmulatorClock } from './clock.ts';
import type { Occurrence } from './model.ts';
import type { Random } from './random.ts';
import type { Faults, Limits, Switches } from './settings.ts';

/** Where ids of each kind begin. Items lie above 2^32, as at Podio, so that 32-bit arithmetic shows. */
const FIRST_ID = {
  client: 10_001,
  user: 2_100_001,
  profile: 190_000_001,
  space: 7_500_001,
  app: 29_000_001,
  view: 58_000_001,
  field: 260_000_001,
  item: 5_300_000_001,
  revision: 9_442_224_001,
  comment: 900_000_001,
  task: 160_000_001,
  file: 2_300_000_001,
  embed: 340_000_001,
  hook: 23_000_001,
};

export type IdKind = keyof typeof FIRST_ID;

export function makeIds(): (kind: IdKind) => number {
  const next = { ...FIRST_ID };
  return kind => next[kind]++;
}

/** What the parts of the world share. The settings are live: they change under whoever holds them. */
export interface Context {
  readonly clock: EmulatorClock;
  readonly random: Random;
  readonly switches: Switches;
  readonly limits: Limits;
  readonly faults: Faults;
  nextId(kind: IdKind): number;
  /** Tells the hooks. */
  emit(occurrence: Occurrence): void;
  /** Something is different now: whoever waits for it looks again. */
  changed(): void;
}
