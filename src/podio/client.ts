import { type Observable, Subject } from 'rxjs';
import type { Clock } from '../core/clock.ts';
import { PodioError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { Settings } from '../store/contract.ts';
import { abortable } from './abortable.ts';
import { makeAuth } from './auth.ts';
import { makeBudget } from './budget.ts';
import { makeBudgetKeep } from './budget-keep.ts';
import { type Call, type Identity, identityKey, type PodioClient } from './contract.ts';
import { errorOf, isRateLimit, unexpectedAnswer, waitOf } from './errors.ts';
import { makeGate } from './gate.ts';
import { makeGrants, type Token } from './grants.ts';
import { type Answer, type HttpRequest, makeHttp } from './http.ts';
import { makeLoginPace } from './login-pace.ts';
import { makeOutageGuard } from './outage.ts';
import { makePodioClock, type PodioClock } from './podio-clock.ts';
import { callsOver, type OnOdd } from './reads.ts';
import { makeTokenKeep } from './token-keep.ts';

/** Calls on their way at the same time, over all identities. */
const CONCURRENCY = 6;
const DEFAULT_TIMEOUT_MS = 30_000;
/** For how long a 401 that a fresh login did not cure is put down to the operation and not to the token. */
const NO_CURE_MS = 600_000;

export interface PodioClientOptions {
  /** Without a slash at its end. */
  readonly apiUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** v2 takes JSON, v1 a form. */
  readonly tokenEndpoint: 'v1' | 'v2';
  /** 0 to 1: of each hourly budget, what calls of priority `background` may use together. */
  readonly backgroundShare: number;
  /** Keeps tokens, under `token/{identity}`, and what is spent of budgets, under `budget/{identity}`. */
  readonly settings: Pick<Settings, 'get' | 'set' | 'delete'>;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'apiCalled'>;
  /** For one request with its answer. Default: 30 s. */
  readonly timeoutMs?: number;
}

/** One request of a call that may need several. */
interface Attempt {
  readonly answer: Answer;
  readonly token: Token;
}

/** With what its calls have shown of Podio. */
export interface HearingPodioClient extends PodioClient {
  readonly clock: PodioClock;
  /** Podio was down, and a call has shown that it no longer is. */
  readonly back$: Observable<void>;
}

/** Podio's REST API, with tokens, budgets and outages taken care of. */
export function makePodioClient(options: PodioClientOptions): HearingPodioClient {
  const { apiUrl, clientId, clientSecret, tokenEndpoint, backgroundShare, settings, clock, metrics } =
    options;
  const log = options.log.child({ module: 'podio' });
  const podioClock = makePodioClock();
  const http = makeHttp({
    apiUrl,
    fetch: options.fetch,
    clock,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    onDate: podioClock.heard,
  });
  const back$ = new Subject<void>();
  const outage = makeOutageGuard(clock, log, () => back$.next());
  const budget = makeBudget({ clock, backgroundShare });
  const pace = makeLoginPace(clock);
  const kept = makeBudgetKeep({ settings, budget, pace, clock, log });
  const gate = makeGate(CONCURRENCY, clock);
  /** How many calls there were, which is also a call's name in the log. */
  let calls = 0;

  /** One request, counted. Rejects where there is no answer to speak of: none came, or a 5xx. */
  const send = async (operation: string, request: HttpRequest, event?: Call['event']): Promise<Answer> => {
    const admission = outage.admit();
    calls += 1;
    const call = calls;
    const from = clock.monotonic();
    const facts = () => ({
      call,
      operation,
      ...(event && { seq: event.seq, event: event.id }),
      ms: Math.round(clock.monotonic() - from),
    });
    let answer: Answer;
    try {
      answer = await http(request);
    } catch (error) {
      if (!(error instanceof PodioError)) throw error;
      metrics.apiCalled(operation, 0);
      log.debug('call not answered', { ...facts(), error });
      throw admission.failed(error);
    }
    metrics.apiCalled(operation, answer.status);
    log.debug('call answered', { ...facts(), status: answer.status });
    if (answer.status >= 500) throw admission.failed(errorOf({ ...request, quotable: false }, answer));
    admission.succeeded();
    return answer;
  };

  const auth = makeAuth({
    grants: makeGrants({ send, clientId, clientSecret, tokenEndpoint, clock }),
    keep: makeTokenKeep({ settings, apiUrl, clientId, log }),
    pace: {
      ...pace,
      limited(identity, waitMs) {
        pace.limited(identity, waitMs);
        kept.changed(identity);
      },
    },
    clock,
    log,
  });

  const tooEarly = (identity: string, waitMs: number) =>
    new PodioError(
      'PODIO_RATE_LIMITED',
      `no call for ${identity} now: Podio's limit is reached or kept free`,
      {
        retry: { afterMs: waitMs },
      },
    );

  const priorityOf = (call: Call) => call.priority ?? 'live';

  /** Sends with a slot and a grant; both are taken together, so nothing is granted to a call that still waits. */
  const attempt = async (as: Identity, call: Call): Promise<Attempt> => {
    const { operation, method, path, query, body, signal, event, maxBytes, patienceMs } = call;
    const identity = identityKey(as);
    for (;;) {
      const token = await abortable(auth.token(as, priorityOf(call), patienceMs), signal);
      const leave = await gate.enter(priorityOf(call), { signal, patienceMs });
      try {
        // While this call stood in line another one may have found the token dead.
        if (!auth.isCurrent(as, token)) continue;
        const { grant, waitMs } = budget.take(identity, operation, priorityOf(call));
        if (!grant) throw tooEarly(identity, waitMs);
        if (priorityOf(call) === 'background') kept.changed(identity);
        let answer: Answer | undefined;
        try {
          const headers = {
            authorization: `OAuth2 ${token.access}`,
            ...(body !== undefined && { 'content-type': 'application/json' }),
          };
          const sent = body === undefined ? undefined : JSON.stringify(body);
          const request = { method, path, query, headers, body: sent, signal, maxBytes };
          answer = await send(operation, request, event);
        } finally {
          grant.answered(answer?.rateLimit);
        }
        if (isRateLimit(answer.status)) {
          log.warn('Podio asks to wait', { identity, operation, waitMs: waitOf(answer) });
          budget.pause(identity, waitOf(answer));
          kept.changed(identity);
        }
        return { answer, token };
      } finally {
        leave();
      }
    }
  };

  /** Until when a 401 of this operation is not worth a login, by identity and operation. */
  const incurable = new Map<string, number>();

  const request = async (as: Identity, call: Call): Promise<unknown> => {
    await kept.restored(identityKey(as));
    const waitMs = budget.wait(identityKey(as), call.operation, priorityOf(call));
    if (waitMs > 0) throw tooEarly(identityKey(as), waitMs);

    let { answer, token } = await attempt(as, call);
    const place = `${identityKey(as)} ${call.operation}`;
    if (answer.status === 401 && (incurable.get(place) ?? 0) <= clock.monotonic()) {
      // "expired_token" is said of any bad token: one refresh, one login, and no more.
      for (const how of ['refresh', 'login'] as const) {
        await abortable(auth.renew(as, token, how, priorityOf(call), call.patienceMs), call.signal);
        ({ answer, token } = await attempt(as, call));
        if (answer.status !== 401) break;
      }
      // Trying again and again would use up the logins that the identity's other calls need.
      if (answer.status === 401) incurable.set(place, clock.monotonic() + NO_CURE_MS);
      else incurable.delete(place);
    }
    if (answer.status < 200 || answer.status >= 300) throw errorOf({ ...call, quotable: true }, answer);
    if (!answer.readable) throw unexpectedAnswer(call, 'JSON');
    return answer.body;
  };

  const told = new Set<string>();
  const onOdd: OnOdd = ({ operation, path }, where) => {
    const place = `${operation} ${where}`;
    if (told.has(place)) return;
    told.add(place);
    log.warn('an answer of Podio has something odd in it, which is left out', {
      operation,
      path,
      ...(where !== '' && { where }),
    });
  };

  return {
    ...callsOver(request, onOdd),
    share: as => budget.share(identityKey(as)),
    budgets: budget.status,
    outage: outage.status,
    clock: podioClock,
    back$,
  };
}
