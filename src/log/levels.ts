/** Which lines are written: a level for all, and others for single modules, changed while podiod runs. */
import { type Cancel, type Clock, systemClock } from '../core/clock.ts';
import type { LogLevel } from '../core/log.ts';

/** Lower is more important. */
export const LEVELS: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

export interface LevelChange {
  /** Undefined: all that have no level of their own. */
  readonly module?: string;
  /** Undefined: as at the start. */
  readonly level?: LogLevel;
  /** Goes back by itself after so long, milliseconds. */
  readonly forMs?: number;
}

export interface LevelsStatus {
  readonly level: LogLevel;
  /** Every module that has a log, with its level. */
  readonly modules: Readonly<Record<string, LogLevel>>;
  /** What goes back by itself, and when (ISO 8601, UTC); `''` is the level for all. */
  readonly until: Readonly<Record<string, string>>;
}

export interface Levels {
  /** That there is such a module. */
  know(module: string): void;
  isEnabled(module: string, level: LogLevel): boolean;
  /** False for a module that there isn't. A reset of all takes the modules' own levels back too. */
  set(change: LevelChange): boolean;
  status(): LevelsStatus;
  /** Nothing goes back by itself any more. */
  end(): void;
}

export function makeLevels(
  start: LogLevel,
  { after, now }: Pick<Clock, 'after' | 'now'> = systemClock,
): Levels {
  let root = start;
  const known = new Set<string>();
  const own = new Map<string, LogLevel>();
  /** By module, '' for all. */
  const timers = new Map<string, { readonly at: number; readonly cancel: Cancel }>();

  const forget = (module: string): void => {
    timers.get(module)?.cancel();
    timers.delete(module);
  };
  const apply = (module: string | undefined, level: LogLevel | undefined): void => {
    forget(module ?? '');
    if (module === undefined) root = level ?? start;
    else if (level === undefined) own.delete(module);
    else own.set(module, level);
  };
  const levelOf = (module: string): LogLevel => own.get(module) ?? root;

  return {
    know: module => void known.add(module),
    isEnabled: (module, level) => LEVELS[level] <= LEVELS[levelOf(module)],
    set({ module, level, forMs }) {
      if (module !== undefined && !known.has(module)) return false;
      if (module === undefined && level === undefined)
        for (const name of [...own.keys()]) apply(name, undefined);
      apply(module, level);
      if (forMs !== undefined && level !== undefined) {
        const cancel = after(forMs, () => apply(module, undefined));
        timers.set(module ?? '', { at: now() + forMs, cancel });
      }
      return true;
    },
    status: () => ({
      level: root,
      modules: Object.fromEntries([...known].sort().map(name => [name, levelOf(name)])),
      until: Object.fromEntries(Array.from(timers, ([name, { at }]) => [name, new Date(at).toISOString()])),
    }),
    end() {
      for (const name of [...timers.keys()]) forget(name);
    },
  };
}
