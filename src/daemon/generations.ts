import type { Generation, RulePlugins } from './generation.ts';

/** All that were built and have something left: the current one, and the plugins of those of which lanes live on. */
export interface Generations {
  readonly current: Generation;
  /** Built, and to be disposed of should it not come to be the current one. */
  add(next: Generation): void;
  /** Disposes of all its plugins. */
  drop(generation: Generation): Promise<void>;
  /** From now on `next` is the current one. Answers the one before. */
  enter(next: Generation): Generation;
  /** The rules' plugins are the current one's, but for those of `kept`: what no rule uses goes. */
  settle(kept: ReadonlySet<string>): Promise<void>;
  dispose(): Promise<void>;
  disposing(): readonly string[];
}

export function makeGenerations(first: Generation): Generations {
  // Only of the current one more than the plugins is held: a rule that is never edited would keep all that has been.
  const held = { current: first };
  const all = new Set([first.plugins]);
  /** Whose plugins a rule runs on. */
  const owners = ownersIn(first);

  const drop = async (plugins: RulePlugins): Promise<void> => {
    await plugins.dispose();
    all.delete(plugins);
  };

  return {
    get current() {
      return held.current;
    },
    add: ({ plugins }) => void all.add(plugins),
    drop: ({ plugins }) => drop(plugins),
    enter(next) {
      const before = held.current;
      held.current = next;
      return before;
    },
    async settle(kept) {
      const leaving = [...owners].filter(([rule]) => !kept.has(rule));
      for (const [rule] of leaving) owners.delete(rule);
      await Promise.all(leaving.map(([rule, owner]) => owner.release(rule)));
      for (const [rule, owner] of ownersIn(held.current)) if (!owners.has(rule)) owners.set(rule, owner);
      const used = new Set([held.current.plugins, ...owners.values()]);
      for (const plugins of [...all]) if (!used.has(plugins)) await drop(plugins);
    },
    async dispose() {
      await Promise.all([...all].reverse().map(drop));
    },
    disposing: () => [...all].flatMap(plugins => plugins.disposing()),
  };
}

const ownersIn = ({ set, plugins }: Generation): Map<string, RulePlugins> =>
  new Map(set.rules.map(({ name }) => [name, plugins]));
