/** What the admin API is asked for: queries and bodies, checked. */
import { z } from 'zod';
import type { ErrorCode } from '../core/errors.ts';
import type { ReplayWish } from '../dispatch/replay-desk.ts';
import type { LevelChange } from '../log/levels.ts';
import type { EventQuery, ParkedSelection, Pausable } from '../store/contract.ts';
import { AdminError } from './errors.ts';

/** Queries arrive as text. */
const count = z.stringFormat('number', /^[0-9]{1,15}$/, 'must be a whole number').transform(Number);
const name = z.string().min(1).max(500);

/** Digits, which some JSON writers will not leave in quotes. */
const id = z.union([name, z.int().min(0).transform(String)]);

const eventQuery = z.strictObject({
  after: count.optional(),
  last: count.optional(),
  limit: count.optional(),
  rule: name.optional(),
  itemId: count.optional(),
  app: name.optional(),
  type: name.optional(),
  /** UTC milliseconds. */
  since: count.optional(),
});

const parkedQuery = z.strictObject({
  rule: name.optional(),
  limit: count.optional(),
  after: name.optional(),
});

const itemQuery = z.strictObject({ of: name });

const itemsRequest = z.strictObject({ ids: z.array(z.int().min(1)).min(1).max(1000) });

const whyQuery = z
  .strictObject({
    /** As people write it: item_id, `leads/42`, link. */
    item: name.optional(),
    /** A seq or an event's id. */
    event: name.optional(),
    rule: name.optional(),
    /** So many changes, the newest. */
    last: count.optional(),
  })
  .refine(({ item, event, rule }) => item ?? event ?? rule, 'want one of item, event, rule')
  .refine(({ item, event }) => item === undefined || event === undefined, 'want one of item and event')
  .refine(({ last = 1 }) => last >= 1 && last <= 100, 'last must be from 1 to 100');

const parkedSelection = z.union(
  [
    z.strictObject({ ids: z.array(id).min(1).max(10_000) }),
    z.strictObject({ rule: name }),
    z.strictObject({ all: z.literal(true) }),
  ],
  { error: 'want one of {"ids": ["..."]}, {"rule": "..."}, {"all": true}' },
);

/** A seq, or a time. */
const place = z.union(
  [
    z
      .int()
      .min(0)
      .transform(seq => ({ seq })),
    z.iso.datetime({ offset: true }).transform(text => ({ time: Date.parse(text) })),
  ],
  { error: 'want the seq of an event or an ISO 8601 time' },
);

const replayRequest = z.strictObject({
  rule: name,
  from: place,
  /** Left out: the newest there is. */
  to: place.optional(),
  /** Only tell how many. */
  dryRun: z.boolean().default(false),
});

const fireRequest = z.strictObject({
  rule: name,
  /** As people write it: item_id, `leads/42`, link. */
  item: name,
});

const pauseRequest = z.union([z.strictObject({ rule: name }), z.strictObject({ plugin: name })], {
  error: 'want one of {"rule": "..."}, {"plugin": "..."}',
});

const logLevelRequest = z.strictObject({
  module: name.optional(),
  /** Left out: as at the start. */
  level: z.enum(['error', 'warn', 'info', 'debug']).optional(),
  /** Milliseconds, a month at most. */
  forMs: z.int().min(1).max(2_678_400_000).optional(),
});

const handshakeRequest = z.strictObject({ hookId: z.int().min(1) });

const reloadRequest = z.strictObject({ dryRun: z.boolean().default(false) });

const reconcileRequest = z.strictObject({
  /** Look and tell, change nothing. */
  dryRun: z.boolean().default(false),
  /** Delete orphans. */
  prune: z.boolean().default(false),
  /** Delete hooks under another URL. */
  move: z.boolean().default(false),
  /** Carry out deletions over `maxDelete`. */
  allowDeletes: z.boolean().default(false),
  /** The fingerprint of the plan that was agreed to: another one is not carried out. */
  expect: z.string().max(100).optional(),
  /** False: answer at once, go on in the background. */
  wait: z.boolean().default(true),
});

const podioReadRequest = z.strictObject({
  /** `app/101`, `login/bot@example.com` */
  as: z.string().max(200),
  method: z.enum(['GET', 'POST']),
  /** With an external id in it, which may be long. */
  path: z.string().max(2000),
  query: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  body: z.record(z.string(), z.unknown()).optional(),
});

/** Something that a command wants to have read from Podio. */
export type PodioReadRequest = z.output<typeof podioReadRequest>;

export type PodioReadAnswer =
  | { readonly answer: unknown }
  | {
      readonly failed: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly hint?: string;
        /** When it may be asked again, ms. */
        readonly afterMs?: number;
      };
    };

export interface ParkedQuery {
  readonly rule?: string;
  readonly limit?: number;
  readonly after?: string;
}

export interface WhyRequest {
  readonly item?: string;
  readonly event?: string;
  readonly rule?: string;
  readonly last?: number;
}

/** As it goes over the wire: a seq, or an ISO 8601 time. */
export type ReplayRequest = z.input<typeof replayRequest>;

export interface FireRequest {
  readonly rule: string;
  readonly item: string;
}

/** The event that a rule runs for now. */
export interface FireAnswer {
  readonly rule: string;
  readonly app: string;
  /** Its item_id. */
  readonly item: number;
  readonly seq: number;
  readonly event: string;
}

export type ReconcileRequest = z.output<typeof reconcileRequest>;
export type ReloadWish = z.output<typeof reloadRequest>;

export const parseEventQuery = (query: unknown): EventQuery => without(check(eventQuery, query, 'query'));
export const parseParkedQuery = (query: unknown): ParkedQuery => without(check(parkedQuery, query, 'query'));
export const parseWhyQuery = (query: unknown): WhyRequest => without(check(whyQuery, query, 'query'));
export const parseItemQuery = (query: unknown): string => check(itemQuery, query, 'query').of;
export const parseReplayRequest = (body: unknown): ReplayWish => {
  const { to, ...wish } = check(replayRequest, body, 'body');
  return { ...wish, ...(to && { to }) };
};
export const parseFireRequest = (body: unknown): FireRequest => check(fireRequest, body, 'body');
export const parseItemsRequest = (body: unknown): readonly number[] => check(itemsRequest, body, 'body').ids;
export const parsePodioReadRequest = (body: unknown): PodioReadRequest =>
  check(podioReadRequest, body, 'body');
export const parseHandshakeRequest = (body: unknown): number => check(handshakeRequest, body, 'body').hookId;
export const parsePauseRequest = (body: unknown): Pausable => {
  const what = check(pauseRequest, body, 'body');
  return 'rule' in what ? { kind: 'rule', name: what.rule } : { kind: 'plugin', name: what.plugin };
};
export const parseLogLevelRequest = (body: unknown): LevelChange =>
  without(check(logLevelRequest, body ?? {}, 'body'));
export const parseParkedSelection = (body: unknown): ParkedSelection => check(parkedSelection, body, 'body');
/** No body at all is fine: everything has a default. */
export const parseReconcileRequest = (body: unknown): ReconcileRequest =>
  check(reconcileRequest, body ?? {}, 'body');

export const parseReloadRequest = (body: unknown): ReloadWish => check(reloadRequest, body ?? {}, 'body');

function check<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${[what, ...path].join('.')}: ${message}`);
  const hint = value === undefined ? 'Send JSON, with Content-Type: application/json.' : undefined;
  throw new AdminError('ADMIN_REQUEST', 400, problems.join('; '), hint);
}

type Given<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** `{ rule: undefined }` is not the same as `{}` to whoever gets it. */
const without = <T extends object>(value: T): Given<T> =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Given<T>;
