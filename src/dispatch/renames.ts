import type { Log } from '../core/log.ts';
import type { Rule } from '../core/rule.ts';
import { freeKey } from '../core/rule-key.ts';
import type { Rules } from '../store/contract.ts';

/** Rules, each with what stands for it: also before it is given its name in the store, or has anything there. */
export function withKeys(rules: readonly Rule[], keys: ReadonlyMap<string, string>): readonly Rule[] {
  const taken = new Set(keys.values());
  return rules.map(rule => {
    const known = keys.get(rule.name) ?? (rule.was === undefined ? undefined : keys.get(rule.was));
    const key = known ?? freeKey(rule.name, one => taken.has(one));
    return key === rule.name ? rule : { ...rule, key };
  });
}

/**
 * Gives what is kept of rules that were renamed (`was`) to what they are called now. Done once, it finds nothing more to do.
 * Rejects with a StoreError. Answers which were.
 */
export async function carryOver(
  store: Pick<Rules, 'keys' | 'rename'>,
  rules: readonly Pick<Rule, 'name' | 'was'>[],
  log: Log,
): Promise<readonly { readonly rule: string; readonly was: string }[]> {
  const known = await store.keys();
  const done: { readonly rule: string; readonly was: string }[] = [];
  for (const { name: rule, was } of rules) {
    if (was === undefined || !known.has(was)) continue;
    const renamed = await store.rename(was, rule);
    if (renamed === 'renamed') {
      done.push({ rule, was });
      log.info('rule renamed, it goes on where it was', { rule, was });
    } else if (renamed === 'taken') {
      log.warn('rule not renamed: there are runs of one that was called so', {
        rule,
        was,
        hint: `It continues where the rule ${rule} was left, and what waits of ${was} stays. A rule with a new name and \`was: ${was}\` goes on with it, and also runs for what has come since.`,
      });
    }
  }
  return done;
}
