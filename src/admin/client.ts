/** How the commands talk to the running daemon of a dataDir. */
import type { AdminConfig } from '../config/model.ts';
import { coerceError, ERROR_CODES, type ErrorCode, PodiodError } from '../core/errors.ts';
import type { ParkedRun } from '../core/run.ts';
import type { ReplayAnswer } from '../dispatch/replay-desk.ts';
import type { Address } from '../http/server.ts';
import type { LevelChange, LevelsStatus } from '../log/levels.ts';
import type { HandshakeAnswer, HookPlace } from '../reconcile/index.ts';
import type { HookStatus } from '../reconcile/status.ts';
import { requireFolder } from '../store/access.ts';
import type { EventQuery, ParkedSelection, Pausable } from '../store/contract.ts';
import { readSecretFile } from '../store/files.ts';
import type { DropAnswer, PauseAnswer, RetryAnswer } from './admin.ts';
import type { ErrorBody } from './errors.ts';
import type { EventJson } from './events.ts';
import type {
  FireAnswer,
  FireRequest,
  ParkedQuery,
  PodioReadAnswer,
  PodioReadRequest,
  ReconcileRequest,
  ReloadWish,
  ReplayRequest,
  WhyRequest,
} from './requests.ts';
import { readRunFile } from './run-file.ts';
import type { Readiness, RuleStatus, Status } from './status.ts';

/** Every call rejects with ADMIN_UNREACHABLE when no daemon answers, else with the error that the daemon told. */
export interface AdminClient {
  readiness(): Promise<Readiness>;
  status(): Promise<Status>;
  hooks(): Promise<readonly HookStatus[]>;
  rules(): Promise<readonly RuleStatus[]>;
  events(query?: EventQuery): Promise<readonly EventJson[]>;
  why(request: WhyRequest): Promise<unknown>;
  parked(query?: ParkedQuery): Promise<readonly ParkedRun[]>;
  /** The item_id of what people write for an item: `leads/42` or a link. The daemon asks Podio. */
  findItem(name: string): Promise<number>;
  /** The numbers that people see, of those of these items that the daemon has read lately. */
  itemNumbers(ids: readonly number[]): Promise<ReadonlyMap<number, number>>;
  retryParked(selection: ParkedSelection): Promise<RetryAnswer>;
  dropParked(selection: ParkedSelection): Promise<DropAnswer>;
  /** Has Podio ping a hook; takes as long as the ping does. */
  handshake(hook: HookPlace): Promise<HandshakeAnswer>;
  logLevels(): Promise<LevelsStatus>;
  setLogLevel(change: LevelChange): Promise<LevelsStatus>;
  /** Takes as long as it takes to count the events. */
  replay(request: ReplayRequest): Promise<ReplayAnswer>;
  /** Takes as long as Podio takes to tell of the item. */
  fire(request: FireRequest): Promise<FireAnswer>;
  /** What the daemon's budget has to spare. */
  readPodio(request: PodioReadRequest, signal?: AbortSignal): Promise<PodioReadAnswer>;
  pause(what: Pausable): Promise<PauseAnswer>;
  resume(what: Pausable): Promise<PauseAnswer>;
  /** With `wait` (the default) this takes as long as the hooks need to become active. */
  /** Takes as long as the hooks need to become active. */
  rotateSecret(): Promise<unknown>;
  reconcile(request?: Partial<ReconcileRequest>, signal?: AbortSignal): Promise<unknown>;
  /** Takes as long as what is in hand of changed rules. Rejects with a {@link ToldConfigError} where the file is wrong. */
  reload(request?: Partial<ReloadWish>): Promise<unknown>;
}

/** The problems that a daemon has found in its config. */
class ToldConfigError extends PodiodError {
  readonly problems: readonly unknown[];
  readonly summary: string;

  constructor({ message, hint, problems = [], summary = message }: ErrorBody['error']) {
    super('CONFIG_INVALID', message, { hint, retry: 'never' });
    this.problems = problems;
    this.summary = summary;
  }
}

export interface AdminClientOptions {
  readonly dataDir: string;
  readonly admin: AdminConfig;
  readonly fetch?: typeof globalThis.fetch;
}

/** Reads come from the store and from memory; a daemon that needs longer does not answer any more. */
const TIMEOUT_MS = 10_000;

/** A million events are counted in less. */
const COUNT_TIMEOUT_MS = 300_000;

/** Longer than the daemon waits for a ping. */
const PING_TIMEOUT_MS = 60_000;

const HINT =
  "Start it with `podiod run`, or check that the config's dataDir and admin are those of the running one.";

export function adminClient({ dataDir, admin, fetch = globalThis.fetch }: AdminClientOptions): AdminClient {
  /** Looked up for every call: the daemon may have been restarted on another port meanwhile. */
  const find = async (): Promise<{ base: string; token: string; pid: number | undefined }> => {
    const run = await readRunFile(dataDir);
    const address = run?.admin ?? (admin.port > 0 ? admin : undefined);
    if (!address) {
      requireFolder(dataDir);
      throw unreachable(`no podiod is running on ${dataDir}`);
    }
    const token = admin.token ?? (await readSecretFile(dataDir, 'admin-token'));
    if (token === undefined)
      throw unreachable(`no podiod has run with the data in ${dataDir} yet: there is no admin-token`);
    return { base: `http://${hostOf(address)}:${address.port}`, token, pid: run?.pid };
  };

  const call = async (
    path: string,
    init: RequestInit = {},
    accept: readonly number[] = [200],
  ): Promise<unknown> => {
    const { base, token, pid } = await find();
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${base}${path}`, {
        signal: AbortSignal.timeout(TIMEOUT_MS),
        redirect: 'error',
        ...init,
        headers: { Authorization: `Bearer ${token}`, ...init.headers },
      });
      text = await response.text();
    } catch (thrown) {
      init.signal?.throwIfAborted();
      const left = pid === undefined ? '' : `; its run.json names process ${pid}, which may have been killed`;
      throw unreachable(`no podiod answers on ${base}${left}`, coerceError(thrown));
    }
    const body = parse(text);
    if (accept.includes(response.status) && body !== undefined) return body;
    if (response.status === 401) throw refused(base, dataDir, admin.token !== undefined);
    if (isErrorBody(body)) throw told(body);
    throw unreachable(`${base} answers ${response.status}, but not as podiod does`);
  };

  const post = (path: string, body: unknown, init: RequestInit = {}): Promise<unknown> =>
    call(path, {
      ...init,
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
  const part = async <T>(answer: Promise<unknown>, key: string): Promise<T> =>
    ((await answer) as Record<string, T>)[key] as T;

  return {
    // 503 has the same body.
    readiness: async () => (await call('/readyz', {}, [200, 503])) as Readiness,
    status: async () => (await call('/api/status')) as Status,
    hooks: () => part(call('/api/hooks'), 'hooks'),
    rules: () => part(call('/api/rules'), 'rules'),
    events: query => part(call(`/api/events${queryOf(query)}`), 'events'),
    why: request => call(`/api/why${queryOf(request)}`),
    parked: query => part(call(`/api/parked${queryOf(query)}`), 'parked'),
    findItem: of => part(call(`/api/item${queryOf({ of })}`), 'itemId'),
    itemNumbers: async ids => {
      const numbers: Readonly<Record<string, number>> = await part(post('/api/items', { ids }), 'numbers');
      return new Map(Object.entries(numbers).map(([id, number]) => [Number(id), number]));
    },
    retryParked: async selection => (await post('/api/parked/retry', selection)) as RetryAnswer,
    dropParked: async selection => (await post('/api/parked/drop', selection)) as DropAnswer,
    handshake: async ({ hookId }) =>
      (await post(
        '/api/handshake',
        { hookId },
        { signal: AbortSignal.timeout(PING_TIMEOUT_MS) },
      )) as HandshakeAnswer,
    logLevels: async () => (await call('/api/log-level')) as LevelsStatus,
    setLogLevel: async change => (await post('/api/log-level', change)) as LevelsStatus,
    replay: async request =>
      (await post('/api/replay', request, { signal: AbortSignal.timeout(COUNT_TIMEOUT_MS) })) as ReplayAnswer,
    fire: async request =>
      (await post('/api/fire', request, { signal: AbortSignal.timeout(PING_TIMEOUT_MS) })) as FireAnswer,
    readPodio: async (request, signal) => {
      const timeout = AbortSignal.timeout(PING_TIMEOUT_MS);
      const init = { signal: signal ? AbortSignal.any([signal, timeout]) : timeout };
      return (await post('/api/podio/read', request, init)) as PodioReadAnswer;
    },
    pause: async ({ kind, name }) => (await post('/api/pause', { [kind]: name })) as PauseAnswer,
    resume: async ({ kind, name }) => (await post('/api/resume', { [kind]: name })) as PauseAnswer,
    rotateSecret: () => post('/api/secret/rotate', {}, { signal: null }),
    reconcile: (request = {}, signal) =>
      // No timeout of its own: hooks become active in Podio's time.
      post('/api/reconcile', request, { signal: signal ?? null }),
    reload: (request = {}) => post('/api/reload', request, { signal: null }),
  };
}

/** An address to listen on may mean all of them, which is none to call. */
function hostOf({ host }: Pick<Address, 'host'>): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function queryOf(query: object = {}): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) params.set(key, String(value));
  return params.size === 0 ? '' : `?${params}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isErrorBody = (body: unknown): body is ErrorBody =>
  typeof body === 'object' &&
  body !== null &&
  'error' in body &&
  typeof body.error === 'object' &&
  body.error !== null &&
  'message' in body.error;

/** A daemon of another version may know codes that this one does not. */
function told({ error }: ErrorBody): PodiodError {
  const { code, message, hint } = error;
  if (code === 'CONFIG_INVALID' && error.problems) return new ToldConfigError(error);
  const known: ErrorCode = Object.hasOwn(ERROR_CODES, code) ? code : 'INTERNAL';
  return new PodiodError(known, message, { hint, retry: 'never' });
}

/** The token that podiod has made lies in its dataDir: the usual reason is that another one answers. */
const refused = (base: string, dataDir: string, isOfConfig: boolean): PodiodError =>
  new PodiodError(
    'ADMIN_UNAUTHORIZED',
    `what answers on ${base} refuses the token of ${isOfConfig ? 'the config (admin.token)' : dataDir}`,
    {
      hint: `Another podiod may answer there, with another config and dataDir than ${dataDir}: give --config of that one, or let admin.port of this one be another.`,
      retry: 'never',
    },
  );

const unreachable = (message: string, cause?: unknown): PodiodError =>
  new PodiodError('ADMIN_UNREACHABLE', message, { hint: HINT, retry: 'never', cause });
