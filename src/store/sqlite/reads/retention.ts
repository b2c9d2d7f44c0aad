import type { DatabaseSync } from 'node:sqlite';
import type { Usage } from '../../contract.ts';
import { pragma } from '../schema.ts';

export interface RetentionReads {
  usage(): Usage;
}

export function makeRetentionReads(db: DatabaseSync): RetentionReads {
  const selectOldest = db.prepare(
    'SELECT seq, received_at FROM event WHERE seq = (SELECT min(seq) FROM event)',
  );
  const selectRemoved = db.prepare('SELECT events, last_at FROM retention');
  return {
    usage() {
      const page = pragma(db, 'page_size');
      const free = pragma(db, 'freelist_count');
      const oldest = selectOldest.get();
      const removed = selectRemoved.get();
      return {
        used: (pragma(db, 'page_count') - free) * page,
        free: free * page,
        oldest: oldest && { seq: Number(oldest.seq), receivedAt: Number(oldest.received_at) },
        removed: {
          events: Number(removed?.events ?? 0),
          lastAt: removed === undefined ? undefined : Number(removed.last_at),
        },
      };
    },
  };
}
