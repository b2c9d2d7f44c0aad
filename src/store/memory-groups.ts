import type { PodioEvent } from '../core/event.ts';
import { type Gathering, type Group, join, takenOver } from '../core/gather.ts';
import type { StepVerdict } from '../core/run.ts';
import type { Closable, ClosedGroup, Closing, Member, RunKey, Together, TracedRun } from './contract.ts';

interface StoredGroup {
  readonly rule: string;
  readonly group: Group;
  readonly seqs: readonly number[];
  /** By seq: what has decided that it is to wait. */
  readonly judged: ReadonlyMap<number, readonly StepVerdict[]>;
  /** In which order it became complete; undefined: events may join. */
  readonly place: number | undefined;
}

export interface GroupData {
  readonly groups: Set<StoredGroup>;
  /** By rule: when runs have begun. */
  readonly admitted: Map<string, readonly number[]>;
  places: number;
}

export const emptyGroups = (): GroupData => ({ groups: new Set(), admitted: new Map(), places: 0 });

export interface GroupWorld {
  /** Undefined: retention has removed it. */
  eventAt(seq: number): PodioEvent | undefined;
  isParked(rule: string, seq: number): boolean;
  now(): number;
}

/** What waits to be run together, of the store in memory. */
export class MemoryGroups {
  readonly #data: GroupData;
  readonly #world: GroupWorld;

  constructor(data: GroupData, world: GroupWorld) {
    this.#data = data;
    this.#world = world;
  }

  /** seqs that wait. */
  seqs(rule: string): readonly number[] {
    return this.#all(rule).flatMap(({ seqs }) => seqs);
  }

  has(rule: string, seq: number): boolean {
    return this.#groupOf(rule, seq) !== undefined;
  }

  /** The rule's lane has another owner now. */
  takenOver(rule: string): void {
    const { admitted } = this.#data;
    const now = this.#world.now();
    // Begun by a clock that was ahead: else it would count until that time has come.
    admitted.set(
      rule,
      (admitted.get(rule) ?? []).map(at => Math.min(at, now)),
    );
    for (const stored of this.#all(rule)) {
      if (stored.place !== undefined) continue;
      this.#data.groups.delete(stored);
      this.#data.groups.add({ ...stored, group: takenOver(stored.group, now) });
    }
  }

  add(rule: string, seq: number, gathering: Gathering, judged: readonly StepVerdict[] = []): void {
    if (this.has(rule, seq)) return;
    const open = this.#all(rule).find(
      ({ group, place }) => place === undefined && group.group === gathering.group,
    );
    const now = this.#world.now();
    const cameAt = Math.min(Date.parse(this.#world.eventAt(seq)?.receivedAt ?? '') || now, now);
    const { isLate, isFull, group } = join(open?.group, gathering, seq, cameAt);
    if (open && isLate) this.#complete(open);
    const joined = isLate ? undefined : open;
    if (joined) this.#data.groups.delete(joined);
    const stored: StoredGroup = {
      rule,
      group,
      seqs: [...(joined?.seqs ?? []), seq].sort((a, b) => a - b),
      judged: new Map(joined?.judged).set(seq, judged),
      place: undefined,
    };
    this.#data.groups.add(stored);
    if (isFull) this.#complete(stored);
  }

  waitMs(rule: string, seq: number): number | undefined {
    const found = this.#groupOf(rule, seq);
    if (found === undefined) return undefined;
    if (found.place !== undefined) return 0;
    return found.group.due === undefined ? undefined : found.group.due - this.#world.now();
  }

  close(rule: string, { limit, before, unlike, agoMs = 0 }: Closable & { limit: number }): Closing {
    const now = this.#world.now();
    const by = now - agoMs;
    const open = () => this.#all(rule).filter(({ place }) => place === undefined);
    const isDue = ({ group: { mode, group, due } }: StoredGroup): boolean =>
      due !== undefined && due <= by && !(mode === 'latest' && this.#isInHand(rule, group));
    const wanted = open().filter(stored => {
      const { first, mode, due } = stored.group;
      if (before !== undefined) return first < before;
      if (unlike) return mode !== unlike.mode || (due === undefined && unlike.timed);
      return isDue(stored);
    });
    const closed = wanted.sort((a, b) => (a.group.due ?? 0) - (b.group.due ?? 0)).slice(0, limit);
    for (const stored of closed) this.#complete(stored);
    const later = open().flatMap(({ group: { due } }) => (due !== undefined && due > by ? [due] : []));
    return { closed: closed.length, nextMs: later.length > 0 ? Math.min(...later) - now : undefined };
  }

  closed(rule: string, { after, limit }: { after: number; limit: number }): readonly ClosedGroup[] {
    return this.#all(rule)
      .filter(
        ({ place, group }) => place !== undefined && place > after && !this.#world.isParked(rule, group.last),
      )
      .sort((a, b) => (a.place ?? 0) - (b.place ?? 0))
      .slice(0, limit)
      .flatMap(stored => {
        const lead = this.#world.eventAt(stored.group.last);
        return lead ? [{ place: stored.place ?? 0, lead, ...togetherOf(stored) }] : [];
      });
  }

  members(rule: string, lead: RunKey): readonly Member[] {
    const found = this.#closedAt(rule, lead.seq);
    return (found?.seqs ?? []).flatMap(seq => {
      const event = this.#world.eventAt(seq);
      return event ? [{ event, judged: found?.judged.get(seq) ?? [] }] : [];
    });
  }

  judged(rule: string, seq: number): readonly StepVerdict[] {
    return this.#groupOf(rule, seq)?.judged.get(seq) ?? [];
  }

  together(rule: string, lead: RunKey): { readonly together?: Together } {
    const found = lead.replay === 0 ? this.#closedAt(rule, lead.seq) : undefined;
    return found ? { together: togetherOf(found) } : {};
  }

  others(rule: string, lead: number): readonly number[] {
    return (this.#closedAt(rule, lead)?.seqs ?? []).filter(seq => seq !== lead);
  }

  end(rule: string, lead: number): void {
    const found = this.#closedAt(rule, lead);
    if (found) this.#data.groups.delete(found);
  }

  endAll(rule: string): void {
    for (const stored of this.#all(rule)) this.#data.groups.delete(stored);
  }

  admit(rule: string, { max, perMs }: { max: number; perMs: number }): number {
    const now = this.#world.now();
    const recent = (this.#data.admitted.get(rule) ?? []).filter(at => at > now - perMs);
    if (recent.length >= max) return Math.max((recent[0] ?? now) + perMs - now, 1);
    this.#data.admitted.set(rule, [...recent, now]);
    return 0;
  }

  traced(rule: string, seq: number): TracedRun['gathered'] {
    const found = this.#groupOf(rule, seq);
    if (found === undefined) return undefined;
    const { mode, count, firstAt: since, last } = found.group;
    const waitMs = this.waitMs(rule, seq);
    const lead = found.place === undefined ? undefined : this.#world.eventAt(last)?.id;
    return {
      mode,
      count,
      since,
      ...(waitMs !== undefined && { waitMs }),
      ...(lead !== undefined && { lead }),
    };
  }

  /** Rules and seqs of what waits, whether it is parked, and when the first and the latest of its group came. */
  *waiting(): Generator<{ rule: string; seq: number; isParked: boolean; firstAt: number; lastAt: number }> {
    for (const { rule, group, place, seqs } of this.#data.groups) {
      const isParked = place !== undefined && this.#world.isParked(rule, group.last);
      const { firstAt, lastAt } = group;
      for (const seq of seqs) yield { rule, seq, isParked, firstAt, lastAt };
    }
  }

  /** Retention removes the event. */
  forget(seq: number): void {
    for (const stored of this.#data.groups) {
      if (!stored.seqs.includes(seq)) continue;
      this.#data.groups.delete(stored);
      const seqs = stored.seqs.filter(each => each !== seq);
      if (seqs.length > 0) this.#data.groups.add({ ...stored, seqs });
    }
  }

  #all(rule: string): StoredGroup[] {
    return [...this.#data.groups].filter(stored => stored.rule === rule);
  }

  #groupOf(rule: string, seq: number): StoredGroup | undefined {
    return this.#all(rule).find(({ seqs }) => seqs.includes(seq));
  }

  #closedAt(rule: string, lead: number): StoredGroup | undefined {
    return this.#all(rule).find(({ group, place }) => place !== undefined && group.last === lead);
  }

  #isInHand(rule: string, name: string): boolean {
    return this.#all(rule).some(
      ({ group, place }) =>
        place !== undefined && group.group === name && !this.#world.isParked(rule, group.last),
    );
  }

  #complete(stored: StoredGroup): void {
    this.#data.groups.delete(stored);
    this.#data.groups.add({ ...stored, place: ++this.#data.places });
  }
}

const togetherOf = ({ group: { mode, group, count } }: StoredGroup): Together => ({ mode, group, count });
