import type { DropAnswer, RetryAnswer } from '../admin/admin.ts';
import type { Metrics } from '../core/metrics.ts';
import type { ParkedSelection, Parking } from '../store/contract.ts';

/**
 * Asks for parked runs to be run again, but not for those of rules that nobody runs: they would be told as taken and wait
 * for ever. They stay parked, and their rules are named.
 */
export async function retryParked(
  parking: Pick<Parking, 'counts' | 'list' | 'retry'>,
  rules: readonly string[],
  selection: ParkedSelection,
): Promise<RetryAnswer> {
  const running = new Set(rules);
  if ('rule' in selection && !running.has(selection.rule)) return { ids: [], missing: [selection.rule] };
  const gone = [...(await parking.counts()).keys()].filter(rule => !running.has(rule));
  if ('rule' in selection || gone.length === 0) return { ids: await parking.retry(selection), missing: [] };

  if ('all' in selection) {
    const taken: string[] = [];
    for (const rule of rules) taken.push(...(await parking.retry({ rule })));
    return { ids: taken, missing: gone };
  }
  const ruleOf = new Map<string, string>();
  for (const rule of gone) for await (const id of idsOf(parking, rule)) ruleOf.set(id, rule);
  const ids = selection.ids.filter(id => !ruleOf.has(id));
  const missing = new Set(selection.ids.flatMap(id => ruleOf.get(id) ?? []));
  return { ids: ids.length > 0 ? await parking.retry({ ids }) : [], missing: [...missing] };
}

/** Gives parked runs up, and what waits of a rule that is gone. No lane sees it, so their end is counted here. */
export async function dropParked(
  parking: Pick<Parking, 'drop'>,
  metrics: Pick<Metrics, 'delivered'>,
  selection: ParkedSelection,
): Promise<DropAnswer> {
  const { ids, runs, left } = await parking.drop(selection);
  for (const [rule, count] of runs) for (let n = 0; n < count; n++) metrics.delivered(rule, 'dropped');
  return { ids, waiting: left?.ended ?? 0, passed: left?.passed ?? 0 };
}

/** Page by page. */
async function* idsOf(parking: Pick<Parking, 'list'>, rule: string): AsyncGenerator<string> {
  for (let after: string | undefined; ; ) {
    const page = await parking.list({ rule, ...(after !== undefined && { after }) });
    for (const { id } of page) yield id;
    after = page.at(-1)?.id;
    if (after === undefined) return;
  }
}
