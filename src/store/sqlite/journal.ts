import { StoreError } from '../../core/errors.ts';
import { type NewEvent, orderKey, type PodioEvent, partOf } from '../../core/event.ts';
import type { AppendResult, Journal } from '../contract.ts';
import type { Reads } from './reads/index.ts';
import { Tail } from './tail.ts';
import type { Thread } from './thread.ts';
import type { Writes } from './writes/index.ts';
import type { Applied, NewRow } from './writes/journal.ts';

interface JournalParts {
  readonly writer: Thread<Writes>;
  readonly reader: Thread<Reads>;
  readonly head: number;
  readonly maxWaiting: number;
  now(): number;
  /** Called when appended events can be read. */
  changed(): void;
  /** Called when events are held. */
  held(): void;
}

/** A journal, and the way in for events that other writes release. */
export interface OpenJournal {
  readonly journal: Journal;
  /**
   * Makes what a write has released readable. To be called as soon as the write is answered: answers come in the order
   * of seq, and the journal is read in that order.
   */
  publish(applied: Applied, batch: readonly unknown[], receivedAt: number): void;
}

export function makeJournal({
  writer,
  reader,
  head,
  maxWaiting,
  now,
  changed,
  held,
}: JournalParts): OpenJournal {
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

  const add = (event: NewEvent, seq: number, twin: boolean, receivedAt: number): void => {
    newest = seq;
    tail.push({ event: released(event, seq, receivedAt), twin });
    tell();
  };

  const publish: OpenJournal['publish'] = ({ decisions, releases }, batch, receivedAt) => {
    if (releases) {
      for (const release of releases) {
        const event = 'at' in release ? batch[release.at] : toEvent(release.row);
        add(event as NewEvent, release.seq, release.twin, receivedAt);
      }
      return;
    }
    decisions.forEach((decision, i) => {
      if (decision.status === 'released') add(batch[i] as NewEvent, decision.seq, decision.twin, receivedAt);
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
      const applied = await writer.call('append', rows, receivedAt);
      publish(applied, batch, receivedAt);
      return batch.map(({ id }, i): AppendResult => {
        const decision = applied.decisions[i];
        if (!decision || decision.status === 'done')
          throw new StoreError('INTERNAL', 'the writer left an event unanswered', { retry: 'never' });
        if (decision.status === 'held') {
          held();
          return { id, status: 'held' };
        }
        const { status, seq } = decision;
        return seq === undefined ? { id, status } : { id, status, seq };
      });
    } finally {
      waiting -= batch.length;
    }
  };

  const journal: Journal = {
    append,
    head: () => newest,
    read: async ({ after, limit }) => tail.read(after, limit) ?? reader.call('read', after, limit),
    list: query => reader.call('list', query),
    latest: (ref, type) => reader.call('latest', ref, type),
  };
  return { journal, publish };
}

export const toRow = (event: NewEvent, receivedAt: number): NewRow => ({
  ...event,
  params: JSON.stringify(event.params),
  part: partOf(orderKey(event)),
  receivedAt,
});

const toEvent = ({ part, receivedAt, params, ...event }: NewRow): NewEvent => ({
  ...event,
  params: JSON.parse(params) as NewEvent['params'],
});

/** Frozen, since every lane is handed the same one. */
const released = ({ following, baseline, ...event }: NewEvent, seq: number, receivedAt: number): PodioEvent =>
  Object.freeze({
    seq,
    ...event,
    ref: Object.freeze({ ...event.ref }),
    params: Object.freeze({ ...event.params }),
    receivedAt: new Date(receivedAt).toISOString(),
  });
