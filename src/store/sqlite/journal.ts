import type { Decision } from '../../core/decide.ts';
import { isPodiodError, StoreError } from '../../core/errors.ts';
import { type NewEvent, orderKey, type PodioEvent, partOf } from '../../core/event.ts';
import type { AppendResult, Journal } from '../contract.ts';
import type { Reads } from './reads/index.ts';
import { Tail } from './tail.ts';
import type { Thread } from './thread.ts';
import { packRows, unpackApplied } from './wire.ts';
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

/** A call of `append`. */
interface Append {
  readonly batch: readonly NewEvent[];
  readonly resolve: (results: readonly AppendResult[]) => void;
  readonly reject: (error: unknown) => void;
}

/** A journal, and the way in for events that other writes release. */
export interface OpenJournal {
  readonly journal: Journal;
  /**
   * Makes what a write has released readable. To be called as soon as the write is answered: answers come in the order
   * of seq, and the journal is read in that order.
   */
  publish(applied: Applied, batch: readonly unknown[], receivedAt: number): void;
  /** Events up to here may be gone. */
  removed(upTo: number): void;
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
  /** Not sent yet. */
  let gathered: Append[] = [];
  const takeGathered = (): readonly Append[] => {
    const taken = gathered;
    gathered = [];
    return taken;
  };

  /** Once for all that one flush has brought: their answers are handled in one go, and this comes after them. */
  const tell = (): void => {
    if (telling) return;
    telling = true;
    queueMicrotask(() => {
      telling = false;
      changed();
    });
  };

  const add = (event: NewEvent, seq: number, twin: boolean, receivedAt: string): void => {
    newest = seq;
    tail.push({ event: released(event, seq, receivedAt), twin });
    tell();
  };

  const publish: OpenJournal['publish'] = ({ decisions, releases }, batch, at) => {
    const receivedAt = new Date(at).toISOString();
    if (releases) {
      for (const release of releases) {
        const event = 'at' in release ? batch[release.at] : toEvent(release.row);
        add(event as NewEvent, release.seq, release.twin, receivedAt);
      }
      return;
    }
    decisions.forEach((decision, i) => {
      if (decision.status === 'released') add(batch[i] as NewEvent, decision.seq, decision.twin, receivedAt);
      else if (decision.status === 'repeat' && (decision.seq ?? 0) > newest) found(decision.seq as number);
    });
  };

  /** A write that was told to have failed stands all the same, and nobody here has heard of it. */
  const found = (seq: number): void => {
    newest = seq;
    tail.forget(seq);
    tell();
  };

  /** Answers each of them. All that came since the last ones were sent shares one decision. */
  const store = async (take: () => readonly Append[]): Promise<void> => {
    let appends: readonly Append[] = [];
    let events: readonly NewEvent[] = [];
    let at = 0;
    let isOnDisk = false;
    try {
      const packed = await writer.callWith('append', () => {
        appends = take();
        events = eventsOf(appends);
        at = now();
        return [packRows(events), at];
      });
      isOnDisk = true;
      waiting -= events.length;
      const applied = unpackApplied(packed);
      publish(applied, events, at);
      let done = 0;
      for (const { batch, resolve } of appends) {
        const first = done;
        done += batch.length;
        resolve(batch.map(({ id }, i) => resultOf(id, applied.decisions[first + i])));
      }
    } catch (error) {
      // The call was refused before it was sent.
      if (appends.length === 0) appends = take();
      // A fault of one is no reason to refuse the others: alone, only the one at fault fails.
      if (!isOnDisk && isPodiodError(error) && error.code === 'INTERNAL' && appends.length > 1) {
        for (const one of appends) void store(() => [one]);
      } else {
        if (!isOnDisk) waiting -= eventsOf(appends).length;
        for (const { reject } of appends) reject(error);
      }
    }
  };

  const resultOf = (id: string, decision: Decision | undefined): AppendResult => {
    if (!decision || decision.status === 'done')
      throw new StoreError('INTERNAL', 'the writer left an event unanswered', { retry: 'never' });
    if (decision.status === 'held') {
      held();
      return { id, status: 'held' };
    }
    const { status, seq } = decision;
    // Of one that is held: who has to look after it may not have heard of the first.
    if (seq === undefined) held();
    return seq === undefined ? { id, status } : { id, status, seq };
  };

  const append = (batch: readonly NewEvent[]): Promise<readonly AppendResult[]> =>
    new Promise((resolve, reject) => {
      if (batch.length === 0) return resolve([]);
      // A batch alone is taken however large it is, or it would be refused for ever.
      if (waiting > 0 && waiting + batch.length > maxWaiting) {
        return reject(
          new StoreError('STORE_UNAVAILABLE', `${waiting} events wait for the disk, ${maxWaiting} may`),
        );
      }
      waiting += batch.length;
      gathered.push({ batch, resolve, reject });
      if (gathered.length === 1) void store(takeGathered);
    });

  const journal: Journal = {
    append,
    head: () => newest,
    read: async ({ after, limit, itemId }) =>
      itemId === undefined
        ? (tail.read(after, limit) ?? reader.call('read', after, limit))
        : reader.call('readItem', itemId, after, limit),
    list: query => reader.call('list', query),
    trace: eventId => reader.call('trace', eventId, now()),
  };
  return { journal, publish, removed: upTo => tail.drop(upTo) };
}

const eventsOf = (appends: readonly Append[]): readonly NewEvent[] => {
  const [only] = appends;
  return only && appends.length === 1 ? only.batch : appends.flatMap(({ batch }) => batch);
};

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

/** Frozen, since every lane is handed the same one. Built by hand: this is done for every event. */
function released(event: NewEvent, seq: number, receivedAt: string): PodioEvent {
  const { id, type, source, ref, app, space, itemId, revision, externalId, params } = event;
  const made: { -readonly [Key in keyof PodioEvent]: PodioEvent[Key] } = {
    seq,
    id,
    type,
    source,
    // What came by a hook is frozen already.
    ref: Object.isFrozen(ref) ? ref : Object.freeze({ type: ref.type, id: ref.id }),
    params: Object.isFrozen(params) ? params : Object.freeze({ ...params }),
    receivedAt,
  };
  if (app !== undefined) made.app = app;
  if (space !== undefined) made.space = space;
  if (itemId !== undefined) made.itemId = itemId;
  if (revision !== undefined) made.revision = revision;
  if (externalId !== undefined) made.externalId = externalId;
  return Object.freeze(made);
}
