/** What another config means for the rules. Pure. */
import type { Rule } from '../core/rule.ts';

export interface ChangedRule {
  readonly rule: string;
  /** Keys of the config that say something else than before. */
  readonly changed: readonly string[];
}

export interface RenamedRule extends ChangedRule {
  readonly was: string;
}

/** Every rule of both configs once, each by its name in the new one where it is there. In the order of the configs. */
export interface RuleDiff {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly renamed: readonly RenamedRule[];
  readonly changed: readonly ChangedRule[];
  readonly unchanged: readonly string[];
}

type Described = Pick<Rule, 'name' | 'was' | 'fingerprint' | 'definition'>;

/** @param kept names that something is kept under, of rules that left before as well */
export function diffRules(
  before: readonly Described[],
  after: readonly Described[],
  kept: ReadonlySet<string> = new Set(),
): RuleDiff {
  const known = new Map(before.map(rule => [rule.name, rule]));
  const named = new Set(after.map(({ name }) => name));
  const added: string[] = [];
  const renamed: RenamedRule[] = [];
  const changed: ChangedRule[] = [];
  const unchanged: string[] = [];
  for (const rule of after) {
    const { name, was } = rule;
    const same = known.get(name);
    // Where the new name was in use before, the rule goes on where that one was left.
    const isFree = was !== undefined && !named.has(was) && !kept.has(name);
    const former = isFree ? known.get(was) : undefined;
    if (same) {
      const keys = changedKeys(same, rule);
      if (keys.length > 0) changed.push({ rule: name, changed: keys });
      else unchanged.push(name);
    } else if (isFree && (former || kept.has(was))) {
      renamed.push({ rule: name, was, changed: former ? changedKeys(former, rule) : [] });
    } else {
      added.push(name);
    }
  }
  const carried = new Set(renamed.map(({ was }) => was));
  const removed = before.map(({ name }) => name).filter(name => !named.has(name) && !carried.has(name));
  return { added, removed, renamed, changed, unchanged };
}

/** A rule that names in `was` what it can't go on with, since it has been loaded under its own name before. */
export interface NotRenamed {
  readonly rule: string;
  readonly was: string;
}

/** @param kept names that something is kept under */
export const notRenamed = (
  rules: readonly Pick<Rule, 'name' | 'was'>[],
  kept: ReadonlySet<string>,
): readonly NotRenamed[] =>
  rules.flatMap(({ name: rule, was }) => {
    const isLeft = was !== undefined && kept.has(was) && rules.every(({ name }) => name !== was);
    return isLeft && kept.has(rule) ? [{ rule, was }] : [];
  });

/** Steps that do something else make another fingerprint, also where nothing of the definition says so. */
function changedKeys(before: Described, after: Described): readonly string[] {
  const { definition: old = {} } = before;
  const { definition: now = {} } = after;
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter(key => old[key] !== now[key]);
  return keys.length === 0 && before.fingerprint !== after.fingerprint ? ['steps'] : keys.sort();
}
