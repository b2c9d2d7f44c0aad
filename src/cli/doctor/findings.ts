/** What the doctor says: a line a check, with a verdict and, where there is trouble, what to do. */
import { coerceError, isPodiodError } from '../../core/errors.ts';
import type { Cli } from '../io.ts';

export type Verdict = 'ok' | 'warn' | 'fail';

export interface Finding {
  /** What was looked at: `config`, `app leads`. */
  readonly check: string;
  readonly verdict: Verdict;
  /** What was found. */
  readonly message: string;
  /** What to do; null where there is nothing to do. */
  readonly hint: string | null;
}

/** Told one after the other, as they are found. */
export type Tell = (finding: Finding) => void;

export const ok = (check: string, message: string): Finding => ({
  check,
  verdict: 'ok',
  message,
  hint: null,
});
export const warn = (check: string, message: string, hint: string | null): Finding => ({
  check,
  verdict: 'warn',
  message,
  hint,
});
export const fail = (check: string, message: string, hint: string | null): Finding => ({
  check,
  verdict: 'fail',
  message,
  hint,
});

/** Of something that could not be done. */
export function failure(check: string, thrown: unknown): Finding {
  const error = coerceError(thrown);
  return fail(check, error.message, isPodiodError(error) ? (error.hint ?? null) : null);
}

const STYLES = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

/** So many of a kind are shown one by one. */
const MANY = 10;

/** Shows findings as they come; of a kind (`events, leads`) with many of one verdict some, and then how many more. */
export function makeScreen(cli: Cli, all: boolean): { show(finding: Finding): void; end(): void } {
  let kind = '';
  const counts = new Map<Verdict, number>();
  const end = (): void => {
    for (const [verdict, count] of counts) {
      if (count <= MANY) continue;
      const message = `${count - MANY} more of them (podiod doctor --all shows each)`;
      showFinding(cli, { check: kind, verdict, message, hint: null });
    }
    counts.clear();
  };
  return {
    show(finding) {
      const [of = '', subject] = finding.check.split(', ');
      if (of !== kind && !all) end();
      kind = of;
      const count = subject === undefined ? 0 : (counts.get(finding.verdict) ?? 0) + 1;
      counts.set(finding.verdict, count);
      if (all || count <= MANY) showFinding(cli, finding);
    },
    end: () => {
      if (!all) end();
    },
  };
}

function showFinding(cli: Cli, { check, verdict, message, hint }: Finding): void {
  cli.print(`${cli.style(STYLES[verdict], verdict.padEnd(4))}  ${check}: ${message}`);
  if (hint !== null) for (const line of hint.split('\n')) cli.print(`      ${line}`);
}

/** `12 ok, 1 warning, 2 failures` */
export function countOf(findings: readonly Finding[]): string {
  const count = (verdict: Verdict) => findings.filter(one => one.verdict === verdict).length;
  const [fine, warnings, failures] = [count('ok'), count('warn'), count('fail')];
  return [
    `${fine} ok`,
    ...(warnings > 0 ? [`${warnings} warning${warnings === 1 ? '' : 's'}`] : []),
    ...(failures > 0 ? [`${failures} failure${failures === 1 ? '' : 's'}`] : []),
  ].join(', ');
}
