import { countHooks, rulesOf, type StatusFacts } from './status.ts';

/** The daemon in a line, for `systemctl status`: `12 rules, 9 hooks active, 1 ref degraded, lag 0`. Pure. */
export function summaryOf(
  facts: Pick<
    StatusFacts,
    'readiness' | 'running' | 'lanes' | 'parked' | 'disabled' | 'reconcile' | 'config'
  >,
): string {
  const { ready, reasons, degraded } = facts.readiness;
  const rules = rulesOf(facts);
  const running = rules.filter(({ state }) => state !== 'gone');
  const halted = running.filter(({ state }) => state === 'halted').length;
  const unready = running.filter(({ state }) => state === 'waiting for setup').length;
  const paused = running.filter(({ pausedSince }) => pausedSince !== undefined).length;
  const hooks = countHooks(facts.reconcile);
  const parked = rules.reduce((sum, rule) => sum + rule.parked, 0);
  const lag = Math.max(0, ...running.map(rule => rule.lag));
  const parts = [
    count(running.length, 'rule'),
    ...(paused > 0 ? [`${paused} paused`] : []),
    ...(halted > 0 ? [`${halted} halted`] : []),
    ...(unready > 0 ? [`${unready} without set-up`] : []),
    `${count(hooks.active, 'hook')} active`,
    ...(hooks.inactive > 0 ? [`${hooks.inactive} inactive`] : []),
    ...(hooks.missing > 0 ? [`${hooks.missing} missing`] : []),
    ...(degraded.length > 0 ? [`${count(degraded.length, 'ref')} degraded`] : []),
    ...(parked > 0 ? [`${parked} parked`] : []),
    `lag ${lag}`,
    ...(facts.config?.refused ? ['the config file was not taken'] : []),
  ];
  return `${ready ? '' : `not ready (${reasons.join('; ')}): `}${parts.join(', ')}`;
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
