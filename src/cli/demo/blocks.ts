/** Puts together what belongs together: an event with what every rule made of it. */
import type { Cancel, Clock } from '../../core/clock.ts';
import type { PodioEvent } from '../../core/event.ts';
import type { RunRecord } from '../../core/run.ts';

export interface Block {
  /** The first to tell of the change; twins from other hooks say the same. */
  readonly event: PodioEvent;
  /** In the order in which they ended. */
  readonly runs: readonly RunRecord[];
}

export interface Gathering {
  readonly clock: Clock;
  /** Names of the rules that will have a run of this event. */
  expect(event: PodioEvent): readonly string[];
  /** Called for one block at a time, in the order of the events. */
  tell(block: Block): Promise<void>;
  /** A run that ended after its block was told. */
  tellLate(event: PodioEvent, run: RunRecord): void;
}

/** How long twins are waited for: they come in deliveries of their own. */
const TWINS_MS = 150;
/** How long runs are waited for; whatever takes longer is told late. */
const PATIENCE_MS = 3000;
/** Told blocks that late runs are still told of. */
const REMEMBERED = 200;

interface Open {
  readonly event: PodioEvent;
  readonly expected: Set<string>;
  readonly runs: RunRecord[];
  readonly complete: PromiseWithResolvers<void>;
  cancelTwins: Cancel;
  twinsAreIn: boolean;
  told: boolean;
}

export function gatherBlocks({ clock, expect, tell, tellLate }: Gathering) {
  const blocks = new Map<string, Open>();
  let telling = Promise.resolve();

  const look = (block: Open) => {
    const ended = new Set(block.runs.map(({ rule }) => rule));
    if (block.twinsAreIn && block.expected.isSubsetOf(ended)) block.complete.resolve();
  };

  const awaitTwins = (block: Open) => {
    block.cancelTwins();
    block.cancelTwins = clock.after(TWINS_MS, () => {
      block.twinsAreIn = true;
      look(block);
    });
  };

  const open = (event: PodioEvent): Open => {
    const complete = Promise.withResolvers<void>();
    const block: Open = {
      event,
      expected: new Set(),
      runs: [],
      complete,
      cancelTwins: () => {},
      twinsAreIn: false,
      told: false,
    };
    blocks.set(event.id, block);
    const cancel = clock.after(PATIENCE_MS, complete.resolve);
    telling = telling.then(async () => {
      await complete.promise;
      cancel();
      block.cancelTwins();
      block.told = true;
      await tell(block);
      forgetOld();
    });
    return block;
  };

  const forgetOld = () => {
    for (const [id, { told }] of blocks) {
      if (blocks.size <= REMEMBERED || !told) return;
      blocks.delete(id);
    }
  };

  return {
    /** Whether this or another hook has told of the change before. */
    has: ({ id }: PodioEvent): boolean => blocks.has(id),
    /** False: another hook has told of this change before. */
    event(event: PodioEvent): boolean {
      const known = blocks.get(event.id);
      const block = known ?? open(event);
      for (const rule of expect(event)) block.expected.add(rule);
      if (!block.twinsAreIn) awaitTwins(block);
      return known === undefined;
    },
    run(run: RunRecord): void {
      const block = blocks.get(run.eventId);
      if (!block) return;
      if (block.told) tellLate(block.event, run);
      else {
        block.runs.push(run);
        look(block);
      }
    },
    /** Resolves when everything that has come so far is told. */
    told: (): Promise<void> => telling,
  };
}
