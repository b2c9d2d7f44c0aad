import type { RunRecord } from '../core/run.ts';
import type { Lanes } from '../store/contract.ts';

/** The same lanes, telling of every run whose record is on disk, as long as somebody listens. */
export function tapLanes(
  lanes: Lanes,
  now: () => number,
  onRun: (run: RunRecord) => void,
  isHeard: () => boolean = () => true,
): Lanes {
  return {
    ...lanes,
    async finish(lease, finished, cursor) {
      await lanes.finish(lease, finished, cursor);
      if (isHeard()) onRun({ ...finished.record, rule: lease.lane.rule, endedAt: now() });
    },
  };
}
