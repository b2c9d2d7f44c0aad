import { StoreError } from '../../core/errors.ts';
import { type NewEvent, orderKey, type PodioEvent, partOf } from '../../core/event.ts';
import type { AppendResult, Journal } from '../contract.ts';
import type { Reads } from './reads/index.ts';
import { Tail } from './tail.ts';
import type { Thread } from './thread.ts';
import type { Writes } from './writes/index.ts';
import type { NewRow } from './writes/journal.ts';

interface JournalParts {
  readonly writer: Thread<Writes>;
  readonly reader: Thread<Reads>;
  readonly head: number;
  readonly maxWaiting: number;
  now(): number;
  /** Called when appended events can be read. */
  changed(): void;
}

export function makeJournal({ writer, reader, head, maxWaiting, now, changed }: JournalParts): Journal {
  const tail = new Tail(head);
  let newest = head;
  /** Events that are not on disk yet. */
  let waiting = 0;
  let telling = false;

  /** Once for all that one flush has brought: their answers are handled in one go, and this comes after them. */
  const tell = (): void => {
    if (telling) return;
    telling = true;
    queueMicrotask(() => {
      telling = false;
      changed();
    });
  };

  const append = async (batch: readonly NewEvent[]): Promise<readonly AppendResult[]> => {
    if (batch.length === 0) return [];
    // A batch alone is taken however large it is, or it would be refused for ever.
    if (waiting > 0 && waiting + batch.length > maxWaiting) {
      throw new StoreError('STORE_UNAVAILABLE', `${waiting} events wait for the disk, ${maxWaiting} may`);
    }
    const receivedAt = now();
    const rows = batch.map(event => toRow(event, receivedAt));
    waiting += batch.length;
    try {
      const decisions = await writer.call('append', rows);
      return batch.map((event, i): AppendResult => {
        const decision = decisions[i];
        if (!decision)
          throw new StoreError('INTERNAL', 'the writer left an event unanswered', { retry: 'never' });
        const { status, seq } = decision;
        if (status === 'released') {
          newest = seq;
          tail.push({ event: released(event, seq, receivedAt), twin: decision.twin });
          tell();
        }
        return { id: event.id, status, seq };
      });
    } finally {
      waiting -= batch.length;
    }
  };

  return {
    append,
    head: () => newest,
    read: async ({ after, limit }) => tail.read(after, limit) ?? reader.call('read', after, limit),
    list: query => reader.call('list', query),
    latest: (ref, type) => reader.call('latest', ref, type),
  };
}

const toRow = (event: NewEvent, receivedAt: number): NewRow => ({
  ...event,
  params: JSON.stringify(event.params),
  part: partOf(orderKey(event)),
  receivedAt,
});

/** Frozen, since every lane is handed the same one. */
const released = (event: NewEvent, seq: number, receivedAt: number): PodioEvent =>
  Object.freeze({
    seq,
    ...event,
    ref: Object.freeze({ ...event.ref }),
    params: Object.freeze({ ...event.params }),
    receivedAt: new Date(receivedAt).toISOString(),
  });
