/** What the doctor says: a line a check, with a verdict and, where there is trouble, what to do. */
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

const STYLES = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

export function showFinding(cli: Cli, { check, verdict, message, hint }: Finding): void {
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
