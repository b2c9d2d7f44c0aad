import type { PodioEvent } from '../core/event.ts';
import type { Bundle } from '../core/gather.ts';
import type { Checkpoint, ParkRequest, RunKey, Tries } from '../store/contract.ts';
import type { Only, RunCondition, Task } from './deliver.ts';
import type { HeldLane } from './held-lane.ts';

/** What a run's delivery needs, and where its lane records what becomes of it. */
export class LaneTask implements Task {
  readonly event: PodioEvent;
  readonly bundle: Bundle | undefined;
  readonly replay: number;
  readonly conditions: readonly RunCondition[];
  readonly only: Only | undefined;
  readonly admit: Task['admit'];
  readonly isSuspect: boolean;
  readonly #held: HeldLane | undefined;
  readonly #key: RunKey;

  constructor(
    held: HeldLane | undefined,
    key: RunKey,
    event: PodioEvent,
    bundle: Bundle | undefined,
    conditions: readonly RunCondition[],
    only: Only | undefined,
    admit: Task['admit'],
    isSuspect: boolean,
  ) {
    this.event = event;
    this.bundle = bundle;
    this.replay = key.replay;
    this.conditions = conditions;
    this.only = only;
    this.admit = admit;
    this.isSuspect = isSuspect;
    this.#held = held;
    this.#key = key;
  }

  async checkpoint(checkpoint: Checkpoint): Promise<boolean> {
    return (await this.#held?.checkpoint(this.#key, checkpoint)) ?? false;
  }

  async tried(tries: Tries): Promise<boolean> {
    return (await this.#held?.tried(this.#key, tries)) ?? false;
  }

  async park(park: ParkRequest): Promise<boolean> {
    return (await this.#held?.park(this.#key, park)) ?? false;
  }
}
