import type { Clock } from '../core/clock.ts';
import { orderKey, type PodioEvent } from '../core/event.ts';
import { keptSteps } from '../core/fingerprint.ts';
import type { Rule } from '../core/rule.ts';
import type {
  ClosedGroup,
  Entry,
  Journal,
  LaneState,
  OpenRun,
  Reached,
  RequestedRun,
  RunKey,
} from '../store/contract.ts';
import { hasBegun, ON_FIELDS, type Resume } from './deliver.ts';
import { type Chunk, type Feed, firstAbove, sizeOf } from './feed.ts';
import type { HeldLane } from './held-lane.ts';
import type { Matcher } from './match.ts';
import { isBefore } from './recovered.ts';
import type { Reliably } from './reliably.ts';
import { type Replayed, Replayer } from './replayer.ts';
import { Retries } from './retries.ts';
import type { Run } from './run.ts';
import { type ItemPage, Spill } from './spill.ts';
import { workOrder } from './together.ts';
import { makeWake } from './wake.ts';
import type { Slot, Window } from './window.ts';

/** What takes up the runs that come in. */
export interface Taker {
  /** Whether the run may be what ended the process. */
  isSuspect(key: RunKey): boolean;
  /** A run of the journal came in, first of its chain. */
  cameFirst(run: Run): void;
  /** There may be runs to start. */
  start(): void;
  /** A person has asked for the rule's parked runs. */
  goOnAfterHalt(): void;
}

export interface IntakeDeps {
  readonly rule: Rule;
  readonly matcher: Matcher;
  readonly feed: Feed;
  readonly journal: Pick<Journal, 'read' | 'trace'>;
  readonly reliably: Reliably;
  readonly clock: Clock;
  readonly window: Window<Run>;
  /** For what does not stand in the lane's way through the journal: the same, unless what stands there is only gathered. */
  readonly behind: Window<Run>;
  /** How many of what stands there may be in hand. */
  readonly concurrency: number;
  /** What is in hand makes no chains: nothing is to be decided on, so all go on in the order of the journal. */
  readonly inOrder: boolean;
  /** How many events of one item lie in memory. */
  readonly chain: number;
  /** Aborted when the work in hand is let go. */
  readonly signal: AbortSignal;
  readonly taker: Taker;
}

/** Podio delivers again what was not taken in; after so long it has given up. */
const LATE_MS = 7 * 86_400_000;

/** A lane with little concurrency still takes its entries a handful at a time. */
const MIN_AHEAD = 32;

/**
 * What comes into a lane's window: the journal's entries, as there is room for them, and the runs that operators ask for.
 * It knows how far the journal has been looked at, and so up to where all is settled.
 */
export class Intake {
  readonly #deps: IntakeDeps;
  readonly #window: Window<Run>;
  /** How many entries may lie ready to run. */
  readonly #ahead: number;
  readonly #spill: Spill;
  readonly #retries: Retries;
  readonly #replayer: Replayer;
  readonly #walk = makeWake(() => this.#read());
  /** Operators may have asked for something. */
  readonly lookForRequests = makeWake(() => this.#readRequests());

  #held: HeldLane | undefined;
  #taking = false;
  #upTo = 0;
  /** When the rule was first loaded, UTC milliseconds. */
  #loadedAt = 0;
  /** Above the cursor, but settled before the last restart. */
  #done = new Set<number>();
  /** Begun before the last restart, by seq; undefined: by other steps than now. */
  readonly #begun = new Map<number, Resume | undefined>();
  /** Begun before the last restart and not gathered, where others are or were, by seq, ascending. They hold the cursor. */
  readonly #carried = new Map<number, { readonly key: RunKey; readonly resume: Resume }>();
  /** The journal is not read on before what is from before has its place. */
  #hasBefore = false;
  /** What is asked for waits longer: it may be of the items of what is from before without being in a chain with it. */
  #isPastBefore = true;
  readonly #afterBefore: (() => void)[] = [];
  /** The same for replays. */
  readonly #begunReplays = new Map<string, Resume | undefined>();
  /** How often someone has asked for the rule's parked runs, as far as this lane knows. */
  #retriesAsked: number | undefined;
  #chunks = 0;

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
    this.#window = deps.window;
    this.#ahead = Math.max(2 * deps.concurrency, MIN_AHEAD);
    this.#spill = new Spill({
      limit: deps.chain,
      read: (itemId, after, limit) => this.#readItem(itemId, after, limit),
      take: entry => this.#takeLate(entry),
    });
    this.#retries = new Retries({
      requested: async page => this.#held?.requested(page),
      add: async request => this.#addRequested(request, await this.#ordersOf(request)),
    });
    this.#replayer = new Replayer({
      journal: deps.journal,
      reliably: deps.reliably,
      signal: deps.signal,
      wants: event => deps.matcher.match(event) !== 'no',
      asked: async () => (await this.#held?.asked())?.replays,
      recorded: async eventIds => this.#held?.recorded(eventIds),
      replayed: async (id, cursor) => (await this.#held?.replayed(id, cursor)) ?? false,
      add: replayed => this.#addReplayed(replayed),
    });
  }

  /** Where the lane stands. @param readAt when that was read, on the monotonic clock */
  load(state: LaneState, readAt: number): void {
    this.#upTo = state.cursor;
    this.#loadedAt = state.loadedAt;
    this.#done = new Set(state.done);
    this.#hasBefore = this.#isGathering || state.gathered === true;
    this.#isPastBefore = !this.#hasBefore;
    for (const run of [...state.open].sort((a, b) => a.key.seq - b.key.seq)) {
      const resume = this.#resume(run, readAt);
      const { key } = run;
      // What is gathered is run under one of its events.
      const isGathered = key.seq <= state.cursor || this.#done.has(key.seq);
      if (key.replay > 0) this.#begunReplays.set(placeOf(key), resume);
      else if (this.#hasBefore && !isGathered && resume !== undefined && hasBegun(resume))
        this.#carried.set(key.seq, { key, resume });
      else this.#begun.set(key.seq, resume);
    }
  }

  open(held: HeldLane): void {
    this.#held = held;
  }

  start(): void {
    this.#taking = true;
    this.#walk();
    // What was asked for since the lane was opened.
    this.lookForRequests();
  }

  /** There are runs, or may be, that are to have their places before the journal is read on. */
  get hasBefore(): boolean {
    return this.#hasBefore;
  }

  /** How many runs there are that had begun by themselves before the rule gathered as it does now. */
  get carried(): number {
    return this.#carried.size;
  }

  /** Takes these in. False: the lane was let go. */
  async carryOn(): Promise<boolean> {
    const { journal, reliably, signal } = this.#deps;
    for (const [seq, { key, resume }] of [...this.#carried]) {
      const read = await reliably(() => journal.read({ after: seq - 1, limit: 1 }), signal);
      if (read === undefined || !this.#taking) return false;
      const [entry] = read.value.entries;
      if (entry?.event.seq === seq)
        this.#addAside(orderKey(entry.event), { event: entry.event, key, resume });
      else this.#carriedEnded(seq);
    }
    return true;
  }

  /** Reads the journal on. */
  begin(): void {
    this.#hasBefore = false;
    this.#walk();
  }

  /** Takes in what was asked for, too. */
  pastBefore(): void {
    this.#isPastBefore = true;
    this.begin();
    for (const add of this.#afterBefore.splice(0)) add();
  }

  /** There may be more in the journal. */
  wake(): void {
    this.#walk();
  }

  /** Takes in no more. */
  letGo(): void {
    this.#taking = false;
  }

  /** How far the journal has been looked at. */
  get position(): number {
    return this.#upTo;
  }

  /** Chunks of the journal taken so far: whether it gets on. */
  get chunks(): number {
    return this.#chunks;
  }

  /** There is something to read and room for it. */
  get isBehind(): boolean {
    return this.#taking && this.#canTake && this.#upTo < this.#deps.feed.head();
  }

  /** Entries that are not looked at yet, and those of the others that the rule wants and that are not settled. */
  get unsettled(): number | undefined {
    // How many were left in the journal of an item that gets nowhere nobody counts.
    if (!this.#spill.isEmpty) return undefined;
    return this.#deps.feed.head() - this.#upTo + this.#window.entries + this.#carried.size;
  }

  /** Everything up to here is settled. @param without a slot left out of account */
  cursor(without?: Slot<Run>): number {
    const cursor = this.#spill.cursor(this.#window.cursor(this.#upTo, without));
    for (const [seq, { key }] of this.#carried) {
      if (key !== without?.value.key) return Math.min(cursor, seq - 1);
    }
    return cursor;
  }

  /** For the store, where it ends. Runs that were carried on have rows of their own. */
  get reached(): Reached {
    const openTo = this.#spill.isEmpty ? (this.#window.last ?? 0) : this.#upTo;
    return { lookedTo: this.#upTo, openTo };
  }

  /** Reads on where what is in hand runs out. Not for each single entry that leaves. */
  replenish(): void {
    const { hasRoom, runnable } = this.#window;
    const { concurrency, feed } = this.#deps;
    if (hasRoom && runnable < concurrency && this.#upTo < feed.head()) this.#walk();
  }

  settle(slot: Slot<Run>): void {
    const run = slot.value;
    const { key, live, parkedId, together } = run;
    const window = live ? this.#window : this.#deps.behind;
    const others = window.othersOf(slot);
    window.settle(slot);
    // What does not stand in the journal's order may yet have been in the way of its items.
    this.#spill.settled(slot.order, live ? key.seq : 0, this.#window.chainLength(slot.order));
    for (const order of others) this.#spill.settled(order, 0, this.#window.chainLength(order));
    if (parkedId !== undefined) this.#retries.settle(parkedId);
    else if (key.replay > 0) this.#replayer.settle(run);
    else if (!live && together === undefined) this.#carriedEnded(key.seq);
    this.#held?.advanceSoon();
  }

  /** Takes in events that are to be run together. */
  addGroup({ lead, mode, group, count }: ClosedGroup): void {
    const key = { seq: lead.seq, eventId: lead.id, replay: 0 };
    const resume = this.#begun.get(lead.seq);
    this.#begun.delete(lead.seq);
    this.#addAside(group, { event: lead, key, resume, together: { mode, group, count } });
  }

  #carriedEnded(seq: number): void {
    this.#carried.delete(seq);
    // The journal may not have been read so far.
    if (seq > this.#upTo) this.#done.add(seq);
  }

  /**
   * Whether all up to there has been dealt with, but for what was begun before. @param waits whether what has this order key waits to try again: that is left
   * out of account, and so is what of such an item was left in the journal
   */
  isThrough(seq: number, waits?: (order: string) => boolean): boolean {
    if (this.#upTo < seq) return false;
    if (waits === undefined && this.#spill.cursor(seq) < seq) return false;
    return !this.#window.isOpenBelow(seq, slot => waits?.(slot.order) ?? false);
  }

  /** Whether the rule has done with this change already, on account of a twin. Undefined: the lane was let go. */
  async hasRun(run: Run): Promise<boolean | undefined> {
    const { key, live } = run;
    for (const carried of live ? this.#carried.values() : []) {
      if (carried.key.eventId === key.eventId) return true;
    }
    // The twin shares this entry's chain, so when it ran at all it has its record by now.
    const ran = await (live ? this.#held?.hasRun(key.eventId) : this.#replayer.hasRun(run));
    if (ran && isFieldsOwnWord(run)) return this.#hasRunForMore(key);
    const isLate = live && Date.parse(run.event.receivedAt) < this.#loadedAt + LATE_MS;
    return ran === false && isLate ? this.#wasBefore(run.event) : ran;
  }

  /**
   * A twin that was left because its fields had not changed has been asked about where Podio could not tell (the item was
   * gone, or its revision forgotten): the field's own call says otherwise.
   */
  async #hasRunForMore({ seq, eventId, replay }: RunKey): Promise<boolean | undefined> {
    const records = await this.#held?.recorded([eventId]);
    const ofTwins = records?.filter(one => one.seq !== seq && one.replay > 0 === replay > 0);
    return ofTwins?.some(({ filteredBy }) => filteredBy !== ON_FIELDS);
  }

  /** Whether its twin was found as a change from before the rule: a delivery does not say when its change was made. */
  async #wasBefore({ id }: PodioEvent): Promise<boolean | undefined> {
    const { journal, reliably, rule, signal } = this.#deps;
    const traced = await reliably(() => journal.trace(id), signal);
    return traced?.value.some(({ event }) => isBefore(event, rule, this.#loadedAt));
  }

  async #read(): Promise<void> {
    const { feed, reliably, signal, taker } = this.#deps;
    while (this.#taking && this.#canTake) {
      const found = feed.read(this.#upTo);
      const chunk =
        found instanceof Promise ? (await reliably(async () => feed.read(this.#upTo), signal))?.value : found;
      if (chunk === undefined || !this.#taking) return;
      this.#chunks++;
      this.#take(chunk);
      taker.start();
      this.#held?.advanceSoon();
    }
  }

  #take(chunk: Chunk): void {
    const { entries } = chunk;
    for (let at = firstAbove(chunk, this.#upTo); at < entries.length; at++) {
      const entry = entries[at];
      if (entry === undefined || !this.#canTake) return;
      const { event, twin, bytes } = entry;
      const order = this.#deps.inOrder ? `${event.seq}` : entry.order;
      this.#upTo = event.seq;
      if (this.#done.delete(event.seq) || this.#carried.has(event.seq)) continue;
      const run = this.#toRun(event, twin);
      if (run === undefined || this.#spill.leaves(order, this.#window.chainLength(order), event)) continue;
      this.#begun.delete(event.seq);
      const isFirst = this.#window.add(event.seq, order, bytes, run);
      // What is only gathered ends no process.
      if (isFirst && !this.#isGathering) this.#deps.taker.cameFirst(run);
    }
    this.#upTo = chunk.upTo;
  }

  /** Undefined for an event that the rule does not want. */
  #toRun(event: PodioEvent, twin: boolean): Run | undefined {
    const { matcher, rule, taker } = this.#deps;
    const match = matcher.match(event);
    const key = { seq: event.seq, eventId: event.id, replay: 0 };
    const begun = this.#begun.has(event.seq) || taker.isSuspect(key);
    if (!begun && (match === 'no' || isBefore(event, rule, this.#loadedAt))) return undefined;
    const resume = this.#begun.get(event.seq);
    return {
      event,
      key,
      twin,
      live: true,
      asks: match === 'ask',
      // A run that was begun goes on, also when the triggers were changed since; when the steps were too, nothing of it
      // is left to do but to clear it away.
      unwanted: match === 'no' && resume === undefined,
      resume,
      parkedId: undefined,
      only: undefined,
      together: undefined,
      members: undefined,
      ticket: undefined,
      delivery: undefined,
    };
  }

  async #readItem(itemId: number, after: number, limit: number): Promise<ItemPage | undefined> {
    const { journal, reliably, signal } = this.#deps;
    const read = await reliably(() => journal.read({ after, limit, itemId }), signal);
    if (read === undefined) return undefined;
    const { entries } = read.value;
    const records = await this.#held?.recorded(entries.map(({ event }) => event.id));
    // Of a lane that takes no more nothing is taken in: what was left stays where it is, and holds the cursor.
    if (records === undefined || !this.#taking) return undefined;
    const done = records.filter(({ replay }) => replay === 0).map(({ seq }) => seq);
    return { entries, done: new Set(done) };
  }

  #takeLate({ event, twin }: Entry): boolean {
    const run = this.#taking ? this.#toRun(event, twin) : undefined;
    if (run === undefined) return false;
    this.#begun.delete(event.seq);
    this.#window.addLate(orderKey(event), sizeOf(event), run);
    this.#deps.taker.start();
    return true;
  }

  async #readRequests(): Promise<void> {
    if (!this.#taking) return;
    const asked = await this.#held?.asked();
    if (asked === undefined || !this.#taking) return;
    const isNew = this.#retriesAsked !== undefined && asked.retries > this.#retriesAsked;
    this.#retriesAsked = asked.retries;
    if (isNew) this.#deps.taker.goOnAfterHalt();
    this.#retries.look();
    if (asked.replays.length > 0) this.#replayer.look();
  }

  /** The items of a batch from before are in chains of their own now. */
  async #ordersOf({ entry: { event }, run, together }: RequestedRun): Promise<readonly string[]> {
    const { rule } = this.#deps;
    if (together === undefined || rule.mode?.kind === 'batch') return [workOrder(rule, event)];
    if (together.mode !== 'batch') return [together.group];
    const members = (await this.#held?.members(run.key)) ?? [];
    return [...new Set([together.group, ...members.map(({ event }) => orderKey(event))])];
  }

  #addRequested(
    { parkedId, entry: { event }, step, branch, run, together }: RequestedRun,
    orders: readonly string[],
  ): void {
    const resume = this.#resume(run, this.#deps.clock.monotonic());
    const only = branch === '' ? undefined : { branch, step };
    this.#addBehind(orders, { event, key: run.key, twin: false, resume, parkedId, only, together });
  }

  #addReplayed({ event, key, twin }: Replayed): void {
    const place = placeOf(key);
    const resume = this.#begunReplays.get(place);
    this.#begunReplays.delete(place);
    this.#addBehind([workOrder(this.#deps.rule, event)], {
      event,
      key,
      twin,
      resume,
      parkedId: undefined,
      only: undefined,
      together: undefined,
    });
  }

  #addBehind([order = '', ...others]: readonly string[], told: Told): void {
    if (!this.#taking) return;
    if (!this.#isPastBefore) {
      this.#afterBefore.push(() => this.#addBehind([order, ...others], told));
      return;
    }
    this.#deps.behind.addBehind(order, this.#runOf(told), others);
    this.#deps.taker.start();
  }

  /** Has its place among what comes of the same item. */
  #addAside(order: string, told: Pick<Told, 'event' | 'key' | 'resume'> & Partial<Told>): void {
    if (!this.#taking) return;
    const { taker, behind } = this.#deps;
    const run = this.#runOf({
      twin: false,
      parkedId: undefined,
      only: undefined,
      together: undefined,
      ...told,
    });
    if (behind.addAside(order, run)) taker.cameFirst(run);
    taker.start();
  }

  #runOf(told: Told): Run {
    return {
      ...told,
      live: false,
      unwanted: false,
      asks: this.#deps.matcher.match(told.event) === 'ask',
      members: undefined,
      ticket: undefined,
      delivery: undefined,
    };
  }

  /** What was reached by steps that are as they were holds; from the first that was changed on it is done again. */
  #resume(run: OpenRun, readAt: number): Resume | undefined {
    const { fingerprint } = this.#deps.rule;
    const { checkpoints, tries, parked } = run;
    if (run.fingerprint === fingerprint) return { checkpoints, tries, parked, readAt };
    const kept = keptSteps(run.fingerprint, fingerprint);
    const done = checkpoints.filter(({ step }) => kept.has(step));
    return done.length > 0 ? { checkpoints: done, tries: [], parked, readAt } : undefined;
  }

  /** Only so much is read ahead: what waits in memory for long is what the garbage collector works hardest for. */
  get #canTake(): boolean {
    return !this.#hasBefore && this.#window.hasRoom && this.#window.runnable < this.#ahead;
  }

  get #isGathering(): boolean {
    return this.#deps.behind !== this.#window;
  }
}

/** What whoever brings a run says of it. */
type Told = Pick<Run, 'event' | 'key' | 'twin' | 'resume' | 'parkedId' | 'only' | 'together'>;

/** Podio calls a field's hook for changes of that field only: where any change of it will do there is nothing to ask. */
const isFieldsOwnWord = ({ event, asks }: Run): boolean => event.ref.type === 'app_field' && !asks;

const placeOf = ({ seq, replay }: RunKey): string => `${seq}/${replay}`;
