import { expect } from 'chai';
import fc from 'fast-check';
import { refKey } from '../../../src/core/event.ts';
import { type HookRef, type HookSpec, hookUrl, ownerOf, type Secrets } from '../../../src/core/hook.ts';
import { silentLog } from '../../../src/core/log.ts';
import { applyPlan } from '../../../src/reconcile/apply.ts';
import { makeLimit } from '../../../src/reconcile/limit.ts';
import { observeHooks } from '../../../src/reconcile/observe.ts';
import { changesOf, planHooks } from '../../../src/reconcile/plan.ts';
import { makeVerifier } from '../../../src/reconcile/verifier.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { ModelPodio, unavailable } from './model/podio.ts';

const publicUrl = 'https://hooks.example.com/podio';
const secrets: Secrets = ['the present secret', 'the secret before'];

const refs: readonly HookRef[] = [
  { type: 'app', id: 1 },
  { type: 'app_field', id: 1 },
  { type: 'space', id: 2 },
];
const types = ['item.create'];

const urls: Record<string, (ref: HookRef, type: string) => string> = {
  current: (ref, type) => hookUrl(publicUrl, secrets[0], ref, type),
  previous: (ref, type) => hookUrl(publicUrl, secrets[1] ?? '', ref, type),
  orphan: (ref, type) => hookUrl(publicUrl, 'a lost secret', ref, type),
  elsewhere: (ref, type) => hookUrl('https://old.example.com', secrets[0], ref, type),
  neighbour: (ref, type) => hookUrl(`${publicUrl}2`, 'a lost secret', ref, type),
  misplaced: (_ref, type) => hookUrl(publicUrl, secrets[0], { type: 'app', id: 99 }, type),
  foreign: () => 'https://zapier.example.com/hooks/1',
};

const worlds = fc.record({
  declared: fc.subarray(refs.flatMap(ref => types.map(type => ({ ref, type })))),
  found: fc.array(
    fc.record({
      ref: fc.constantFrom(...refs),
      type: fc.constantFrom(...types),
      // Mostly ours: it is among these that something can be lost.
      kind: fc.constantFrom('current', 'previous', 'current', 'previous', ...Object.keys(urls)),
      status: fc.constantFrom('active' as const, 'inactive' as const),
      beyondHelp: fc.boolean(),
    }),
    { maxLength: 12 },
  ),
  /** Which call fails, and how often each ping is delivered, while things go wrong. */
  faults: fc.array(fc.boolean(), { minLength: 1, maxLength: 40, size: 'max' }),
  pings: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 10 }),
  badRounds: fc.integer({ min: 0, max: 3 }),
  mode: fc.constantFrom('apply' as const, 'repair' as const),
  prune: fc.boolean(),
  move: fc.boolean(),
});

describe('planning and applying', () => {
  it('converges, touches nothing foreign and never leaves a declared hook without an active one', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, async world => {
        const clock = makeVirtualClock();
        const podio = new ModelPodio();
        const { client, identities } = podio;
        const verifier = makeVerifier({ podio: client, identities, clock, log: silentLog });
        podio.onPing = ({ ref, type, hookId, code }) => verifier.verified(ref, type, hookId, code);
        for (const { ref, type, kind, ...rest } of world.found) {
          podio.put(ref, { ...rest, type, url: urls[kind]?.(ref, type) ?? '' });
        }

        const declared: HookSpec[] = world.declared.map(({ ref, type }) => ({
          ref,
          type,
          url: hookUrl(publicUrl, secrets[0], ref, type),
          rules: ['rule'],
        }));
        const untouchable = () =>
          podio.list().filter(hook => {
            const owner = ownerOf(hook, publicUrl, secrets);
            if (owner === 'foreign') return true;
            const mayGo = world.mode === 'apply' && (owner === 'orphan' ? world.prune : world.move);
            return owner !== 'ours' && !mayGo;
          });
        const untouched = untouchable();

        const isServed = ({ ref, type }: HookSpec) =>
          podio
            .list(ref)
            .some(
              hook =>
                hook.type === type &&
                hook.status === 'active' &&
                ownerOf(hook, publicUrl, secrets) === 'ours',
            );
        const served = new Set<HookSpec>();
        podio.onChange = () => {
          for (const spec of declared) {
            if (isServed(spec)) served.add(spec);
            else expect(served.has(spec), `${refKey(spec.ref)} ${spec.type} lost its hook`).to.equal(false);
          }
        };
        podio.onChange();

        const { signal } = new AbortController();
        const limit = makeLimit(4);
        const look = async () => {
          const { hooks, observed } = await observeHooks(refs, {
            podio: client,
            identities,
            limit,
            signal,
            priority: 'live',
          });
          return planHooks(declared, hooks, {
            publicUrl,
            secrets,
            mode: world.mode,
            delete: 'owned',
            maxDelete: 0.2,
            allowDeletes: true,
            prune: world.prune,
            move: world.move,
            refsObserved: observed,
          });
        };
        const round = async () =>
          applyPlan(await look(), {
            podio: client,
            identities,
            verifier,
            log: silentLog,
            limit,
            pingWithinMs: 15_000,
            mayDelete: true,
            signal,
          });

        let call = 0;
        let ping = 0;
        podio.fault = () => {
          call += 1;
          return world.faults[call % world.faults.length] ? unavailable() : undefined;
        };
        podio.pings = () => {
          ping += 1;
          return world.pings[ping % world.pings.length] ?? 1;
        };
        for (let n = 0; n < world.badRounds; n += 1) await clock.until(round());

        podio.fault = () => undefined;
        podio.pings = () => 1;
        await clock.until(round());
        await clock.until(round());

        expect(changesOf(await look())).to.deep.equal([]);
        expect(declared.filter(spec => !isServed(spec))).to.deep.equal([]);
        expect(untouchable()).to.deep.equal(untouched);
        if (world.mode === 'apply') {
          const ours = podio.list().filter(hook => ownerOf(hook, publicUrl, secrets) === 'ours');
          expect(ours.map(({ url }) => url)).to.have.members(declared.map(({ url }) => url));
        }
      }),
      { numRuns: 300 },
    );
  });
});
