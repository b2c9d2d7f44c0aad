import type { Rule, Step } from '../core/rule.ts';

/** The same rule, with what a delivery says read back from Podio before its first step (`server.confirm`). */
export function confirmed(rule: Rule): Rule {
  const [first] = rule.steps;
  if (first === undefined || first.use === 'confirm') return rule;
  const taken = new Set(rule.steps.map(({ name }) => name));
  const name = ['confirm', 'confirm-server'].find(one => !taken.has(one)) ?? 'confirm-first';
  const step: Step = {
    name,
    plugin: 'confirm',
    use: 'confirm',
    options: {},
    onError: 'park',
    delivery: first.delivery,
  };
  return { ...rule, steps: [step, ...rule.steps], fingerprint: `${name}=server ${rule.fingerprint}` };
}
