import { expect } from 'chai';
import { concatMap, map } from 'rxjs';
import type { Would } from '../../../src/core/would.ts';
import { makeCapture } from '../../../src/plugin/capture.ts';
import type { Message, PluginContext, PluginDefinition, PluginPodio } from '../../../src/plugin/contract.ts';
import type { HostDeps, PluginHost } from '../../../src/plugin/host.ts';
import { compileTemplate, definePlugin, PermanentError, RetryAfter, z } from '../../../src/plugin/index.ts';
import { makeMemoryStore } from '../../../src/store/memory.ts';
import { pluginWorld, rule, step, task } from '../../support/plugin-world.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';

const passing = { operator: map((m: Message) => m) };

const define = (over: Partial<PluginDefinition>): PluginDefinition =>
  definePlugin({ name: 'probe', options: z.looseObject({}), setup: () => passing, ...over });

const hosts: PluginHost[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.dispose();
});

const prepare = (plugin: PluginDefinition | Error, over: Parameters<typeof pluginWorld>[1] = {}) => {
  const world = pluginWorld(plugin, over);
  hosts.push(world.host);
  const one = step({ options: { greeting: 'hello' } });
  return { ...world, prepared: world.host.prepare(rule([one]), one) };
};

/** Fails as long as the list lasts, then works. */
const failing = (...errors: unknown[]) => {
  let calls = 0;
  const plugin = define({
    setup: async () => {
      const error = errors[calls++];
      if (error !== undefined) throw error;
      return passing;
    },
  });
  return { plugin, calls: () => calls };
};

describe('plugin host', () => {
  describe('setting a step up', () => {
    it('gives the plugin its options and its context', async () => {
      let given: { options: unknown; context: PluginContext } | undefined;
      const { prepared, values, log } = prepare(
        define({
          setup: (options, context) => {
            given = { options, context };
            return passing;
          },
        }),
      );
      await prepared.ready();
      expect(prepared.state).to.deep.equal({ state: 'ready' });
      expect(given?.options).to.deep.equal({ greeting: 'hello' });
      expect(given?.context).to.include({ rule: 'won', step: 'probe', fetch: globalThis.fetch });
      await given?.context.store.set('n', 1);
      expect(values.get('won/probe:n')).to.equal(1);
      expect(await given?.context.store.update('n', n => Number(n) + 1)).to.equal(2);
      given?.context.log.info('said', { more: 1 });
      expect(log.lines.at(-1)?.fields).to.deep.equal({
        module: 'plugin',
        plugin: 'probe',
        rule: 'won',
        step: 'probe',
        more: 1,
      });
    });

    it('is tried again with backoff; runs wait, one line is logged for the outage', async () => {
      const clock = makeVirtualClock();
      const { plugin, calls } = failing(new Error('no disk'), 'a string', new PermanentError('never'));
      const { prepared, log } = prepare(plugin, { clock });
      const output = prepared.run(task());
      await clock.advance(0);
      expect(prepared.state).to.deep.equal({ state: 'failing', error: 'no disk' });
      await clock.advance(999);
      expect(calls()).to.equal(1);
      await clock.advance(1);
      expect(calls()).to.equal(2);
      await clock.advance(2000);
      expect(prepared.state).to.deep.equal({ state: 'failing', error: 'never' });
      await clock.advance(4000);
      expect(prepared.state).to.deep.equal({ state: 'ready' });
      expect(await output).to.deep.equal([{ data: {} }]);
      expect(log.lines.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
        'error plugin set-up failed, events of its rule wait',
        'info plugin is set up again',
      ]);
    });

    it('waits as long as the plugin asks for', async () => {
      const clock = makeVirtualClock();
      const { plugin, calls } = failing(new RetryAfter(90_000));
      const { prepared } = prepare(plugin, { clock });
      await clock.advance(89_999);
      expect(calls()).to.equal(1);
      await clock.advance(1);
      expect(prepared.state.state).to.equal('ready');
    });

    it('is tried once where that is wanted, and what it failed with is told', async () => {
      const clock = makeVirtualClock();
      const { plugin, calls } = failing(new Error('not today'));
      const { host, log } = pluginWorld(plugin, { clock });
      hosts.push(host);
      const one = step();
      const prepared = host.prepare(rule([one]), one, true);
      const told = prepared.ready().catch(error => error);
      await clock.advance(3_600_000);
      expect((await told).message).to.equal('not today');
      expect([calls(), prepared.state.state, log.lines]).to.deep.equal([1, 'failing', []]);
    });

    it('has a deadline, and disposes of what comes after it', async () => {
      const clock = makeVirtualClock();
      const late = Promise.withResolvers<void>();
      let setups = 0;
      const disposed: number[] = [];
      const { prepared } = prepare(
        define({
          setup: async () => {
            const n = ++setups;
            if (n === 1) await late.promise;
            return { ...passing, dispose: () => void disposed.push(n) };
          },
        }),
        { clock },
      );
      let isTried = false;
      void prepared.tried.then(() => {
        isTried = true;
      });
      await clock.advance(29_999);
      expect(isTried).to.equal(false);
      await clock.advance(1);
      expect(isTried).to.equal(true);
      expect(prepared.state).to.deep.equal({
        state: 'failing',
        error: 'setup() did not end within 30000 ms',
      });
      await clock.advance(1000);
      expect(prepared.state.state).to.equal('ready');
      late.resolve();
      await clock.advance(0);
      expect(disposed).to.deep.equal([1]);
    });

    it('says when setup() returned no operator', async () => {
      for (const nothing of [undefined, null, {}, { operator: 1 }]) {
        const clock = makeVirtualClock();
        const { prepared } = prepare(define({ setup: (() => nothing) as never }), { clock });
        await clock.advance(0);
        expect(prepared.state.error).to.equal('setup() did not return { operator }');
      }
    });

    it('survives what it throws, whatever that is', async () => {
      for (const thrown of [undefined, null, Symbol('s'), Object.create(null), () => {}]) {
        const clock = makeVirtualClock();
        const { prepared, log } = prepare(
          define({
            setup: () => {
              throw thrown;
            },
          }),
          { clock },
        );
        await clock.advance(0);
        expect(prepared.state.state).to.equal('failing');
        expect(prepared.state.error).to.match(/^thrown: /);
        expect(log.lines.map(({ message }) => message)).to.deep.equal([
          'plugin set-up failed, events of its rule wait',
        ]);
      }
    });

    it('counts a plugin that cannot be loaded any more as failing', async () => {
      const clock = makeVirtualClock();
      const { prepared } = prepare(new Error('file is gone'), { clock });
      await clock.advance(0);
      expect(prepared.state).to.deep.equal({ state: 'failing', error: 'file is gone' });
    });

    it('lets go of those who wait, when told to or disposed', async () => {
      const clock = makeVirtualClock();
      const { plugin } = failing(...Array(100).fill(new Error('never works')));
      const { prepared, host } = prepare(plugin, { clock });
      const reason = new Error('stopping');
      const stop = new AbortController();
      const waiting = prepared.ready(stop.signal).catch(error => error);
      const disposed = prepared.ready().catch(error => error);
      await clock.advance(10);
      stop.abort(reason);
      expect(await waiting).to.equal(reason);
      await host.dispose();
      expect((await disposed).message).to.equal('the plugin is disposed of');
      expect(() => host.prepare(rule([]), step())).to.throw('disposed');
    });
  });

  it('tells once of a field that the app does not have', async () => {
    const template = compileTemplate('{{ fields.status }}{{ fields.stauts }}');
    const shout = define({
      setup: () => ({
        operator: messages$ =>
          messages$.pipe(concatMap(async message => message.with(await template.render(message.view)))),
      }),
    });
    const known = new Set(['status']);
    const { prepared, log } = prepare(shout, { knowsField: (_event, name) => known.has(name) });
    for (let n = 0; n < 3; n++)
      expect(await prepared.run(task())).to.deep.equal([{ data: { probe: 'Won' } }]);
    const told = log.lines.filter(({ level }) => level === 'warn');
    expect(told.map(({ fields }) => fields.field)).to.deep.equal(['stauts']);
  });

  describe('disposing', () => {
    it('of one rule leaves the others alone, and gives up its set-ups', async () => {
      const clock = makeVirtualClock();
      const order: string[] = [];
      const { host } = pluginWorld(
        define({
          setup: async (_options, { step: name }) => {
            if (name === 'slow') await new Promise(() => {});
            return { ...passing, dispose: () => void order.push(name) };
          },
        }),
        { clock },
      );
      hosts.push(host);
      const steps = ['a', 'b', 'slow'].map(name => step({ name }));
      const leaving = rule(steps);
      const staying = rule([step({ name: 'c' })]);
      const prepared = steps.map(one => host.prepare(leaving, one));
      const kept = host.prepare(staying, step({ name: 'c' }));
      const waiting = prepared[2]?.ready().catch(error => error);
      await Promise.all([kept.ready(), prepared[0]?.ready(), prepared[1]?.ready()]);
      await host.release(leaving);
      expect(order).to.deep.equal(['b', 'a']);
      expect((await waiting).message).to.equal('the plugin is disposed of');
      expect(await kept.run(task())).to.have.length(1);
      await host.dispose();
      expect(order).to.deep.equal(['b', 'a', 'c']);
    });

    it('goes in reverse order and survives what fails or hangs', async () => {
      const clock = makeVirtualClock();
      const order: string[] = [];
      const { host, log } = pluginWorld(
        define({
          setup: (_options, { step: name }) => ({
            ...passing,
            dispose() {
              order.push(name);
              if (name === 'b') throw new Error('broken');
              return name === 'c' ? new Promise<void>(() => {}) : undefined;
            },
          }),
        }),
        { clock },
      );
      const steps = ['a', 'b', 'c'].map(name => step({ name }));
      const ofOne = rule(steps);
      const prepared = steps.map(one => host.prepare(ofOne, one));
      await Promise.all(prepared.map(one => one.ready()));
      const disposed = host.dispose();
      await clock.advance(5000);
      await disposed;
      expect(order).to.deep.equal(['c', 'b', 'a']);
      expect(log.lines.map(({ message, fields }) => [message, fields.step])).to.deep.equal([
        ['plugin failed to dispose', 'c'],
        ['plugin failed to dispose', 'b'],
      ]);
      await host.dispose();
      expect(order).to.have.length(3);
    });

    it('goes on in each rule by itself, so that a plugin that hangs in many takes no longer than in one', async () => {
      const clock = makeVirtualClock();
      const { host } = pluginWorld(
        define({ setup: () => ({ ...passing, dispose: () => new Promise<void>(() => {}) }) }),
        { clock },
      );
      const one = step();
      const prepared = Array.from({ length: 20 }, () => host.prepare(rule([one]), one));
      await Promise.all(prepared.map(step => step.ready()));
      let isDisposed = false;
      const disposed = host.dispose().then(() => {
        isDisposed = true;
      });
      await clock.advance(4999);
      expect([isDisposed, host.disposing().length]).to.deep.equal([false, 20]);
      await clock.advance(1);
      await disposed;
      expect(host.disposing()).to.deep.equal([]);
    });

    it('disposes of an instance whose set-up was under way', async () => {
      const begun = Promise.withResolvers<void>();
      const slow = Promise.withResolvers<void>();
      const disposed = Promise.withResolvers<void>();
      const { prepared, host } = prepare(
        define({
          setup: async () => {
            begun.resolve();
            await slow.promise;
            return { ...passing, dispose: () => disposed.resolve() };
          },
        }),
      );
      await begun.promise;
      await host.dispose();
      slow.resolve();
      await disposed.promise;
      expect(prepared.state.state).to.equal('setting-up');
    });
  });

  describe('describing', () => {
    it('asks the plugin, with its options, without setting it up', async () => {
      const { prepared } = prepare(
        define({
          setup: () => new Promise(() => {}),
          describe: async (message, options) =>
            `${(options as { greeting: string }).greeting} ${(await message.item()).title}`,
        }),
      );
      expect(await prepared.describe(task())).to.equal('hello Acme & Sons');
    });

    it('is undefined for a plugin that says nothing, and a PluginError for one that fails or hangs', async () => {
      const clock = makeVirtualClock();
      expect(await prepare(define({})).prepared.describe(task())).to.equal(undefined);
      const broken = prepare(
        define({
          describe: () => {
            throw new Error('dumb');
          },
        }),
      );
      expect(await broken.prepared.describe(task()).catch(e => [e.step, e.message])).to.deep.equal([
        'probe',
        'dumb',
      ]);
      const hung = prepare(define({ describe: () => new Promise(() => {}) }), { clock });
      const failed = hung.prepared.describe(task()).catch(e => e.code);
      await clock.advance(5000);
      expect(await failed).to.equal('PLUGIN_DEADLINE');
    });
  });

  describe('explaining', () => {
    it('asks the plugin what it looked at, and keeps of that what can be kept', async () => {
      const { prepared } = prepare(
        define({
          explain: async message => [
            { path: 'item.title', test: 'Bolt', seen: (await message.item()).title, holds: false },
            { path: 'x'.repeat(200), test: 7, seen: null, holds: 'yes' } as never,
          ],
        }),
      );
      const [title, odd] = (await prepared.explain?.(task())) ?? [];
      expect(title).to.deep.equal({ path: 'item.title', test: 'Bolt', seen: 'Acme & Sons', holds: false });
      expect(odd).to.deep.equal({ path: `${'x'.repeat(117)}...`, test: '7', seen: 'null', holds: false });
    });

    it('takes nothing for an answer where there is none, it fails, or it is no list', async () => {
      for (const explain of [
        undefined,
        () => {
          throw new Error('dumb');
        },
        () => 7 as never,
      ]) {
        const { prepared } = prepare(define(explain ? { explain } : {}));
        expect(await prepared.explain?.(task())).to.equal(undefined);
      }
    });
  });

  describe('where effects are captured', () => {
    const told: Would[] = [];
    const would = (one: Would) => void told.push(one);
    const podio = {} as PluginPodio;
    const captured = (offline = false): Partial<HostDeps> => ({
      capture: makeCapture({ podio, values: makeMemoryStore().values }),
      isCaptured: () => true,
      offline,
    });
    beforeEach(() => {
      told.length = 0;
    });

    it('neither sets up nor runs what may do things on its own, tells what it would do, passes the message on', async () => {
      const { prepared } = prepare(
        define({
          setup: () => {
            throw new Error('must not be set up');
          },
          describe: () => 'posts',
        }),
        captured(),
      );
      expect(await prepared.run(task({ data: { a: 1 }, would }))).to.deep.equal([{ data: { a: 1 } }]);
      expect(told).to.deep.equal([{ text: 'posts', notRun: true }]);
      await prepare(define({}), captured()).prepared.run(task({ would }));
      expect(told[1]).to.deep.equal({ notRun: true });
    });

    it('runs what is pure, which has nothing to tell', async () => {
      const pure = define({ pure: true, setup: () => ({ operator: concatMap(() => []) }) });
      expect(await prepare(pure, captured()).prepared.run(task({ would }))).to.deep.equal([]);
      expect(told).to.deep.equal([]);
    });

    const poster = define({
      effects: 'context',
      setup: (_options, { captured: isCaptured, fetch, outside }) => ({
        operator: concatMap(async message => {
          const answer = await fetch('https://erp.example.com/', { method: 'POST', body: '{"n":1}' });
          const file = await outside('line', { text: 'x' }, { make: async () => 'written', instead: 'kept' });
          return message.with({ status: answer.status, file, isCaptured });
        }),
      }),
      describe: () => 'posts',
    });

    it('runs what keeps to its context, with what it sends kept', async () => {
      const output = await prepare(poster, captured()).prepared.run(task({ would }));
      expect(output).to.deep.equal([{ data: { probe: { status: 200, file: 'kept', isCaptured: true } } }]);
      const [one] = told;
      expect(one?.text).to.equal('posts');
      expect(one?.sends?.map(sending => [Object.keys(sending)[0], sending.body])).to.deep.equal([
        ['http', { n: 1 }],
        ['line', undefined],
      ]);
    });

    it('asks it rather than running it, where there is no Podio to read from', async () => {
      expect(await prepare(poster, captured(true)).prepared.run(task({ would }))).to.deep.equal([
        { data: {} },
      ]);
      expect(told).to.deep.equal([{ text: 'posts', notRun: true }]);
    });

    it('captures nothing of the rules that are not to be captured', async () => {
      const real = {
        ...captured(),
        isCaptured: () => false,
        fetch: async () => new Response('', { status: 202 }),
      };
      const output = await prepare(poster, real).prepared.run(task({ would }));
      expect(output).to.deep.equal([
        { data: { probe: { status: 202, file: 'written', isCaptured: false } } },
      ]);
      expect(told).to.deep.equal([]);
    });
  });
});
