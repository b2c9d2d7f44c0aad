/** One operation of the API and what it is handed. */
import { forbidden, invalid, notFound, refusal } from '../api-error.ts';
import type { App, Item } from '../model.ts';
import type { JsonObject } from '../values/kind.ts';
import { isObject } from '../values/kind.ts';
import type { ChangeOptions } from '../world/accounts.ts';
import type { Session } from '../world/tokens.ts';
import type { Internals } from '../world/world.ts';

export interface Call {
  readonly podio: Internals;
  readonly session: Session;
  /** From the path's `:names`. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Parsed JSON; undefined without a body. */
  readonly body: unknown;
  /** The raw body and its type, for uploads. */
  readonly raw: Buffer;
  readonly contentType: string;
  /** The access token in use. */
  readonly token: string;
}

export interface Answer {
  readonly status: number;
  /** JSON; undefined for an empty body. A Buffer goes out as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Operation {
  /** As in the request log and in `limitedOperations`. */
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `/item/:item_id`; both slash forms are taken. */
  readonly path: string;
  handle(call: Call): Answer | Promise<Answer>;
}

export const ok = (body: unknown): Answer => ({ status: 200, body });
export const empty = (status: number = 204): Answer => ({ status });

/** A decimal id from the path; anything else is no such object. */
export function idParam(call: Call, name: string): number {
  const text = call.params[name] ?? '';
  if (!/^\d{1,15}$/.test(text)) throw notFound(`No object with id ${text} could be found`);
  return Number(text);
}

export function objectBody(call: Call): JsonObject {
  if (!isObject(call.body))
    throw invalid(`Invalid value ${JSON.stringify(call.body) ?? 'null'}: must be object`);
  return call.body;
}

export function stringOf(body: JsonObject, key: string): string {
  const value = body[key];
  if (typeof value !== 'string') throw invalid(`Invalid value for "${key}": must be string`);
  return value;
}

/** 0, 1, true and false are all seen in the wild. */
export function flag(call: Call, name: string, otherwise: boolean): boolean {
  const value = call.query.get(name);
  return value === null ? otherwise : !['0', 'false'].includes(value.toLowerCase());
}

/** Who makes a change, through which client, and whether it is told. */
export const changeOptions = (call: Call): ChangeOptions => ({
  by: call.session.actor,
  via: { id: call.session.client.id, name: call.session.client.name },
  hook: flag(call, 'hook', true),
  silent: flag(call, 'silent', false),
});

/** Throws 403 for a space that the caller is not in; app tokens see none. */
export function requireSpace(call: Call, spaceId: number): void {
  const { actor } = call.session;
  if (actor.type === 'app' || !call.podio.world.isMember(actor.id, spaceId)) throw forbidden();
}

/** An app token reaches its own app alone: everything else is 403, whether it exists or not. */
export function requireApp(call: Call, appId: number): App {
  const { actor } = call.session;
  if (actor.type === 'app' && actor.id !== appId) throw forbidden();
  const app = call.podio.world.app(appId);
  if (!app) throw notFound(`No app with id ${appId} could be found`);
  if (actor.type === 'user') requireSpace(call, app.spaceId);
  if (app.status === 'deleted') throw refusal(410, `The app ${appId} was deleted`);
  return app;
}

export function requireItem(call: Call, itemId: number): { item: Item; app: App } {
  const { world, context } = call.podio;
  const item = world.item(itemId);
  const isHidden = item && context.clock.now() - item.created.on < context.switches.readDelayMs;
  if (!item || isHidden) {
    if (call.session.actor.type === 'app') throw forbidden();
    throw notFound(`No item with id ${itemId} could be found`);
  }
  const app = requireApp(call, item.appId);
  if (item.deleted) throw refusal(context.switches.deletedItem, `The item ${itemId} was deleted`);
  return { item, app };
}
