// A Podio with one app under a virtual clock, a store that outlives daemons, and of a daemon what waits for time.
import type { AppConfig } from '../../../src/config/model.ts';
import { PodioError } from '../../../src/core/errors.ts';
import type { NewEvent } from '../../../src/core/event.ts';
import { silentLog } from '../../../src/core/log.ts';
import type {
  App,
  FieldDifference,
  FieldValueJson,
  Item,
  ItemField,
  Revision,
} from '../../../src/core/podio.ts';
import { msOf, stampOf } from '../../../src/core/podio-time.ts';
import type { DateTrigger, LastedTrigger, Rule } from '../../../src/core/rule.ts';
import { type LateTimers, makeRuleTimers, type RuleTimers } from '../../../src/schedule/timers.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

export const START = Date.UTC(2026, 5, 1);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const OPTIONS = ['Open', 'Waiting', 'Stuck', 'Done'].map((text, index) => ({ id: index + 1, text }));
const FIELDS = [
  { field_id: 11, external_id: 'status', type: 'category', label: 'Status', settings: { options: OPTIONS } },
  { field_id: 12, external_id: 'due', type: 'date', label: 'Due', settings: {} },
  { field_id: 13, external_id: 'title', type: 'text', label: 'Title', settings: {} },
];
const APP: App = {
  app_id: 101,
  status: 'active',
  config: { name: 'Tickets' },
  fields: FIELDS.map(({ settings, ...field }) => ({ ...field, status: 'active', config: { settings } })),
};
const TICKETS: AppConfig = {
  name: 'tickets',
  id: 101,
  token: 't',
  login: undefined,
  fields: { phase: 'status' },
};

/** Another app, of the same fields and of an identity of its own. */
const ORDERS: AppConfig = { ...TICKETS, name: 'orders', id: 202 };

/** What the fields of a revision hold; a date as `2026-06-05` or `2026-06-05 12:00:00` in UTC. */
export type Values = Readonly<Record<string, string>>;

interface Past {
  readonly at: number;
  readonly values: Values;
}

const valuesAs = (field: string, value: string | undefined): readonly FieldValueJson[] => {
  if (value === undefined || value === '') return [];
  if (field === 'status') return [{ value: OPTIONS.find(({ text }) => text === value) }];
  if (field === 'title') return [{ value }];
  const [day, time = null] = value.split(' ');
  return [
    {
      start: `${day} ${time ?? '00:00:00'}`,
      start_date: day,
      start_time: time,
      start_utc: `${day} ${time ?? '00:00:00'}`,
      start_date_utc: day,
      start_time_utc: time,
    },
  ];
};

const fieldOf = (name: string, value: string | undefined): ItemField => {
  const field = FIELDS.find(({ external_id: id }) => id === name);
  if (!field) throw new Error(name);
  const { settings, ...head } = field;
  return { ...head, config: { settings }, values: valuesAs(name, value) };
};

export const ruleOf = (...triggers: (DateTrigger | LastedTrigger)[]): Rule => ({
  name: 'sla',
  triggers,
  steps: [],
  concurrency: 1,
  startAt: 'head',
  timezone: 'UTC',
  fingerprint: '',
});

export function makeTimedWorld(rule: Rule) {
  const clock = makeVirtualClock(START);
  let store = makeMemoryStore({ clock });
  const pasts = new Map<number, Past[]>();
  const learned = new Set<string>();
  /** As in a process that reloads. */
  const late: LateTimers = new Map();
  let running: RuleTimers | undefined;
  let rules = [rule];

  const need = (id: number): readonly Past[] => {
    const past = pasts.get(id);
    if (past) return past;
    throw new PodioError('PODIO_NOT_FOUND', `no item ${id}`, { retry: 'never' });
  };
  const show = (id: number, past: readonly Past[]): Item => {
    const last = past.at(-1) as Past;
    return {
      item_id: id,
      title: `Ticket ${id}`,
      revision: past.length - 1,
      created_on: stampOf(past[0]?.at ?? 0),
      last_edit_on: stampOf(last.at),
      ...(world.tellsRevision && {
        current_revision: { revision: past.length - 1, created_on: stampOf(last.at) },
      }),
      tags: [],
      files: [],
      fields: Object.keys(last.values)
        .map(name => fieldOf(name, last.values[name]))
        .filter(({ values }) => values.length > 0),
    };
  };
  const items = {
    async filter(_as: unknown, app: number, body: object) {
      world.calls.push('items.filter');
      const { filters, limit, offset } = body as {
        filters: {
          item_id?: number[];
          last_edit_on?: { from: string };
          11?: number[];
          12?: { from?: string };
        };
        limit: number;
        offset: number;
      };
      const from = filters.last_edit_on && msOf(filters.last_edit_on.from);
      const all = [...pasts]
        .map(([id, past]) => show(id, past))
        .filter(({ item_id: id }) => (world.orders.has(id) ? ORDERS.id : TICKETS.id) === app)
        .filter(({ item_id: id }) => filters.item_id?.includes(id) ?? true)
        .filter(item => from === undefined || (msOf(item.last_edit_on) ?? 0) >= from)
        .filter(({ fields }) => {
          const [status] = fields.find(({ field_id: id }) => id === 11)?.values ?? [];
          return filters[11]?.includes((status?.value as { id: number } | undefined)?.id ?? 0) ?? true;
        })
        .filter(({ fields }) => {
          const [due] = fields.find(({ field_id: id }) => id === 12)?.values ?? [];
          const day = due?.start_date as string | undefined;
          return filters[12]?.from === undefined || (day !== undefined && day >= filters[12].from);
        })
        .sort((a, b) => a.item_id - b.item_id);
      return { total: pasts.size, filtered: all.length, items: all.slice(offset, offset + limit) };
    },
    async get(_as: unknown, id: number) {
      world.calls.push('items.get');
      await world.before(id);
      return show(id, need(id));
    },
    async revisions(_as: unknown, id: number): Promise<readonly Revision[]> {
      world.calls.push('items.revisions');
      return need(id)
        .map(({ at }, revision) => ({
          revision,
          type: revision === 0 ? 'creation' : 'update',
          created_on: stampOf(at),
        }))
        .slice(-world.kept);
    },
    async difference(
      _as: unknown,
      id: number,
      from: number,
      to: number,
    ): Promise<readonly FieldDifference[]> {
      world.calls.push('items.difference');
      const past = need(id);
      if (from < past.length - world.kept)
        throw new PodioError('PODIO_INVALID', 'forgotten', { retry: 'never' });
      const [before, after] = [past[from]?.values ?? {}, past[to]?.values ?? {}];
      return FIELDS.flatMap(({ external_id: name }) => {
        if ((before[name] ?? '') === (after[name] ?? '')) return [];
        const { values: _, ...field } = fieldOf(name, undefined);
        return [{ ...field, from: valuesAs(name, before[name]), to: valuesAs(name, after[name]) }];
      });
    },
  };

  let killedAt: number | undefined;
  /** How many calls of the store and of Podio the process outlives; after the last one it is as killed. */
  let livesFor = Number.POSITIVE_INFINITY;
  const mortal = <T extends object>(part: T): T =>
    new Proxy(part, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]): unknown => {
          const answer: unknown = value.apply(target, given);
          livesFor -= 1;
          if (livesFor === 0) world.kill();
          return answer;
        };
      },
    });

  const world = {
    clock,
    get store() {
      return store;
    },
    pasts,
    learned,
    calls: [] as string[],
    /** Items of the other app. */
    orders: new Set<number>(),
    /** Whether items say themselves when their last revision was made. */
    tellsRevision: true,
    /** Revisions that Podio remembers. */
    kept: 1000,
    /** Podio's clock is never set: it is behind by as much as the machine's is ahead. */
    podioAheadMs: 0,
    setClock(aheadMs: number): void {
      clock.jump(aheadMs + world.podioAheadMs);
      world.podioAheadMs = -aheadMs;
    },
    before: async (_id: number): Promise<void> => {},
    /** Changes an item (or makes it) now; a hook tells of it, if one does: `late`, once it is asked to. */
    async edit(id: number, values: Values, isTold: boolean | 'late' = true): Promise<() => Promise<void>> {
      const past = pasts.get(id) ?? [];
      pasts.set(id, [
        ...past,
        { at: clock.now() + world.podioAheadMs, values: { ...past.at(-1)?.values, ...values } },
      ]);
      const revision = past.length;
      const type = revision === 0 ? 'item.create' : 'item.update';
      const touched = FIELDS.filter(({ external_id: name }) => name in values);
      const events = touched.map(
        ({ field_id: fieldId }): NewEvent => ({
          id: `${type}:${id}:${revision}`,
          type,
          source: 'webhook',
          ref: { type: 'app_field', id: fieldId },
          app: 'tickets',
          itemId: id,
          revision,
          params: {},
        }),
      );
      const tell = async (): Promise<void> => {
        if (running !== undefined) await store.journal.append(events);
      };
      if (isTold === true) await tell();
      return tell;
    },
    remove: (id: number) => void pasts.delete(id),
    async up(): Promise<void> {
      running = makeRuleTimers({
        rules,
        config: () => ({
          apps: new Map([TICKETS, ORDERS].map(app => [app.name, app])),
          catchUp: { everyMs: HOUR, overlapMs: 5 * MINUTE, onStart: true, unhooked: 'run' },
        }),
        store: mortal({
          ...store,
          journal: mortal(store.journal),
          settings: mortal(store.settings),
          timers: mortal(store.timers),
        }),
        podio: {
          items: mortal(items),
          apps: { get: async () => APP },
          share: () => ({ general: 1_000_000, limited: 1_000_000 }),
        },
        identities: {
          forApp: name => ({ kind: 'app', appId: name === ORDERS.name ? ORDERS.id : TICKETS.id, token: 't' }),
          forRef: () => undefined,
        },
        fields: {
          byId: id => {
            const field = FIELDS.find(({ field_id: one }) => one === id);
            return (
              field && { appId: 101, fieldId: id, externalId: field.external_id, type: field.type, label: '' }
            );
          },
        },
        learn: ({ id }) => void learned.add(id),
        podioAheadMs: () => world.podioAheadMs,
        late,
        clock,
        log: silentLog,
      });
      await running.start();
    },
    async down(): Promise<void> {
      livesFor = Number.POSITIVE_INFINITY;
      killedAt = undefined;
      await running?.stop();
      running = undefined;
    },
    /** After so many calls of the store and of Podio, of which the last one is answered to nobody. */
    killAfter(calls: number): void {
      if (killedAt === undefined) livesFor = calls;
    },
    kill(): void {
      killedAt = clock.now();
      store = store.reopen();
    },
    /** When it was killed, if it was. */
    get killedAt(): number | undefined {
      return killedAt;
    },
    /** As a new process sees it. */
    reopen(): void {
      store = store.reopen();
    },
    timers: () => running,
    become(next: Rule): void {
      rules = [next];
    },
    /** What was told, oldest first. */
    async told() {
      const events = (await store.journal.list({ limit: 100_000 })).map(({ event }) => event);
      return events.filter(({ source }) => source === 'daemon');
    },
  };
  return world;
}
