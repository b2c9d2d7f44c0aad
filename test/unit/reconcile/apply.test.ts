import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import { type HookRef, hookUrl } from '../../../src/core/hook.ts';
import { silentLog } from '../../../src/core/log.ts';
import { type ApplyEffects, applyPlan, type Progress } from '../../../src/reconcile/apply.ts';
import { makeLimit } from '../../../src/reconcile/limit.ts';
import type { HookAction } from '../../../src/reconcile/plan.ts';
import { makeVerifier } from '../../../src/reconcile/verifier.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { ModelPodio, revoked, unavailable } from './model/podio.ts';

const ref: HookRef = { type: 'app', id: 101 };
const other: HookRef = { type: 'app', id: 102 };
const type = 'item.create';
const urlOf = (on: HookRef) => hookUrl('https://hooks.example.com', 'a secret', on, type);

const action = (
  kind: 'create' | 'verify' | 'replace' | 'delete',
  hookId?: number,
  on: HookRef = ref,
): HookAction =>
  ({
    action: kind,
    ref: on,
    type,
    url: urlOf(on),
    hookId,
    rules: [],
    reason: '',
    refused: false,
  }) as HookAction;

function setUp(given: Partial<ApplyEffects> = {}) {
  const clock = makeVirtualClock();
  const podio = new ModelPodio();
  const { client, identities } = podio;
  const verifier = makeVerifier({ podio: client, identities, clock, log: silentLog });
  podio.onPing = ping => verifier.verified(ping.ref, ping.type, ping.hookId, ping.code);
  const progress: string[] = [];
  const apply = (...plan: HookAction[]) =>
    clock.until(
      applyPlan(plan, {
        podio: client,
        identities,
        verifier,
        log: silentLog,
        limit: makeLimit(2),
        pingWithinMs: 15_000,
        mayDelete: true,
        signal: new AbortController().signal,
        onProgress: ({ action: { action: kind }, state }: Progress) => progress.push(`${kind} ${state}`),
        ...given,
      }),
    );
  return { clock, podio, apply, progress };
}

const outcomes = (results: Awaited<ReturnType<typeof applyPlan>>) => results.map(({ outcome }) => outcome);

describe('applyPlan', () => {
  it('makes a hook and sees it active', async () => {
    const { podio, apply, progress } = setUp();
    expect(outcomes(await apply(action('create')))).to.deep.equal(['done']);
    expect(podio.shown(ref)).to.deep.equal(['item.create active']);
    expect(progress).to.deep.equal(['create started', 'create waiting', 'create done']);
  });

  it('asks once more where the ping of a new hook is lost', async () => {
    const { podio, apply } = setUp();
    podio.pings = () => (podio.count('requestVerify') > 0 ? 1 : 0);
    expect(outcomes(await apply(action('create')))).to.deep.equal(['done']);
    expect(podio.shown(ref)).to.deep.equal(['item.create active']);
  });

  it('leaves a hook that stays inactive for the next time, and says what to look at', async () => {
    const { podio, apply } = setUp();
    podio.pings = () => 0;
    const [result] = await apply(action('create'));
    expect(result?.outcome).to.equal('failed');
    expect(result?.error).to.include({ code: 'HOOK_INACTIVE' }).and.to.have.property('hint');
    expect(podio.shown(ref)).to.deep.equal(['item.create inactive']);
  });

  it('believes Podio where somebody else answered the ping', async () => {
    const { podio, apply } = setUp();
    podio.onPing = ({ hookId }) => {
      const hook = podio.hooks.get(hookId);
      if (hook) hook.status = 'active';
    };
    expect(outcomes(await apply(action('create')))).to.deep.equal(['done']);
  });

  it('brings an inactive hook back', async () => {
    const { podio, apply } = setUp();
    const hookId = podio.put(ref, { type, url: urlOf(ref), status: 'inactive' });
    expect(outcomes(await apply(action('verify', hookId)))).to.deep.equal(['done']);
    expect(podio.list(ref)).to.have.lengthOf(1);
    expect(podio.hooks.get(hookId)?.status).to.equal('active');
  });

  it('puts a new one in the place of a hook that does not come back, or is gone', async () => {
    const { podio, apply } = setUp();
    const dead = podio.put(ref, { type, url: urlOf(ref), status: 'inactive', beyondHelp: true });
    expect(outcomes(await apply(action('verify', dead), action('verify', 1, other)))).to.deep.equal([
      'done',
      'done',
    ]);
    expect(podio.hooks.has(dead)).to.equal(false);
    expect(podio.shown(ref)).to.deep.equal(['item.create active']);
    expect(podio.shown(other)).to.deep.equal(['item.create active']);
  });

  it('does the same where Podio takes the code and leaves the hook inactive', async () => {
    const { podio, apply } = setUp();
    const dead = podio.put(ref, { type, url: urlOf(ref), status: 'inactive' });
    const { validate } = podio.client.hooks;
    podio.client.hooks.validate = async (as, hookId, code) => {
      if (hookId !== dead) await validate(as, hookId, code);
    };
    expect(outcomes(await apply(action('verify', dead)))).to.deep.equal(['done']);
    expect(podio.hooks.has(dead)).to.equal(false);
    expect(podio.shown(ref)).to.deep.equal(['item.create active']);
  });

  it('does the same where Podio refuses to verify it', async () => {
    const { podio, apply } = setUp();
    const dead = podio.put(ref, { type, url: urlOf(ref), status: 'inactive' });
    podio.fault = operation =>
      operation === 'requestVerify'
        ? new PodioError('PODIO_INVALID', 'the hook was switched off', { retry: 'never' })
        : undefined;
    expect(outcomes(await apply(action('verify', dead)))).to.deep.equal(['done']);
    expect(podio.hooks.has(dead)).to.equal(false);
    expect(podio.shown(ref)).to.deep.equal(['item.create active']);
  });

  it('does not pile up dead hooks where none can be verified', async () => {
    const { podio, apply } = setUp();
    podio.pings = () => 0;
    const hookId = podio.put(ref, { type, url: urlOf(ref), status: 'inactive' });
    for (let n = 0; n < 3; n += 1)
      expect(outcomes(await apply(action('verify', hookId)))).to.deep.equal(['failed']);
    expect([...podio.hooks.keys()]).to.deep.equal([hookId]);
  });

  it('keeps a superseded hook where nothing may be deleted', async () => {
    const { podio, apply } = setUp({ mayDelete: false });
    const dead = podio.put(ref, { type, url: urlOf(ref), status: 'inactive', beyondHelp: true });
    await apply(action('verify', dead));
    expect(podio.shown(ref)).to.deep.equal(['item.create inactive', 'item.create active']);
  });

  it('replaces: the old one goes when the new one is active, not before', async () => {
    const { podio, apply } = setUp();
    const old = podio.put(ref, { type, url: 'https://hooks.example.com/old' });
    let wasEverAlone = false;
    podio.onChange = () => {
      wasEverAlone ||= !podio.list(ref).some(({ status }) => status === 'active');
    };
    expect(outcomes(await apply(action('replace', old)))).to.deep.equal(['done']);
    expect(podio.hooks.has(old)).to.equal(false);
    expect(wasEverAlone).to.equal(false);

    const next = podio.list(ref)[0]?.hookId;
    podio.pings = () => 0;
    expect(outcomes(await apply(action('replace', next)))).to.deep.equal(['failed']);
    expect(podio.shown(ref)).to.deep.equal(['item.create active', 'item.create inactive']);
  });

  it('deletes nothing after a failure on the same ref and type', async () => {
    const { podio, apply, progress } = setUp();
    const old = podio.put(ref, { type, url: 'https://old.example.com' });
    const far = podio.put(other, { type, url: 'https://old.example.com' });
    podio.fault = operation => (operation === 'create' ? unavailable() : undefined);
    const results = await apply(action('create'), action('delete', old), action('delete', far, other));
    expect(outcomes(results)).to.deep.equal(['failed', 'skipped', 'done']);
    expect([...podio.hooks.keys()]).to.deep.equal([old]);
    expect(progress).to.include('delete skipped');
  });

  it('lets one ref fail and goes on with the others', async () => {
    const { podio, apply } = setUp();
    podio.fault = (_operation, key) => (key === 'app/101' ? revoked() : undefined);
    const results = await apply(action('create'), action('create', undefined, other));
    expect(outcomes(results)).to.deep.equal(['failed', 'done']);
    expect(results[0]?.error).to.be.instanceOf(PodioError);
    expect(podio.shown(other)).to.deep.equal(['item.create active']);
  });

  it('carries out no deletion that is refused, and nothing that is only shown', async () => {
    const { podio, apply } = setUp();
    const hookId = podio.put(ref, { type, url: urlOf(ref) });
    const refused = { ...action('delete', hookId), refused: true };
    const foreign = { ...action('delete', hookId), action: 'foreign' } as HookAction;
    expect(await apply(refused, foreign)).to.deep.equal([]);
    expect(podio.calls).to.deep.equal([]);
  });

  it('waits for many pings at the same time', async () => {
    const { clock, podio, apply } = setUp();
    podio.pings = () => 0;
    const plan = Array.from({ length: 50 }, (_, i) =>
      action('create', undefined, { type: 'app', id: i + 1 }),
    );
    expect(outcomes(await apply(...plan)).every(outcome => outcome === 'failed')).to.equal(true);
    expect(clock.monotonic()).to.be.at.most(40_000);
  });

  it('ends at once when stopped', async () => {
    const controller = new AbortController();
    const { clock, podio, apply } = setUp({ signal: controller.signal });
    podio.pings = () => 0;
    podio.onChange = () => controller.abort(new Error('stopping'));
    const outcome = apply(action('create')).then(
      () => 'resolved',
      (error: Error) => error.message,
    );
    expect(await outcome).to.equal('stopping');
    expect(clock.monotonic()).to.be.below(15_000);
  });
});
