import { AsyncLocalStorage } from 'node:async_hooks';
import { PermanentError } from '../core/errors.ts';
import type { Item } from '../core/podio.ts';
import { isRead } from '../core/reading.ts';
import type { Sending } from '../core/would.ts';
import type { Values } from '../store/contract.ts';
import type { PluginContext, PluginPodio, WriteOptions } from './contract.ts';

/** What a plugin gets in place of the world outside: reads still work, everything else is kept and not done. */
export interface Captured {
  readonly podio: PluginPodio;
  readonly fetch: typeof globalThis.fetch;
  readonly values: Values;
  readonly outside: PluginContext['outside'];
  readonly connect: PluginContext['connect'];
}

export interface Capture {
  readonly world: Captured;
  /** What `fn`, and all that it waits for, would have sent. */
  collect<T>(fn: () => Promise<T>): Promise<{ readonly result: T; readonly sends: readonly Sending[] }>;
}

export interface CaptureDeps {
  /** For what is read. */
  readonly podio: PluginPodio;
  /** Read where nothing was written here; never written. */
  readonly values: Values;
  /** What the config calls an app, so that people know it. */
  readonly appName?: (appId: number) => string | undefined;
  /** Throws for what may not be called. */
  readonly checkUrl?: (url: URL) => void;
  /**
   * Writes are done all the same, since this Podio is there for nothing else; the answer is Podio's own. Says more of what was
   * sent, now that it is done.
   */
  readonly perform?: (sending: Sending, answer: unknown) => Sending;
  /** What a server is to answer. Undefined, or left out: 200 and `{}`. */
  readonly answer?: (sent: { method: string; url: string; body: string }) => Response | undefined;
}

/** Ids of what would have been made begin here: far above any that Podio gives, and exact in JSON. */
const FIRST_ID = 8_000_000_000_000_000;
export const isReserved = (id: number): boolean => id >= FIRST_ID;

/** What would have been made and may be read again; older ones are read as empty. */
const MOST_MADE = 1000;
/** Of one try. */
const MOST_SENDS = 1000;
const MOST_BODY = 64 * 1024;

export function makeCapture(deps: CaptureDeps): Capture {
  const sent = new AsyncLocalStorage<Sending[]>();
  /** What is sent when nobody collects, such as by a timer after its try, is not done either. */
  const keep = (sending: Sending): void => {
    const list = sent.getStore();
    if (list && list.length < MOST_SENDS) list.push(sending);
  };
  const made = makeIds();
  return {
    world: {
      podio: capturedPodio(deps.podio, {
        keep,
        made,
        appName: deps.appName ?? (() => undefined),
        ...(deps.perform && { perform: deps.perform }),
      }),
      fetch: capturedFetch(deps, keep),
      values: overlaid(deps.values),
      async outside(name, what, { instead }) {
        keep({ [name]: what });
        return instead;
      },
      async connect() {
        throw new PermanentError('nothing is connected to where effects are captured', {
          hint: 'Connect in the `make` of context.outside().',
        });
      },
    },
    async collect(fn) {
      const sends: Sending[] = [];
      return { result: await sent.run(sends, fn), sends };
    },
  };
}

interface Made {
  next(item?: Pick<Item, 'title'> & { readonly appId?: number }): number;
  item(id: number): Item;
}

function makeIds(): Made {
  const items = new Map<number, Item>();
  let last = FIRST_ID;
  return {
    next(item) {
      const id = ++last;
      if (item) {
        const { title, appId } = item;
        items.set(id, { ...emptyItem(id), title, ...(appId !== undefined && { app: { app_id: appId } }) });
        const [oldest] = items.keys();
        if (items.size > MOST_MADE && oldest !== undefined) items.delete(oldest);
      }
      return id;
    },
    item: id => items.get(id) ?? emptyItem(id),
  };
}

const emptyItem = (id: number): Item => ({
  item_id: id,
  title: '',
  link: `https://podio.com/x/${id}`,
  revision: 0,
  fields: [],
});

interface Keeping extends Pick<CaptureDeps, 'perform'> {
  keep(sending: Sending): void;
  readonly made: Made;
  appName(appId: number): string | undefined;
}

function capturedPodio(real: PluginPodio, keeping: Keeping, as?: string): PluginPodio {
  const { keep, made, appName, perform } = keeping;
  const write = async <T>(
    podio: string,
    rest: Record<string, unknown>,
    options: WriteOptions | undefined,
    how: { do(): Promise<T>; instead(): T },
  ): Promise<T> => {
    const { hook, silent } = options ?? {};
    const flags = { ...(hook && { hook }), ...(silent && { silent }), ...(as !== undefined && { as }) };
    const sending = { podio, ...rest, ...flags };
    if (!perform) {
      keep(sending);
      return how.instead();
    }
    const answer = await how.do();
    keep(perform(sending, answer));
    return answer;
  };
  return {
    items: {
      get: async (id, app) => (isReserved(id) ? made.item(id) : real.items.get(id, app)),
      create: (app, body, options) =>
        write('items.create', { app: typeof app === 'number' ? (appName(app) ?? app) : app, body }, options, {
          do: () => real.items.create(app, body, options),
          instead() {
            const title = titleIn(body);
            const id = made.next({ title, ...(typeof app === 'number' && { appId: app }) });
            return { item_id: id, title, link: made.item(id).link, revision: 0 };
          },
        }),
      update: (id, body, options) =>
        write('items.update', { item: id, body }, options, {
          do: () => real.items.update(id, body, options),
          instead() {
            const before = 'revision' in body && typeof body.revision === 'number' ? body.revision : 0;
            return { revision: before + 1 };
          },
        }),
      delete: (id, options) =>
        write('items.delete', { item: id }, options, {
          do: () => real.items.delete(id, options),
          instead: () => undefined,
        }),
      filter: (app, body) => real.items.filter(app, body),
    },
    comments: {
      create: (refType, refId, body, options) =>
        write('comments.create', { on: `${refType}/${refId}`, body }, options, {
          do: () => real.comments.create(refType, refId, body, options),
          instead: () => ({ comment_id: made.next() }),
        }),
      get: id => real.comments.get(id),
      list: async (refType, refId) => (isReserved(refId) ? [] : real.comments.list(refType, refId)),
    },
    tasks: {
      create: (body, options) =>
        write('tasks.create', { body }, options, {
          do: () => real.tasks.create(body, options),
          instead: () => ({ task_id: made.next() }),
        }),
      get: id => real.tasks.get(id),
      list: async (refType, refId) => (isReserved(refId) ? [] : real.tasks.list(refType, refId)),
    },
    // Looked up when they are used: a test gives only what it needs.
    get files() {
      return real.files;
    },
    get apps() {
      return real.apps;
    },
    request(method, path, options) {
      if (isRead(method, path)) return real.request(method, path, options);
      const { query, body } = options ?? {};
      const more = { ...(query && { query }), ...(body !== undefined && { body }) };
      return write('request', { method: method.toUpperCase(), path, ...more }, undefined, {
        do: () => real.request(method, path, options),
        instead: () => answerTo(method, path, made),
      });
    },
    as: login => capturedPodio(real.as(login), keeping, login),
  };
}

/** What Podio says of a thing made is its id, and of a thing changed its revision. */
function answerTo(method: string, path: string, made: Made): unknown {
  const area = path.split(/[/?]/)[1] ?? '';
  return method.toUpperCase() === 'POST'
    ? { [`${area}_id`]: made.next({ title: '' }), revision: 0 }
    : { revision: 1 };
}

/** Podio takes the first text for the title. */
function titleIn(body: object): string {
  const fields = 'fields' in body && typeof body.fields === 'object' ? body.fields : undefined;
  for (const held of Object.values(fields ?? {})) {
    const [first]: unknown[] = [held].flat();
    if (typeof first === 'string' && first !== '') return first.slice(0, 200);
  }
  return '';
}

function capturedFetch(
  { answer, checkUrl }: CaptureDeps,
  keep: (sending: Sending) => void,
): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    checkUrl?.(new URL(request.url));
    const text = await request.text();
    const { method, url, headers } = request;
    keep({
      http: method,
      url: shownUrl(new URL(url)),
      headers: shownHeaders(headers),
      ...(text !== '' && { body: shownBody(text, headers.get('content-type') ?? '') }),
    });
    return answer?.({ method, url, body: text }) ?? Response.json({});
  };
}

const SECRET = /token|secret|passw|key|auth|cookie|signature|credential/i;
const MASK = '***';

/** Values of names that speak of a secret are left out, and so is what stands before a host. */
function shownUrl(url: URL): string {
  for (const name of new Set(url.searchParams.keys()))
    if (SECRET.test(name)) url.searchParams.set(name, MASK);
  if (url.username !== '') url.username = MASK;
  if (url.password !== '') url.password = MASK;
  return url.href;
}

const shownHeaders = (headers: Headers): Record<string, string> =>
  Object.fromEntries(
    [...headers]
      .filter(([name]) => !['accept', 'user-agent'].includes(name))
      .map(([name, value]) => [name, SECRET.test(name) && name !== 'idempotency-key' ? MASK : value]),
  );

function shownBody(text: string, type: string): unknown {
  if (text.length > MOST_BODY) return `${text.slice(0, MOST_BODY)}...`;
  if (/\bjson\b/.test(type) || /^\s*[{[]/.test(text)) {
    try {
      return withoutSecrets(JSON.parse(text));
    } catch {
      return text;
    }
  }
  return /x-www-form-urlencoded/.test(type)
    ? withoutSecrets(Object.fromEntries(new URLSearchParams(text)))
    : text;
}

/** Texts under names that speak of a secret. */
function withoutSecrets(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return SECRET_NAME.test(name) ? MASK : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(one => withoutSecrets(one, name));
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, withoutSecrets(held, key)]));
}
/** Narrower than that of headers: a body may well have a "key" or an "author". */
const SECRET_NAME = /token|secret|passw|api_?key|authorization/i;

/** A space of its own beside each step's, so that what a step believes to have done once it may still do for real. */
function overlaid(values: Values): Values {
  const own = (space: string): string => `captured/${space}`;
  const read = async (space: string, key: string): Promise<unknown> =>
    (await values.get(own(space), key)) ?? (await values.get(space, key));
  return {
    get: read,
    set: (space, key, value) => values.set(own(space), key, value),
    // What stands in the step's real space shines through again: there is no mark for a thing deleted.
    delete: (space, key) => values.delete(own(space), key),
    async update(space, key, fn) {
      const below = await values.get(space, key);
      return values.update(own(space), key, value => fn(value ?? below));
    },
  };
}
