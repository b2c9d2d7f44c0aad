import type { Generation } from './generation.ts';

/** All that were built and have something left: the current one, and those of which lanes live on. */
export interface Generations {
  readonly current: Generation;
  /** Built, and to be disposed of should it not come to be the current one. */
  add(next: Generation): void;
  /** Disposes of it and all its plugins. */
  drop(generation: Generation): Promise<void>;
  /** From now on `next` is the current one. Answers the one before. */
  enter(next: Generation): Generation;
  /** The rules' plugins are the current one's, but for those of `kept`: what no rule uses goes. */
  settle(kept: ReadonlySet<string>): Promise<void>;
  dispose(): Promise<void>;
  disposing(): readonly string[];
}

export function makeGenerations(first: Generation): Generations {
  let current = first;
  const all = new Set([first]);
  /** Whose plugins a rule runs on. */
  const owners = new Map(first.set.rules.map(({ name }) => [name, first]));

  const drop = async (generation: Generation): Promise<void> => {
    await generation.dispose();
    all.delete(generation);
  };

  return {
    get current() {
      return current;
    },
    add: next => void all.add(next),
    drop,
    enter(next) {
      const before = current;
      current = next;
      return before;
    },
    async settle(kept) {
      const next = current;
      for (const [rule, owner] of [...owners]) {
        if (kept.has(rule)) continue;
        owners.delete(rule);
        await owner.release(rule);
      }
      for (const { name } of next.set.rules) if (!owners.has(name)) owners.set(name, next);
      const used = new Set([next, ...owners.values()]);
      for (const generation of [...all]) if (!used.has(generation)) await drop(generation);
    },
    async dispose() {
      for (const generation of [...all].reverse()) await drop(generation);
    },
    disposing: () => [...all].flatMap(generation => generation.disposing()),
  };
}
