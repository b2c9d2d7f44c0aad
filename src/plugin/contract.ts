/** What a plugin author sees. Everything here is public through `podiod/plugin`. */
import type { Socket } from 'node:net';
import type { OperatorFunction } from 'rxjs';
import type { ZodType, z } from 'zod';
import type { Check } from '../core/condition.ts';
import type { PodioEvent } from '../core/event.ts';
import type { Log } from '../core/log.ts';
import type { App, Comment, FieldValueJson, FileInfo, FilterResult, Item, Task } from '../core/podio.ts';
import type { Data, View } from '../language/names.ts';

export type { Data, View } from '../language/names.ts';

import type { StepRead, StepWrite } from '../core/rule.ts';

/** One field that the event's change touched. */
export interface FieldChanged {
  readonly fieldId: number;
  /** Podio's field type: `category`, `money`, ... */
  readonly type: string;
  readonly label: string;
  /** Podio's value arrays; `[]` is empty. */
  readonly from: readonly FieldValueJson[];
  readonly to: readonly FieldValueJson[];
  /** The field's settings, where Podio told them. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** By external id. Empty when nothing is known to have changed. */
export type Changes = ReadonlyMap<string, FieldChanged>;

/** What flows through the steps of a rule. Frozen. */
export interface Message {
  readonly event: PodioEvent;
  /** One event, or all that are run together (`mode: { batch }`, `{ settle }`): `event` is the last of them. */
  readonly events: readonly PodioEvent[];
  /** `{rule}/{event id}/{step}[/{branch}]`, of a batch `{rule}/{first seq}-{last seq}/...`: the same over retries and restarts. */
  readonly deliveryKey: string;
  readonly data: Data;
  /** Aborted at the step's deadline, on unsubscribe and on stop. */
  readonly signal: AbortSignal;
  /** The event's item, fetched once per item and revision; the last known or an empty one when it is gone. */
  item(): Promise<Item>;
  /**
   * What the event changed; after `mode: { settle }`, what all of them changed, from before the first to after the last, without what
   * podiod itself wrote in between (unless the rule has `includeOwn: true`). For a creation every field counts as changed from empty.
   */
  changes(): Promise<Changes>;
  /** What the event changed in one field, named by alias, external id or field id; undefined: nothing. */
  change(field: string | number): Promise<FieldChanged | undefined>;
  /** Names for templates and conditions, each worked out when asked for. */
  readonly view: View;
  /** A new message with `data` under this step's name. Plain JSON, 64 kb at most. */
  with(data: unknown): Message;
  /**
   * A new message that goes on by itself, with `value` (plain JSON, 64 kb at most) under `name`: what comes after this step is
   * retried and parked for it alone, and `key` stands in its delivery keys. Either all that a step emits for one message is
   * made so, or nothing.
   */
  fork(key: string, name: string, value: unknown): Message;
}

/** `hook: true` lets Podio fire hooks for the write; left out, it fires none. */
export interface WriteOptions {
  readonly hook?: boolean;
  readonly silent?: boolean;
}

/**
 * Podio as plugins see it. Bodies and answers are Podio's own. Rejects with a PodioError whose `retry` says whether
 * trying again helps; a call that can't be made now (budget, pause, Podio down) rejects at once with the wait.
 */
export interface PluginPodio {
  readonly items: {
    /** Read as whoever reaches `app`, where that is given; else its app has to be known from elsewhere. */
    get(id: number, app?: string | number): Promise<Item>;
    create(
      app: string | number,
      body: object,
      options?: WriteOptions,
    ): Promise<{ item_id: number; [key: string]: unknown }>;
    update(
      id: number,
      body: object,
      options?: WriteOptions,
    ): Promise<{ revision: number; [key: string]: unknown }>;
    delete(id: number, options?: WriteOptions): Promise<void>;
    filter(app: string | number, body: object): Promise<FilterResult>;
  };
  readonly comments: {
    create(
      refType: string,
      refId: number,
      body: object,
      options?: WriteOptions,
    ): Promise<{ comment_id: number; [key: string]: unknown }>;
    get(id: number): Promise<Comment>;
    /** Of one object, such as an item. */
    list(refType: string, refId: number): Promise<readonly Comment[]>;
  };
  readonly tasks: {
    /** A `ref` of type and id in the body says what the task is about. */
    create(body: object, options?: WriteOptions): Promise<{ task_id: number; [key: string]: unknown }>;
    get(id: number): Promise<Task>;
    /** Those about one object. */
    list(refType: string, refId: number): Promise<readonly Task[]>;
  };
  readonly files: {
    get(id: number): Promise<FileInfo>;
    /** The bytes. Rejects for a file of more than `maxBytes`. */
    download(id: number, maxBytes: number): Promise<Uint8Array>;
  };
  readonly apps: { get(app: string | number): Promise<App> };
  request(
    method: string,
    path: string,
    options?: { query?: Record<string, string | number | boolean>; body?: unknown },
  ): Promise<unknown>;
  /** The same, with every call made by this login of the config. Throws PODIO_NO_IDENTITY when there is none of that name. */
  as(login: string): PluginPodio;
}

/** A small durable key-value space of this rule and step. A promise resolves when the change is on disk. */
export interface PluginStore {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** Atomic. `fn` may be called again and must be pure. */
  update(key: string, fn: (value: unknown) => unknown): Promise<unknown>;
}

export interface PluginContext {
  readonly log: Log;
  readonly podio: PluginPodio;
  /** The rule's name. */
  readonly rule: string;
  /** The step's name. */
  readonly step: string;
  readonly fetch: typeof globalThis.fetch;
  readonly store: PluginStore;
  /**
   * For what goes out by a way of the plugin's own, such as a mail server or a file: runs `make`. Where effects are captured
   * (a rule in shadow, `podiod test`) it keeps `what` instead, under `name`, and answers `instead`.
   */
  outside<T>(
    name: string,
    what: Readonly<Record<string, unknown>>,
    how: { make(): Promise<T>; readonly instead: T },
  ): Promise<T>;
  /**
   * A TCP connection to what `outbound` of the config lets plugins call, for protocols other than HTTP: client libraries take
   * it as their socket or stream. Addresses are looked at as it is made. Rejects where effects are captured.
   */
  connect(to: {
    readonly host: string;
    readonly port: number;
    /** Ends the connection, also once it is made. */
    readonly signal?: AbortSignal;
  }): Promise<Socket>;
  /**
   * Throws where `outbound` does not let plugins call this, so far as its name tells, so that `setup` can refuse it. What its
   * name leads to is for `fetch` and `connect` to look at.
   */
  mayCall(url: URL): void;
  /** Effects are captured: `setup` must open nothing outside either. */
  readonly captured: boolean;
  /** What the config calls the fields of an app, given by name or id: alias to external id. */
  aliases(app: string | number): Readonly<Record<string, string>>;
}

export interface PluginInstance {
  /** Subscribed once per try with a stream of one message. Completing means handled. */
  readonly operator: OperatorFunction<Message, Message>;
  dispose?(): void | Promise<void>;
}

export interface PluginDefinition<Schema extends ZodType = ZodType> {
  readonly name: string;
  readonly options: Schema;
  /**
   * The operator does nothing outside the stream (a filter, a reshaping): dry runs run it. Left out or false, they ask
   * `describe` instead and pass the message on.
   */
  readonly pure?: boolean;
  /**
   * `context`: all that it does outside the stream goes through its context (`podio`, `fetch`, `store`, `outside`). Then it can
   * really run where effects are captured, and what it would send is shown. Left out: it is never run there.
   */
  readonly effects?: 'context';
  setup(options: z.output<Schema>, context: PluginContext): PluginInstance | Promise<PluginInstance>;
  /**
   * What it writes at Podio with these options, as they stand in the config, templates and all. Draws the graph of rules that
   * write what other rules watch. Left out: nothing, as far as can be told.
   */
  writes?(options: z.input<Schema>): readonly StepWrite[];
  /** Fields that these options name, beside those of `writes` and of field options: they are looked up in the catalog. */
  reads?(options: z.input<Schema>): readonly StepRead[];
  /** Names that it gives to what it adds, beside its step's, for the templates of later steps: see `fork`. */
  names?(options: z.input<Schema>): readonly string[];
  /** Keys of what it adds to `data`, each that there may be: others are refused in later steps. Left out: any. */
  readonly gives?: readonly string[];
  /** Of a filter, after it let the message through or not: what it looked at, with what was there, for `podiod why`. */
  explain?(message: Message, options: z.output<Schema>): readonly Check[] | Promise<readonly Check[]>;
  /** What it would do with this message, one line or more, for dry runs. */
  describe?(message: Message, options: z.output<Schema>): string | Promise<string>;
}
