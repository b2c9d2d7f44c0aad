/**
 * What must be true when all is over (the guarantees of ARCHITECTURE.md), told by what people and the storm did on one side and by the journal,
 * the runs, the ledger and the effects on the other.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EventWithRuns, UNTOLD_DELETION } from '../../src/store/contract.ts';
import { openReader, openStore } from '../../src/store/index.ts';
import type { Finished } from './peek.ts';
import type { Truth } from './people.ts';
import { changeId, checkRevisions, type RevisionCounts, type WorkedItem } from './revisions.ts';
import { BULK, CONCURRENCY, DEALS, FOREIGN_URL, LEADS, RULES, type RuleName, type Site } from './site.ts';
import type { Sent, Storm } from './storm.ts';

export interface Findings {
  /** What was promised and is not so; empty when all is well. */
  readonly problems: readonly string[];
  /** How often the storm was answered what. */
  readonly answers: Readonly<Record<number, number>>;
  /** Different events that were answered with 200, by whomever they came. */
  readonly answered: number;
  readonly journaled: number;
  readonly recovered: number;
  readonly settled: number;
  readonly filtered: number;
  /**
   * Changes that a rule on a field wanted, and that only the hook of the field's app has told of: the field's own call was
   * lost, the revision is no gap, and the rule has not heard of it.
   */
  readonly fieldCallsLost: number;
  /** Outages that were told of, each once when it began and once when it was over. */
  readonly alarms: number;
  readonly effects: number;
  /** Effects that came again, each after a kill while its step was in hand. */
  readonly repeatedInHand: number;
  /** The same, where they may not: a problem each. */
  readonly repeatedBeyond: number;
  /** Answered with 200 and not in the journal: a problem each. */
  readonly lost: number;
  /** Revisions of items in the emulated Podio, by what is known of them. */
  readonly revisions: RevisionCounts;
}

/** One life of the daemon, as far as it matters here. */
export interface Lived {
  readonly pid: number;
  /** As its files told afterwards: what may not run again. */
  readonly finished: ReadonlyMap<string, Finished> | undefined;
}

interface Given {
  readonly site: Site;
  readonly lives: readonly Lived[];
  readonly people: ReadonlyMap<number, Truth>;
  /** Which has come to its end. */
  readonly storm: Storm;
  /** What was seen to be wrong before. */
  readonly before: readonly string[];
}

/** An event as far as it matters here. */
interface Entry {
  readonly seq: number;
  readonly id: string;
  readonly ref: string;
  readonly item: number;
  readonly revision: number | undefined;
  readonly recovered: boolean;
  readonly runs: readonly (readonly [rule: string, outcome: string])[];
}

/** Podio tells of so many revisions at most; what a change was can't be asked for older ones. */
const KEPT = 30;

/** Enough to see what is wrong. */
const SHOWN = 12;

export async function verify({ site, lives, people, storm, before }: Given): Promise<Findings> {
  const problems = new Problems();
  const { statuses: answers, wrong } = storm.progress();
  const sent = await storm.end();
  const journal = await readJournal(site, problems);
  const accepted = checkAnswered(site, sent, journal, problems);
  const revisions = await checkLedger(site, journal, people, problems);
  const runs = checkRuns(site, journal, people, problems);
  const effects = checkEffects(site, lives, journal, problems);
  checkHooks(site, problems);
  const alarms = checkAlarms(journal, problems);
  const log = readFileSync(join(site.folder, 'daemon.log'), 'utf8').split('\n');
  return {
    problems: [
      ...before,
      // There is one daemon: a lane that another one has is a rule that has ended for good.
      ...log.filter(line => line.includes('lane taken over')).map(line => `a rule has stopped: ${line}`),
      ...wrong.map(text => `a delivery was answered ${text}`),
      ...problems.all(),
    ],
    answers,
    answered: accepted.size,
    journaled: journal.entries.length,
    recovered: journal.entries.filter(({ recovered }) => recovered).length,
    lost: accepted.lost,
    ...runs,
    alarms,
    ...effects,
    revisions,
  };
}

/** The first of each kind in full, then how many more there are. */
class Problems {
  readonly #byKind = new Map<string, string[]>();

  add(kind: string, text: string): void {
    const found = this.#byKind.get(kind) ?? [];
    found.push(text);
    this.#byKind.set(kind, found);
  }

  all(): readonly string[] {
    return Array.from(this.#byKind).flatMap(([kind, found]) => [
      ...found.slice(0, SHOWN).map(text => `${kind}: ${text}`),
      ...(found.length > SHOWN ? [`${kind}: and ${found.length - SHOWN} more`] : []),
    ]);
  }
}

interface JournalBook {
  readonly entries: readonly Entry[];
  /** By ref and id. */
  readonly places: ReadonlySet<string>;
  /** By id; more than one where several hooks told of a change. */
  readonly byId: ReadonlyMap<string, readonly Entry[]>;
  readonly bySeq: ReadonlyMap<number, Entry>;
}

const toEntry = ({ event, runs }: EventWithRuns): Entry => ({
  seq: event.seq,
  id: event.id,
  ref: `${event.ref.type}/${event.ref.id}`,
  item: event.itemId ?? 0,
  revision: event.revision,
  recovered: event.source === 'recovered',
  runs: runs.map(({ rule, outcome }) => [rule, outcome] as const),
});

async function readJournal({ dataDir }: Site, problems: Problems): Promise<JournalBook> {
  const entries: Entry[] = [];
  const places = new Set<string>();
  const reader = openReader(dataDir);
  try {
    for (;;) {
      const page = await reader.journal.list({ after: entries.at(-1)?.seq ?? 0, limit: 5000 });
      if (page.length === 0) break;
      for (const listed of page) entries.push(toEntry(listed));
    }
    for (const parked of await reader.parking.list({}))
      problems.add('parked', `${parked.rule} ${parked.event}: ${parked.error}`);
  } finally {
    await reader.close();
  }
  for (const { ref, id } of entries) {
    const place = `${ref} ${id}`;
    if (places.has(place)) problems.add('journaled twice', place);
    places.add(place);
  }
  return {
    entries,
    places,
    byId: Map.groupBy(entries, ({ id }) => id),
    bySeq: new Map(entries.map(entry => [entry.seq, entry])),
  };
}

/** Places (ref and id) that were answered with 200. */
type Accepted = ReadonlySet<string> & { lost: number };

function checkAnswered({ podio }: Site, sent: Sent, { places }: JournalBook, problems: Problems): Accepted {
  const accepted = Object.assign(new Set<string>(), { lost: 0 });
  const bulk = `app/${BULK}`;
  for (const [item, last] of sent.items) {
    for (let revision = 0; revision <= last; revision++) {
      accepted.add(`${bulk} ${revision === 0 ? 'item.create' : 'item.update'}:${item}:${revision}`);
    }
  }
  for (let comment = 1; comment <= sent.comments; comment++)
    accepted.add(`${bulk} comment.create:${comment}`);
  for (const { type, params, status, url } of podio.world.deliveries) {
    if (status !== 200 || !type.startsWith('item.')) continue;
    const ref = url.split('/').slice(-3, -1).join('/');
    accepted.add(`${ref} ${type}:${params.item_id}:${params.item_revision_id}`);
  }
  for (const place of accepted) {
    if (places.has(place)) continue;
    accepted.lost += 1;
    problems.add('lost', `${place} was answered with 200 and is not in the journal`);
  }
  for (const place of places) {
    if (place.startsWith(bulk) && !accepted.has(place)) problems.add('invented', place);
  }
  return accepted;
}

/** Each rule that wants a change has run for it once, and no other has. */
function checkRuns(
  { podio }: Site,
  { byId }: JournalBook,
  people: ReadonlyMap<number, Truth>,
  problems: Problems,
): Pick<Findings, 'settled' | 'filtered' | 'fieldCallsLost'> {
  const counts = { settled: 0, filtered: 0, fieldCallsLost: 0 };
  for (const [id, entries] of byId) {
    const found = new Map<string, string[]>();
    for (const { runs } of entries) {
      for (const [rule, outcome] of runs) found.set(rule, [...(found.get(rule) ?? []), outcome]);
    }
    for (const [rule, wanted] of wantedRuns(id, entries, people, podio.world)) {
      const told = found.get(rule) ?? [];
      found.delete(rule);
      // Filtered where its fields could not be told any more; then the field's own hook told.
      const isToldLater =
        rule === 'moved' && told.join() === 'filtered,settled' && !isAskable(entries[0], people, podio.world);
      const outcomes = isToldLater ? ['settled'] : told;
      if (outcomes.length > 1) problems.add('settled twice', `${rule} ${id}: ${outcomes.join(', ')}`);
      if (wanted === 'either' && outcomes.length === 0) continue;
      const [outcome = 'none'] = outcomes;
      if (outcome === 'settled' || outcome === 'filtered') counts[outcome] += 1;
      const isRight = wanted === 'either' ? ['settled', 'filtered'].includes(outcome) : outcome === wanted;
      if (!isRight) problems.add('not settled', `${rule} ${id}: ${outcome}, and ${wanted} is right`);
    }
    const [{ item, revision }] = entries as [Entry];
    const isWon = people.get(item)?.moves.get(revision ?? -1)?.to === 'Won';
    if (isWon && entries.every(({ ref, recovered }) => ref === `app/${LEADS}` && !recovered))
      counts.fieldCallsLost += 1;
    for (const [rule, outcomes] of found) {
      if (outcomes.some(outcome => outcome !== 'filtered'))
        problems.add('ran for what it does not want', `${rule} ${id}: ${outcomes.join(', ')}`);
    }
  }
  return counts;
}

/** Of each subject: raised, cleared, raised, cleared; nothing is wrong any more. Answers how often. */
function checkAlarms({ entries }: JournalBook, problems: Problems): number {
  const alarms = Map.groupBy(
    entries.filter(({ ref }) => ref.startsWith('daemon/')),
    ({ ref }) => ref,
  );
  let count = 0;
  for (const [ref, told] of alarms) {
    const states = told.map(({ id }) => id.slice(id.lastIndexOf(':') + 1));
    count += states.filter(state => state === 'raised').length;
    const isRight = states.every((state, n) => state === (n % 2 === 0 ? 'raised' : 'cleared'));
    if (!isRight || states.length % 2 === 1) problems.add('alarms', `${ref}: ${states.join(', ')}`);
  }
  return count;
}

type Wanted = 'settled' | 'filtered' | 'either';

function wantedRuns(
  id: string,
  entries: readonly Entry[],
  people: ReadonlyMap<number, Truth>,
  world: Site['podio']['world'],
): readonly (readonly [RuleName, Wanted])[] {
  const [{ item, revision } = { item: 0, revision: undefined }] = entries;
  const refs = new Set(entries.map(({ ref }) => ref));
  if (id.startsWith('podiod.')) return [['alarms', 'settled']];
  const isChange = id.startsWith('item.create:') || id.startsWith('item.update:');
  if (refs.has(`app/${BULK}`)) {
    return id.startsWith('comment.')
      ? [
          ['count', 'settled'],
          ['pair', 'settled'],
          ['gathered', 'settled'],
          // As far as it was there.
          ['extra', 'either'],
        ]
      : [['count', 'settled']];
  }
  const truth = people.get(item);
  const move = revision === undefined ? undefined : truth?.moves.get(revision);
  const hasField = entries.some(({ ref }) => ref.startsWith('app_field/'));
  const isRecovered = entries.some(({ recovered }) => recovered);
  const canBeAsked = isAskable(entries[0], people, world);
  const asked = (isWanted: boolean): Wanted => (!canBeAsked ? 'either' : isWanted ? 'settled' : 'filtered');
  if (truth?.appId === LEADS || refs.has(`app/${LEADS}`)) {
    const wanted: (readonly [RuleName, Wanted])[] = [];
    if (refs.has(`app/${LEADS}`)) {
      wanted.push(['audit', 'settled']);
      if (id.startsWith('item.create:')) wanted.push(['answer', 'settled']);
    }
    if (isChange && (hasField || isRecovered)) wanted.push(['won', asked(move?.to === 'Won')]);
    return wanted;
  }
  if (truth?.appId !== DEALS || !isChange) return [];
  // A call of the field's own hook tells by itself that the field has changed, also where nobody could tell before.
  return [['moved', hasField ? 'settled' : asked(move !== undefined)]];
}

/** What a change was can no longer be asked for when its item is gone, or has changed often since. */
function isAskable(
  { item, revision }: Pick<Entry, 'item' | 'revision'> = { item: 0, revision: undefined },
  people: ReadonlyMap<number, Truth>,
  world: Site['podio']['world'],
): boolean {
  const truth = people.get(item);
  if (truth === undefined || truth.isDeleted || revision === undefined) return false;
  return revision > world.show(item).revision - KEPT + 2;
}

/** Effects are what the world outside has seen: in order, and again only for what was in hand at a kill. */
function checkEffects(
  { effectsFile }: Site,
  lives: readonly Lived[],
  { bySeq, entries }: JournalBook,
  problems: Problems,
): Pick<Findings, 'effects' | 'repeatedInHand' | 'repeatedBeyond'> {
  const livesOf = Map.groupBy(lives.keys(), life => String(lives[life]?.pid));
  // The system gives a pid again after hours. One process after the other has written, so it is the next that has it.
  let current = 0;
  const seen = new Map<string, number>();
  const latest = new Map<string, number>();
  const inHand = new Map<string, Set<string>>();
  const batches = new Map<number, string>();
  let effects = 0;
  let repeatedInHand = 0;
  let repeatedBeyond = 0;
  const beyond = (text: string): void => {
    repeatedBeyond += 1;
    problems.add('repeated', text);
  };

  const text = readFileSync(effectsFile, 'utf8');
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at);
    if (end < 0) {
      problems.add('effects', 'the last line has no end');
      break;
    }
    const line = text.slice(at, end);
    at = end + 1;
    effects += 1;
    const [pid = '', rule = '', step = '', seqText = '', item = '', key = ''] = line.split('\t');
    const life = livesOf.get(pid)?.find(one => one >= current);
    const seq = Number(seqText);
    if (life === undefined) problems.add('effects', `of an unknown process: ${line}`);
    if (life === undefined) continue;
    current = life;

    const entry = bySeq.get(seq);
    const batch = rule === 'gathered' ? batchIn(key) : undefined;
    const isRight = batch ? batch.first <= seq && seq <= batch.last : key === `${rule}/${entry?.id}/${step}`;
    if (entry === undefined || !isRight)
      problems.add('effects', `${line} and the journal has ${entry?.id} there`);
    if (batch) {
      const known = batches.get(seq) ?? key;
      if (known !== key) problems.add('two batches', `${seq} is in ${known} and in ${key}`);
      batches.set(seq, key);
    }

    const order = batch ? rule : `${rule} ${item === '0' ? `#${seq}` : item}`;
    const last = latest.get(order) ?? 0;
    const place = batch?.first ?? seq;
    if (place < last) problems.add('order', `${rule}: ${seq} of item ${item} after ${last}`);
    latest.set(order, Math.max(last, place));

    const finished = lives[life - 1]?.finished?.get(rule);
    const isWaiting = finished?.waiting.has(seq);
    if (finished && !isWaiting && (seq <= finished.cursor || finished.runs.has(seq)))
      beyond(`${key} was finished before life ${life} began, and ran again`);
    else if (finished?.steps.has(`${seq}/${step}`))
      beyond(`the step of ${key} was finished before life ${life} began, and ran again`);

    const done = `${rule}/${seq}/${step}`;
    const before = seen.get(done);
    if (before === life) beyond(`${key} ran twice in life ${life}`);
    else if (before !== undefined) {
      repeatedInHand += 1;
      const together = `${rule} ${before}`;
      inHand.set(together, (inHand.get(together) ?? new Set()).add(batch ? key : String(seq)));
    }
    seen.set(done, life);
  }
  for (const [together, seqs] of inHand) {
    // One batch of a rule is in hand at a time.
    const most = together.startsWith('gathered ') ? 1 : CONCURRENCY;
    if (seqs.size > most) beyond(`${seqs.size} runs of ${together} ran again, and ${most} can be in hand`);
  }
  for (const { seq, id, runs } of entries) {
    for (const [rule, outcome] of runs) {
      if (outcome !== 'settled') continue;
      for (const step of RULES[rule as RuleName]) {
        if (step !== 'answers' && !seen.has(`${rule}/${seq}/${step}`))
          problems.add('no effect', `${rule} is settled for ${id}, and its step ${step} has left none`);
      }
    }
  }
  return { effects, repeatedInHand, repeatedBeyond };
}

/** `gathered/17-23/effects` */
function batchIn(key: string): { readonly first: number; readonly last: number } | undefined {
  const [, first, last] = /^gathered\/(\d+)-(\d+)\/effects$/.exec(key) ?? [];
  return { first: Number(first), last: Number(last) };
}

/** Every revision of every item is known of as one thing or another. */
async function checkLedger(
  { dataDir, podio: { world } }: Site,
  { entries }: JournalBook,
  people: ReadonlyMap<number, Truth>,
  problems: Problems,
): Promise<RevisionCounts> {
  const store = await openStore({ dataDir });
  try {
    const items = new Map<number, WorkedItem>();
    const own = new Set<string>();
    for (const [item, { appId, revisions: byPeople, isDeleted }] of people) {
      const last = world.show(item).revision;
      items.set(item, {
        ...(appId === LEADS ? { app: 'leads', ownRef: `app/${LEADS}` } : { app: 'deals' }),
        byPeople,
        isDeleted,
        last,
        listedFrom: Math.max(0, last - KEPT + 1),
      });
      for (let revision = 0; revision <= last; revision++) {
        const id = changeId(item, revision);
        if ((await store.own.find(id)) !== undefined) own.add(id);
      }
    }
    const completeness = await store.gaps.completeness();
    const lost = (name: string): number =>
      (completeness.find(({ app }) => app === name)?.unprovable ?? [])
        .filter(({ why }) => why !== UNTOLD_DELETION)
        .reduce((total, { count }) => total + count, 0);
    const ledger = await store.gaps.ledger([...people.keys()]);
    for (const { itemId, missing } of await store.gaps.held())
      problems.add('held', `item ${itemId} waits for ${JSON.stringify(missing)}`);
    return checkRevisions({ items, events: entries, ledger, own, lost }, (kind, text) =>
      problems.add(kind, text),
    );
  } finally {
    await store.close();
  }
}

function checkHooks({ podio: { world }, port }: Site, problems: Problems): void {
  const foreign = world.hooks().filter(({ url }) => url === FOREIGN_URL);
  if (foreign.length !== 3) problems.add('hooks', `${foreign.length} of 3 hooks of others are there`);
  const ours = world.hooks().filter(({ url }) => url.startsWith(`http://127.0.0.1:${port}/podio/`));
  const wanted = new Set(ours.map(({ ref, type }) => `${ref.type}/${ref.id} ${type}`));
  for (const { ref, type, status } of ours)
    if (status !== 'active') problems.add('hooks', `${ref.type}/${ref.id} ${type} is ${status}`);
  if (wanted.size !== ours.length)
    problems.add('hooks', `${ours.length} hooks for ${wanted.size} refs and types`);
}
