import type { DatabaseSync } from 'node:sqlite';
import type { Names } from '../names.ts';

export function makeRuleReads(db: DatabaseSync, names: Names) {
  const select = db.prepare('SELECT text, key FROM rule ORDER BY text');
  return {
    ruleKeys: (): ReadonlyMap<string, string> =>
      new Map(select.all().map(({ text, key }) => [String(text), String(key)] as const)),
    /** One has another name now. */
    forgetRuleNames: (): void => names.forget(),
  };
}
