import type { AppConfig } from '../config/model.ts';
import type { Rule } from '../core/rule.ts';

/** What of an item's life can be found out afterwards. */
export type Recoverable = 'item.create' | 'item.update';

/** An app of which a rule wants changes of items. */
export interface FollowedApp {
  readonly name: string;
  readonly id: number;
  /** What some rule wants; missed changes of another kind are nobody's loss. */
  readonly wants: ReadonlySet<Recoverable>;
  /** What the app's own hooks tell of. Where that is every update, a number left out is a missed change. */
  readonly own: ReadonlySet<Recoverable>;
  /** A rule wants to hear of deletions. */
  readonly deletions: boolean;
}

const RECOVERABLE: readonly Recoverable[] = ['item.create', 'item.update'];

/** By name. */
export function followedApps(
  rules: readonly Rule[],
  apps: ReadonlyMap<string, AppConfig>,
): ReadonlyMap<string, FollowedApp> {
  const followed = new Map<string, { wants: Set<Recoverable>; own: Set<Recoverable> }>();
  const deletions = new Set<string>();
  for (const trigger of rules.flatMap(rule => rule.triggers)) {
    if (trigger.kind !== 'app') continue;
    if (trigger.events.includes('item.delete')) for (const name of trigger.apps) deletions.add(name);
    const wanted = RECOVERABLE.filter(type => trigger.events.includes(type));
    if (wanted.length === 0) continue;
    for (const name of trigger.apps) {
      const app = followed.get(name) ?? { wants: new Set(), own: new Set() };
      for (const type of wanted) {
        app.wants.add(type);
        if (trigger.fields === undefined) app.own.add(type);
      }
      followed.set(name, app);
    }
  }
  return new Map(
    Array.from(followed).flatMap(([name, { wants, own }]) => {
      const id = apps.get(name)?.id;
      return id === undefined
        ? []
        : [[name, { name, id, wants, own, deletions: deletions.has(name) }] as const];
    }),
  );
}
