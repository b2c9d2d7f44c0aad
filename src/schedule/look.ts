/** What an item as Podio has it now means to a rule that waits: what is to be told, and what is kept in mind of it. */
import type { NewEvent } from '../core/event.ts';
import type { Item } from '../core/podio.ts';
import { msOf } from '../core/podio-time.ts';
import type { DateTrigger, LastedTrigger } from '../core/rule.ts';
import { isRecord, testValues } from '../core/values.ts';
import { dueOf } from './due.ts';
import { dateEvent, lastedEvent } from './events.ts';
import { type HistoryDeps, walkBack } from './history.ts';
import { type FieldStep, hasLasted, type State, statesIn } from './lasted.ts';
import { isField, valuesOf, type Watch } from './watches.ts';

/** What is kept of an item, as JSON. */
export interface Note {
  readonly item: number;
  readonly app: string;
  /** Of a state: the revision up to which all is known, and when the item was last looked at, UTC milliseconds. */
  readonly seen?: number;
  readonly looked?: number;
  /** The state that lasts, if one does. */
  readonly began?: number;
  /** When that began, UTC milliseconds. */
  readonly at?: number;
  /** Of a date: when it is due, UTC milliseconds, and the revision that the item had when that was first seen. */
  readonly due?: number;
  readonly by?: number;
  /** There is nothing more to be told of it. */
  readonly told?: boolean;
  /** How often looking at it has failed. */
  readonly tries?: number;
}

/** What comes of a look. */
export interface Outlook {
  readonly events: readonly NewEvent[];
  /** Undefined: nothing has to be kept in mind. */
  readonly note: Note | undefined;
  /** When it is to be looked at again, UTC milliseconds; undefined: when the item changes. */
  readonly due: number | undefined;
}

export interface LookDeps extends HistoryDeps {
  /** Nothing that was due by then is told: the rule did not wait for it yet. */
  readonly since: number;
  readonly now: number;
  /** What was due by then was missed, as nothing ran. */
  readonly upSince: number;
}

const NOTHING: Outlook = { events: [], note: undefined, due: undefined };

export const lookAt = (deps: LookDeps, watch: Watch, item: Item, note: Note | undefined): Promise<Outlook> =>
  watch.trigger.kind === 'date'
    ? lookAtDate(deps, watch as Watch<DateTrigger>, item, note)
    : lookAtState(deps, watch as Watch<LastedTrigger>, item, note);

async function lookAtDate(
  deps: LookDeps,
  watch: Watch<DateTrigger>,
  item: Item,
  note: Note | undefined,
): Promise<Outlook> {
  const { trigger, app } = watch;
  const { since, now, upSince } = deps;
  const due = dueOf(valuesOf(watch, item), trigger.at, trigger.timezone);
  if (due === undefined) return NOTHING;
  const isKnown = note?.due === due.at;
  const known = isKnown ? note.by : item.revision;
  const kept: Note = {
    item: item.item_id,
    app: app.name,
    due: due.at,
    ...(known !== undefined && { by: known }),
  };
  if (isKnown && note.told) return { events: [], note, due: undefined };
  if (due.at > now) return { events: [], note: kept, due: due.at };
  if (due.at <= since) return NOTHING;
  const settled: Outlook = { events: [], note: { ...kept, told: true }, due: undefined };
  if (trigger.missed === 'skip' && due.at < upSince) return settled;
  // A date that was written when its moment had passed is nobody's reminder.
  const by = isKnown ? known : await setBefore(deps, watch, item, due.at);
  if (!isKnown && by === undefined) return settled;
  return { ...settled, events: [dateEvent(watch, item, due, by)] };
}

/** The revision by which the field had at that time what it has now; undefined where it had not. */
async function setBefore(
  deps: LookDeps,
  watch: Watch,
  item: Item,
  time: number,
): Promise<number | undefined> {
  const bottom = await walkBack(
    deps,
    item,
    (_, at) => at <= time,
    (_, _at, changed) => changed.some(one => isField(watch, one)),
  );
  return bottom.at <= time || bottom.is === 'forgotten' ? bottom.revision : undefined;
}

async function lookAtState(
  deps: LookDeps,
  watch: Watch<LastedTrigger>,
  item: Item,
  kept: Note | undefined,
): Promise<Outlook> {
  const { forMs } = watch.trigger;
  const { since, now } = deps;
  const note = kept && (isAhead(kept, now) ? whatStays(kept) : kept);
  const states = knownStates(deps, watch, item, note) ?? (await readStates(deps, watch, item, note));
  const events = states
    .filter(state => state.at + forMs > since && hasLasted(state, forMs, now))
    .filter(({ began }) => !(note?.told && note.began === began))
    .map(state => lastedEvent(watch, item, state));
  const seen = Math.max(note?.seen ?? 0, item.revision ?? 0);
  // What has not changed is left as it stands on disk.
  const looked = note?.seen === seen ? note.looked : now;
  const next = {
    item: item.item_id,
    app: watch.app.name,
    seen,
    ...(looked !== undefined && { looked }),
  };
  const last = states.at(-1);
  if (last === undefined || last.endedAt !== undefined) return { events, note: next, due: undefined };
  const due = last.at + forMs;
  const told = due <= now || due <= since;
  return {
    events,
    note: { ...next, began: last.began, at: last.at, ...(told && { told }) },
    due: told ? undefined : due,
  };
}

/** Times of Podio's are told to the second, and where its clock stands is known about so well. */
const CLOCK_MARGIN_MS = 60_000;

/** In what is now the future: the clock was ahead when it was written. */
const isAhead = ({ at = 0, looked = 0 }: Note, now: number): boolean =>
  Math.max(at, looked) > now + CLOCK_MARGIN_MS;

/** Of what a clock that was ahead has told: when anything was is to be read anew. */
const whatStays = ({ seen: _, at: __, looked: ___, ...rest }: Note): Note => rest;

/** What can be told of its states without reading its history; undefined where that has to be read. */
function knownStates(
  { now, localTime }: LookDeps,
  watch: Watch<LastedTrigger>,
  item: Item,
  note: Note | undefined,
): readonly State[] | undefined {
  const { revision } = item;
  const { from, to, forMs } = watch.trigger;
  if (revision === undefined) return undefined;
  if (note?.seen !== undefined && note.seen >= revision) return openOf(note);
  const field = item.fields.find(one => isField(watch, one));
  const holds = testValues(field?.type ?? 'text', field?.values ?? [], to, { config: field?.config });
  if (note?.seen !== undefined && note.began === undefined && !holds) {
    // Whatever came and went since it was looked at has not lasted so long.
    if (note.looked !== undefined && now - note.looked < forMs) return [];
  }
  // It was not so one revision before, or there was none before: it is so since this one.
  const isFresh = revision === 0 || (note?.seen === revision - 1 && note.began === undefined);
  const made = msOf(madeOf(item));
  if (!isFresh || from !== undefined || made === undefined) return undefined;
  return holds ? [{ began: revision, at: localTime(made) }] : [];
}

/** When the revision that the item has was made, where the item itself says so. Its last edit may have been of something else. */
function madeOf({ revision, current_revision: current, created_on: created }: Item): unknown {
  if (isRecord(current) && current.revision === revision) return current.created_on;
  return revision === 0 ? created : undefined;
}

const openOf = (note: Note | undefined): readonly State[] =>
  note?.began !== undefined && note.at !== undefined ? [{ began: note.began, at: note.at }] : [];

/** The states that may matter still: those that were not told, and could not have lasted long enough before `since`. */
async function readStates(
  deps: LookDeps,
  watch: Watch<LastedTrigger>,
  item: Item,
  note: Note | undefined,
): Promise<readonly State[]> {
  const { from, to, forMs } = watch.trigger;
  const field = item.fields.find(one => isField(watch, one));
  /** Only a field that is there tells its type; one that is empty is nothing but empty. */
  let look = { type: field?.type ?? 'text', config: field?.config };
  let values = field?.values ?? [];
  const is = (wanted: readonly (typeof to)[number][], given: typeof values): boolean =>
    testValues(look.type, given, wanted, { config: look.config });
  const steps: FieldStep[] = [];
  const bottom = await walkBack(
    deps,
    item,
    (revision, at) => (note?.seen === undefined ? at <= deps.since - forMs : revision <= note.seen),
    (revision, at, changed) => {
      const change = changed.find(one => isField(watch, one));
      if (change) {
        look = { type: change.type, config: change.config ?? look.config };
        const [holds, held] = [is(to, change.to), is(to, change.from)];
        steps.unshift({ revision, at, holds, held, fits: from === undefined || is(from, change.from) });
        values = change.from;
      }
      return false;
    },
  );
  const holds = is(to, values);
  if (note?.seen !== undefined) {
    const [open] = openOf(note);
    // Podio has forgotten what came after it: it is taken to have gone on where nothing says otherwise.
    return statesIn(steps, bottom.is === 'forgotten' && !holds ? undefined : open);
  }
  if (bottom.is === 'creation') {
    const created = {
      revision: 0,
      at: bottom.at,
      holds,
      held: false,
      fits: from === undefined || is(from, []),
    };
    return statesIn([created, ...steps], undefined);
  }
  // It was so at least since then: before `since` that is enough, and where Podio has forgotten more it has to do.
  const isOpen = holds && (from === undefined || bottom.is === 'enough');
  return statesIn(steps, isOpen ? { began: bottom.revision, at: bottom.at } : undefined);
}
