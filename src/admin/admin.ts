/** Health, metrics and the API that the commands use. Everything but health wants the token. */
import type { RequestListener } from 'node:http';
import { coerceError } from '../core/errors.ts';
import { loadOnce } from '../core/load-once.ts';
import type { Log } from '../core/log.ts';
import type { ReplayAnswer, ReplayWish } from '../dispatch/replay-desk.ts';
import { type HttpServer, type ListenAt, listen } from '../http/server.ts';
import type { Levels } from '../log/levels.ts';
import type { Mask } from '../log/mask.ts';
import type { HandshakeAnswer } from '../reconcile/index.ts';
import type { EventQuery, EventWithRuns, ParkedSelection, Parking, Pausable } from '../store/contract.ts';
import type { MetricsRegistry } from './metrics.ts';
import type {
  FireAnswer,
  FireRequest,
  PodioReadAnswer,
  PodioReadRequest,
  ReconcileRequest,
  ReloadWish,
  WhyRequest,
} from './requests.ts';
import type { Readiness, StatusFacts } from './status.ts';

/** What `/api/parked/retry` answers. */
export interface RetryAnswer {
  /** Those that will run again. */
  readonly ids: readonly string[];
  /** Rules that were asked for and that this daemon does not run. What is parked of them stays so. */
  readonly missing: readonly string[];
}

/** What `/api/parked/drop` answers. */
export interface DropAnswer {
  /** Parked runs that were given up. */
  readonly ids: readonly string[];
  /** Of a rule that has left the config: runs that had begun or were gathered, ... */
  readonly waiting: number;
  /** ... and events that it had not come to. */
  readonly passed: number;
}

/** What `/api/pause` and `/api/resume` answer: how it is now. */
export interface PauseAnswer {
  /** One of them: what was asked for. */
  readonly rule?: string;
  readonly plugin?: string;
  readonly paused: boolean;
  /** False: it was so already. */
  readonly changed: boolean;
  /** ISO 8601, UTC. */
  readonly since?: string;
}

export interface AdminDeps {
  readiness(): Readiness;
  facts(): Promise<StatusFacts>;
  events(query: EventQuery): Promise<readonly EventWithRuns[]>;
  readonly parking: Pick<Parking, 'list'> & {
    retry(selection: ParkedSelection): Promise<RetryAnswer>;
    drop(selection: ParkedSelection): Promise<DropAnswer>;
  };
  /** The item_id of `leads/42` or a link. Rejects with USAGE for what is no item. */
  findItem(name: string): Promise<number>;
  /** What every rule made of changes, and why, as JSON. Rejects with USAGE for what is nowhere known. */
  why(request: WhyRequest): Promise<object>;
  /** Undefined for a rule that is not running. */
  replay(wish: ReplayWish): Promise<ReplayAnswer | undefined>;
  /** The number that people see of an item; undefined for one that was not read lately. */
  numberOfItem(itemId: number): number | undefined;
  /** Has a rule run for an item. Rejects with USAGE for a rule or an item that is not there. */
  fire(request: FireRequest): Promise<FireAnswer>;
  /** Reads from Podio for a command, as background work. Rejects with USAGE for what is not read for others. */
  readPodio(request: PodioReadRequest): Promise<PodioReadAnswer>;
  /** Has Podio ping this hook of ours. Undefined where there is none of this id. */
  handshake(hookId: number): Promise<HandshakeAnswer | undefined>;
  /** Both reject with ADMIN_REQUEST for what there is not. */
  pause(what: Pausable): Promise<PauseAnswer>;
  resume(what: Pausable): Promise<PauseAnswer>;
  /** Which lines the log has; absent where the log is not podiod's own. */
  readonly logLevels?: Pick<Levels, 'set' | 'status'> | undefined;
  /** Looks and carries out; resolves with the plan and what became of it, as JSON without keys. */
  reconcile(request: Omit<ReconcileRequest, 'wait'>): Promise<object>;
  /** Reads the config again; resolves with what it means and what became of it, as JSON. */
  reload(request: ReloadWish): Promise<object>;
  /** Resolves when hooks have been replaced, as `reconcile` does. Rejects with USAGE where the secret is the config's. */
  rotateSecret(): Promise<object>;
}

export interface AdminOptions {
  readonly token: string;
  readonly deps: AdminDeps;
  readonly metrics: Pick<MetricsRegistry, 'text' | 'contentType'>;
  readonly log: Log;
  /** Takes known secrets out of everything that is answered, and out of errors what only looks like one. */
  readonly mask: Pick<Mask, 'known'> & ((text: string) => string);
}

export interface Admin {
  /** Rejects with INGRESS_PORT when the address can't be had. */
  listen(at: ListenAt): Promise<HttpServer>;
}

const MAX_CONNECTIONS = 200;

export function makeAdmin(options: AdminOptions): Admin {
  const log = options.log.child({ module: 'admin' });
  const app = loadOnce(() => import('./app.ts').then(({ makeApp }) => makeApp({ ...options, log })));
  const handle: RequestListener = (request, response) => {
    app().then(
      answer => answer(request, response),
      // No more files may be opened, or podiod is just being replaced by another version.
      thrown => {
        log.error('request failed', { error: coerceError(thrown) });
        response.writeHead(503).end();
      },
    );
  };
  return { listen: at => listen(handle, at, { name: 'admin', maxConnections: MAX_CONNECTIONS }) };
}
