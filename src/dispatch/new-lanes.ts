import type { Rule } from '../core/rule.ts';
import type { Lanes } from '../store/contract.ts';

/**
 * Lets rules that no lane has been seen of begin here, where nothing runs them: what is taken in from now on is theirs.
 * Lanes that are known are left as they are, also those that were not let go of cleanly.
 */
export async function beginNewLanes(
  lanes: Pick<Lanes, 'acquire' | 'load' | 'release' | 'status'>,
  rules: readonly Pick<Rule, 'name' | 'startAt'>[],
): Promise<void> {
  const known = new Set((await lanes.status()).map(({ rule }) => rule));
  for (const { name, startAt } of rules) {
    if (known.has(name)) continue;
    const lease = await lanes.acquire({ rule: name, shard: 0, of: 1 }, startAt);
    const { cursor } = await lanes.load(lease);
    await lanes.release(lease, cursor);
  }
}
