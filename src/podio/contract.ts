/** What the rest of the daemon knows of Podio's API. `client.ts` implements it over HTTP. */
import type { PodioEvent, Ref } from '../core/event.ts';
import type { HookRef, ObservedHook } from '../core/hook.ts';
import type {
  App,
  Comment,
  FieldDifference,
  FileInfo,
  FilterResult,
  Item,
  Revision,
  Task,
} from '../core/podio.ts';
import type { Rule } from '../core/rule.ts';
import type { Changes } from '../plugin/contract.ts';

/**
 * Who makes a call. Budget, token and pauses are kept per identity. Without a credential (an app that is no longer in
 * the config) only a token kept from before can serve.
 */
export type Identity =
  | { readonly kind: 'app'; readonly appId: number; readonly token: string | undefined }
  | {
      readonly kind: 'login';
      readonly name: string;
      readonly username: string;
      readonly password: string | undefined;
    };

/** `app/101`, `login/bot@example.com`: names an identity in the store, metrics and logs; holds no secret. */
export const identityKey = (identity: Identity): string =>
  identity.kind === 'app' ? `app/${identity.appId}` : `login/${identity.username}`;

/** Earlier ones go first when a budget is short. */
export type Priority = 'handshake' | 'live' | 'recovery' | 'background';

export interface CallOptions {
  /** Default: live. */
  readonly priority?: Priority;
  /** On whose account it is made, for the log. */
  readonly event?: Pick<PodioEvent, 'seq' | 'id'>;
  readonly signal?: AbortSignal;
  /**
   * How long it may wait for its turn (others are on their way, or a login is to come first) until it rejects with
   * PODIO_RATE_LIMITED, at once where that can be foreseen. Default: as long as it takes.
   */
  readonly patienceMs?: number;
}

/** For calls inside a step's deadline: their turn is worth a moment and no more, since waiting outside of it is free. */
export const STEP_PATIENCE_MS = 1_000;
export interface FilterOptions extends CallOptions {
  /** The id of a view, whose filters hold as well. */
  readonly view?: number;
  /** Tags and files of each item are wanted too. */
  readonly whole?: boolean;
}

export interface Call extends CallOptions {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Without the host, ids filled in. */
  readonly path: string;
  /** The name in metrics and logs, ids left out: `items.get`. */
  readonly operation: string;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly body?: unknown;
  /** The answer is wanted as bytes (a `Uint8Array`), no more than these. */
  readonly maxBytes?: number;
}

/**
 * Every call rejects with a PodioError. A call that can't be made now (paused after a 420, no budget left, not its turn
 * within its patience) rejects at once with PODIO_RATE_LIMITED and `retry: { afterMs }`, rather than waiting.
 */
export interface PodioClient {
  request(as: Identity, call: Call): Promise<unknown>;
  readonly hooks: {
    /** `get_for`: the hooks of this ref alone. */
    list(as: Identity, ref: HookRef, options?: CallOptions): Promise<readonly ObservedHook[]>;
    /** Answers the new hook's id. Podio pings the URL at once, perhaps before this resolves. */
    create(
      as: Identity,
      ref: HookRef,
      hook: { type: string; url: string },
      options?: CallOptions,
    ): Promise<number>;
    /** A hook that is already gone counts as deleted. */
    delete(as: Identity, hookId: number, options?: CallOptions): Promise<void>;
    requestVerify(as: Identity, hookId: number, options?: CallOptions): Promise<void>;
    validate(as: Identity, hookId: number, code: string, options?: CallOptions): Promise<void>;
  };
  readonly items: {
    /** Reads without clearing the reader's notifications (`mark_as_viewed=false`). */
    get(as: Identity, itemId: number, options?: CallOptions): Promise<Item>;
    /** Running revision numbers; creation is 0. */
    difference(
      as: Identity,
      itemId: number,
      from: number,
      to: number,
      options?: CallOptions,
    ): Promise<readonly FieldDifference[]>;
    revisions(as: Identity, itemId: number, options?: CallOptions): Promise<readonly Revision[]>;
    revision(as: Identity, itemId: number, revision: number, options?: CallOptions): Promise<Revision>;
    filter(as: Identity, appId: number, body: object, options?: FilterOptions): Promise<FilterResult>;
  };
  readonly apps: { get(as: Identity, appId: number, options?: CallOptions): Promise<App> };
  readonly comments: {
    get(as: Identity, commentId: number, options?: CallOptions): Promise<Comment>;
    /** Of one object, such as an item, in Podio's order. */
    list(as: Identity, refType: string, refId: number, options?: CallOptions): Promise<readonly Comment[]>;
  };
  readonly tasks: {
    get(as: Identity, taskId: number, options?: CallOptions): Promise<Task>;
    /** Those that refer to one object. */
    list(as: Identity, refType: string, refId: number, options?: CallOptions): Promise<readonly Task[]>;
  };
  readonly files: {
    /** What is known of a file, without its bytes. */
    get(as: Identity, fileId: number, options?: CallOptions): Promise<FileInfo>;
    /** Rejects with PODIO_INVALID for a file of more than `maxBytes`. */
    download(as: Identity, fileId: number, maxBytes: number, options?: CallOptions): Promise<Uint8Array>;
  };
  /** Calls an hour that background work of this identity may make, in the general and in the "Rate limited" bucket. */
  share(as: Identity): { readonly general: number; readonly limited: number };
  /** What is known of each identity's budget, for `status`. */
  budgets(): readonly BudgetStatus[];
  /** Whether Podio as a whole is there, as far as calls have shown. */
  outage(): OutageStatus;
}

export interface OutageStatus {
  /** There was an answer since the start. */
  readonly hasAnswered: boolean;
  /** While it is not there: for how long, milliseconds, and why. */
  readonly down?: { readonly ms: number; readonly error: string };
}

export interface BudgetStatus {
  readonly identity: string;
  /** The general and the "Rate limited" bucket; undefined until a header told. */
  readonly general: { readonly limit: number; readonly remaining: number } | undefined;
  readonly limited: { readonly limit: number; readonly remaining: number } | undefined;
  /** Milliseconds until calls are allowed again after a 420; 0: now. */
  readonly pausedMs: number;
}

/** Who reaches what. Built from the config, plus what the store remembers of apps that have left it. */
export interface Identities {
  /** Undefined when nothing in the config or the store reaches the ref. */
  forRef(ref: HookRef): Identity | undefined;
  forApp(app: string | number): Identity | undefined;
}

/** A field of an app, as far as rules need it. */
export interface KnownField {
  readonly appId: number;
  readonly fieldId: number;
  readonly externalId: string;
  readonly type: string;
  readonly label: string;
}

/** Field ids by name and back. Kept in the store, read from Podio when a name is not known yet. */
export interface FieldDirectory {
  /** What is known without asking Podio. `field` is an external id or a field id in digits; aliases are resolved before. */
  known(appId: number, field: string): KnownField | undefined;
  byId(fieldId: number): KnownField | undefined;
  /** Whether the app's fields have been read: then a name that is not `known` is none of them. */
  hasRead(appId: number): boolean;
  /** Looks in the store, then asks Podio (one `apps.get`). Undefined: the app has no such field. */
  find(as: Identity, appId: number, field: string, options?: CallOptions): Promise<KnownField | undefined>;
}

/**
 * Reads what an event is about, once per item and revision however many rules ask. What is gone is the last known or
 * empty, never an error.
 */
export interface ItemReader {
  item(event: PodioEvent): Promise<Item>;
  changes(event: PodioEvent): Promise<Changes>;
  /**
   * What changed from before the first of these events of one item to after the last: what went there and back again is left
   * out, and so is what podiod itself wrote in between, unless the rule wants to hear of that. Undefined where Podio can't
   * tell any more.
   */
  spanned(events: readonly PodioEvent[], rule: Pick<Rule, 'includeOwn'>): Promise<Changes | undefined>;
  /** Podio's byline of who made the change; undefined where Podio does not tell. */
  actor(event: PodioEvent): Promise<PodioObject | undefined>;
  /** The comment that the event is about. */
  comment(event: PodioEvent): Promise<PodioObject | undefined>;
  /** The files that a `file.change` names, of other events those of the item. */
  files(event: PodioEvent): Promise<readonly PodioObject[]>;
  task(event: PodioEvent): Promise<PodioObject | undefined>;
}

/** Something as Podio's JSON has it. */
export type PodioObject = Readonly<Record<string, unknown>>;

/** Names from the config for refs and back. */
export interface Names {
  app(appId: number): string | undefined;
  /** The id of an app by its name. */
  appId(name: string): number | undefined;
  space(spaceId: number): string | undefined;
  /** For a field's ref: the app it belongs to. */
  appOfRef(ref: Ref): string | undefined;
}
