import type { NewEvent, PodioEvent } from '../../../src/core/event.ts';
import type { StepVerdict } from '../../../src/core/run.ts';
import type {
  Checkpoint,
  Finished,
  LaneId,
  Lease,
  RunKey,
  Store,
  Tries,
} from '../../../src/store/contract.ts';
import { openStore } from '../../../src/store/index.ts';
import { type MemoryStore, makeMemoryStore } from '../../../src/store/memory.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { makeVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

/** One set of data and the handles on it. Disposing closes what is open. */
export interface World extends AsyncDisposable {
  readonly clock: VirtualClock;
  /** A handle on the data, as another process would get it: the one before is closed by the test, or it is a rival. */
  open(): Promise<Store>;
}

function memoryWorld(): World {
  const clock = makeVirtualClock();
  let last: MemoryStore | undefined;
  return {
    clock,
    async open() {
      last = last ? last.reopen() : makeMemoryStore({ clock });
      return last;
    },
    async [Symbol.asyncDispose]() {
      await last?.close();
    },
  };
}

function sqliteWorld(): World {
  const clock = makeVirtualClock();
  const folder = temporaryFolder();
  const opened: Store[] = [];
  return {
    clock,
    async open() {
      const store = await openStore({ dataDir: folder.path, clock });
      opened.push(store);
      return store;
    },
    async [Symbol.asyncDispose]() {
      for (const store of opened) await store.close();
      folder[Symbol.dispose]();
    },
  };
}

/** Every store that there is: each suite runs against each. */
export const WORLDS: readonly { readonly name: string; make(): World }[] = [
  { name: 'memory', make: memoryWorld },
  { name: 'sqlite', make: sqliteWorld },
];

/** Closes the handle and opens another one. */
export async function reopen(world: World, store: Store): Promise<Store> {
  await store.close();
  return world.open();
}

/** An update of an item as the app's hook delivers it. */
export function itemEvent(item: number, revision: number, more: Partial<NewEvent> = {}): NewEvent {
  return {
    id: `item.update:${item}:${revision}`,
    type: 'item.update',
    source: 'webhook',
    ref: { type: 'app', id: 101 },
    app: 'leads',
    itemId: item,
    revision,
    params: { type: 'item.update', item_id: String(item), item_revision_id: String(revision) },
    ...more,
  };
}

/** Appends updates of as many items, and answers them as they stand in the journal. */
export async function appended(store: Store, count: number): Promise<readonly PodioEvent[]> {
  const after = store.journal.head();
  await store.journal.append(Array.from({ length: count }, (_, i) => itemEvent(after + i + 1, 1)));
  const { entries } = await store.journal.read({ after, limit: count });
  return entries.map(({ event }) => event);
}

export const lane = (rule = 'won-leads'): LaneId => ({ rule, shard: 0, of: 1 });

export const keyOf = (event: PodioEvent, replay = 0): RunKey => ({
  seq: event.seq,
  eventId: event.id,
  replay,
});

export const verdict = (step: string, more: Partial<StepVerdict> = {}): StepVerdict => ({
  step,
  outcome: 'done',
  attempts: 1,
  ms: 3,
  ...more,
});

export const settled = (event: PodioEvent, more: Partial<Finished['record']> = {}): Finished => ({
  record: { ...keyOf(event), outcome: 'settled', steps: [verdict('tell')], ...more },
});

export const parked = (event: PodioEvent, parkedId?: string, error = 'Slack said no'): Finished => ({
  record: {
    ...keyOf(event),
    outcome: 'parked',
    steps: [verdict('tell', { outcome: 'failed', attempts: 5, error })],
    error,
  },
  park: { step: 'tell', branch: '', attempts: 5, error },
  ...(parkedId === undefined ? {} : { parkedId }),
});

export const checkpoint = (step: string, more: Partial<Checkpoint> = {}): Checkpoint => ({
  step,
  branch: '',
  output: [{ [step]: { number: 7 } }],
  verdict: verdict(step),
  ...more,
});

export const tries = (step: string, more: Partial<Tries> = {}): Tries => ({
  step,
  branch: '',
  attempts: 1,
  sinceFirstMs: 0,
  waitMs: 1000,
  error: 'Slack said no',
  ...more,
});

/** Parks a run of each event and answers the ids of the parked rows, oldest first. */
export async function park(
  store: Store,
  lease: Lease,
  events: readonly PodioEvent[],
): Promise<readonly string[]> {
  for (const event of events) await store.lanes.finish(lease, parked(event), event.seq);
  const rows = await store.parking.list({ rule: lease.lane.rule });
  return rows.map(row => row.id);
}

/** The code of the error that the promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return undefined;
}
