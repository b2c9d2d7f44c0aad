/**
 * The definitions of the apps whose fields rules name, kept up to date while the daemon runs: `app.update` says that one
 * has changed, one read in the background says how. What it means for rules is told in log and status.
 */
import type { Config } from '../config/model.ts';
import { backoffMs, statedWaitMs } from '../core/backoff.ts';
import { type Catalog, type CatalogApp, catalogApp, toCatalogApp } from '../core/catalog.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import { coerceError } from '../core/errors.ts';
import { appsInUse, type DefinitionStatus, type FieldNews, newsOf } from '../core/field-use.ts';
import type { Log } from '../core/log.ts';
import type { Identities, PodioClient } from '../podio/contract.ts';
import type { LearningFieldDirectory } from '../podio/fields.ts';
import type { Settings } from '../store/contract.ts';

/** Somebody who edits an app saves more than once: it is read when nothing has come for so long. */
const QUIET_MS = 2_000;
const RETRY = { fromMs: 30_000, toMs: 3_600_000 };

const PREFIX = 'definition/';
/** Marks, under `definition-stale/{appId}`, an app that has changed and was not read again yet: a restart goes on from there. */
const STALE = 'definition-stale/';

/** What of an app is kept in the store, under `definition/{appId}`: a daemon's config folder may be read-only. */
interface Kept {
  /** When it was read, UTC milliseconds. */
  readonly at: number;
  readonly app: CatalogApp;
  /** What stood in the catalog beside the config at the time; null: nothing. */
  readonly pulled: CatalogApp | null;
}

export interface Definitions {
  /** Looks for changes that came while nobody could read them. Resolves when it knows; reads go on in the background. */
  start(): Promise<void>;
  /** To be told, by an app's name, of every app.update that comes in. */
  noticed(app: string): void;
  /** What is known by now, of every app of the config. */
  catalog(): Catalog;
  status(): DefinitionStatus;
  stop(): void;
}

export function makeDefinitions(options: {
  /** Asked for each time, so that a reload needs no more than another start. */
  readonly config: () => Pick<Config, 'apps' | 'catalog' | 'fieldUses'>;
  readonly podio: { readonly apps: PodioClient['apps'] };
  readonly identities: Identities;
  readonly fields: LearningFieldDirectory;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  /** A field that rules name has another id: its hooks have to go elsewhere. */
  readonly onMoved: () => void;
}): Definitions {
  const { config, podio, identities, fields, settings, clock, onMoved } = options;
  const log = options.log.child({ module: 'definitions' });
  const known = new Map<string, CatalogApp>();
  /** What news are told against. */
  const baseline = new Map<string, CatalogApp>();
  const news = new Map<string, DefinitionStatus['news']>();
  const unread = new Map<string, string>();
  const waiting = new Map<string, Cancel>();
  const reading = new Set<string>();
  /** Told of while being read. */
  const again = new Set<string>();
  const stopping = new AbortController();

  const pulledOf = (name: string): CatalogApp | undefined => {
    const { apps, catalog } = config();
    const id = apps.get(name)?.id;
    return catalog && id !== undefined ? catalogApp(catalog, id) : undefined;
  };

  /** Takes in what an app is like now, and tells what that means for rules; once for each thing. */
  const learn = (name: string, app: CatalogApp, at: number): void => {
    known.set(name, app);
    const uses = config().fieldUses.filter(use => use.app === name);
    const before = new Map(news.get(name)?.map(one => [keyOf(one), one]));
    const since = new Date(at).toISOString();
    const found = newsOf(uses, baseline.get(name), app).map(
      one => before.get(keyOf(one)) ?? { ...one, since },
    );
    news.set(name, found);
    for (const one of found) {
      if (before.has(keyOf(one))) continue;
      const { rule, file, line, app: of, field, change } = one;
      log.warn('a field that a rule uses has changed', { rule, file, line, app: of, field, change });
    }
    if (!baseline.has(name)) baseline.set(name, app);
  };

  const read = async (name: string, triesBefore: number): Promise<void> => {
    const app = config().apps.get(name);
    const identity = identities.forApp(name);
    if (!app || !identity || stopping.signal.aborted) return;
    reading.add(name);
    again.delete(name);
    try {
      const answer = await podio.apps.get(identity, app.id, {
        priority: 'background',
        signal: stopping.signal,
      });
      const idsBefore = idsOf(name);
      await fields.take(answer);
      unread.delete(name);
      const definition = toCatalogApp(answer);
      const at = clock.now();
      learn(name, definition, at);
      const kept: Kept = { at, app: definition, pulled: pulledOf(name) ?? null };
      await settings.set(PREFIX + app.id, kept);
      if (!again.has(name)) await settings.delete(STALE + app.id);
      log.info('app definition read again', { app: name, fields: definition.fields.length });
      if (idsBefore !== idsOf(name)) onMoved();
    } catch (thrown) {
      if (stopping.signal.aborted) return;
      const error = coerceError(thrown);
      const waitMs = waitOf(error, triesBefore);
      if (!unread.has(name))
        log.warn('a changed app could not be read again yet', { app: name, waitMs, error });
      unread.set(name, error.message);
      wait(name, waitMs, triesBefore + 1);
    } finally {
      reading.delete(name);
      // One more came while this was under way.
      if (again.delete(name)) wait(name, QUIET_MS, 0);
    }
  };

  const wait = (name: string, ms: number, tries: number): void => {
    if (stopping.signal.aborted) return;
    waiting.get(name)?.();
    waiting.set(
      name,
      clock.after(ms, () => {
        waiting.delete(name);
        void read(name, tries);
      }),
    );
  };

  /** Ids of the fields that rules name, as the hooks go by them. */
  const idsOf = (name: string): string => {
    const id = config().apps.get(name)?.id ?? 0;
    const uses = config().fieldUses.filter(use => use.app === name);
    return uses.map(({ field }) => fields.known(id, field)?.fieldId ?? '-').join();
  };

  return {
    async start() {
      known.clear();
      baseline.clear();
      news.clear();
      for (const name of config().apps.keys()) {
        const pulled = pulledOf(name);
        if (!pulled) continue;
        known.set(name, pulled);
        baseline.set(name, pulled);
      }
      const [allKept, stale] = await Promise.all([settings.list(PREFIX), settings.list(STALE)]);
      for (const name of appsInUse(config().fieldUses)) {
        const app = config().apps.get(name);
        if (!app) continue;
        const kept = allKept.get(PREFIX + app.id) as Kept | undefined;
        const pulled = pulledOf(name);
        // Pulled again since: the file says better what is.
        const isCurrent = kept && JSON.stringify(kept.pulled) === JSON.stringify(pulled ?? null);
        if (isCurrent && pulled) learn(name, kept.app, kept.at);
        else if (isCurrent) {
          known.set(name, kept.app);
          baseline.set(name, kept.app);
        }
        if (stale.has(STALE + app.id)) wait(name, QUIET_MS, 0);
      }
    },
    noticed(app) {
      const id = config().apps.get(app)?.id;
      if (id === undefined || !appsInUse(config().fieldUses).includes(app)) return;
      settings
        .set(STALE + id, true)
        .catch(error => log.warn('a changed app is not remembered', { app, error: coerceError(error) }));
      if (reading.has(app)) again.add(app);
      else wait(app, QUIET_MS, 0);
    },
    catalog: () => ({ apps: known }),
    status: () => ({
      news: [...news.values()].flat(),
      unread: Array.from(unread, ([app, error]) => ({ app, error })),
    }),
    stop() {
      stopping.abort();
      for (const cancel of waiting.values()) cancel();
      waiting.clear();
    },
  };
}

const keyOf = ({ rule, file, line, field, change }: FieldNews): string =>
  JSON.stringify([rule, file, line, field, change]);

/** As long as Podio or the budget says, else longer each time. */
function waitOf(error: Error, triesBefore: number): number {
  return Math.max(statedWaitMs(error) ?? 0, backoffMs(triesBefore + 1, RETRY));
}
