/**
 * What has become of each revision of each item that people work in (G7): told, podiod's own, counted as lost, or nobody's to
 * find; and whether podiod counts as many as lost as there are. Pure.
 */
import { isAccounted, isIn, type LedgerEntry, NOTHING_KNOWN } from '../../src/core/ledger.ts';

/** An event of the journal, as far as it matters here. In the order of seq. */
export interface ToldEvent {
  readonly id: string;
  readonly ref: string;
  readonly item: number;
  readonly revision: number | undefined;
  readonly recovered: boolean;
}

/** An item as people and Podio know it. */
export interface WorkedItem {
  /** The app's name in the config. */
  readonly app: string;
  /** The app's own ref, where it has an `item.update` hook: its rules hear of a change under that only. */
  readonly ownRef?: string;
  /** Made by people; all others were made through the API. */
  readonly byPeople: ReadonlySet<number>;
  readonly isDeleted: boolean;
  readonly last: number;
  /** The first that Podio still lists. */
  readonly listedFrom: number;
}

export interface Known {
  readonly items: ReadonlyMap<number, WorkedItem>;
  readonly events: readonly ToldEvent[];
  readonly ledger: ReadonlyMap<number, LedgerEntry>;
  /** Ids of changes that podiod remembers to have made. */
  readonly own: ReadonlySet<string>;
  /** How many changes of an app's items podiod counts as lost; deletions are none of these. */
  readonly lost: (app: string) => number;
}

export interface RevisionCounts {
  readonly journaled: number;
  readonly own: number;
  readonly unprovable: number;
  /** Below the first that was delivered of an item: its baseline. */
  readonly beforeBaseline: number;
  /** Of items that are deleted: their history went with them. */
  readonly ofDeleted: number;
}

/** Of one app: what podiod must have counted as lost. */
interface Lost {
  /** Of items that are still there, where Podio no longer lists them. */
  readonly unlisted: string[];
  /** Where it lists them to the end: a problem each. */
  listed: number;
  /** Of deleted ones, where the ledger says that there is nothing left to find out. */
  ofDeleted: number;
  /** Which of these were counted can't be told: at the most so many more. */
  unsure: number;
}

const CHANGE = /^item\.(create|update|delete):/;

export const changeId = (item: number, revision: number): string =>
  `${revision === 0 ? 'item.create' : 'item.update'}:${item}:${revision}`;

export function checkRevisions(
  { items, events, ledger, own, lost: counted }: Known,
  problem: (kind: string, text: string) => void,
): RevisionCounts {
  const counts = { journaled: 0, own: 0, unprovable: 0, beforeBaseline: 0, ofDeleted: 0 };
  const apps = new Map<string, Lost>();
  const released = Map.groupBy(
    events.filter(
      ({ id, revision }) => CHANGE.test(id) && !(id.startsWith('item.delete:') && revision === undefined),
    ),
    ({ item }) => item,
  );
  for (const [item, facts] of items) {
    const { app, ownRef, byPeople, isDeleted, last, listedFrom } = facts;
    const entry = ledger.get(item) ?? NOTHING_KNOWN;
    const lost = apps.get(app) ?? { unlisted: [], listed: 0, ofDeleted: 0, unsure: 0 };
    apps.set(app, lost);
    // A deletion among them: it too is the baseline of an item that it is the first to tell of.
    const all = released.get(item) ?? [];
    const isOwn = ({ ref }: ToldEvent): boolean => ownRef === undefined || ref === ownRef;
    const told = all.filter(isOwn);
    const ids = new Set(told.map(({ id }) => id));
    const first = all.find(event => isOwn(event) || event.id === changeId(item, 0));
    // Nothing comes before a creation, whoever tells of it.
    const baseline = first && !isOwn(first) ? 0 : baselineOf(told);
    lost.unsure += lateOf(told);
    for (let revision = 0; revision <= last; revision++) {
      const id = changeId(item, revision);
      const place = `${id} of ${last}, of which ${baseline} was the first to be delivered, and the ledger has ${JSON.stringify(entry)}`;
      if (byPeople.has(revision) && own.has(id)) problem('taken for own', place);
      if (ids.has(id)) counts.journaled += 1;
      else if (isIn(entry.missing, revision)) problem('left open', place);
      else if (!isAccounted(entry, revision)) {
        // Nobody can have noticed it before the item was gone.
        if (isDeleted) counts.ofDeleted += 1;
        else problem('silent gap', place);
      } else if (!byPeople.has(revision)) {
        counts.own += 1;
        if (!own.has(id)) lost.unsure += 1;
      } else if (revision < baseline) {
        counts.beforeBaseline += 1;
        lost.unsure += 1;
      } else if (isDeleted) {
        counts.ofDeleted += 1;
        lost.ofDeleted += 1;
      } else {
        counts.unprovable += 1;
        // It could be read all the time, whatever podiod has counted.
        if (revision >= listedFrom) {
          lost.listed += 1;
          problem('silent gap', `${place}; Podio still lists it`);
        } else lost.unlisted.push(place);
      }
    }
  }
  for (const [app, { unlisted, listed, ofDeleted, unsure }] of apps) {
    const least = listed + unlisted.length + ofDeleted;
    const said = counted(app);
    if (said > least + unsure)
      problem('lost twice', `${said} of ${app} are said to be lost, and ${least + unsure} can be`);
    if (said + listed >= least) continue;
    problem(
      'silent gap',
      `${least - said - listed} more of ${app}: ${unlisted.length} that Podio no longer lists and ${ofDeleted} of deleted items were not told of, and ${said} are said to be lost`,
    );
    for (const each of unlisted) problem('silent gap, or said to be lost', each);
  }
  return counts;
}

/** What is below the first that was delivered, and was not delivered, is nobody's to find: unless a look at the app found the item first. */
function baselineOf(told: readonly ToldEvent[]): number {
  const first = told.find(({ recovered }) => !recovered)?.revision ?? 0;
  const isFound = told.some(({ recovered, revision = 0 }, at) => recovered && (at === 0 || revision < first));
  return isFound ? 0 : first;
}

/** Delivered after a later one of the item: it may have been counted as lost before. */
function lateOf(told: readonly ToldEvent[]): number {
  let highest = Number.NEGATIVE_INFINITY;
  let late = 0;
  for (const { revision = 0, recovered } of told) {
    if (revision < highest && !recovered) late += 1;
    highest = Math.max(highest, revision);
  }
  return late;
}
