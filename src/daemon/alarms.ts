/** What is looked at for alarms, from the parts of a running daemon. */
import { findOutages } from '../alarms/find.ts';
import { makeSilence, type Silence } from '../alarms/silence.ts';
import { type Alarms, makeAlarms } from '../alarms/watch.ts';
import { leftRules } from '../core/left.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import { makeMatcher } from '../dispatch/match.ts';
import type { Reconciler } from '../reconcile/index.ts';
import type { Retention } from '../retention/retention.ts';
import type { Base } from './base.ts';
import { freeBytes } from './disk.ts';
import type { Reloads } from './reload.ts';

export interface Watched {
  readonly running: Pick<Dispatcher, 'status' | 'breakers'>;
  readonly reconciler: Pick<Reconciler, 'status'>;
  readonly retention: Pick<Retention, 'status'>;
  readonly reloads: () => Pick<Reloads, 'status'>;
}

export function makeDaemonAlarms(base: Base, { running, reconciler, retention, reloads }: Watched): Alarms {
  const { live, store, clock, fields, podio, log } = base;
  const startedAt = clock.monotonic();
  const silences = makeSilence({
    rules: () => live.config.rules,
    store,
    wants: (rule, event) => makeMatcher(rule, { ...live.config, fields }).match(event) !== 'no',
    clock,
    podioAheadMs: podio.clock.aheadMs,
  });
  /** After a start what came meanwhile is looked for first: silence until then says nothing. */
  const silencesBy = async (upMs: number): Promise<readonly Silence[] | undefined> =>
    upMs < live.config.alarms.afterMs ? undefined : silences();

  const pluginsOf = (name: string): readonly string[] =>
    live.config.rules.find(rule => rule.name === name)?.steps.map(({ plugin }) => plugin) ?? [];

  return makeAlarms({
    async look(isRaised) {
      const upMs = clock.monotonic() - startedAt;
      const facts = {
        now: clock.now(),
        upMs,
        limits: live.config.alarms,
        rules: running.status().map(rule => ({ ...rule, plugins: pluginsOf(rule.rule) })),
        parked: await store.parking.counts(),
        left: leftRules(await store.lanes.status(), live.config.disabledRules ?? []),
        plugins: running.breakers(),
        reconcile: reconciler.status(),
        podio: podio.outage(),
        budgets: podio.budgets(),
        diskFree: await freeBytes(live.config.dataDir),
        retention: await retention.status(),
        silences: await silencesBy(upMs),
        refused: reloads().status()?.refused,
      };
      return findOutages(facts, isRaised);
    },
    afterMs: () => live.config.alarms.afterMs,
    journal: store.journal,
    settings: store.settings,
    // It quotes errors, and goes out to people: what only looks like a secret is none of theirs either.
    mask: base.options.log.mask ?? (text => text),
    clock,
    log,
  });
}
