// Contract 2: a Podio call that can't be made now uses up no attempt, however long Podio is away.
import { expect } from 'chai';
import { PluginError, PodioError } from '../../../src/core/errors.ts';
import { itemUpdate, listeningLog, makeRule, makeStep, POLICY, type Work, World } from './support.ts';

const HOUR = 60 * 60 * 1000;

/** What the client says at once while it may not call: with the wait where it knows one. */
const refusals: Record<string, () => Error> = {
  'is down': () => new PodioError('PODIO_UNAVAILABLE', 'Podio answered 503'),
  'has said for how long': () =>
    new PodioError('PODIO_RATE_LIMITED', 'paused', { retry: { afterMs: 17 * 60_000 } }),
  'is what a plugin met': () =>
    new PluginError(
      'PLUGIN_DELIVER',
      'no item',
      { plugin: 'p', phase: 'deliver' },
      { cause: new PodioError('PODIO_UNAVAILABLE', 'fetch failed') },
    ),
};

describe('Podio away for an hour', () => {
  for (const [name, refusal] of Object.entries(refusals)) {
    it(`uses up no attempts, and all drains after, where it ${name}`, async () => {
      let away = true;
      let tries = 0;
      const work: Work = () => {
        tries++;
        if (away) throw refusal();
        return undefined;
      };
      const { log, lines } = listeningLog();
      const delivery = { ...POLICY, attempts: 1, retryForMs: 60_000 };
      const world = await new World({
        rules: [
          makeRule('r', { steps: [makeStep('work', { delivery })], concurrency: 8 }),
          makeRule('other', { steps: [makeStep('plain')] }),
        ],
        work: { work },
        log,
        limits: { entries: 50, bytes: 1_000_000, chain: 8 },
      }).start();
      await world.append(...Array.from({ length: 120 }, (_, n) => itemUpdate(n)));
      await world.clock.advance(HOUR);
      expect((await world.runs()).filter(([rule]) => rule === 'other')).to.have.length(120);
      expect(await world.store.parking.list()).to.deep.equal([]);
      // Those that are held in memory, each with its own growing waits.
      expect(tries).to.be.below(50 * 75);
      away = false;
      await world.clock.advance(HOUR);
      const runs = (await world.runs()).filter(([rule]) => rule === 'r');
      expect(runs).to.have.length(120);
      expect(runs.every(([, , outcome]) => outcome === 'settled')).to.equal(true);
      expect(lines.filter(({ level }) => level === 'warn')).to.have.length(1);
    }).timeout(60_000);
  }
});
