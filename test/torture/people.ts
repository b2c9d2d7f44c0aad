/** People who work in the emulated Podio, and what goes wrong there meanwhile. Remembers what they did: that is the truth later. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ApiRequest, World } from '../../src/emulator/index.ts';
import { makeBag } from '../support/random.ts';
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

/** By turns, in an order that is another one each time; undefined: nothing is wrong for a while. */
const TROUBLES = [
  ...Array<undefined>(7).fill(undefined),
  ...(['down', 'down', '420', '420', 'errors', 'errors after the effect', 'slow', 'tokens refused'] as const),
  ...Array<'deliveries out of order'>(3).fill('deliveries out of order'),
  ...(['hook switched off', 'hook deleted'] as const),
];
export type TroubleKind = Exclude<(typeof TROUBLES)[number], undefined>;
const TROUBLE_KINDS = [...new Set(TROUBLES)].filter(kind => kind !== undefined);

export interface TroubleCount {
  readonly begun: number;
  /** Podiod has met so many of them. */
  readonly met: number;
}

export interface People {
  readonly items: ReadonlyMap<number, Truth>;
  /** What went wrong at Podio, and how often. To be asked when all is over. */
  troubles(): Readonly<Record<TroubleKind, TroubleCount>>;
  /** So many rows at once. */
  importRows(count: number): void;
  /** Nobody works any more, and Podio is well again. */
  stop(): Promise<void>;
}

/** How long they pause between two deeds, and how long a trouble lasts, at the most; milliseconds. */
export interface Pace {
  readonly deedMs: number;
  readonly troubleMs: number;
  /** So much longer where podiod has not met it. */
  readonly patienceMs: number;
}

const BUSY: Pace = { deedMs: 30, troubleMs: 2300, patienceMs: 0 };
/** No trouble is over before. */
const LEAST_TROUBLE_MS = 300;

export function startPeople(world: World, random: () => number, pace = BUSY): People {
  const items = new Map<number, Truth>();
  const alive: number[] = [];
  const stages = new Map<number, Stage>();
  let stopping = false;
  let deeds = 0;
  const begun: { readonly kind: TroubleKind; readonly isMet: () => boolean }[] = [];
  const draw = makeBag(TROUBLES, random);

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

  /** What there is to be done when the trouble that is now is over. */
  let over: (() => void) | undefined;
  /** What happens after that is another trouble's. */
  const untilOver = (isMet: () => boolean): (() => boolean) => {
    let found: boolean | undefined;
    over = () => {
      found = isMet();
    };
    return () => found ?? isMet();
  };
  /** Requests that have ended like this while a trouble lasted show that podiod has met it. */
  const meets = (isMet: (request: ApiRequest) => boolean): (() => boolean) => {
    const from = world.requests.length;
    return untilOver(() => world.requests.slice(from).some(isMet));
  };
  const loseHook = (lose: (hookId: number) => void): (() => boolean) => {
    const ours = world.hooks().filter(({ status, url }) => status === 'active' && url.includes('/podio/'));
    if (ours.length === 0) return () => false;
    const { hookId, url } = pick(ours);
    lose(hookId);
    // Nobody else makes one active again.
    return () => world.hooks().some(hook => hook.url === url && hook.status === 'active');
  };

  /** Begins it. Answers how to tell whether it was met, which may be later. */
  const troubles: Readonly<Record<TroubleKind, () => () => boolean>> = {
    down() {
      world.setFaults({ down: true });
      return meets(({ status }) => status === undefined);
    },
    '420'() {
      world.setFaults({ rateLimitSeconds: 1 + Math.floor(random() * 3) });
      return meets(({ status }) => status === 420);
    },
    errors() {
      world.setFaults({
        errorRate: 0.4,
        errorStatus: pick([500, 502, 503]),
        errorBody: pick(['json', 'html', 'empty']),
      });
      return meets(({ status = 0 }) => status >= 500);
    },
    'errors after the effect'() {
      world.setFaults({ errorRate: 0.3, errorStatus: 503, errorAfterEffect: true });
      return meets(({ status }) => status === 503);
    },
    slow() {
      world.setFaults({ latencyMs: [0, 400] });
      return meets(() => true);
    },
    'tokens refused'() {
      world.setFaults({ refuseTokens: true });
      return meets(({ status }) => status === 401);
    },
    'deliveries out of order'() {
      world.setFaults({ duplicateRate: 0.3, reorderRate: 0.3, reorderMs: 800, deliveryDelayMs: [0, 300] });
      const from = world.deliveries.length;
      return untilOver(() => world.deliveries.length > from);
    },
    'hook switched off': () => loseHook(hookId => void world.suspendHook(hookId)),
    'hook deleted': () => loseHook(hookId => void world.deleteHook(hookId)),
  };

  const endTrouble = (): void => {
    over?.();
    over = undefined;
    world.clearFaults();
  };

  const trouble = (): void => {
    endTrouble();
    const kind = draw();
    if (kind === undefined) return;
    begun.push({ kind, isMet: troubles[kind]() });
  };

  /** A lost hook needs no waiting for: it stays lost until podiod looks after it. */
  const isUnmet = (): boolean => over !== undefined && begun.at(-1)?.isMet() === false;

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
      const end = performance.now() + pace.patienceMs;
      while (!stopping && isUnmet() && performance.now() < end) await pause(LEAST_TROUBLE_MS);
    }
    endTrouble();
    world.setFaults({ rateLimitSeconds: 0 });
  };
  const working = [work(), rage()];

  return {
    items,
    troubles: () =>
      Object.fromEntries(
        TROUBLE_KINDS.map(kind => {
          const ofKind = begun.filter(one => one.kind === kind);
          return [kind, { begun: ofKind.length, met: ofKind.filter(({ isMet }) => isMet()).length }];
        }),
      ) as Record<TroubleKind, TroubleCount>,
    importRows(count) {
      for (let n = 0; n < count; n++) create(LEADS, `imported ${n}`);
    },
    async stop() {
      stopping = true;
      await Promise.all(working);
    },
  };
}
