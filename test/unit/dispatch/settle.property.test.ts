// What `settle` promises, against an item's history as a list of what it was at each revision: edits that come without a pause
// are one run with what people changed from end to end, and none where that is nothing, whatever podiod writes in between.
import { expect } from 'chai';
import fc from 'fast-check';
import { PodioError } from '../../../src/core/errors.ts';
import type { NewEvent, PodioEvent } from '../../../src/core/event.ts';
import { silentLog } from '../../../src/core/log.ts';
import { ownId } from '../../../src/core/own.ts';
import type { AppTrigger } from '../../../src/core/rule.ts';
import type { StepTask } from '../../../src/plugin/host.ts';
import type { ItemReader, PodioClient } from '../../../src/podio/contract.ts';
import { makeItemReader } from '../../../src/podio/reader.ts';
import { APP, itemUpdate, makeRule, World } from './support.ts';

const SECOND = 1000;
const QUIET = 10 * SECOND;
const AT_MOST = 40 * SECOND;
const FIELDS = ['status', 'title', 'note'] as const;
const ITEMS = [1, 2];

type Field = (typeof FIELDS)[number];
/** `silent`: written by podiod without hooks, so that no event tells of it. */
type By = 'person' | 'own' | 'silent';

type Act =
  | {
      readonly kind: 'edit';
      readonly item: number;
      readonly by: By;
      readonly field: Field | 'tags';
      readonly value: string;
      /** It is told after the next event of its item, or at the end. */
      readonly late: boolean;
      readonly twice: boolean;
    }
  /** `isLast`: what is told late comes before. */
  | { readonly kind: 'delete'; readonly item: number; readonly isLast: boolean }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'crash' }
  | { readonly kind: 'pause' | 'resume' }
  | { readonly kind: 'fail'; readonly fails: boolean };

const item = fc.constantFrom(...ITEMS);
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('edit' as const),
      item,
      by: fc.constantFrom<By[]>('person', 'person', 'person', 'own', 'silent'),
      field: fc.constantFrom<(Field | 'tags')[]>('status', 'status', 'title', 'note', 'tags'),
      value: fc.constantFrom('', 'a', 'b'),
      late: fc.integer({ min: 0, max: 5 }).map(n => n === 0),
      twice: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('delete' as const), item, isLast: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.integer({ min: 1, max: 15 * SECOND }),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Act>({ kind: 'crash' }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), fails: fc.boolean() }) },
);

type State = Readonly<Record<Field, string>>;
type Net = Readonly<Record<string, readonly [from: string, to: string]>>;

/** How an item comes into the sequence: it was there, or was made in it. */
type Origin = 'before' | 'person' | 'own';

interface History {
  readonly origin: Origin;
  /** What it was at each revision. */
  readonly states: State[];
  readonly own: Set<number>;
  isDeleted: boolean;
}

const EMPTY: State = { status: '', title: '', note: '' };
const valuesOf = (value: string) => (value === '' ? [] : [{ value }]);
const textOf = ([one]: readonly { readonly value?: unknown }[]): string => String(one?.value ?? '');
const asField = (external_id: Field) => ({
  field_id: FIELDS.indexOf(external_id) + 11,
  external_id,
  type: 'text',
  label: external_id,
});

/** As Podio would answer. */
function podioOf(histories: ReadonlyMap<number, History>) {
  const gone = () => new PodioError('PODIO_NOT_FOUND', 'gone');
  const items: Pick<PodioClient['items'], 'get' | 'difference' | 'revisions'> = {
    async get(_as, itemId) {
      const history = histories.get(itemId);
      const state = history?.states.at(-1);
      if (history === undefined || state === undefined || history.isDeleted) throw gone();
      return {
        item_id: itemId,
        title: state.title,
        revision: history.states.length - 1,
        fields: FIELDS.filter(name => state[name] !== '').map(name => ({
          ...asField(name),
          values: valuesOf(state[name]),
        })),
      };
    },
    async difference(_as, itemId, from, to) {
      const [before, after] = [from, to].map(at => histories.get(itemId)?.states[at]);
      if (before === undefined || after === undefined) throw gone();
      return FIELDS.filter(name => before[name] !== after[name]).map(name => ({
        ...asField(name),
        from: valuesOf(before[name]),
        to: valuesOf(after[name]),
      }));
    },
    revisions: async () => [],
  };
  const none = {
    get: async () => {
      throw gone();
    },
  };
  const identity = { kind: 'app', appId: 101, token: 't' } as const;
  return (): ItemReader =>
    makeItemReader({
      client: { items, comments: none, tasks: none, files: none },
      identities: { forApp: () => identity, forRef: () => identity },
      log: silentLog,
      own: {
        maybe: () => true,
        find: async event => ownOf(histories, event),
      },
    });
}

function ownOf(histories: ReadonlyMap<number, History>, event: PodioEvent) {
  const { itemId = 0, revision = -1 } = event;
  const isOwn = histories.get(itemId)?.own.has(revision) ?? false;
  return isOwn ? { id: ownId(event) ?? '', itemId, depth: 1, rule: 'other' } : undefined;
}

/**
 * What these revisions come to: the stretches between podiod's own, each from end to end, and of a field that several of them
 * have changed from the first to the last.
 */
function netOf({ states, own }: History, revisions: readonly number[], includeOwn: boolean): Net {
  const stretches: [from: number, to: number][] = [];
  for (let at = Math.min(...revisions); at <= Math.max(...revisions); at++) {
    if (own.has(at) && !includeOwn) continue;
    const open = stretches.at(-1);
    if (open?.[1] === at - 1) open[1] = at;
    else stretches.push([at - 1, at]);
  }
  const ends = FIELDS.flatMap(field => {
    const changes = stretches
      .map(([from, to]) => [states[from]?.[field] ?? '', states[to]?.[field] ?? ''] as const)
      .filter(([from, to]) => from !== to);
    const [from, to] = [changes[0]?.[0], changes.at(-1)?.[1]];
    return from === undefined || to === undefined || from === to ? [] : [[field, [from, to] as const]];
  });
  return Object.fromEntries(ends);
}

interface Came {
  readonly seq: number;
  readonly at: number;
  readonly itemId: number;
  readonly type: string;
  readonly revision: number;
}

interface Ran {
  readonly seqs: readonly number[];
  readonly key: string;
  readonly net: Net;
}

interface Setting {
  readonly origins: readonly Origin[];
  readonly includeOwn: boolean;
  /** Only what changes the status is told, by the field's hook. */
  readonly onStatus: boolean;
}

const ON_STATUS: AppTrigger = { ...APP, fields: [{ field: 'status' }] };
const ON_ALL: AppTrigger = { ...APP, events: ['item.create', 'item.update', 'item.delete'] };

async function play(sequence: readonly Act[], { origins, includeOwn, onStatus }: Setting) {
  const histories = new Map<number, History>();
  const makeReader = podioOf(histories);
  let reader = makeReader();
  let fails = false;
  const ran: Ran[] = [];
  const came: Came[] = [];
  const rule = makeRule('r', {
    mode: { kind: 'settle', quietMs: QUIET, atMostMs: AT_MOST },
    triggers: [onStatus ? ON_STATUS : ON_ALL],
    ...(includeOwn && { includeOwn }),
  });
  const world = await new World({
    rules: [rule],
    changes: event => reader.changes(event),
    spanned: (events, given) => reader.spanned(events, given),
    own: { maybe: () => true, find: async event => ownOf(histories, event) },
    work: {
      async work({ event, bundle, deliveryKey }: StepTask) {
        if (fails) throw new Error('not now');
        const events = bundle?.events ?? [event];
        const changes = (await reader.spanned(events, rule)) ?? new Map();
        const net = Object.fromEntries(
          Array.from(changes, ([name, { from, to }]) => [name, [textOf(from), textOf(to)]]),
        ) as Net;
        ran.push({ seqs: events.map(({ seq }) => seq), key: deliveryKey, net });
        return undefined;
      },
    },
  }).start();

  const tell = async (event: NewEvent) => {
    const seq = world.store.journal.head() + 1;
    const { itemId = 0, revision = 0, type } = event;
    await world.append(event);
    if (world.store.journal.head() < seq) return;
    const isOwn = histories.get(itemId)?.own.has(revision) ?? false;
    if (!isOwn || includeOwn) came.push({ seq, at: world.clock.now(), itemId, type, revision });
  };
  const late = new Map<number, NewEvent[]>();
  const tellLate = async (itemId: number) => {
    const events = late.get(itemId) ?? [];
    late.delete(itemId);
    for (const event of events) await tell(event);
  };
  const historyOf = async (itemId: number): Promise<History> => {
    const known = histories.get(itemId);
    if (known) return known;
    const origin = origins[itemId - 1] ?? 'before';
    const made: History = {
      origin,
      states: [{ ...EMPTY, title: 'a' }],
      own: new Set(origin === 'own' ? [0] : []),
      isDeleted: false,
    };
    histories.set(itemId, made);
    if (origin !== 'before' && !onStatus)
      await tell({ ...itemUpdate(itemId, 0), id: `item.create:${itemId}:0`, type: 'item.create' });
    return made;
  };
  for (const one of sequence) {
    switch (one.kind) {
      case 'edit': {
        const history = await historyOf(one.item);
        if (history.isDeleted) break;
        const { states, own } = history;
        const before = states.at(-1) ?? EMPTY;
        const revision = states.length;
        states.push(one.field === 'tags' ? before : { ...before, [one.field]: one.value });
        if (one.by !== 'person') own.add(revision);
        const isHeard = !onStatus || before.status !== states.at(-1)?.status;
        if (one.by === 'silent' || !isHeard) break;
        const event = itemUpdate(one.item, revision, onStatus ? { type: 'app_field', id: 11 } : undefined);
        if (one.late) {
          late.set(one.item, [...(late.get(one.item) ?? []), event]);
          break;
        }
        await tell(event);
        if (one.twice) await tell(event);
        await tellLate(one.item);
        break;
      }
      case 'delete': {
        const history = await historyOf(one.item);
        if (history.isDeleted || onStatus) break;
        history.isDeleted = true;
        if (one.isLast) await tellLate(one.item);
        const revision = history.states.length;
        await tell({
          ...itemUpdate(one.item, revision),
          id: `item.delete:${one.item}:${revision}`,
          type: 'item.delete',
        });
        break;
      }
      case 'wait':
        await world.clock.advance(one.ms);
        break;
      case 'crash':
        reader = makeReader();
        await world.crash();
        break;
      case 'fail':
        fails = one.fails;
        break;
      default:
        await world.store.pauses[one.kind]({ kind: 'rule', name: 'r' });
        await world.clock.advance(0);
    }
  }
  for (const itemId of ITEMS) await tellLate(itemId);
  fails = false;
  await world.store.pauses.resume({ kind: 'rule', name: 'r' });
  for (let n = 0; n < 30; n++) await world.clock.advance(60 * SECOND);
  return { world, histories, came, ran };
}

const isCreation = ({ type }: Came): boolean => type === 'item.create';

/** Those that came without a pause between them. */
function grouped(events: readonly Came[]): Came[][] {
  const groups: Came[][] = [];
  for (const event of events) {
    const group = groups.at(-1);
    const [firstAt = 0, lastAt = 0] = [group?.[0]?.at, group?.at(-1)?.at];
    if (group && event.at < Math.min(lastAt + QUIET, firstAt + AT_MOST)) group.push(event);
    else groups.push([event]);
  }
  return groups;
}

/** Undefined: no run comes of it. */
function expected(
  group: readonly Came[],
  history: History,
  { includeOwn, onStatus }: Setting,
): Net | undefined {
  const isDeleted = group.some(({ type }) => type === 'item.delete');
  if (isDeleted && group.some(isCreation)) return undefined;
  const revisions = group.filter(({ type }) => type !== 'item.delete').map(({ revision }) => revision);
  const net = revisions.length === 0 ? {} : netOf(history, revisions, includeOwn);
  if (group.length === 1 || isDeleted || group.some(isCreation)) return net;
  const isShown = ({ revision }: Came) => Object.keys(netOf(history, [revision], includeOwn)).length > 0;
  if (Object.keys(net).length === 0 && group.every(isShown)) return undefined;
  return onStatus && net.status === undefined ? undefined : net;
}

describe('settle, whatever is edited', function () {
  this.timeout(120_000);

  it('one run of what people changed from end to end, and none where that is nothing', async () => {
    const seen = { runs: 0, none: 0, between: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { minLength: 1, maxLength: 40, size: 'max' }),
        fc.record({
          origins: fc.array(fc.constantFrom<Origin[]>('before', 'person', 'own'), {
            minLength: 2,
            maxLength: 2,
          }),
          includeOwn: fc.integer({ min: 0, max: 3 }).map(n => n === 0),
          onStatus: fc.boolean(),
        }),
        async (sequence, setting) => {
          const { world, histories, came, ran } = await play(sequence, setting);
          const done = [...new Map([...ran].reverse().map(run => [run.key, run])).values()].reverse();
          const outcomes = new Map((await world.runs()).map(([, seq, outcome]) => [seq, outcome]));
          for (const [itemId, history] of histories) {
            const events = came.filter(event => event.itemId === itemId);
            const own = done.filter(({ seqs }) => events.some(({ seq }) => seq === seqs[0]));
            const wanted = grouped(events).flatMap(group => {
              const net = expected(group, history, setting);
              const seqs = group.map(({ seq }) => seq);
              for (const seq of seqs) expect(outcomes.get(seq)).to.equal(net ? 'settled' : 'filtered');
              if (net === undefined) seen.none++;
              else seen.runs++;
              const revisions = group.map(({ revision }) => revision);
              if (Math.max(...revisions) - Math.min(...revisions) >= group.length) seen.between++;
              return net === undefined ? [] : [{ seqs, net, isMade: group.some(isCreation) }];
            });
            expect(
              own.map(({ seqs }) => seqs),
              `item ${itemId}`,
            ).to.deep.equal(wanted.map(({ seqs }) => seqs));
            for (const [n, { net, isMade }] of wanted.entries()) {
              // What an item was when it was made is read from what it is.
              if (isMade && history.isDeleted) continue;
              expect(own[n]?.net, `item ${itemId}, run ${n}`).to.deep.equal(net);
            }
          }
          const [status] = await world.store.lanes.status();
          expect(status).not.to.have.property('gathered');
          expect(status?.cursor).to.equal(world.store.journal.head());
          await world.dispatcher.stop(0);
        },
      ),
      { numRuns: 1500 },
    );
    // It looks at all of what it is about.
    expect(Math.min(seen.runs, seen.none, seen.between)).to.be.above(100);
  });
});
