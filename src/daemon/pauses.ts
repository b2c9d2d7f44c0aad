import type { PauseAnswer } from '../admin/admin.ts';
import { AdminError } from '../admin/errors.ts';
import { suggestion } from '../core/suggest.ts';
import type { Pausable, Pauses } from '../store/contract.ts';

export interface PauseDeps {
  readonly pauses: Pauses;
  /** Those of the config. */
  readonly rules: () => readonly string[];
  /** Those that rules use. */
  readonly plugins: () => readonly string[];
  /** Resolves when the lanes go by what was written. */
  readonly seen: () => Promise<void>;
}

/** Where pauses are asked for: writes the wish down and says how it is then. */
export interface PauseDesk {
  pause(what: Pausable): Promise<PauseAnswer>;
  resume(what: Pausable): Promise<PauseAnswer>;
}

export function makePauseDesk({ pauses, rules, plugins, seen }: PauseDeps): PauseDesk {
  const known = async ({ kind, name }: Pausable, isResume: boolean): Promise<void> => {
    const names = new Set(kind === 'rule' ? rules() : plugins());
    // What has left the config while it was paused can be resumed still.
    if (isResume) for (const one of await pauses.list()) if (one.kind === kind) names.add(one.name);
    if (names.has(name)) return;
    const near = suggestion(name, names, `${kind}s`);
    const what = kind === 'rule' ? `there is no rule ${name}` : `no rule uses a plugin ${name}`;
    throw new AdminError('USAGE', 404, what, near && upper(near));
  };
  const answer = async ({ kind, name }: Pausable, changed: boolean): Promise<PauseAnswer> => {
    const paused = (await pauses.list()).find(one => one.kind === kind && one.name === name);
    await seen();
    return {
      [kind]: name,
      paused: paused !== undefined,
      changed,
      ...(paused && { since: new Date(paused.since).toISOString() }),
    };
  };
  return {
    async pause(what) {
      await known(what, false);
      return answer(what, await pauses.pause(what));
    },
    async resume(what) {
      await known(what, true);
      return answer(what, await pauses.resume(what));
    },
  };
}

const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
