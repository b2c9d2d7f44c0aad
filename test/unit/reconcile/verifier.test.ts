import { expect } from 'chai';
import { PodioError } from '../../../src/core/errors.ts';
import type { HookRef } from '../../../src/core/hook.ts';
import { silentLog } from '../../../src/core/log.ts';
import { makeVerifier } from '../../../src/reconcile/verifier.ts';
import { makeVirtualClock } from '../../support/virtual-clock.ts';
import { ModelPodio, revoked, unavailable } from './model/podio.ts';

const ref: HookRef = { type: 'app', id: 101 };
const type = 'item.create';

function setUp() {
  const clock = makeVirtualClock();
  const podio = new ModelPodio();
  const verifier = makeVerifier({
    podio: podio.client,
    identities: podio.identities,
    clock,
    log: silentLog,
  });
  podio.onPing = ping => verifier.verified(ping.ref, ping.type, ping.hookId, ping.code);
  const create = () =>
    podio.client.hooks.create({ kind: 'app', appId: 101, token: '' }, ref, {
      type,
      url: 'https://x.example',
    });
  return { clock, podio, verifier, create };
}

describe('verifier', () => {
  it('has made the hook active when the ping came before the create call answered', async () => {
    const { clock, podio, verifier, create } = setUp();
    const hookId = await create();
    expect(await clock.until(verifier.active(hookId, 1000))).to.deep.equal({ active: true });
    expect(podio.shown(ref)).to.deep.equal(['item.create active']);
  });

  it('tells those who already wait', async () => {
    const { clock, podio, verifier, create } = setUp();
    const pings: (() => void)[] = [];
    const { onPing } = podio;
    podio.onPing = ping => pings.push(() => onPing?.(ping));
    const hookId = await create();
    const active = verifier.active(hookId, 1000);
    await clock.advance(999);
    for (const deliver of pings) deliver();
    expect(await clock.until(active)).to.deep.equal({ active: true });
  });

  it('takes repeated pings for one', async () => {
    const { clock, podio, verifier, create } = setUp();
    podio.pings = () => 5;
    const hookId = await create();
    await clock.until(verifier.active(hookId, 1000));
    expect(podio.count('validate')).to.equal(1);
  });

  it('is not put off by a second code for a hook that is active', async () => {
    const { clock, verifier, create } = setUp();
    const hookId = await create();
    await clock.until(verifier.active(hookId, 1000));
    verifier.verified(ref, type, hookId, 'no longer wanted');
    await clock.advance(5000);
    expect(await verifier.active(hookId, 1000)).to.deep.equal({ active: true });
  });

  it('goes on with the newer code when the older one is refused', async () => {
    const { clock, podio, verifier, create } = setUp();
    const hookId = await create();
    await clock.advance(1);
    verifier.expect(hookId);
    podio.hooks.set(hookId, { ...podio.hooks.get(hookId), status: 'inactive' } as never);
    const code = podio.hooks.get(hookId)?.code ?? '';
    verifier.verified(ref, type, hookId, 'the older one');
    verifier.verified(ref, type, hookId, code);
    expect(await clock.until(verifier.active(hookId, 1000))).to.deep.equal({ active: true });
  });

  it('answers at the end of the wait when no ping comes', async () => {
    const { clock, podio, verifier, create } = setUp();
    podio.pings = () => 0;
    const hookId = await create();
    const began = clock.monotonic();
    expect(await clock.until(verifier.active(hookId, 1000))).to.deep.equal({
      active: false,
      error: undefined,
    });
    expect(clock.monotonic() - began).to.equal(1000);
  });

  it('tries again while Podio is unavailable', async () => {
    const { clock, podio, verifier, create } = setUp();
    let failures = 2;
    podio.fault = operation => {
      if (operation !== 'validate' || failures === 0) return undefined;
      failures -= 1;
      return unavailable();
    };
    const hookId = await create();
    expect(await clock.until(verifier.active(hookId, 10_000))).to.deep.equal({ active: true });
  });

  it('says at once why Podio does not take the code, and forgets it when a new one is asked for', async () => {
    const { clock, podio, verifier, create } = setUp();
    podio.fault = operation => (operation === 'validate' ? revoked() : undefined);
    const hookId = await create();
    const answer = await clock.until(verifier.active(hookId, 60_000));
    expect(answer.active).to.equal(false);
    expect(!answer.active && answer.error).to.be.instanceOf(PodioError);
    expect(clock.monotonic()).to.equal(0);

    podio.fault = () => undefined;
    verifier.expect(hookId);
    await podio.client.hooks.requestVerify({ kind: 'app', appId: 101, token: '' }, hookId);
    expect(await clock.until(verifier.active(hookId, 1000))).to.deep.equal({ active: true });
  });

  it('tells who can reach the ref where nobody can', async () => {
    const clock = makeVirtualClock();
    const podio = new ModelPodio();
    const verifier = makeVerifier({
      podio: podio.client,
      identities: { forRef: () => undefined, forApp: () => undefined },
      clock,
      log: silentLog,
    });
    verifier.verified(ref, type, 1, 'code');
    const answer = await clock.until(verifier.active(1, 1000));
    expect(!answer.active && answer.error?.message).to.contain('app/101');
  });

  it('gives up waiting with its signal', async () => {
    const { verifier } = setUp();
    const controller = new AbortController();
    const active = verifier.active(1, 60_000, controller.signal);
    controller.abort(new Error('enough'));
    const outcome = await active.then(
      () => 'resolved',
      (error: Error) => error.message,
    );
    expect(outcome).to.equal('enough');
  });

  it('takes no more pings once stopped', async () => {
    const { clock, podio, verifier, create } = setUp();
    verifier.stop();
    await create();
    await clock.advance(10_000);
    expect(podio.count('validate')).to.equal(0);
  });
});
