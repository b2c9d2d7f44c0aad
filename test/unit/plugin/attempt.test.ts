import { expect } from 'chai';
import {
  concatMap,
  EMPTY,
  finalize,
  from,
  map,
  mergeMap,
  NEVER,
  Observable,
  of,
  range,
  repeat,
  tap,
  throwError,
} from 'rxjs';
import { PluginError, PodioError } from '../../../src/core/errors.ts';
import type { Message, PluginInstance } from '../../../src/plugin/contract.ts';
import { definePlugin, PermanentError, RetryAfter, z } from '../../../src/plugin/index.ts';
import { event, pluginWorld, rule, step, task } from '../../support/plugin-world.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { until } from '../../support/wait.ts';

const prepareInstance = (instance: PluginInstance, over: Parameters<typeof pluginWorld>[1] = {}) => {
  const plugin = definePlugin({ name: 'probe', options: z.object({}), setup: () => instance });
  const world = pluginWorld(plugin, over);
  const one = step();
  return { ...world, prepared: world.host.prepare(rule([one]), one) };
};

const prepare = (operator: unknown, over?: Parameters<typeof pluginWorld>[1]) =>
  prepareInstance({ operator: operator as PluginInstance['operator'] }, over);

/** The error that a promise rejects with. */
const failure = async (promise: Promise<unknown>): Promise<PluginError> => {
  const error: unknown = await promise.then(
    value => expect.fail(`resolved with ${JSON.stringify(value)}`),
    thrown => thrown,
  );
  expect(error).to.be.instanceOf(PluginError);
  const failed = error as PluginError;
  expect([failed.plugin, failed.rule, failed.step, failed.phase]).to.deep.equal([
    'probe',
    'won',
    'probe',
    'deliver',
  ]);
  return failed;
};

describe('a try', () => {
  describe('that completes', () => {
    it('gives the data of what was passed on', async () => {
      const { prepared } = prepare((m$: Observable<Message>) => m$);
      expect(await prepared.run(task({ data: { before: { n: 1 } } }))).to.deep.equal([
        { data: { before: { n: 1 } } },
      ]);
    });

    it("adds data under the step's name", async () => {
      const { prepared } = prepare(map((m: Message) => m.with({ number: 5 }).with({ number: 6 })));
      expect(await prepared.run(task({ data: { before: 1 } }))).to.deep.equal([
        { data: { before: 1, probe: { number: 6 } } },
      ]);
    });

    it('gives nothing when nothing was emitted', async () => {
      const { prepared } = prepare(() => EMPTY);
      expect(await prepared.run(task())).to.deep.equal([]);
    });

    it('gives the key of each message that goes on by itself, whatever is added to it', async () => {
      const { prepared } = prepare(
        concatMap((m: Message) => [
          m.fork('a', 'row', { n: 1 }).with({ x: 1 }),
          m.fork('b', 'row', { n: 2 }),
        ]),
      );
      expect(await prepared.run(task({ data: { before: 1 } }))).to.deep.equal([
        { data: { before: 1, row: { n: 1 }, probe: { x: 1 } }, key: 'a' },
        { data: { before: 1, row: { n: 2 } }, key: 'b' },
      ]);
    });

    it('takes either all messages as such or none, and no key that others could not keep', async () => {
      const mixed = prepare(concatMap((m: Message) => [m.fork('a', 'row', 1), m]));
      expect(await failure(mixed.prepared.run(task()))).to.include({
        code: 'PLUGIN_MESSAGE',
        retry: 'never',
      });
      for (const key of ['', 'x'.repeat(201), 7 as unknown as string]) {
        const { prepared } = prepare(map((m: Message) => m.fork(key, 'row', 1)));
        expect((await failure(prepared.run(task()))).message).to.match(/key of a branch/);
      }
    });

    it('waits for all branches and keeps their order', async () => {
      const { prepared } = prepare(
        concatMap((m: Message) => from([1, 2, 3]).pipe(mergeMap(async n => m.with(n)))),
      );
      expect(await prepared.run(task())).to.deep.equal([1, 2, 3].map(probe => ({ data: { probe } })));
    });

    it('serves many events at once and knows them apart', async () => {
      const { prepared } = prepare(concatMap(async (m: Message) => m.with(m.event.seq)));
      const outputs = await Promise.all([1, 2, 3].map(seq => prepared.run(task({ event: event({ seq }) }))));
      expect(outputs).to.deep.equal([1, 2, 3].map(probe => [{ data: { probe } }]));
    });

    it('takes observables of another rxjs', async () => {
      // What interoperable observables have in common is subscribe() and this symbol.
      const foreign = (m: Message) => ({
        subscribe(observer: { next(value: unknown): void; complete(): void }) {
          observer.next(m);
          observer.complete();
          return { unsubscribe() {} };
        },
        '@@observable'() {
          return this;
        },
      });
      let message: Message | undefined;
      const { prepared } = prepare((m$: Observable<Message>) => {
        m$.subscribe(m => {
          message = m;
        });
        return foreign(message as Message);
      });
      expect(await prepared.run(task({ data: { a: 1 } }))).to.deep.equal([{ data: { a: 1 } }]);
    });
  });

  it('is a method where the instance is of a class', async () => {
    class Greeter implements PluginInstance {
      readonly #greeting: string;

      constructor(greeting: string) {
        this.#greeting = greeting;
      }

      operator(messages$: Observable<Message>): Observable<Message> {
        return messages$.pipe(map(message => message.with(this.#greeting)));
      }
    }
    const { prepared } = prepareInstance(new Greeter('good day'));
    expect(await prepared.run(task())).to.deep.equal([{ data: { probe: 'good day' } }]);
  });

  describe('that fails', () => {
    it('says whose it is and is tried again', async () => {
      const { prepared } = prepare(() => throwError(() => new Error('no luck')));
      const error = await failure(prepared.run(task()));
      expect(error).to.include({ code: 'PLUGIN_DELIVER', message: 'no luck', retry: 'backoff' });
    });

    it('names the cause that `fetch failed` hides', async () => {
      const cause = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
      const { prepared } = prepare(() => throwError(() => new TypeError('fetch failed', { cause })));
      expect((await failure(prepared.run(task()))).message).to.equal('fetch failed: ECONNREFUSED');
    });

    it('survives rejections that are no errors', async () => {
      for (const [thrown, message] of [
        ['a string', 'a string'],
        [undefined, 'thrown: undefined'],
        [{ message: 'like one' }, 'like one'],
      ] as const) {
        const { prepared } = prepare(concatMap(() => Promise.reject(thrown)));
        expect((await failure(prepared.run(task()))).message).to.equal(message);
      }
    });

    it('survives an operator that throws while it composes', async () => {
      const { prepared } = prepare(() => {
        throw new Error('not composed');
      });
      expect((await failure(prepared.run(task()))).message).to.equal('not composed');
    });

    it('keeps the verdict of PermanentError, RetryAfter and Podio', async () => {
      const verdict = async (thrown: Error) => {
        const { prepared } = prepare(() => throwError(() => thrown));
        const { code, retry } = await failure(prepared.run(task()));
        return { code, retry };
      };
      expect(await verdict(new PermanentError('gone'))).to.deep.equal({
        code: 'PLUGIN_PERMANENT',
        retry: 'never',
      });
      expect(await verdict(new RetryAfter(1500))).to.deep.equal({
        code: 'PLUGIN_RETRY_AFTER',
        retry: { afterMs: 1500 },
      });
      expect(await verdict(new RetryAfter(Number.NaN))).to.include({ retry: 'backoff' });
      expect(
        await verdict(new PodioError('PODIO_RATE_LIMITED', 'wait', { retry: { afterMs: 9 } })),
      ).to.deep.equal({
        code: 'PODIO_RATE_LIMITED',
        retry: { afterMs: 9 },
      });
    });

    it('keeps the verdict of errors made by another copy of podiod', async () => {
      const theirs = Object.assign(new Error('theirs'), {
        [Symbol.for('podiod.error')]: true,
        code: 'PLUGIN_PERMANENT',
        retry: 'never',
        hint: undefined,
      });
      const { prepared } = prepare(() => throwError(() => theirs));
      expect(await failure(prepared.run(task()))).to.include({ code: 'PLUGIN_PERMANENT', retry: 'never' });
    });

    it('takes for an error of another copy only what can be one', async () => {
      const branded = (over: object) => ({ [Symbol.for('podiod.error')]: true, message: 'theirs', ...over });
      for (const over of [
        { code: 'PLUGIN_PERMANENT', retry: null },
        { code: { a: 1 }, retry: 'sometimes', hint: 7 },
        { retry: { afterMs: 'soon' } },
        {},
      ]) {
        const { prepared } = prepare(() => throwError(() => branded(over)));
        const error = await failure(prepared.run(task()));
        expect(error).to.include({ message: 'theirs', retry: 'backoff', hint: undefined });
        expect(error.code).to.be.oneOf(['PLUGIN_PERMANENT', 'PLUGIN_DELIVER']);
      }
    });

    it('gives nothing of what was emitted before', async () => {
      const { prepared } = prepare(
        concatMap((m: Message) => from([m, m]).pipe(map((one, n) => (n === 0 ? one : JSON.parse('{'))))),
      );
      await failure(prepared.run(task()));
    });
  });

  describe('that emits what it should not', () => {
    for (const [what, operator] of Object.entries({
      'an object': map((m: Message) => ({ ...m })),
      'a string': map(() => 'done'),
      nothing: map(() => undefined),
      'a message of another try': () => kept ?? NEVER,
    })) {
      it(`is over for good: ${what}`, async () => {
        const { prepared } = prepare(operator);
        expect(await failure(prepared.run(task()))).to.include({ code: 'PLUGIN_MESSAGE', retry: 'never' });
      });
    }

    let kept: Observable<Message> | undefined;
    before(async () => {
      const { prepared } = prepare(
        tap((m: Message) => {
          kept = of(m);
        }),
      );
      await prepared.run(task());
    });

    it('is over for good when the operator is async', async () => {
      const { prepared } = prepare(async (m$: unknown) => m$);
      const error = await failure(prepared.run(task()));
      expect(error).to.include({ code: 'PLUGIN_MESSAGE', retry: 'never' });
      expect(error.message).to.contain('a Promise');
    });

    it('holds 1,000 messages and no more', async () => {
      const fan = (n: number) => mergeMap((m: Message) => range(0, n).pipe(map(() => m)));
      expect(await prepare(fan(1000)).prepared.run(task())).to.have.length(1000);
      const { prepared } = prepare(fan(1001));
      expect(await failure(prepared.run(task()))).to.include({ code: 'PLUGIN_FLOOD', retry: 'never' });
    });

    it('stops one that emits in a loop without end', async () => {
      let emitted = 0;
      const { prepared } = prepare((m$: Observable<Message>) =>
        m$.pipe(
          repeat(),
          tap(() => emitted++),
        ),
      );
      expect(await failure(prepared.run(task()))).to.include({ code: 'PLUGIN_FLOOD' });
      expect(emitted).to.be.at.most(1001);
    });
  });

  describe('that does not end', () => {
    it('is cut off at its deadline, its signal aborted and its stream left', async () => {
      const clock = makeVirtualClock();
      let signal: AbortSignal | undefined;
      let left = false;
      const { prepared } = prepare(
        (m$: Observable<Message>) =>
          m$.pipe(
            tap(m => {
              signal = m.signal;
            }),
            concatMap(() => NEVER),
            finalize(() => {
              left = true;
            }),
          ),
        { clock },
      );
      const failed = failure(prepared.run(task({ deadlineMs: 60_000 })));
      await clock.advance(59_999);
      expect(signal?.aborted).to.equal(false);
      await clock.advance(1);
      const error = await failed;
      expect(error).to.include({ code: 'PLUGIN_DEADLINE', retry: 'backoff' });
      expect(error.message).to.contain('60000 ms');
      expect(signal?.aborted).to.equal(true);
      expect(signal?.reason).to.equal(error);
      expect(left).to.equal(true);
    });

    it('is cut off also when it keeps emitting', async () => {
      const clock = makeVirtualClock();
      const ticking = (m$: Observable<Message>) =>
        m$.pipe(
          mergeMap(
            m =>
              new Observable<Message>(to => {
                const tick = () => {
                  to.next(m);
                  cancel = clock.after(1000, tick);
                };
                let cancel = clock.after(1000, tick);
                return () => cancel();
              }),
          ),
        );
      const { prepared } = prepare(ticking, { clock });
      const failed = failure(prepared.run(task({ deadlineMs: 10_000 })));
      await clock.advance(10_000);
      expect(await failed).to.include({ code: 'PLUGIN_DEADLINE' });
    });

    it('is cut off on stop, with the reason of the stop', async () => {
      const stop = new AbortController();
      let signal: AbortSignal | undefined;
      const { prepared } = prepare(
        concatMap((m: Message) => {
          signal = m.signal;
          return NEVER;
        }),
      );
      const running = prepared.run(task({ signal: stop.signal }));
      await until(() => signal, 'the operator to run');
      const reason = new Error('stopping');
      stop.abort(reason);
      expect(await running.catch(error => error)).to.equal(reason);
      expect(signal?.reason).to.equal(reason);
      expect(await prepared.run(task({ signal: stop.signal })).catch(error => error)).to.equal(reason);
    });

    it('aborts what it left running when it failed or was done', async () => {
      const signals: AbortSignal[] = [];
      const { prepared } = prepare(
        mergeMap((m: Message) => {
          signals.push(m.signal);
          return m.data.fail ? throwError(() => new Error('no')) : of(m);
        }),
      );
      await prepared.run(task());
      await failure(prepared.run(task({ data: { fail: true } })));
      expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true, true]);
    });

    it('hands out an aborted signal after its end', async () => {
      let late: Message | undefined;
      const { prepared } = prepare(
        tap((m: Message) => {
          late = m;
        }),
      );
      await prepared.run(task());
      expect(late?.signal.aborted).to.equal(true);
    });

    it('leaves no timer behind when it ends by itself', async () => {
      let waiting = 0;
      const clock = makeVirtualClock();
      const counting = {
        ...clock,
        after(ms: number, fn: () => void) {
          waiting++;
          const cancel = clock.after(ms, fn);
          return () => {
            waiting--;
            cancel();
          };
        },
      };
      const { prepared } = prepare(
        concatMap(async (m: Message) => m),
        { clock: counting },
      );
      await prepared.ready();
      const before = waiting;
      await prepared.run(task());
      expect(waiting).to.equal(before);
    });
  });

  describe('that throws outside its stream', () => {
    // Mocha listens too; here the handler is the daemon's.
    const listeners = {
      uncaughtException: [] as NodeJS.UncaughtExceptionListener[],
      unhandledRejection: [] as NodeJS.UnhandledRejectionListener[],
    };
    const unattributed: unknown[] = [];
    let attribute: (thrown: unknown) => boolean;
    const onUncaught = (thrown: unknown) => {
      if (!attribute(thrown)) unattributed.push(thrown);
    };
    beforeEach(() => {
      for (const name of ['uncaughtException', 'unhandledRejection'] as const) {
        listeners[name] = process.listeners(name as 'uncaughtException') as never;
        process.removeAllListeners(name);
        process.on(name, onUncaught);
      }
      unattributed.length = 0;
    });
    afterEach(() => {
      for (const name of ['uncaughtException', 'unhandledRejection'] as const) {
        process.removeAllListeners(name);
        for (const listener of listeners[name]) process.on(name, listener as () => void);
      }
    });

    for (const [where, work] of Object.entries({
      'a timer': () =>
        void setTimeout(() => {
          throw new Error('outside');
        }, 1),
      'a forgotten promise': () => void Promise.reject(new Error('outside')),
      'a microtask': () =>
        queueMicrotask(() => {
          throw new Error('outside');
        }),
      'an abort listener': (m: Message) => {
        m.signal.addEventListener('abort', () => {
          throw new Error('outside');
        });
        setTimeout(() => {
          throw new Error('outside');
        }, 1);
      },
    } satisfies Record<string, (m: Message) => void>)) {
      it(`fails for it: ${where}`, async () => {
        const { prepared, attribution, log } = prepare(
          concatMap((m: Message) => {
            work(m);
            return NEVER;
          }),
        );
        attribute = attribution.attributeUncaught;
        expect((await failure(prepared.run(task()))).message).to.equal('outside');
        expect(
          log.lines.find(({ message }) => message === 'plugin threw outside its stream')?.fields,
        ).to.include({
          plugin: 'probe',
          rule: 'won',
          step: 'probe',
        });
        expect(unattributed).to.deep.equal([]);
      });
    }

    it('is logged only when the try is over', async () => {
      const { prepared, attribution, log } = prepare(
        tap(() => {
          setTimeout(() => {
            throw new Error('much later');
          }, 1);
        }),
      );
      attribute = attribution.attributeUncaught;
      expect(await prepared.run(task())).to.have.length(1);
      await until(() => log.lines.length > 0, 'the error to be logged');
      expect(unattributed).to.deep.equal([]);
    });

    it('says that an error of nobody is nobody’s', async () => {
      const { attribution } = prepare((m$: unknown) => m$);
      expect(attribution.attributeUncaught(new Error('whose?'))).to.equal(false);
    });
  });

  it('knows the event and the signal of the try inside, and nothing outside', async () => {
    const seen: unknown[] = [];
    const { prepared, attribution } = prepare(
      concatMap(async (m: Message) => {
        await new Promise(setImmediate);
        const scope = attribution.current();
        seen.push(scope?.event?.id, scope?.rule, scope?.signal === m.signal, scope?.events);
        return m;
      }),
    );
    await prepared.run(task());
    expect(seen).to.deep.equal(['item.update:4711:3', 'won', true, undefined]);
    const { event } = task();
    await prepared.run(task({ bundle: { mode: 'batch', events: [event, event] } }));
    expect(seen.at(-1)).to.deep.equal([event, event]);
    expect(attribution.current()).to.equal(undefined);
  });
});
