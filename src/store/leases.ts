import { abortWith } from '../core/abort.ts';
import { StoreError } from '../core/errors.ts';
import type { LaneId, Lease, Singleton } from './contract.ts';

export const laneKey = ({ rule, shard, of }: LaneId): string => `${rule}/${shard}/${of}`;

export const staleLease = (rule: string): StoreError =>
  new StoreError('STORE_STALE_LEASE', `the lane of rule "${rule}" has another owner now`, { retry: 'never' });

const lostSingleton = (name: string): StoreError =>
  new StoreError('STORE_STALE_LEASE', `${name} has another owner now`, { retry: 'never' });

/** The leases that one opening of a store has given out: at most one is good for a lane, the latest. */
export class Leases {
  readonly #held = new Map<string, { lease: Lease; lost: AbortController }>();
  readonly #singletons = new Map<string, { lease: Singleton; lost: AbortController }>();
  #epochs = 0;

  /** The lease that the lane had before is lost. */
  grant(lane: LaneId, epoch: number): Lease {
    this.#lose(laneKey(lane));
    const lost = new AbortController();
    const lease: Lease = { lane, epoch, usable: () => !lost.signal.aborted, signal: lost.signal };
    this.#held.set(laneKey(lane), { lease, lost });
    return lease;
  }

  /** Throws STORE_STALE_LEASE unless this is the lane's latest lease of this opening. */
  check(lease: Pick<Lease, 'lane' | 'epoch'>): void {
    if (this.#held.get(laneKey(lease.lane))?.lease.epoch !== lease.epoch) throw staleLease(lease.lane.rule);
  }

  /** Whoever had it before has lost it. */
  singleton(name: string): Singleton {
    const before = this.#singletons.get(name);
    if (before) abortWith(before.lost, lostSingleton(name));
    const lost = new AbortController();
    this.#epochs += 1;
    const epoch = this.#epochs;
    const lease: Singleton = { name, epoch, usable: () => !lost.signal.aborted, signal: lost.signal };
    this.#singletons.set(name, { lease, lost });
    return lease;
  }

  /** Throws STORE_STALE_LEASE unless this is the latest of its name. */
  checkSingleton({ name, epoch, signal }: Singleton): void {
    if (signal.aborted || this.#singletons.get(name)?.lease.epoch !== epoch) throw lostSingleton(name);
  }

  loseAll(): void {
    for (const key of [...this.#held.keys()]) this.#lose(key);
    for (const [name, { lost }] of this.#singletons) abortWith(lost, lostSingleton(name));
  }

  #lose(key: string): void {
    const held = this.#held.get(key);
    this.#held.delete(key);
    if (held) abortWith(held.lost, staleLease(held.lease.lane.rule));
  }
}
