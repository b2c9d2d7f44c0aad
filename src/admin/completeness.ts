import type { SweepStatus } from '../recover/recovery.ts';
import type { Completeness } from '../store/contract.ts';

/** What can't be found out once a delivery of it is lost. */
export const UNRECOVERABLE: readonly string[] = ['item.delete', 'comment.*', 'file.change'];

/** How completely the changes of an app's items have been seen. */
export interface AppStatus {
  readonly app: string;
  /** All that are known of, whether they were seen or not. */
  readonly known: number;
  readonly delivered: number;
  readonly recovered: number;
  /** Made by podiod itself. */
  readonly own: number;
  /** Lost for good, by reason. */
  readonly unprovable: readonly { readonly why: string; readonly count: number }[];
  /** Missing and still looked for. */
  readonly open: number;
  readonly sweeping: boolean;
  /** How often the app is looked at for what was missed, as the budget allows. Absent where it no longer is. */
  readonly everyMs?: number;
  /** ISO 8601, UTC. */
  readonly lastSweepAt?: string;
  /** Why the last look did not end well. */
  readonly lastError?: string;
  /** Up to when everything has been looked at, by Podio's clock. */
  readonly watermark?: string;
}

const NONE = { delivered: 0, recovered: 0, own: 0, unprovable: [], open: 0 } as const;

/** The apps that are followed, then those that only the store remembers. */
export function appsOf(
  sweeps: readonly SweepStatus[],
  completeness: readonly Completeness[],
): readonly AppStatus[] {
  const counts = new Map(completeness.map(each => [each.app, each]));
  const followed = new Set(sweeps.map(({ app }) => app));
  const left = completeness.filter(({ app }) => !followed.has(app));
  return [
    ...sweeps.map(({ isSweeping: sweeping, ...sweep }) => ({
      ...countsOf(counts.get(sweep.app)),
      sweeping,
      ...sweep,
    })),
    ...left.map(each => ({ ...countsOf(each), app: each.app, sweeping: false })),
  ];
}

function countsOf(counts: Completeness | undefined) {
  const { delivered, recovered, own, unprovable, open } = counts ?? NONE;
  const lost = unprovable.reduce((sum, { count }) => sum + count, 0);
  return {
    known: delivered + recovered + own + lost + open,
    delivered,
    recovered,
    own,
    unprovable: unprovable.map(({ why, count }) => ({ why, count })),
    open,
  };
}
