/** What a delivery says: bytes to parameters, parameters to an event. Pure; whatever is wrong is an IngressError 400. */
import { randomUUID } from 'node:crypto';
import { IngressError } from '../core/errors.ts';
import { HOOK_EVENTS, identityOf, idPrefixOf, type NewEvent } from '../core/event.ts';
import type { HookPath } from '../core/hook.ts';

export type Params = Readonly<Record<string, string>>;
export type MediaType = 'form' | 'json';

/** Hands out the id of an event that has no identity. */
export type MakeId = (prefix: string) => string;

/** Unguessable, so never taken for a repeat; what stands in front is for people who read the journal. */
export const randomId: MakeId = prefix => `${prefix}:${randomUUID()}`;

/** Parameters whose values are ids at Podio, wherever they stand. `external_id` is free text. */
const IDS: ReadonlySet<string> = new Set([
  'hook_id',
  'item_id',
  'item_revision_id',
  'comment_id',
  'app_id',
  'form_id',
  'task_id',
  'user_id',
]);

const ZERO = '0'.charCodeAt(0);

const bad = (message: string): IngressError => new IngressError('INGRESS_BODY', 400, message);

/** Values come from outside: one short line, whatever they hold. */
const shown = (value: string): string =>
  JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);

/** The kind of body a Content-Type header names; undefined for all that is neither form nor JSON. */
export function mediaTypeOf(header: string | undefined): MediaType | undefined {
  // What Podio sends: worth one comparison before the general way.
  if (header === 'application/x-www-form-urlencoded') return 'form';
  switch (header?.split(';', 1)[0]?.trim().toLowerCase()) {
    case 'application/x-www-form-urlencoded':
      return 'form';
    case 'application/json':
      return 'json';
    default:
      return undefined;
  }
}

/** All parameters as they came, unknown ones too; of a repeated one the last. The result inherits nothing and is frozen. */
export function parseBody(body: string, media: MediaType): Params {
  return Object.freeze(media === 'form' ? parseForm(body) : parseJson(body));
}

/**
 * A record that inherits nothing, so that a parameter called `__proto__` is a parameter. With a prototype, though an empty
 * one: an object without any is a hash table to V8, which is several times slower to fill, to read and to copy.
 */
const Inheriting = function Params() {} as unknown as { new (): Record<string, string>; prototype: object };
Inheriting.prototype = Object.freeze(Object.create(null));
const noParams = (): Record<string, string> => new Inheriting();

/** Nothing to decode: what Podio sends, but for texts. */
const PLAIN_FORM = /^[\w.,:;&=-]*$/;

/**
 * The names of the last plain form, by their place. The next one mostly has the same, which then need not be cut out of its text
 * and looked up in V8's table of names.
 */
const lastNames: string[] = [];
const NAMES = 16;

const EQUALS = '='.charCodeAt(0);

function parseForm(body: string): Params {
  const params = noParams();
  if (!PLAIN_FORM.test(body)) {
    for (const [name, value] of new URLSearchParams(body)) params[name] = value;
    return params;
  }
  for (let from = 0, place = 0; from < body.length; place++) {
    let to = body.indexOf('&', from);
    if (to === -1) to = body.length;
    let name = lastNames[place];
    if (
      name === undefined ||
      !body.startsWith(name, from) ||
      body.charCodeAt(from + name.length) !== EQUALS
    ) {
      const equals = body.indexOf('=', from);
      name = body.slice(from, equals === -1 || equals > to ? to : equals);
      if (place < NAMES) lastNames[place] = name;
    }
    // Nothing between two `&` is no parameter; `=` alone is one without a name.
    if (to > from) params[name] = body.slice(from + name.length + 1, to);
    from = to + 1;
  }
  return params;
}

/** JSON.parse with source text access: in Node, not yet in TypeScript's library. */
const SourceJson = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
};

function parseJson(body: string): Params {
  let parsed: unknown;
  try {
    // A number keeps its source text: an id beyond 2^53 must not be rounded to another one.
    parsed = SourceJson.parse(body, (_key, value, { source }) =>
      typeof value === 'number' && source !== undefined ? SourceJson.rawJSON(source) : value,
    );
  } catch {
    throw bad('the body is not valid JSON');
  }
  if (
    typeof parsed !== 'object' ||
    parsed === null ||
    Array.isArray(parsed) ||
    SourceJson.isRawJSON(parsed)
  ) {
    throw bad('the body must be a JSON object');
  }
  const params = noParams();
  for (const [name, value] of Object.entries(parsed)) params[name] = asText(value);
  return params;
}

/** What a form would have held. A form knows no null but the empty value, and no structure but its text. */
function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  return SourceJson.isRawJSON(value) ? value.rawJSON : JSON.stringify(value);
}

/** The digits as a number, or undefined where the parameter is absent or empty. */
function idOf(params: Params, name: string): number | undefined {
  const value = params[name];
  if (value === undefined || value === '') return undefined;
  return checkedId(name, value);
}

function checkedId(name: string, value: string): number {
  let id = value === '' ? Number.NaN : 0;
  // By hand: a pattern and `Number` are a tenth of what all is for a delivery.
  for (let at = 0; at < value.length && id >= 0; at++) {
    const digit = value.charCodeAt(at) - ZERO;
    id = digit >= 0 && digit <= 9 ? id * 10 + digit : Number.NaN;
  }
  if (Number.isNaN(id)) throw bad(`${name} must be decimal digits, got ${shown(value)}`);
  if (!Number.isSafeInteger(id)) throw bad(`${name} must be at most 2^53-1, got ${shown(value)}`);
  return id;
}

const missing = (name: string, type: string): IngressError => bad(`${name} is missing, ${type} needs it`);

/** The proof that podiod has to hand back to Podio before a hook becomes active. */
export interface Verification {
  readonly hookId: number;
  readonly code: string;
}

/** Whether this is the handshake (undefined: an event) and, if it is, what it says. Throws when it is neither. */
export function verificationOf(hook: HookPath, params: Params): Verification | undefined {
  const { type, code } = params;
  if (!type) throw bad(`type is missing, this is the hook for ${hook.type}`);
  if (type === hook.type) return undefined;
  if (type !== 'hook.verify') throw bad(`type must be ${hook.type} or hook.verify, got ${shown(type)}`);
  const hookId = idOf(params, 'hook_id');
  if (hookId === undefined) throw missing('hook_id', type);
  if (!code) throw missing('code', type);
  return { hookId, code };
}

/** Names from the config for what an event is about, and what its revision means to the ledger. */
export interface Place {
  readonly app?: string | undefined;
  readonly space?: string | undefined;
  readonly following?: NewEvent['following'] | undefined;
  readonly baseline?: NewEvent['baseline'] | undefined;
}

/** The event that a delivery tells of. Throws when an id is missing or is none. */
export function toEvent(hook: HookPath, params: Params, place: Place, makeId: MakeId): NewEvent {
  const { ref, type } = hook;
  for (const name in params) if (IDS.has(name)) idOf(params, name);
  for (const name of HOOK_EVENTS[ref.type][type] ?? []) if (!params[name]) throw missing(name, type);
  // An empty list is what a change without files would look like, so only ids that are there are checked.
  if (params.file_ids) for (const id of params.file_ids.split(',')) checkedId('file_ids', id.trim());

  const itemId = idOf(params, 'item_id');
  const revision = idOf(params, 'item_revision_id');
  // Built by hand: this is done for every delivery, and spreading costs as much as all the rest.
  const event: { -readonly [Key in keyof NewEvent]: NewEvent[Key] } = {
    id: identityOf(type, params) ?? makeId(idPrefixOf(type, params)),
    type,
    source: 'webhook',
    ref,
    params,
  };
  const { app, space, following, baseline } = place;
  if (app !== undefined) event.app = app;
  if (space !== undefined) event.space = space;
  if (following !== undefined) event.following = following;
  if (baseline !== undefined) event.baseline = baseline;
  if (itemId !== undefined) event.itemId = itemId;
  if (revision !== undefined) event.revision = revision;
  if (params.external_id) event.externalId = params.external_id;
  return event;
}
