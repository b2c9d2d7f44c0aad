/**
 * Deliveries on their way to the disk: read, parse, append, answer. What one turn of the loop brings is appended
 * in one call and answered in one go: nothing but its event is kept for one that waits.
 */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { coerceError, IngressError, isPodiodError } from '../core/errors.ts';
import type { NewEvent } from '../core/event.ts';
import type { HookPath, HookRef } from '../core/hook.ts';
import type { Log } from '../core/log.ts';
import type { Metrics } from '../core/metrics.ts';
import type { AppendResult, Journal } from '../store/contract.ts';
import { bodyAtHand, readBody } from './body.ts';
import type { Outage } from './outage.ts';
import {
  type MakeId,
  mediaTypeOf,
  type Params,
  type Place,
  parseBody,
  toEvent,
  verificationOf,
} from './parse.ts';

export interface IntakeOptions {
  readonly journal: Pick<Journal, 'append'>;
  /** Gets the code that makes a hook active. Must not wait for anything. */
  readonly verify: (ref: HookRef, type: string, hookId: number, code: string) => void;
  /** Names from the config for what an event is about. */
  readonly resolve: (ref: HookRef, params: Params) => Place;
  /** Bytes. */
  readonly maxBody: number;
  /** Events not yet on disk; more are refused. */
  readonly maxWaiting: number;
  /** Bytes of bodies that may be in hand at once; more are refused. */
  readonly maxInHand: number;
  readonly makeId: MakeId;
  readonly outage: Outage;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Called once: without an error when the delivery may be answered 200. */
export type Answer = (error?: unknown) => void;

/** Takes in a delivery for a hook whose key was valid. */
export type Intake = (request: IncomingMessage, hook: HookPath, answer: Answer) => void;

interface Delivery {
  readonly request: IncomingMessage;
  readonly hook: HookPath;
  readonly answer: Answer;
  /** When it came, by the clock that never goes back. */
  readonly begin: number;
  /** Bytes that it has in hand. */
  readonly size: number;
}

/** Events and whose they are, place by place. */
interface Batch {
  readonly events: NewEvent[];
  readonly deliveries: Delivery[];
}

/** Podio's spacing of redeliveries is not known; a proxy or another client may ask. */
export const RETRY_AFTER_SECONDS = '10';

const unavailable = (cause?: unknown): IngressError =>
  new IngressError('INGRESS_UNAVAILABLE', 503, 'not stored, deliver it again', {
    headers: { 'Retry-After': RETRY_AFTER_SECONDS },
    cause,
  });

export function makeIntake(options: IntakeOptions): {
  readonly take: Intake;
  readonly waiting: () => number;
} {
  const { journal, maxBody, maxWaiting, maxInHand, makeId, outage, log, metrics, clock } = options;
  let waiting = 0;
  /** Bytes of bodies that are being read or written. */
  let inHand = 0;
  /** What this turn of the loop has brought so far. */
  let arrived: Delivery[] = [];

  const take: Intake = (request, hook, answer) => {
    // What has no length may become as long as is allowed; what says it is longer is refused before a byte is read.
    const declared = Number(request.headers['content-length'] ?? maxBody);
    const size = declared <= maxBody ? declared : 0;
    if (inHand + size > maxInHand) {
      outage.failed('too much is being read');
      return answer(unavailable());
    }
    inHand += size;
    // By the end of the turn the parser is through with what was read from the socket: nearly always the whole body.
    if (arrived.length === 0) setImmediate(readArrived);
    arrived.push({ request, hook, answer, begin: clock.monotonic(), size });
  };

  const readArrived = (): void => {
    const deliveries = arrived;
    arrived = [];
    const batch: Batch = { events: [], deliveries: [] };
    for (const delivery of deliveries) {
      try {
        const body = bodyAtHand(delivery.request, maxBody);
        if (body === undefined) void readLater(delivery);
        else read(delivery, body, batch);
      } catch (error) {
        end(delivery, error);
      }
    }
    if (batch.events.length > 0) void append(batch);
  };

  const readLater = async (delivery: Delivery): Promise<void> => {
    const batch: Batch = { events: [], deliveries: [] };
    try {
      read(delivery, await readBody(delivery.request, maxBody), batch);
    } catch (error) {
      end(delivery, error);
      return;
    }
    if (batch.events.length > 0) await append(batch);
  };

  /** The event goes into `batch`; what is none is done with. */
  const read = (delivery: Delivery, body: string, batch: Batch): void => {
    const {
      hook,
      request: { headers },
    } = delivery;
    const media = mediaTypeOf(headers['content-type']);
    // A compressed body can't be read here, and its size says nothing.
    if (!media || (headers['content-encoding'] ?? 'identity') !== 'identity') {
      throw new IngressError('INGRESS_MEDIA_TYPE', 415, 'the body must be a form or JSON, without encoding');
    }
    const params = parseBody(body, media);
    const verification = verificationOf(hook, params);
    if (verification) {
      options.verify(hook.ref, hook.type, verification.hookId, verification.code);
      end(delivery);
      return;
    }
    const event = toEvent(hook, params, options.resolve(hook.ref, params), makeId);
    if (waiting >= maxWaiting) {
      outage.failed('too much is waiting to be written');
      throw unavailable();
    }
    waiting += 1;
    batch.events.push(event);
    batch.deliveries.push(delivery);
  };

  const append = async (batch: Batch): Promise<void> => {
    let results: readonly AppendResult[];
    try {
      results = await journal.append(batch.events);
    } catch (thrown) {
      failed(batch, coerceError(thrown));
      return;
    }
    waiting -= batch.events.length;
    const now = clock.monotonic();
    batch.deliveries.forEach((delivery, n) => {
      const { hook, begin } = delivery;
      const taken = results[n];
      log.debug('event taken in', {
        event: taken?.id,
        status: taken?.status,
        seq: taken?.seq,
        ref: hook.ref,
      });
      metrics.received(hook.type, (now - begin) / 1000);
      end(delivery);
    });
    outage.worked();
  };

  const failed = (batch: Batch, error: Error): void => {
    const { events, deliveries } = batch;
    // A fault of one is no reason to refuse the others: alone, only the one at fault fails.
    if (events.length > 1 && isPodiodError(error) && error.code === 'INTERNAL') {
      events.forEach((event, n) => {
        void append({ events: [event], deliveries: deliveries.slice(n, n + 1) });
      });
      return;
    }
    waiting -= events.length;
    for (const delivery of deliveries) {
      outage.failed('the store can not write', error);
      end(delivery, unavailable(error));
    }
  };

  const end = ({ size, answer }: Delivery, error?: unknown): void => {
    inHand -= size;
    answer(error);
  };

  return { take, waiting: () => waiting };
}
