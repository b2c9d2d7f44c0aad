/**
 * Rules on fields hear of changes by hooks of their fields, beside which another rule may have the app's own hook. Then a
 * change whose field's delivery alone is lost leaves no gap in the item's revisions. Comparing them all would cost a call
 * for each change of any other field, so that is done where a field's deliveries may have been lost: about the time when
 * podiod was not there, and while a field's hook was not active.
 */
import type { AppConfig } from '../config/model.ts';
import { statedWaitMs } from '../core/backoff.ts';
import { type Cancel, type Clock, sleep } from '../core/clock.ts';
import { coerceError, isPodiodError, PodioError } from '../core/errors.ts';
import type { NewEvent, PodioEvent } from '../core/event.ts';
import type { HookRef } from '../core/hook.ts';
import type { Log } from '../core/log.ts';
import type { Rule } from '../core/rule.ts';
import type { Changes } from '../plugin/contract.ts';
import type { FieldDirectory, ItemReader } from '../podio/contract.ts';
import type { Journal } from '../store/contract.ts';

export interface FieldAuditDeps {
  readonly config: () => {
    readonly rules: readonly Rule[];
    readonly apps: ReadonlyMap<string, AppConfig>;
  };
  readonly journal: Pick<Journal, 'list' | 'append'>;
  readonly reader: Pick<ItemReader, 'changes'>;
  readonly fields: Pick<FieldDirectory, 'known'>;
  /** UTC milliseconds, as events are stamped. */
  readonly now: () => number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface FieldAudit {
  /**
   * Deliveries of fields' hooks since then, UTC milliseconds, may have been lost up to now.
   * @param ref of this field only
   */
  doubt(since: number, ref?: HookRef): void;
  stop(): Promise<void>;
}

/** The deliveries of one change come within so long of each other, by far most of them within a second. */
const APART_MS = 10_000;

/** Changes that are looked at for one doubt: with more, it would be a sweep of its own. */
const MOST = 2000;

const PAGE = 500;

/** Waits after a failure that states none. */
const RETRY_MS = 30_000;

/** Podio may fail on one item (500) for good, as opposed to being away. */
const TRIES = 10;

type Told = 'item.create' | 'item.update';

/** An app whose changes the app's own hook tells of, and what rules want to hear by hooks of fields besides. */
interface Audited {
  readonly app: AppConfig;
  /** Field ids, by the type of event. */
  readonly fields: ReadonlyMap<Told, ReadonlySet<number>>;
}

/** A change that the app's hook told of. */
interface Change {
  readonly event: PodioEvent;
  /** Fields whose hooks told of it as well. */
  readonly told: ReadonlySet<number>;
}

export function makeFieldAudit(deps: FieldAuditDeps): FieldAudit {
  const { journal, reader, fields, now, clock } = deps;
  const log = deps.log.child({ module: 'recover' });
  const stopping = new AbortController();
  const timers = new Set<Cancel>();
  /** What is being looked at, by app: one whose identity has to wait holds up no other. */
  const working = new Map<string, Promise<void>>();

  /** Where it fails it is tried again, however long that takes: nothing waits for it. */
  const persistently = async <T>(work: () => Promise<T>): Promise<T> => {
    for (;;) {
      stopping.signal.throwIfAborted();
      try {
        return await work();
      } catch (thrown) {
        const error = coerceError(thrown);
        log.debug('fields’ deliveries could not be compared', { error });
        await sleep(clock, statedWaitMs(error) ?? RETRY_MS, stopping.signal);
      }
    }
  };

  /** Undefined where there is no answer to be had. */
  const changesIn = (event: PodioEvent): Promise<Changes | undefined> => {
    let failures = 0;
    return persistently(async () => {
      try {
        return await reader.changes({ ...event, source: 'recovered' });
      } catch (thrown) {
        const error = coerceError(thrown);
        if (error instanceof PodioError && error.status === 500) failures += 1;
        if (failures < TRIES && !(isPodiodError(error) && error.retry === 'never')) throw error;
        log.warn('what fields’ hooks delivered of a change can not be compared, it is left out', {
          app: event.app,
          event: event.id,
          error,
        });
        return undefined;
      }
    });
  };

  const look = async (
    { app, fields: wanted }: Audited,
    since: number,
    until: number,
    ref: HookRef | undefined,
  ): Promise<void> => {
    const changes = await persistently(() => changesOf(journal, app, since, until));
    const suspects = changes.filter(({ event, told }) =>
      Array.from(wanted.get(event.type as Told) ?? []).some(
        field => !told.has(field) && (ref === undefined || ref.id === field),
      ),
    );
    if (suspects.length > MOST)
      log.warn('too many changes to compare with what fields’ hooks delivered; the latest are', {
        app: app.name,
        changes: suspects.length,
        compared: MOST,
      });
    let found = 0;
    for (const { event, told } of suspects.slice(-MOST)) {
      const changed = await changesIn(event);
      const lost = Array.from(changed?.values() ?? [], ({ fieldId }) => fieldId).filter(
        field => wanted.get(event.type as Told)?.has(field) && !told.has(field),
      );
      if (lost.length === 0) continue;
      const results = await persistently(() => journal.append(lost.map(field => missed(event, field))));
      if (results.some(({ status }) => status !== 'repeat')) found += 1;
    }
    if (found > 0)
      log.info('missed changes of fields found', {
        app: app.name,
        changes: found,
        compared: suspects.length,
      });
  };

  /** In an app one after the other: none of them is urgent. */
  const lookAt = (audited: Audited, since: number, until: number, ref: HookRef | undefined): void => {
    const { name } = audited.app;
    const before = working.get(name) ?? Promise.resolve();
    const work = before
      .then(() => look(audited, since, until, ref))
      .catch(error => {
        if (!stopping.signal.aborted)
          log.error('fields’ deliveries were not compared', { app: name, error: coerceError(error) });
      });
    working.set(name, work);
  };

  return {
    doubt(since, ref) {
      const until = now() + APART_MS;
      const cancel = clock.after(APART_MS, () => {
        timers.delete(cancel);
        for (const audited of auditedApps(deps.config(), fields))
          lookAt(audited, since - APART_MS, until, ref);
      });
      timers.add(cancel);
    },
    async stop() {
      stopping.abort(new Error('podiod is stopping'));
      for (const cancel of timers) cancel();
      await Promise.all(working.values());
    },
  };
}

/** Apps where the field's hook is not the only one that tells of a change. */
function auditedApps(
  { rules, apps }: ReturnType<FieldAuditDeps['config']>,
  directory: FieldAuditDeps['fields'],
): readonly Audited[] {
  const triggers = rules.flatMap(rule => rule.triggers).filter(trigger => trigger.kind === 'app');
  return Array.from(apps.values(), app => {
    const own = triggers.filter(trigger => trigger.apps.includes(app.name));
    const found = new Map<Told, Set<number>>();
    for (const type of ['item.create', 'item.update'] as const) {
      const concerned = own.filter(({ events }) => events.includes(type));
      if (concerned.every(({ fields }) => fields !== undefined)) continue;
      const ids = concerned.flatMap(({ fields = [] }) =>
        fields.flatMap(({ field }) => directory.known(app.id, app.fields[field] ?? field)?.fieldId ?? []),
      );
      if (ids.length > 0) found.set(type, new Set(ids));
    }
    return { app, fields: found };
  }).filter(({ fields }) => fields.size > 0);
}

/** What the app's hook told of between these times, oldest first. What was recovered reaches rules on fields by itself. */
async function changesOf(
  journal: Pick<Journal, 'list'>,
  app: AppConfig,
  since: number,
  until: number,
): Promise<readonly Change[]> {
  const told = new Map<string, Set<number>>();
  const events: PodioEvent[] = [];
  for (let after: number | undefined; ; ) {
    const page = await journal.list({ app: app.name, since, limit: PAGE, ...(after && { after }) });
    for (const { event } of page) {
      if (Date.parse(event.receivedAt) > until || event.itemId === undefined) continue;
      if (event.ref.type === 'app' && event.source === 'webhook') events.push(event);
      if (event.ref.type !== 'app_field') continue;
      const fields = told.get(event.id) ?? new Set();
      told.set(event.id, fields.add(Number(event.ref.id)));
    }
    after = page.at(-1)?.event.seq;
    if (page.length < PAGE) break;
  }
  return events
    .filter(
      ({ type, revision }) => type === 'item.create' || (type === 'item.update' && revision !== undefined),
    )
    .map(event => ({ event, told: told.get(event.id) ?? new Set() }));
}

/** The delivery that the field's hook owes. Its change is accounted for, so it is told beside. */
function missed(event: PodioEvent, fieldId: number): NewEvent {
  const { seq: _, receivedAt, ref: __, ...change } = event;
  return {
    ...change,
    source: 'recovered',
    ref: { type: 'app_field', id: fieldId },
    following: 'beside',
    params: { ...event.params, changed_at: receivedAt },
  };
}
