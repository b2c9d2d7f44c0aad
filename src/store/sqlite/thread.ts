import { getCompileCacheDir } from 'node:module';
import { dirname, extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { coerceError, StoreError } from '../../core/errors.ts';
import type { Code } from '../../core/garbage.ts';
import type { Log } from '../../core/log.ts';
import { errorOf } from './failure.ts';
import {
  type Answer,
  CLOSE,
  type Command,
  type Hello,
  OPEN,
  type Opened,
  type Operations,
  REST,
  type Request,
  type ThreadData,
} from './protocol.ts';

interface Call {
  /** A function is asked when it is sent. */
  readonly command: Command | (() => Command);
  readonly resolve: (value: never) => void;
  readonly reject: (error: StoreError) => void;
}

/** What part of a flush may be spent on gathering for the next one, and how long at the most, milliseconds. */
const GATHER = 1 / 8;
const LONGEST_GATHER_MS = 5;

/** The main thread's end of one of the store's threads. */
export class Thread<Ops extends Operations> {
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #flushes: boolean;
  #waiting: Call[] = [];
  /** Sent and not answered. While there are any, further calls wait, and then go out together. */
  #sent: Call[] = [];
  #sending = false;
  #sentAt = 0;
  /** From sending to the last answer, the last time: a flush, mostly. */
  #tookMs = 0;
  #refusal: StoreError | undefined;
  #isOpen = false;
  #closed = false;
  #drained: (() => void) | undefined;

  /** @param onLost called when the thread ends though nobody has asked it to */
  constructor(
    name: 'writer' | 'reader',
    data: ThreadData,
    log: Log,
    onLost: (error: StoreError) => void = () => {},
  ) {
    // Sources run as they are, so the thread's file ends as this one does: .ts there, .js in dist.
    const file = new URL(`./${name}${extname(import.meta.filename)}`, import.meta.url);
    // Flags that the process was started with are for its main thread; some (--input-type) would stop this one.
    const worker = new Worker(file, {
      workerData: data,
      name: `podiod-${name}`,
      execArgv: [],
      env: environment(),
    });
    this.#worker = worker;
    this.#flushes = name === 'writer';
    this.#ended = new Promise(resolve => {
      let cause: unknown;
      worker.once('error', error => {
        cause = error;
      });
      worker.once('exit', () => {
        const isFault = this.#isOpen && !this.#closed;
        if (isFault) log.error('a thread of the store has ended', { thread: name, error: cause });
        const error = new StoreError('STORE_UNAVAILABLE', `the store's ${name} thread has ended`, { cause });
        this.#fail(error);
        resolve();
        if (isFault) onLost(error);
      });
    });
  }

  /** Resolves when the thread has opened the database. */
  async open(): Promise<Opened> {
    const hello = await new Promise<Hello>((resolve, reject) => {
      this.#worker.once('message', resolve);
      void this.#ended.then(() => reject(this.#refusal));
      this.#worker.postMessage(OPEN satisfies Request);
    });
    if ('failure' in hello) throw errorOf(hello.failure);
    this.#isOpen = true;
    this.#worker.on('message', (answers: readonly Answer[]) => this.#settle(answers));
    return hello;
  }

  call<K extends keyof Ops & string>(operation: K, ...args: Parameters<Ops[K]>): Promise<ReturnType<Ops[K]>> {
    return this.#ask([operation, ...args]);
  }

  /** As `call`, but asks for the arguments when they are sent: what has gathered until then goes along. */
  callWith<K extends keyof Ops & string>(
    operation: K,
    args: () => Parameters<Ops[K]>,
  ): Promise<ReturnType<Ops[K]>> {
    return this.#ask(() => [operation, ...args()]);
  }

  #ask<T>(command: Call['command']): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#refusal) return reject(this.#refusal);
      this.#waiting.push({ command, resolve, reject });
      this.#sendSoon();
    });
  }

  /** Calls that were made are still finished. */
  refuse(): void {
    this.#refusal ??= new StoreError('STORE_UNAVAILABLE', 'the store is closed');
  }

  /** Gives back memory, in its own time. */
  rest(code: Code): void {
    if (!this.#closed) this.#worker.postMessage(REST[code] satisfies Request);
  }

  /** Refuses further calls, finishes those that were made, and ends the thread. */
  async close(): Promise<void> {
    this.refuse();
    if (this.#waiting.length + this.#sent.length > 0) {
      await new Promise<void>(resolve => {
        this.#drained = resolve;
      });
    }
    this.#closed = true;
    this.#worker.postMessage(CLOSE satisfies Request);
    await this.#ended;
  }

  /** Not at once: what else comes in this turn of the loop would miss the flush and wait for a second one. */
  #sendSoon(): void {
    if (this.#sending || this.#sent.length > 0) return;
    this.#sending = true;
    setImmediate(() => this.#send());
  }

  /**
   * The same with time for those who were just answered: on a slow disk they would otherwise miss this flush, and two halves
   * take turns for ever.
   */
  #sendLater(): void {
    const ms = Math.round(this.#tookMs * GATHER);
    if (ms < 1 || !this.#flushes) {
      this.#sendSoon();
      return;
    }
    this.#sending = true;
    setTimeout(() => this.#send(), Math.min(ms, LONGEST_GATHER_MS));
  }

  #send(): void {
    this.#sending = false;
    this.#sent = this.#waiting;
    this.#waiting = [];
    this.#sentAt = performance.now();
    try {
      this.#worker.postMessage(
        this.#sent.map(({ command }) =>
          typeof command === 'function' ? command() : command,
        ) satisfies Request,
      );
    } catch (error) {
      // Something that can't be cloned has slipped through the types. Nothing was sent.
      const failure = errorOf({ code: 'INTERNAL', message: coerceError(error).message });
      for (const call of this.#sent.splice(0)) call.reject(failure);
      this.#next();
    }
  }

  #settle(answers: readonly Answer[]): void {
    const answered = this.#sent.splice(0, answers.length);
    answered.forEach((call, i) => {
      const answer = answers[i];
      if (answer && 'value' in answer) call.resolve(answer.value as never);
      else if (answer) call.reject(errorOf(answer.failure));
    });
    if (this.#sent.length > 0) return;
    this.#tookMs = performance.now() - this.#sentAt;
    this.#next();
  }

  #next(): void {
    if (this.#waiting.length > 0) this.#sendLater();
    else this.#drained?.();
  }

  /** What was sent may have been written or not; every write can be repeated, so the callers may try again. */
  #fail(error: StoreError): void {
    this.#refusal ??= error;
    for (const call of [...this.#sent, ...this.#waiting]) call.reject(error);
    this.#sent = [];
    this.#waiting = [];
    this.#drained?.();
  }
}

/** A thread keeps what it has compiled where the process does, of which it learns in no other way. */
function environment(): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir();
  // In it each version of Node has a folder of its own.
  return { ...process.env, ...(cache !== undefined && { NODE_COMPILE_CACHE: dirname(cache) }) };
}
