/**
 * What stands for a rule wherever that has to outlive its name: in identities of events, in delivery keys, and over what
 * is kept of it. It is the name that the rule had first, unless another rule has that already.
 */
import type { Rule } from './rule.ts';

export const keyOf = ({ name, key }: Pick<Rule, 'name' | 'key'>): string => key ?? name;

/** For a rule that is new. No name holds a `~`. */
export function freeKey(name: string, isTaken: (key: string) => boolean): string {
  let key = name;
  for (let n = 2; isTaken(key); n++) key = `${name}~${n}`;
  return key;
}
