import { PodioError } from '../core/errors.ts';
import { isHookRefType, type PodioEvent } from '../core/event.ts';
import { deletedItem, madeComment, madeTask } from '../core/own.ts';
import { PODIO_ITSELF, type Revision } from '../core/podio.ts';
import { isRead } from '../core/reading.ts';
import type { PluginPodio, WriteOptions } from '../plugin/contract.ts';
import {
  type Call,
  type Identities,
  type Identity,
  type Names,
  type PodioClient,
  STEP_PATIENCE_MS,
} from './contract.ts';
import { isDeleted, mayBeDone, unexpectedAnswer } from './errors.ts';
import { holdsNumber, isRecord } from './json.ts';
import { madeBy } from './made-by-path.ts';
import { parseRequest } from './plugin-request.ts';
import { makeRecent, type Recent } from './recent.ts';

/** Items whose app the plugins' own calls have shown. */
const KEPT = 10_000;

/** What is being done when a plugin calls. */
export interface PluginCallScope {
  readonly event?: PodioEvent | undefined;
  /** Where it is the last of several: all of them. */
  readonly events?: readonly PodioEvent[] | undefined;
  readonly rule?: string | undefined;
  /** Aborted when the try that calls is over. */
  readonly signal?: AbortSignal | undefined;
}

export interface PluginPodioOptions {
  readonly client: PodioClient;
  readonly identities: Identities;
  readonly names: Pick<Names, 'appId'>;
  /**
   * From the config, asked for each time. Where there is just one, it serves what nothing else is known to reach. `as`
   * names one.
   */
  readonly logins: readonly Identity[];
  /** What other reads have shown of the app that an item is in. */
  readonly appOfItem: (itemId: number) => number | undefined;
  readonly current: () => PluginCallScope | undefined;
  /** Told of every item that was deleted. Must not throw. */
  readonly onDelete?: (itemId: number) => void;
  readonly watch?: WriteWatch;
}

/** Told of what plugins write, and by which of them. None of it may throw. */
export interface WriteWatch {
  /** A write begins that makes something new, or changes this item. Answers what is to be called once it is over. */
  begun(itemId: number | undefined): () => void;
  /** The newest revision of the item that anybody has told of. */
  newest(itemId: number): Promise<number | undefined>;
  /** It is not known whether a write to the item was done. */
  unanswered(itemId: number, by: PluginCallScope | undefined): void;
  /** Whether this may be done for the second time, its answer having been lost at the first. */
  mayRepeat(itemId: number, by: PluginCallScope | undefined): boolean;
  /** A revision of an item, 0 for its creation; its app where that is known. `findApp` asks Podio for it, and never rejects. */
  revised(
    itemId: number,
    revision: number,
    appId: number | undefined,
    by: PluginCallScope | undefined,
    findApp?: () => Promise<number | undefined>,
  ): Promise<void>;
  /** Any other change, by its name in own.ts; the item that it is about, if any. Over when that is on disk, as `revised`. */
  made(id: string, itemId: number | undefined, by: PluginCallScope | undefined): Promise<void>;
}

const NOBODY: WriteWatch = {
  begun: () => () => {},
  newest: async () => undefined,
  unanswered: () => {},
  mayRepeat: () => false,
  revised: async () => {},
  made: async () => {},
};

/**
 * Podio for plugins. Who makes a call follows from what it is about: the app named, the item's app where that is known,
 * else the app or space of the event in hand, else the only login; PODIO_NO_IDENTITY where none of them helps. Writes
 * fire no hooks unless asked to, so that a rule does not set itself off.
 */
export function makePluginPodio(options: PluginPodioOptions): PluginPodio {
  const appSeen = makeRecent<number, number>(KEPT);
  const podioOf = (actor: Identity | undefined): PluginPodio => ({
    ...makeCalls(options, appSeen, actor),
    as: name => podioOf(loginNamed(options.logins, name)),
  });
  return podioOf(undefined);
}

/** `actor` makes every call; undefined: whoever reaches what the call is about. */
function makeCalls(
  options: PluginPodioOptions,
  appSeen: Recent<number, number>,
  actor: Identity | undefined,
): Omit<PluginPodio, 'as'> {
  const { client, identities, names, appOfItem, current, watch = NOBODY, onDelete = () => {} } = options;

  const callerForApp = (appId: number): Identity =>
    oneOf(`app ${appId}`, actor, identities.forApp(appId), onlyOne(options.logins));

  const callerForEvent = (event: PodioEvent | undefined): Identity | undefined => {
    if (!event) return undefined;
    const { app, ref } = event;
    const byName = app === undefined ? undefined : identities.forApp(app);
    return (
      byName ??
      (isHookRefType(ref.type) ? identities.forRef({ type: ref.type, id: Number(ref.id) }) : undefined)
    );
  };

  /** Of the item in hand its event tells: nobody may have read it. */
  const appOf = (itemId: number): number | undefined => {
    const { itemId: inHand, app } = current()?.event ?? {};
    const told = itemId === inHand && app !== undefined ? names.appId(app) : undefined;
    return appSeen.get(itemId) ?? appOfItem(itemId) ?? told;
  };

  const revised = (as: Identity, itemId: number, revision: number): Promise<void> =>
    watch.revised(itemId, revision, appOf(itemId), current(), async () => {
      const item = await client.items.get(as, itemId, { priority: 'recovery' }).catch(() => undefined);
      if (item?.app) appSeen.set(itemId, item.app.app_id);
      return item?.app?.app_id;
    });

  const callerForItem = (itemId: number): Identity => {
    const appId = appOf(itemId);
    const byApp = appId === undefined ? undefined : identities.forApp(appId);
    return oneOf(`item ${itemId}`, actor, byApp, callerForEvent(current()?.event), onlyOne(options.logins));
  };

  const callerForRest = (what: string): Identity =>
    oneOf(what, actor, callerForEvent(current()?.event), onlyOne(options.logins));

  const callerFor = (type: unknown, id: number): Identity => {
    if (type === 'item') return callerForItem(id);
    if (type === 'app') return callerForApp(id);
    return callerForRest(`${type} ${id}`);
  };

  const appIdOf = (app: string | number): number => {
    const id = typeof app === 'number' ? app : (names.appId(app) ?? Number(app));
    if (Number.isSafeInteger(id) && id > 0) return id;
    throw new PodioError('PODIO_NO_IDENTITY', `there is no app named ${app} in the config`, {
      retry: 'never',
      hint: 'Give a name under `apps`, or an app id.',
    });
  };

  const scope = () => {
    const signal = current()?.signal;
    return signal ? { signal, patienceMs: STEP_PATIENCE_MS } : {};
  };

  /**
   * Of a write that changes nothing Podio answers the revision that there was before, which is somebody else's. So what was
   * there before a write is looked up: what it is made on top of, what is in hand, what deliveries have told.
   */
  const before = async (itemId: number | undefined, body: unknown): Promise<number> => {
    if (itemId === undefined) return NONE;
    if (holdsNumber(body, 'revision')) return body.revision;
    const event = current()?.event;
    const inHand = event?.itemId === itemId ? event.revision : undefined;
    return Math.max(inHand ?? NONE, (await watch.newest(itemId)) ?? NONE);
  };

  /**
   * A repeat of a write changes nothing, and is answered with the newest revision there is: a person may have made that, and nobody
   * have told of it yet. Where Podio can't say, it counts as somebody else's: a rule that runs once too often is better than one
   * that does not. It is waited for as long as the step may take: who has written can't be told to come again.
   */
  const isOwn = async (as: Identity, itemId: number | undefined, revision: number, body: unknown) => {
    if (itemId === undefined || holdsNumber(body, 'revision') || !watch.mayRepeat(itemId, current()))
      return true;
    const signal = current()?.signal;
    const look = client.items.revision(as, itemId, revision, { ...(signal && { signal }) });
    const made = await look.catch(() => undefined);
    return made !== undefined && mayBeBy(as, made);
  };

  /** What may have been done without an answer is remembered. */
  const sent = async <T>(itemId: number | undefined, write: () => Promise<T>): Promise<T> => {
    try {
      return await write();
    } catch (error) {
      if (itemId !== undefined && mayBeDone(error)) watch.unanswered(itemId, current());
      throw error;
    }
  };

  /**
   * What a write came to whose answer does not say: whether Podio answers one that changes nothing as the others is not known
   * (section 8.4). What is read is somebody else's, perhaps, as with a repeat; on top of a revision it is the next.
   */
  const newestOf = async (as: Identity, itemId: number, body: unknown): Promise<object> => {
    watch.unanswered(itemId, current());
    const { title, revision = NONE } = await client.items.get(as, itemId, scope());
    const most = holdsNumber(body, 'revision') ? body.revision + 1 : revision;
    return { title, revision: Math.min(revision, most) };
  };

  /** Sends a write; its answer has to hold a number under `proof`. */
  const write = async <Proof extends string>(
    as: Identity,
    call: Pick<Call, 'method' | 'path' | 'operation' | 'body'>,
    options: WriteOptions | undefined,
    proof: Proof,
    /** Told of the number while the write counts as under way, where it is a new one. A run's end must not be on disk before that. */
    made: (id: number) => Promise<void>,
    itemId?: number,
  ): Promise<Record<string, unknown> & Record<Proof, number>> => {
    const over = watch.begun(itemId);
    try {
      const known = await before(itemId, call.body);
      const answer = await sent(itemId, async () => {
        const answer = await client.request(as, { ...call, query: switches(options), ...scope() });
        if (holdsNumber(answer, proof)) return answer;
        const found = itemId !== undefined && tellsNothing(answer) && (await newestOf(as, itemId, call.body));
        if (!holdsNumber(found, proof)) throw unexpectedAnswer(call, proof);
        return found;
      });
      if (answer[proof] > known && (await isOwn(as, itemId, answer[proof], call.body)))
        await made(answer[proof]);
      return answer;
    } finally {
      over();
    }
  };

  const about = (type: unknown, id: unknown): number | undefined =>
    type === 'item' && typeof id === 'number' ? id : undefined;

  /** Tells of a write by path. */
  const noteWrite = async (as: Identity, call: Call, answer: unknown, known: number): Promise<void> => {
    const by = current();
    const made = madeBy(call, answer);
    switch (made?.what) {
      case 'item':
        return watch.revised(made.itemId, 0, made.appId, by);
      case 'revision':
        if (made.revision > known) await revised(as, made.itemId, made.revision);
        break;
      case 'deleted item':
        await watch.made(made.id, made.itemId, by);
        onDelete(made.itemId);
        break;
      case 'other':
        await watch.made(made.id, made.itemId, by);
    }
  };

  return {
    items: {
      async get(id, app) {
        const caller = app === undefined ? callerForItem(id) : callerForApp(appIdOf(app));
        const item = await client.items.get(caller, id, scope());
        if (item.app) appSeen.set(id, item.app.app_id);
        return item;
      },
      async create(app, body, options) {
        const appId = appIdOf(app);
        const call = {
          method: 'POST',
          path: `/item/app/${appId}/`,
          operation: 'items.create',
          body,
        } as const;
        return write(callerForApp(appId), call, options, 'item_id', itemId => {
          appSeen.set(itemId, appId);
          return watch.revised(itemId, 0, appId, current());
        });
      },
      async update(id, body, options) {
        const call = { method: 'PUT', path: `/item/${id}`, operation: 'items.update', body } as const;
        const as = callerForItem(id);
        return write(as, call, options, 'revision', revision => revised(as, id, revision), id);
      },
      async delete(id, options) {
        const call = { method: 'DELETE', path: `/item/${id}`, operation: 'items.delete' } as const;
        const over = watch.begun(id);
        try {
          await client.request(callerForItem(id), { ...call, query: switches(options), ...scope() });
          await watch.made(deletedItem(id), id, current());
        } catch (error) {
          // A retry after a lost answer finds the work done.
          if (!isDeleted(error)) throw error;
        } finally {
          over();
        }
        onDelete(id);
      },
      async filter(app, body) {
        const appId = appIdOf(app);
        const page = await client.items.filter(callerForApp(appId), appId, body, scope());
        for (const { item_id: itemId } of page.items) appSeen.set(itemId, appId);
        return page;
      },
    },
    comments: {
      async create(refType, refId, body, options) {
        const path = `/comment/${encodeURIComponent(refType)}/${refId}`;
        const call = { method: 'POST', path, operation: 'comments.create', body } as const;
        return write(callerFor(refType, refId), call, options, 'comment_id', commentId =>
          watch.made(madeComment(commentId), about(refType, refId), current()),
        );
      },
      get: async id => client.comments.get(callerForRest(`comment ${id}`), id, scope()),
      list: async (refType, refId) =>
        client.comments.list(callerFor(refType, refId), refType, refId, scope()),
    },
    tasks: {
      async create({ ref, ...body }: { ref?: unknown }, options) {
        const { type, id } = isRecord(ref) ? ref : {};
        // Podio takes what a task is about from the path.
        const isAbout = typeof type === 'string' && typeof id === 'number';
        const path = isAbout ? `/task/${encodeURIComponent(type)}/${id}/` : '/task/';
        const call = { method: 'POST', path, operation: 'tasks.create', body } as const;
        const caller = isAbout ? callerFor(type, id) : callerForRest('a task');
        return write(caller, call, options, 'task_id', taskId =>
          watch.made(madeTask(taskId), about(type, id), current()),
        );
      },
      get: async id => client.tasks.get(callerForRest(`task ${id}`), id, scope()),
      list: async (refType, refId) => client.tasks.list(callerFor(refType, refId), refType, refId, scope()),
    },
    files: {
      get: async id => client.files.get(callerForRest(`file ${id}`), id, scope()),
      download: async (id, maxBytes) =>
        client.files.download(callerForRest(`file ${id}`), id, maxBytes, scope()),
    },
    apps: {
      async get(app) {
        const appId = appIdOf(app);
        return client.apps.get(callerForApp(appId), appId, scope());
      },
    },
    async request(method, path, options) {
      const { about: subject, ...call } = parseRequest(method, path, options);
      const as = subject ? callerFor(subject.type, subject.id) : callerForRest(`${call.method} ${call.path}`);
      const reads = isRead(call.method, call.path);
      const itemId = reads || subject?.type !== 'item' ? undefined : subject.id;
      const over = reads ? () => {} : watch.begun(itemId);
      let answer: unknown;
      try {
        const known = await before(itemId, call.body);
        answer = await sent(itemId, () => client.request(as, { ...call, ...scope() }));
        const revised =
          holdsNumber(answer, 'revision') && answer.revision > known ? answer.revision : undefined;
        if (revised === undefined || (await isOwn(as, itemId, revised, call.body)))
          await noteWrite(as, call, answer, known);
      } finally {
        over();
      }
      if (holdsNumber(answer, 'item_id') && isRecord(answer.app) && typeof answer.app.app_id === 'number')
        appSeen.set(answer.item_id, answer.app.app_id);
      return answer;
    },
  };
}

/** Empty, or an update's without its revision. Anything else is somebody's who answers in Podio's place. */
const tellsNothing = (answer: unknown): boolean =>
  answer === undefined ||
  answer === null ||
  (isRecord(answer) &&
    !holdsNumber(answer, 'revision') &&
    Object.keys(answer).every(key => key === 'title' || key === 'revision'));

/** Older than every revision. */
const NONE = -1;

const switches = (options: WriteOptions | undefined): Record<string, boolean> => ({
  hook: options?.hook === true,
  ...(options?.silent === true && { silent: true }),
});

/** An app token's changes are made by its app. Whom else a person's key serves nobody tells: Podio's own pages have none. */
const mayBeBy = (as: Identity, { created_by, created_via }: Revision): boolean =>
  created_via?.id !== PODIO_ITSELF && !(as.kind === 'app' && created_by?.type === 'user');

const onlyOne = (logins: readonly Identity[]): Identity | undefined =>
  logins.length === 1 ? logins[0] : undefined;

function loginNamed(logins: readonly Identity[], name: string): Identity {
  const found = logins.find(
    login => login.kind === 'login' && (login.name === name || login.username === name),
  );
  if (found) return found;
  const known = logins.flatMap(login => (login.kind === 'login' ? login.name : []));
  throw new PodioError('PODIO_NO_IDENTITY', `there is no login named ${name} in the config`, {
    retry: 'never',
    hint: known.length > 0 ? `Known are ${known.join(', ')}.` : 'Add it under `logins`.',
  });
}

function oneOf(what: string, ...candidates: readonly (Identity | undefined)[]): Identity {
  const identity = candidates.find(candidate => candidate !== undefined);
  if (identity) return identity;
  throw new PodioError('PODIO_NO_IDENTITY', `no token or login in the config reaches ${what}`, {
    retry: 'never',
    hint: 'Name its app under `apps`, with its token or with a login that may see it.',
  });
}
