import { howLeft, leftHint, showLeft } from '../../core/left.ts';
import type { ReloadAnswer } from '../../daemon/reload.ts';

/** What a reload meant, for people. */
export function showReload(answer: ReloadAnswer): readonly string[] {
  const { dryRun, rules, notRenamed, disabled, parked, waiting, cutOff, needsRestart, warnings, hooks } =
    answer;
  const { added, removed, renamed, changed, unchanged } = rules;
  const because = (keys: readonly string[]): string => (keys.length > 0 ? ` (${keys.join(', ')})` : '');
  const lines = fewer([
    ...added.map(rule => `  + ${rule}`),
    ...removed.map(rule => `  - ${rule}${disabled.includes(rule) ? ' (enabled: false)' : ''}`),
    ...renamed.map(({ rule, was, changed: keys }) => `  > ${rule}, was ${was}${because(keys)}`),
    ...changed.map(({ rule, changed: keys }) => `  ~ ${rule}${because(keys)}`),
  ]);
  const same = `${count(unchanged.length, 'rule')} unchanged`;
  const head =
    lines.length === 0
      ? [`${dryRun ? 'No rule would change' : 'Reloaded: no rule has changed'}; ${same}.`]
      : [`${dryRun ? 'Would change' : 'Reloaded'}; ${same}:`, ...lines];
  return [
    ...head,
    ...hooksIn(hooks, dryRun),
    ...(cutOff > 0 ? [`${count(cutOff, 'run')} took too long to end: they go on from their last step.`] : []),
    ...parked.map(({ rule, runs }) => `Still parked: ${count(runs, 'run')} of ${rule}, which is gone.`),
    ...waitingIn(waiting, dryRun),
    ...notRenamed.flatMap(({ rule, was }) => [
      `Not renamed: ${rule} goes on where it was itself, and not where ${was} was, since it has been loaded as ${rule} before.`,
      `  A rule with a name that is new and \`was: ${was}\` goes on there; it also runs for what has come since, and so for what ${rule} has run for.`,
    ]),
    ...needsRestart.map(setting => `Needs a restart: ${setting}`),
    ...(warnings.length <= FEW
      ? warnings.map(({ message }) => `Warning: ${message}`)
      : [`${count(warnings.length, 'warning')}: podiod check shows each with its place.`]),
  ];
}

function waitingIn(waiting: ReloadAnswer['waiting'], dryRun: boolean): readonly string[] {
  const begin = dryRun ? 'Would wait of' : 'Still waiting of';
  if (waiting.length > FEW)
    return [`${begin} ${waiting.length} rules that are gone${dryRun ? '' : ': podiod parked shows what'}.`];
  return waiting.flatMap(left => [
    `${begin} ${left.rule}, which ${howLeft(left)}: ${showLeft(left)}.`,
    `  ${leftHint(left)}`,
  ]);
}

function hooksIn(hooks: ReloadAnswer['hooks'], dryRun: boolean): readonly string[] {
  if (hooks === null) return dryRun ? [] : ['Hooks: not known yet; podiod status tells.'];
  const changes = hooks.plan.actions.filter(({ action }) => ACTIONS.has(action));
  const failed = hooks.results.filter(({ outcome }) => outcome === 'failed');
  const lines =
    changes.length <= MANY
      ? changes.map(
          ({ action, ref, type }) =>
            `  ${action} ${ref.type}/${ref.id} ${type}${failureOf(failed, ref, type)}`,
        )
      : [
          ...[...Map.groupBy(changes, ({ action, type }) => `${action} ${type}`)].map(
            ([what, { length }]) => `  ${what}: ${count(length, 'hook')}`,
          ),
          ...(failed.length > 0 ? [`  ${failed.length} of them failed: they are tried again`] : []),
        ];
  return [
    lines.length > 0
      ? `Hooks${dryRun ? ' that would change' : ''}:`
      : `Hooks: ${dryRun ? 'would stay' : ''} as they ${dryRun ? 'are' : 'were'}.`.replace('  ', ' '),
    ...lines,
    ...hooks.plan.failed.map(
      ({ ref, error }) => `  ${ref.type}/${ref.id} could not be looked at: ${error.message}`,
    ),
  ];
}

/** What changes something at Podio; `keep` and the like are left out. */
const ACTIONS: ReadonlySet<string> = new Set(['create', 'verify', 'replace', 'delete']);

function failureOf(
  failed: NonNullable<ReloadAnswer['hooks']>['results'],
  ref: { readonly type: string; readonly id: number },
  type: string,
): string {
  const found = failed.find(one => one.ref.type === ref.type && one.ref.id === ref.id && one.type === type);
  return found ? `: ${found.error ?? 'failed'}; it is tried again` : '';
}

/** More hide what matters; `--json` has all of them. */
const MANY = 20;
const FEW = 5;

const fewer = (lines: readonly string[]): readonly string[] =>
  lines.length <= MANY
    ? lines
    : [...lines.slice(0, MANY), `  and ${lines.length - MANY} more; --json names all of them`];

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
