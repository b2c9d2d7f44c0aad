import type { DatabaseSync } from 'node:sqlite';
import type { OwnChange } from '../../../core/own.ts';

export interface OwnReads {
  findOwn(id: string): OwnChange | undefined;
  ownItems(): { readonly items: readonly number[]; readonly others: boolean };
}

export function makeOwnReads(db: DatabaseSync): OwnReads {
  const select = db.prepare('SELECT item, depth, rule FROM own WHERE id = ?');
  const selectItems = db.prepare('SELECT item FROM own WHERE item IS NOT NULL');
  const selectOther = db.prepare('SELECT 1 FROM own WHERE item IS NULL LIMIT 1');
  return {
    findOwn(id) {
      const row = select.get(id);
      if (row === undefined) return undefined;
      const { item, depth, rule } = row;
      return { id, ...(item !== null && { itemId: Number(item) }), depth: Number(depth), rule: String(rule) };
    },
    ownItems() {
      const items = new Set<number>();
      // There may be many changes of each.
      for (const { item } of selectItems.iterate()) items.add(Number(item));
      return { items: [...items], others: selectOther.get() !== undefined };
    },
  };
}
