import { type Observable, Subject, type Subscription } from 'rxjs';
import type { Clock } from '../core/clock.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { OwnLookup } from '../core/own.ts';
import type { Rule } from '../core/rule.ts';
import type { PluginHost } from '../plugin/host.ts';
import type { ItemReader } from '../podio/contract.ts';
import type { Store } from '../store/contract.ts';
import { type BreakerStatus, Breakers } from './breaker.ts';
import { type Feed, firstAbove, makeFeed } from './feed.ts';
import { Holds, oneByOne } from './holds.ts';
import { Lane, type RuleStatus } from './lane.ts';
import { type Known, makeMatcher } from './match.ts';
import { movement } from './movement.ts';
import type { Away } from './outages.ts';
import { makeReliably, type Reliably } from './reliably.ts';
import { type ReplayAnswer, ReplayDesk, type ReplayWish } from './replay-desk.ts';
import type { RunInHand } from './runner.ts';
import { makeTurn } from './turn.ts';
import { makeWake } from './wake.ts';
import type { WindowLimits } from './window.ts';

/** What lanes are made of, all of it from one config. */
export interface RuleSet {
  readonly rules: readonly Rule[];
  readonly plugins: Pick<PluginHost, 'prepare' | 'view'>;
  /** Where names in triggers lead: apps and spaces of the config, and the fields known so far. */
  readonly known: Known;
}

/** The rules to begin with, and what outlives them. */
export interface DispatcherDeps extends RuleSet {
  readonly store: Pick<Store, 'journal' | 'lanes' | 'replays' | 'pauses' | 'changes$'>;
  readonly reader: Pick<ItemReader, 'changes' | 'spanned'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** What podiod made at Podio itself. Left out: nothing. */
  readonly own?: OwnLookup;
  /** From 0 (included) to 1 (excluded), for the jitter of retries. Default: Math.random. */
  readonly random?: () => number;
  /** Takes secrets out of what conditions have seen, before it is kept. Default: leaves all as it is. */
  readonly mask?: (text: string) => string;
  /** The same of errors. Default: leaves all as it is. */
  readonly maskError?: (text: string) => string;
  /** What one rule may hold in memory. */
  readonly limits?: WindowLimits;
}

/** All lanes: one for each rule, none of which waits for another. */
export interface Dispatcher {
  /** Hot: every event as it is released to the lanes, from `open()` on. Completes with `stop()`. */
  readonly events$: Observable<PodioEvent>;
  /**
   * Takes over every lane: rules get what is appended from now on, new ones too. To be called before anything is taken
   * in. Rejects with a StoreError when the store can't be read.
   */
  open(): Promise<void>;
  /** Begins to work, with what has come since `open()`. */
  start(): void;
  /**
   * Takes no more and finishes what is in hand; aborts what has not ended after `deadlineMs`. Resolves with how many runs
   * were left unfinished: they go on at the next start.
   */
  stop(deadlineMs: number): Promise<number>;
  status(): readonly RuleStatus[];
  /** What all of them are trying at this moment. */
  inHand(): readonly RunInHand[];
  /** Resolves when each plugin of these lanes has been set up, or has failed to be once: from then on `status` says how it is. */
  tried(): Promise<void>;
  /** Resolves when no lane is behind with anything that podiod itself has to do. Does not come back where one is stuck. */
  probe(): Promise<void>;
  /** How much lanes have done so far: it stays the same only while none does anything. */
  done(): number;
  /** Of every plugin that a rule uses. */
  breakers(): readonly BreakerStatus[];
  /** Asks for a rule to be run again over old events. Undefined for a rule that is not running. */
  replay(wish: ReplayWish): Promise<ReplayAnswer | undefined>;
  /** Resolves when lanes go by what is paused in the store now. They do so by themselves, too. */
  pausesSeen(): Promise<void>;
  /**
   * Other rules are to be run than until now. Begins to set up the plugins of those that are not `kept`, once each; the
   * lanes of the kept ones go on as if nothing were, runs in hand and all.
   */
  succeed(next: RuleSet, kept: ReadonlySet<string>): Succession;
}

/** Lanes that are to take over from others, made beside them. Each step is called once, in this order; or `abandon` after the first. */
export interface Succession {
  /** Resolves when the plugins of the new lanes are set up. Rejects with what one has failed with, or what `signal` says. */
  ready(signal: AbortSignal): Promise<void>;
  /** The new lanes are not wanted: nothing is left of them. */
  abandon(): Promise<void>;
  /**
   * Ends the lanes that are not kept: what is in hand finishes, or is aborted after `deadlineMs` and goes on in the new
   * lane from its last finished step. Resolves with how many runs were (`cutOff`), when that they have ended is on disk or `signal`
   * was aborted. What the journal has above `position` is the new rules' alone.
   */
  drain(
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly cutOff: number; readonly position: number }>;
  /**
   * The new lanes go on where those have ended, new rules at the position. Until the store allows it, it is tried again;
   * false when `signal` was aborted or the dispatcher stopped meanwhile.
   */
  takeOver(signal: AbortSignal): Promise<boolean>;
}

export function makeDispatcher(deps: DispatcherDeps): Dispatcher {
  const { store, clock, metrics, reader } = deps;
  const log = deps.log.child({ module: 'dispatch' });
  const feed = makeFeed(store.journal, () =>
    lanes.values().reduce((low, lane) => Math.min(low, lane.position), Number.POSITIVE_INFINITY),
  );
  const reliably = makeReliably({ clock, log });
  const random = deps.random ?? Math.random;
  const holds = new Holds(log);
  const breakers = new Breakers({ clock, log, random }, holds);
  const ending = new AbortController();
  const lookForPauses = oneByOne(async () => {
    const read = await reliably(() => store.pauses.list(), ending.signal);
    if (read !== undefined) holds.apply(read.value);
  });
  const turn = makeTurn();
  const away: Away = {};

  /** Sets its steps up; it reads nothing before it is opened. */
  const makeLane = (rule: Rule, { plugins, known }: RuleSet, once = false): Lane =>
    new Lane({
      rule,
      steps: rule.steps.map(step => plugins.prepare(rule, step, once)),
      breakers: rule.steps.map(step => breakers.of(step.plugin)),
      hold: holds.of('rule', rule.name),
      matcher: makeMatcher(rule, known),
      reader,
      view: (event, data, bundle, noField) => plugins.view(rule, event, data, bundle, noField),
      mask: deps.mask ?? (text => text),
      maskError: deps.maskError ?? (text => text),
      lanes: store.lanes,
      feed,
      journal: store.journal,
      reliably,
      turn,
      away,
      clock,
      log,
      metrics,
      random,
      ...(deps.own && { own: deps.own }),
      ...(deps.limits && { limits: deps.limits }),
    });

  /** By the rule's name, in the order of the config. */
  const lanes = new Map(deps.rules.map(rule => [rule.name, makeLane(rule, deps)]));
  const desk = new ReplayDesk(rule => lanes.get(rule), store.journal, store.replays);
  const tap = makeTap(feed, reliably);
  let changes: Subscription | undefined;
  const all = (): Lane[] => [...lanes.values()];

  return {
    events$: tap.events$,

    async open() {
      await Promise.all(all().map(lane => lane.open()));
      await store.lanes.leave([...lanes.keys()]);
      // What is paused was so before anything is started.
      holds.apply(await store.pauses.list());
      tap.open();
    },

    start() {
      changes = store.changes$.subscribe(pulse => {
        if (pulse === 'requests') {
          void lookForPauses();
          for (const lane of lanes.values()) lane.lookForRequests();
          return;
        }
        for (const lane of lanes.values()) lane.wake();
        tap.wake();
      });
      for (const lane of lanes.values()) lane.start();
      tap.wake();
    },

    async stop(deadlineMs) {
      const left = await Promise.all(all().map(lane => lane.stop(deadlineMs)));
      ending.abort(new Error('podiod is stopping'));
      changes?.unsubscribe();
      tap.stop();
      return left.reduce((sum, one) => sum + one, 0);
    },

    status: () => all().map(lane => lane.status()),
    inHand: () => all().flatMap(lane => lane.inHand()),
    tried: async () => void (await Promise.all(all().map(lane => lane.tried()))),
    done: () => all().reduce((sum, lane) => sum + lane.vitals().done, 0),
    probe: async () => void (await Promise.all(all().map(lane => movement(lane, clock)))),
    breakers: () => breakers.status(),
    replay: wish => desk.ask(wish),
    pausesSeen: lookForPauses,

    succeed(next, kept) {
      const fresh = next.rules.filter(({ name }) => !kept.has(name)).map(rule => makeLane(rule, next, true));
      const leaving = () => all().filter(({ rule }) => !kept.has(rule.name));
      let position: number | undefined;
      return {
        async ready(signal) {
          await Promise.all(fresh.map(lane => lane.ready(signal)));
        },
        async abandon() {
          await Promise.all(fresh.map(lane => lane.stop(0)));
          for (const { rule } of fresh) if (!lanes.has(rule.name)) holds.forget('rule', rule.name);
          breakers.keep(pluginsOf(all()));
        },
        async drain(deadlineMs, signal) {
          // Lanes take no more from here on.
          position = store.journal.head();
          const left = await Promise.all(leaving().map(lane => lane.stop(deadlineMs)));
          const givenUp = AbortSignal.any([signal, ending.signal]);
          await Promise.all(leaving().map(lane => lane.released(givenUp)));
          return { cutOff: left.reduce((sum, one) => sum + one, 0), position };
        },
        async takeOver(signal) {
          const givenUp = AbortSignal.any([signal, ending.signal]);
          const open = Promise.all(fresh.map(lane => reliably(() => lane.open(position), givenUp)));
          if ((await open).includes(undefined)) return false;
          const byName = new Map([...lanes, ...fresh.map(lane => [lane.rule.name, lane] as const)]);
          const gone = leaving().map(({ rule }) => rule.name);
          lanes.clear();
          for (const { name } of next.rules) {
            const lane = byName.get(name);
            if (lane) lanes.set(name, lane);
          }
          if ((await reliably(() => store.lanes.leave([...lanes.keys()], position), givenUp)) === undefined)
            return false;
          for (const name of gone) if (!lanes.has(name)) holds.forget('rule', name);
          const stayed = all().filter(({ rule }) => kept.has(rule.name));
          breakers.renew(pluginsOf(stayed));
          breakers.keep(pluginsOf(all()));
          // What is paused was so before anything is started.
          await lookForPauses();
          if (ending.signal.aborted) return false;
          for (const lane of fresh) lane.start();
          return true;
        },
      };
    },
  };
}

const pluginsOf = (lanes: readonly Lane[]): ReadonlySet<string> =>
  new Set(lanes.flatMap(({ plugins }) => plugins));

/** Follows the journal's end for those who want to see all events, whatever rules there are. Keeps no place in it. */
function makeTap(feed: Feed, reliably: Reliably) {
  const events$ = new Subject<PodioEvent>();
  const abort = new AbortController();
  let upTo = 0;

  const wake = makeWake(async () => {
    while (!abort.signal.aborted) {
      if (!events$.observed) {
        upTo = feed.head();
        return;
      }
      const chunk = (await reliably(async () => feed.read(upTo), abort.signal))?.value;
      if (chunk === undefined) return;
      for (let at = firstAbove(chunk, upTo); at < chunk.entries.length; at++) {
        const entry = chunk.entries[at];
        if (entry) events$.next(entry.event);
      }
      upTo = chunk.upTo;
    }
  });

  return {
    events$: events$.asObservable(),
    wake,
    open() {
      upTo = feed.head();
    },
    stop() {
      abort.abort();
      events$.complete();
    },
  };
}
