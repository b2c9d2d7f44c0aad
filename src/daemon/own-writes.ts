import type { PodioEvent } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import { causeOf, isOfItem, madeItem, madeRevision, type OwnChange, type OwnLookup } from '../core/own.ts';
import { makeSieve } from '../core/sieve.ts';
import type { Reliably } from '../dispatch/reliably.ts';
import type { Names } from '../podio/contract.ts';
import type { PluginCallScope, WriteWatch } from '../podio/plugin-podio.ts';
import { makeRecent } from '../podio/recent.ts';
import type { RuleTimers } from '../schedule/timers.ts';
import type { Gaps, OwnChanges } from '../store/contract.ts';

export interface OwnWritesDeps {
  readonly gaps: Pick<Gaps, 'own' | 'newest'>;
  readonly own: OwnChanges;
  /** The journal's head at the start. */
  readonly head: number;
  readonly names: Pick<Names, 'app'>;
  /** Whether any rule hears of this app's items, by its name in the config. */
  readonly isFollowed: (app: string) => boolean;
  /** Told of every item that was written. */
  readonly wrote?: RuleTimers['wrote'];
  readonly reliably: Reliably;
  /** Aborted when nobody waits for the store any more. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** What was made so lately that it may not be on disk yet, or not have been when an event was read. */
const KEPT = 10_000;

/** Where a write is under way whose item is not known before its answer. */
const ANY = 'any';

/**
 * What podiod writes itself: nothing that it has missed, and no news to its rules. The run that wrote waits for a store
 * that fails, and so does this: else the rule would be told of its own write as soon as the store works again. A change is
 * known by the answer to its write, which its event may come before: whoever asks waits for the writes that are under way.
 */
export class OwnWrites implements OwnLookup, WriteWatch {
  readonly #deps: OwnWritesDeps;
  readonly #recent = makeRecent<string, Promise<OwnChange>>(KEPT);
  /** Items of which there are own changes. Those of years without a restart take no more room than those of a day. */
  readonly #items = makeSieve();
  #others = false;
  /** False: it may be any item. */
  #isRead = false;
  readonly #writing = new Map<string, Set<Promise<void>>>();
  /** What was sent without an answer, in this process. */
  readonly #unanswered = makeRecent<string, true>(KEPT);
  readonly #depths = new WeakMap<readonly PodioEvent[], Promise<number>>();

  constructor(deps: OwnWritesDeps) {
    this.#deps = deps;
    void this.#read();
  }

  async #read(): Promise<void> {
    const { own, reliably, signal } = this.#deps;
    const read = await reliably(() => own.items(), signal);
    if (read === undefined) return;
    const { items, others } = read.value;
    this.#others ||= others;
    for (const item of items) this.#items.add(item);
    this.#isRead = true;
  }

  maybe(event: PodioEvent): boolean {
    const id = causeOf(event);
    if (id === undefined) return false;
    const { itemId } = event;
    if (!this.#isRead || this.#writing.size > 0) return true;
    return itemId === undefined || !isOfItem(id) ? this.#others : this.#items.mayHave(itemId);
  }

  async find(event: PodioEvent): Promise<OwnChange | undefined> {
    const id = causeOf(event);
    if (id === undefined) return undefined;
    const isNew = !id.startsWith('item.update:') && !id.startsWith('item.delete:');
    const under = [...(isNew ? [ANY] : []), String(event.itemId)];
    await Promise.all(under.flatMap(place => [...(this.#writing.get(place) ?? [])]));
    return this.#lookUp(id);
  }

  #lookUp(id: string): Promise<OwnChange | undefined> {
    const known: Promise<OwnChange | undefined> | undefined = this.#recent.get(id);
    return known ?? this.#deps.own.find(id);
  }

  begun(itemId: number | undefined): () => void {
    const place = itemId === undefined ? ANY : String(itemId);
    const { promise, resolve } = Promise.withResolvers<void>();
    const here = this.#writing.get(place) ?? new Set();
    this.#writing.set(place, here.add(promise));
    return () => {
      here.delete(promise);
      if (here.size === 0) this.#writing.delete(place);
      resolve();
    };
  }

  /** Undefined where the store can't be read now: then what a write answers counts. */
  async newest(itemId: number): Promise<number | undefined> {
    return await this.#deps.gaps.newest(itemId).catch(() => undefined);
  }

  unanswered(itemId: number, by: PluginCallScope | undefined): void {
    this.#unanswered.set(writeOf(itemId, by), true);
  }

  /** What was in hand at the end before, and whether it had written, nobody knows: any event from then may be it. */
  mayRepeat(itemId: number, by: PluginCallScope | undefined): boolean {
    const { seq } = by?.event ?? {};
    return (
      (seq !== undefined && seq <= this.#deps.head) || this.#unanswered.get(writeOf(itemId, by)) === true
    );
  }

  async revised(
    itemId: number,
    revision: number,
    appId: number | undefined,
    by: PluginCallScope | undefined,
    findApp?: () => Promise<number | undefined>,
  ): Promise<void> {
    const { gaps, names, isFollowed, reliably, signal, log, wrote } = this.#deps;
    wrote?.(itemId, appId, findApp);
    const app = appId === undefined ? undefined : names.app(appId);
    // Of what nobody hears, nothing can be missed: and it would be kept for ever.
    if (appId !== undefined && (app === undefined || !isFollowed(app))) return;
    const id = revision === 0 ? madeItem(itemId) : madeRevision(itemId, revision);
    const kept = this.#keep(id, itemId, by);
    void reliably(() => gaps.own(itemId, revision, app), signal).then(recorded => {
      if (recorded === undefined) log.warn('own write not recorded', { item: itemId, revision });
    });
    await kept;
  }

  made(id: string, itemId: number | undefined, by: PluginCallScope | undefined): Promise<void> {
    return this.#keep(id, itemId, by);
  }

  /** Whoever has written waits for it: else a kill could find the run's end on disk, and not whose change that was. */
  async #keep(id: string, about: number | undefined, by: PluginCallScope | undefined): Promise<void> {
    const { own, reliably, signal, log } = this.#deps;
    const itemId = isOfItem(id) ? about : undefined;
    if (itemId === undefined) this.#others = true;
    else this.#items.add(itemId);
    const made = this.#depthOf(by).then(
      (depth): OwnChange => ({
        id,
        ...(itemId !== undefined && { itemId }),
        depth: depth + 1,
        rule: by?.rule ?? '',
      }),
    );
    this.#recent.set(id, made);
    const change = await made;
    const recorded = await reliably(() => own.add(change), signal);
    if (recorded === undefined) log.warn('own change not recorded', { event: id });
  }

  /** How many runs led to what is in hand: of several events together, to the one that most led to. */
  #depthOf({ event, events }: PluginCallScope = {}): Promise<number> {
    if (events === undefined) return event === undefined ? Promise.resolve(0) : this.#depthOfOne(event);
    // A step may write as often as there are events.
    const known = this.#depths.get(events);
    if (known !== undefined) return known;
    const depth = Promise.all(events.map(one => this.#depthOfOne(one))).then(depths =>
      depths.reduce((most, each) => Math.max(most, each), 0),
    );
    this.#depths.set(events, depth);
    return depth;
  }

  async #depthOfOne(event: PodioEvent): Promise<number> {
    const id = causeOf(event);
    if (id === undefined || !this.maybe(event)) return 0;
    const { reliably, signal } = this.#deps;
    return (await reliably(() => this.#lookUp(id), signal))?.value?.depth ?? 0;
  }
}

/** The same for each try of a run. */
const writeOf = (itemId: number, { event, rule }: PluginCallScope = {}): string =>
  `${rule}/${event?.id}/${itemId}`;
