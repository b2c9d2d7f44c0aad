import type { RunRecord } from '../core/run.ts';
import type { Lanes } from '../store/contract.ts';

/** The same lanes, telling of every run whose record is on disk. */
export function tapLanes(lanes: Lanes, now: () => number, onRun: (run: RunRecord) => void): Lanes {
  return {
    ...lanes,
    async finish(lease, finished, cursor) {
      await lanes.finish(lease, finished, cursor);
      onRun({ ...finished.record, rule: lease.lane.rule, endedAt: now() });
    },
  };
}
