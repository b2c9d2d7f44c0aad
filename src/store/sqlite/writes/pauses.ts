import type { DatabaseSync } from 'node:sqlite';
import type { Pausable } from '../../contract.ts';
import { standsAt } from '../../time.ts';
import { type Names, NO_NAME } from '../names.ts';
import { makePausedSince } from '../reads/pauses.ts';

export interface PauseWrites {
  pause(what: Pausable, at: number): boolean;
  resume(what: Pausable, at: number): boolean;
}

export function makePauseWrites(db: DatabaseSync, rules: Names): PauseWrites {
  const pausedSince = makePausedSince(db);
  const insert = db.prepare('INSERT OR IGNORE INTO pause (kind, name, since) VALUES (?, ?, ?)');
  const remove = db.prepare('DELETE FROM pause WHERE kind = ? AND name = ?');
  const tries = 'SELECT tries.*, open_run.rule FROM tries JOIN open_run ON open_run.id = tries.run';
  const selectOfRule = db.prepare(`${tries} WHERE open_run.rule = ?`);
  const selectOfPlugin = db.prepare(`${tries} WHERE tries.plugin = ?`);
  const shift = db.prepare('UPDATE tries SET at = ?4 WHERE run = ?1 AND step = ?2 AND branch = ?3');

  return {
    pause: ({ kind, name }, at) => insert.run(kind, name, at).changes > 0,
    resume({ kind, name }, now) {
      if (pausedSince(kind, name) === undefined) return false;
      const rows = kind === 'rule' ? selectOfRule.all(rules.find(name) ?? NO_NAME) : selectOfPlugin.all(name);
      const standing = (row: (typeof rows)[number]): number =>
        standsAt(
          now,
          pausedSince('rule', rules.textOf(Number(row.rule))),
          row.plugin === null ? undefined : pausedSince('plugin', String(row.plugin)),
        );
      const passed = rows.map(row => Math.max(0, standing(row) - Number(row.at)));
      remove.run(kind, name);
      rows.forEach((row, n) => {
        // As much has passed as had when it stopped, also where the other one is paused still.
        shift.run(Number(row.run), String(row.step), String(row.branch), standing(row) - (passed[n] ?? 0));
      });
      return true;
    },
  };
}
