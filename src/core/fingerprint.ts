/** What tells whether the steps of a rule are those of before, one by one in their order. Pure. */

/** `mark` is of what the step does; neither it nor the name holds a space or an equals sign. */
export const fingerprintOf = (steps: readonly { readonly name: string; readonly mark: string }[]): string =>
  steps.map(({ name, mark }) => `${name}=${mark}`).join(' ');

/** Under this name it is on disk that what comes before a run's first step holds. No step can be called so. */
export const CONDITIONS_HELD = 'on.fields';

/** Names of the steps, from the first one on, of which work that was done under `before` holds under `now`. */
export function keptSteps(before: string, now: string): ReadonlySet<string> {
  const those = before.split(' ');
  const kept = new Set<string>();
  for (const [at, step] of now.split(' ').entries()) {
    const [name, mark] = step.split('=');
    if (those[at] !== step || name === undefined || mark === undefined) break;
    kept.add(name);
  }
  // What was decided before the first step is as good as what that has done.
  if (kept.size > 0) kept.add(CONDITIONS_HELD);
  return kept;
}
