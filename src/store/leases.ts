import { StoreError } from '../core/errors.ts';
import type { LaneId, Lease } from './contract.ts';

export const laneKey = ({ rule, shard, of }: LaneId): string => `${rule}/${shard}/${of}`;

export const staleLease = (rule: string): StoreError =>
  new StoreError('STORE_STALE_LEASE', `the lane of rule "${rule}" has another owner now`, { retry: 'never' });

/** The leases that one opening of a store has given out: at most one is good for a lane, the latest. */
export class Leases {
  readonly #held = new Map<string, { lease: Lease; lost: AbortController }>();

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

  loseAll(): void {
    for (const key of [...this.#held.keys()]) this.#lose(key);
  }

  #lose(key: string): void {
    const held = this.#held.get(key);
    this.#held.delete(key);
    held?.lost.abort(staleLease(held.lease.lane.rule));
  }
}
