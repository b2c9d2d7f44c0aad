/** How a backtest reads from Podio: with what is spare, no answer twice, and waiting as long as it is told to. */
import { appendFileSync, closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { AdminClient } from '../../admin/client.ts';
import { backoffMs, statedWaitMs } from '../../core/backoff.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import { coerceError, isPodiodError, PodioError, UsageError } from '../../core/errors.ts';
import { type Call, type Identity, identityKey, type PodioClient } from '../../podio/contract.ts';
import { makeDataDir } from '../../store/files.ts';

export type Request = PodioClient['request'];

/** The running daemon reads it, so that there is one budget. */
export const throughDaemon =
  (client: Pick<AdminClient, 'readPodio'>): Request =>
  async (as, { method, path, query, body, signal, maxBytes }) => {
    if (maxBytes !== undefined)
      throw new UsageError(
        `the daemon hands on no bytes of files: ${path}`,
        'Stop it for this backtest, or have the step look at what is known of the file.',
      );
    // The daemon refuses what is no read.
    const given = {
      as: identityKey(as),
      method: method as 'GET' | 'POST',
      path,
      ...(query && { query: { ...query } }),
      ...(body !== undefined && { body: body as Record<string, unknown> }),
    };
    const answer = await client.readPodio(given, signal);
    if ('answer' in answer) return answer.answer;
    const { code, message, hint, afterMs } = answer.failed;
    throw new PodioError(code, message, { hint, ...(afterMs !== undefined && { retry: { afterMs } }) });
  };

export interface Patience {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told that nothing is read for so long, ms, and why. */
  readonly onWait: (ms: number, error: PodioError) => void;
  /** Told once it waits no longer for Podio to be there, with the error to end with. */
  readonly onGiveUp: (error: PodioError) => void;
}

/** While Podio is away; where it says when to come again that is believed. */
const RETRY = { fromMs: 5000, toMs: 300_000 };

/** A limit ends by itself, so that is waited for as long as it takes; a Podio that is not there may be a wrong address. */
const AWAY_MS = 60_000;

/** As background work. What can't be made now is made when it can. */
export function patiently(request: Request, { clock, signal, onWait, onGiveUp }: Patience): Request {
  const msOf = (error: PodioError, failures: number): number =>
    statedWaitMs(error) ?? backoffMs(failures + 1, RETRY);
  return async (as, call) => {
    /** Since when, while Podio is away; the first error tells why, later ones may only say that none was made. */
    let away: { readonly since: number; readonly error: PodioError } | undefined;
    for (let failures = 0; ; failures++) {
      signal.throwIfAborted();
      try {
        // A login that hangs hears of no signal.
        return await orAborted(request(as, { ...call, priority: 'background', signal }), signal);
      } catch (error) {
        if (!canWaitFor(error)) throw error;
        let ms = msOf(error, failures);
        if (error.code === 'PODIO_UNAVAILABLE') {
          away ??= { since: clock.monotonic(), error };
          const left = away.since + AWAY_MS - clock.monotonic();
          if (left <= 0) {
            onGiveUp(away.error);
            throw away.error;
          }
          ms = Math.min(ms, left);
        } else away = undefined;
        onWait(ms, away?.error ?? error);
        await sleep(clock, Math.max(ms, 1), signal);
      }
    }
  };
}

/** Rejects with what the signal says as soon as it is aborted, whatever the work does then. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

const canWaitFor = (error: unknown): error is PodioError =>
  isPodiodError(error) && (error.code === 'PODIO_RATE_LIMITED' || error.code === 'PODIO_UNAVAILABLE');

interface Entry {
  readonly call: string;
  readonly answer?: unknown;
  readonly failed?: { readonly code: PodioError['code']; readonly message: string };
}

/** Answers in a file, so that what was interrupted goes on where it was. */
export interface KeptAnswers extends Disposable {
  /** How many were there already. */
  readonly before: number;
  over(request: Request): Request;
  /** It is done: nothing is to be gone on with. */
  forget(): void;
}

/** What an item says of itself may be gone by the time it is asked for, and that is an answer as well. */
const FINAL = ['PODIO_NOT_FOUND', 'PODIO_FORBIDDEN', 'PODIO_INVALID'];

/** @param head what the answers are for: a file that was written for something else is begun anew */
export function keepAnswers(file: string, head: object): KeptAnswers {
  const first = JSON.stringify(head);
  const answers = new Map<string, Entry>();
  const [told, ...lines] = readLines(file);
  const goesOn = told === first;
  if (goesOn) {
    for (const line of lines) {
      const entry = entryIn(line);
      if (entry) answers.set(entry.call, entry);
    }
  }
  let fd: number;
  try {
    makeDataDir(dirname(file));
    // Items of Podio stand in it.
    fd = openSync(file, goesOn ? 'a' : 'w', 0o600);
    // A line that was cut off by a crash is ended.
    appendFileSync(fd, goesOn ? '\n' : `${first}\n`);
  } catch (error) {
    throw new UsageError(
      `${file} can't be written: ${coerceError(error).message}`,
      'Say --state FILE: there is kept what was read, so that it can be gone on with.',
    );
  }
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  return {
    before: answers.size,
    over: request => async (as, call) => {
      const key = keyOf(as, call);
      const kept = answers.get(key);
      if (kept?.failed) throw new PodioError(kept.failed.code, kept.failed.message, { retry: 'never' });
      if (kept) return kept.answer;
      const keep = (entry: Entry): void => {
        answers.set(key, entry);
        if (isOpen) appendFileSync(fd, `${JSON.stringify(entry)}\n`);
      };
      try {
        const answer = await request(as, call);
        keep({ call: key, answer });
        return answer;
      } catch (error) {
        if (isPodiodError(error) && FINAL.includes(error.code))
          keep({ call: key, failed: { code: error.code, message: error.message } });
        throw error;
      }
    },
    forget() {
      close();
      rmSync(file, { force: true });
    },
    [Symbol.dispose]: close,
  };
}

const keyOf = (as: Identity, { operation, path, query, body }: Call): string =>
  [identityKey(as), operation, path, JSON.stringify(query ?? {}), JSON.stringify(body ?? {})].join(' ');

/** What the answers of a file are for. */
export function headOf(file: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(readLines(file)[0] ?? '') as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

function entryIn(line: string): Entry | undefined {
  try {
    return line === '' ? undefined : (JSON.parse(line) as Entry);
  } catch {
    return undefined;
  }
}
