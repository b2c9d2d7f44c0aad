/** People who work in the emulated Podio, and what goes wrong there meanwhile. Remembers what they did: that is the truth later. */
import { setTimeout as pause } from 'node:timers/promises';
import type { World } from '../../src/emulator/index.ts';
import { DEALS, LEADS, STAGES, type Stage } from './site.ts';

/** What a revision did to the item's status. */
export interface Move {
  readonly from: Stage | undefined;
  readonly to: Stage;
}

export interface Truth {
  readonly appId: number;
  /** Revisions that people made; all others were made through the API. */
  readonly revisions: Set<number>;
  readonly moves: Map<number, Move>;
  isDeleted: boolean;
}

export interface People {
  readonly items: ReadonlyMap<number, Truth>;
  /** What went wrong at Podio, and how often. */
  readonly troubles: Readonly<Record<string, number>>;
  /** So many rows at once. */
  importRows(count: number): void;
  /** Nobody works any more, and Podio is well again. */
  stop(): Promise<void>;
}

/** How long they pause between two deeds, and how long a trouble lasts, at the most; milliseconds. */
export interface Pace {
  readonly deedMs: number;
  readonly troubleMs: number;
}

const BUSY: Pace = { deedMs: 30, troubleMs: 2300 };
/** No trouble is over before. */
const LEAST_TROUBLE_MS = 300;

export function startPeople(world: World, random: () => number, pace = BUSY): People {
  const items = new Map<number, Truth>();
  const alive: number[] = [];
  const stages = new Map<number, Stage>();
  let stopping = false;
  let deeds = 0;
  const troubles: Record<string, number> = {};
  const count = (kind: string): void => {
    troubles[kind] = (troubles[kind] ?? 0) + 1;
  };

  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const revisionOf = (itemId: number): number => world.show(itemId).revision;

  const create = (appId: number, title: string, hook = true): void => {
    const stage = random() < 0.7 ? pick(STAGES) : undefined;
    const { itemId } = world.createItem(
      appId,
      { fields: { title, ...(stage && { status: stage }) } },
      { hook },
    );
    const truth: Truth = { appId, revisions: new Set([0]), moves: new Map(), isDeleted: false };
    if (stage) {
      truth.moves.set(0, { from: undefined, to: stage });
      stages.set(itemId, stage);
    }
    items.set(itemId, truth);
    // Of what nobody was told of, the next change would be the first that is seen: the baseline.
    if (hook) alive.push(itemId);
  };

  const edit = (itemId: number, hook = true): void => {
    const truth = items.get(itemId) as Truth;
    const from = stages.get(itemId);
    const to = random() < 0.4 ? pick(STAGES) : undefined;
    deeds += 1;
    world.updateItem(
      itemId,
      { fields: { title: `${random() < 0.1 ? 'ask' : 'row'} ${deeds}`, ...(to && { status: to }) } },
      { hook },
    );
    const revision = revisionOf(itemId);
    truth.revisions.add(revision);
    if (to && to !== from) {
      truth.moves.set(revision, { from, to });
      stages.set(itemId, to);
    }
  };

  const remove = (itemId: number): void => {
    world.deleteItem(itemId);
    alive.splice(alive.indexOf(itemId), 1);
    (items.get(itemId) as Truth).isDeleted = true;
  };

  const act = (): void => {
    const chance = random();
    const appId = random() < 0.6 ? LEADS : DEALS;
    if (chance < 0.12 || alive.length < 5)
      create(appId, random() < 0.3 ? `ask ${deeds++}` : `row ${deeds++}`);
    else if (chance < 0.14) create(appId, `unseen ${deeds++}`, false);
    else if (chance < 0.88) edit(pick(alive));
    else if (chance < 0.97) edit(pick(alive), false);
    else if (chance < 0.973) {
      // More than Podio keeps of an item.
      const itemId = pick(alive);
      for (let n = 0; n < 45; n++) edit(itemId, false);
    } else if (chance < 0.985) remove(pick(alive));
    else {
      // One item, as fast as it goes.
      const itemId = pick(alive);
      for (let n = 0; n < 10; n++) edit(itemId);
    }
  };

  const trouble = (): void => {
    world.clearFaults();
    const chance = random();
    if (chance < 0.35) return;
    if (chance < 0.45) {
      world.setFaults({ down: true });
      count('down');
    } else if (chance < 0.55) {
      world.setFaults({ rateLimitSeconds: 1 + Math.floor(random() * 3) });
      count('420');
    } else if (chance < 0.62) {
      world.setFaults({
        errorRate: 0.4,
        errorStatus: pick([500, 502, 503]),
        errorBody: pick(['json', 'html', 'empty']),
      });
      count('errors');
    } else if (chance < 0.68) {
      world.setFaults({ errorRate: 0.3, errorStatus: 503, errorAfterEffect: true });
      count('errors after the effect');
    } else if (chance < 0.74) {
      world.setFaults({ latencyMs: [0, 400] });
      count('slow');
    } else if (chance < 0.76) {
      world.setFaults({ refuseTokens: true });
      count('tokens refused');
    } else if (chance < 0.9) {
      world.setFaults({ duplicateRate: 0.3, reorderRate: 0.3, reorderMs: 800, deliveryDelayMs: [0, 300] });
      count('deliveries out of order');
    } else loseHook();
  };

  const loseHook = (): void => {
    const ours = world.hooks().filter(({ status }) => status === 'active');
    const hook = ours.length > 0 ? pick(ours) : undefined;
    if (!hook?.url.includes('/podio/')) return;
    if (random() < 0.7) {
      world.suspendHook(hook.hookId);
      count('hook switched off');
    } else {
      world.deleteHook(hook.hookId);
      count('hook deleted');
    }
  };

  const work = async (): Promise<void> => {
    while (!stopping) {
      act();
      await pause(random() * pace.deedMs);
    }
  };
  const rage = async (): Promise<void> => {
    while (!stopping) {
      trouble();
      await pause(LEAST_TROUBLE_MS + random() * (pace.troubleMs - LEAST_TROUBLE_MS));
    }
    world.clearFaults();
    world.setFaults({ rateLimitSeconds: 0 });
  };
  const working = [work(), rage()];

  return {
    items,
    troubles,
    importRows(count) {
      for (let n = 0; n < count; n++) create(LEADS, `imported ${n}`);
    },
    async stop() {
      stopping = true;
      await Promise.all(working);
    },
  };
}
