/** What whoever catches an error may do with it. Waits are milliseconds. */
export type RetryVerdict = 'never' | 'backoff' | { afterMs: number };

/**
 * Every code that a {@link PodiodError} can carry, with one sentence for docs/errors.md. Codes are API: one is never
 * renamed, and a retired one is never used again. Codes of config problems stand in diagnostic.ts.
 */
export const ERROR_CODES = {
  USAGE: 'The command line is wrong: unknown command or option, or a value that does not fit.',
  CONFIG_INVALID: 'The config has problems; each is listed with its place.',
  STORE_LOCKED: 'Another podiod uses this dataDir.',
  STORE_CORRUPT: 'The database in dataDir is damaged, or is not one of podiod’s.',
  STORE_VERSION: 'The database was written by a newer podiod.',
  STORE_WRITE_FAILED: 'A write did not reach the disk: it is full, broken or read-only.',
  STORE_UNAVAILABLE: 'The store is closing or too much is waiting; try again.',
  STORE_SECRET: 'A file in dataDir that holds a secret is empty or damaged.',
  STORE_EXPOSED: 'A file in dataDir that only its owner may read was opened to others.',
  STORE_ACCESS:
    'dataDir or a file in it is of another kind than podiod needs, or not for the user that the command runs as.',
  STORE_STALE_LEASE: 'Another owner has taken over this lane; what was in hand here no longer counts.',
  INGRESS_NOT_FOUND: 'No hook has this path, or its key is wrong.',
  INGRESS_TOO_MANY: 'Too many requests with a wrong path or key came from one address (server.rateLimit).',
  INGRESS_METHOD: 'A hook is called with POST only.',
  INGRESS_TOO_LARGE: 'The body is larger than server.maxBody.',
  INGRESS_MEDIA_TYPE: 'The body is neither a form nor JSON.',
  INGRESS_BODY: 'The body is not what this hook delivers.',
  INGRESS_UNAVAILABLE: 'The event could not be stored; Podio delivers it again.',
  INGRESS_PORT: 'The address that podiod should listen on is taken or not allowed.',
  PODIO_RATE_LIMITED: 'Podio answered 420: this identity has to wait.',
  PODIO_UNAVAILABLE: 'Podio could not be reached, timed out or answered 5xx.',
  PODIO_UNAUTHORIZED: 'Podio refused the credentials, also after one refresh and one login.',
  PODIO_FORBIDDEN: 'The identity may not do this, or the item is gone (Podio answers 403 for both).',
  PODIO_NOT_FOUND: 'The object does not exist, or no longer.',
  PODIO_CONFLICT: 'The object was changed meanwhile.',
  PODIO_INVALID: 'Podio refused the request as malformed.',
  PODIO_NO_IDENTITY: 'No token or login in the config reaches this object.',
  HOOK_INACTIVE: 'A hook could not be brought to life: its verification did not come through.',
  HOOK_PLAN_CHANGED:
    'What would be done at Podio is no longer what was shown and agreed to, so nothing was done.',
  PLUGIN_LOAD: 'The plugin could not be found, read or started up as a module.',
  PLUGIN_OPTIONS: "The options do not fit the plugin's schema.",
  PLUGIN_SETUP: "The plugin's setup failed.",
  PLUGIN_DELIVER: 'The plugin failed on an event.',
  PLUGIN_DEADLINE: 'The step did not complete within its deadline.',
  PLUGIN_FLOOD: 'The step emitted more messages than are held, or data that is too large.',
  PLUGIN_MESSAGE: 'The step emitted something that is not a message made by message.with().',
  PLUGIN_PERMANENT: 'The plugin said that trying again is no use.',
  PLUGIN_RETRY_AFTER: 'The plugin asked to be tried again later.',
  ADMIN_UNAUTHORIZED: 'The admin API wants the token of dataDir/admin-token (or admin.token) as a bearer.',
  ADMIN_TOO_MANY: 'Too many requests with a wrong token; try again later.',
  ADMIN_REQUEST: 'The admin API was asked for something that it does not have or can’t read.',
  ADMIN_UNREACHABLE: 'No podiod is running on this dataDir, or its admin address does not answer.',
  RELOAD_ROLLED_BACK:
    'A plugin of the new config could not be set up, so the old config stays in force, unchanged.',
  SERVICE_INSTALL: 'The units for systemd could not be written.',
  OUTBOUND_REFUSED: 'A plugin wanted to call what the config does not allow (outbound).',
  STOPPED: 'The command was asked to stop (Ctrl-C, SIGTERM) before it was done.',
  INTERNAL: 'A fault in podiod itself.',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface PodiodErrorOptions {
  /** What to do next, as a sentence. */
  hint?: string | undefined;
  retry?: RetryVerdict;
  cause?: unknown;
}

/** Two copies of podiod in one process (a plugin's own one) must know each other's errors. */
const BRAND = Symbol.for('podiod.error');

/** Base of all errors that podiod raises on purpose. */
export class PodiodError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retry: RetryVerdict;
  readonly [BRAND] = true;

  constructor(code: ErrorCode, message: string, options: PodiodErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.retry = options.retry ?? 'backoff';
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** True for errors of any copy of podiod. */
export function isPodiodError(error: unknown): error is PodiodError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

/** The command line is wrong. Exit code 2. */
export class UsageError extends PodiodError {
  constructor(message: string, hint?: string) {
    super('USAGE', message, { hint, retry: 'never' });
  }
}

export class StoreError extends PodiodError {}

/** An answer of the ingress that is not 200. `message` is the body that the caller sees, kept short. */
export class IngressError extends PodiodError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** koa's word for: the message may be shown to the caller. */
  readonly expose = true;

  constructor(
    code: ErrorCode,
    status: number,
    message: string,
    { headers = {}, cause }: { headers?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(code, message, { retry: 'never', cause });
    this.status = status;
    this.headers = headers;
  }
}

/** A call to Podio that did not succeed. Its message holds no secret: paths only, no query, no body. */
export class PodioError extends PodiodError {
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** Podio's own error class, e.g. `invalid_grant`. */
  readonly error: string | undefined;
  /** Nothing of it can have reached Podio. */
  readonly unsent: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: PodiodErrorOptions & {
      status?: number | undefined;
      error?: string | undefined;
      unsent?: boolean;
    } = {},
  ) {
    super(code, message, options);
    this.status = options.status;
    this.error = options.error;
    this.unsent = options.unsent ?? false;
  }
}

/** Where in a plugin's life something failed. */
export type PluginPhase = 'load' | 'options' | 'setup' | 'deliver' | 'dispose';

/** A failure inside a plugin, attributed by the host. */
export class PluginError extends PodiodError {
  readonly plugin: string;
  readonly phase: PluginPhase;
  readonly rule: string | undefined;
  readonly step: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    at: { plugin: string; phase: PluginPhase; rule?: string | undefined; step?: string | undefined },
    options: PodiodErrorOptions = {},
  ) {
    super(code, message, options);
    this.plugin = at.plugin;
    this.phase = at.phase;
    this.rule = at.rule;
    this.step = at.step;
  }
}

/** Thrown by a plugin: trying again is of no use, park the run now. */
export class PermanentError extends PodiodError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super('PLUGIN_PERMANENT', message, { ...options, retry: 'never' });
  }
}

/** Thrown by a plugin: try again, but not before `ms` milliseconds from now. Uses up no attempt. */
export class RetryAfter extends PodiodError {
  constructor(ms: number, message = `try again in ${ms} ms`, options: { cause?: unknown } = {}) {
    super('PLUGIN_RETRY_AFTER', message, { ...options, retry: { afterMs: ms } });
  }
}

/** Anything can be thrown; everything that is caught goes through here before its message is read. Throws nothing itself. */
export function coerceError(thrown: unknown): Error {
  try {
    return readAsError(thrown);
  } catch {
    // No text can be made of it, and it is nothing that could be shown as a cause.
    return new Error(`thrown: ${typeof thrown === 'object' ? 'an object' : 'something'} that can't be read`);
  }
}

function readAsError(thrown: unknown): Error {
  if ((thrown instanceof Error || isPodiodError(thrown)) && typeof thrown.message === 'string') return thrown;
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown) {
    return new Error(String(thrown.message), { cause: thrown });
  }
  return new Error(typeof thrown === 'string' ? thrown : `thrown: ${String(thrown)}`, { cause: thrown });
}

/** For the default branch of a switch over a closed set. */
export function unreachable(value: never): never {
  throw new PodiodError('INTERNAL', `unexpected value: ${JSON.stringify(value)}`, { retry: 'never' });
}
