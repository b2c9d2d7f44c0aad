import { styleText } from 'node:util';
import { refKey } from '../core/event.ts';
import { type HookRef, maskHookUrl } from '../core/hook.ts';
import { ACTIONS, type ActionKind, type HookAction } from './plan.ts';
import type { HookPlan } from './status.ts';

/** What `podiod plan --json` tells of hooks. */
export interface PlanJson {
  readonly actions: readonly {
    readonly action: ActionKind;
    readonly ref: HookRef;
    readonly type: string;
    /** Masked. */
    readonly url: string;
    readonly hookId: number | null;
    readonly rules: readonly string[];
    readonly reason: string;
  }[];
  /** Every kind of action, also those with none. */
  readonly summary: Readonly<Record<ActionKind, number>>;
}

export function planToJson(actions: readonly HookAction[]): PlanJson {
  return {
    actions: actions.map(({ action, ref, type, url, hookId, rules, reason }) => ({
      action,
      ref,
      type,
      url: maskHookUrl(url),
      hookId: hookId ?? null,
      rules,
      reason,
    })),
    summary: summarize(actions),
  };
}

/** A plan with what could not be looked at: an empty list of actions says little without it. */
export interface HookPlanJson extends PlanJson {
  readonly failed: readonly { readonly ref: HookRef; readonly error: string }[];
  readonly unresolved: readonly {
    readonly rule: string;
    readonly app: string;
    readonly field: string;
    readonly error: string;
  }[];
}

export const hookPlanToJson = ({ actions, failed, unresolved }: HookPlan): HookPlanJson => ({
  ...planToJson(actions),
  failed: failed.map(({ ref: { type, id }, error }) => ({ ref: { type, id }, error: error.message })),
  unresolved: unresolved.map(({ rule, app, field, error }) => ({ rule, app, field, error: error.message })),
});

export function summarize(actions: readonly HookAction[]): Readonly<Record<ActionKind, number>> {
  const count = (kind: ActionKind) => actions.filter(({ action }) => action === kind).length;
  return Object.fromEntries(ACTIONS.map(kind => [kind, count(kind)])) as Record<ActionKind, number>;
}

export interface RenderOptions {
  /** Columns of the terminal. Default: 80. */
  readonly width?: number;
  readonly colours?: boolean;
  /** Also what stays as it is, however much that is. */
  readonly all?: boolean;
  /** A name for people: `leads`, `leads.status`. Default: `app/101`. */
  readonly nameOf?: (ref: HookRef) => string | undefined;
}

type Style = Parameters<typeof styleText>[0];

const LOOK: Readonly<Record<ActionKind, { sign: string; style: Style }>> = {
  create: { sign: '+', style: 'green' },
  verify: { sign: '~', style: 'yellow' },
  replace: { sign: '±', style: 'yellow' },
  delete: { sign: '-', style: 'red' },
  keep: { sign: '=', style: 'dim' },
  orphan: { sign: '?', style: 'magenta' },
  elsewhere: { sign: '?', style: 'magenta' },
  foreign: { sign: ' ', style: 'dim' },
};

/** Of these so many are shown beside what changes; more would hide that. */
const STAYS: ReadonlySet<ActionKind> = new Set(['keep', 'foreign']);
const MANY = 20;

/** What the last column needs at least; where that isn't there, an action takes two lines. */
const LAST_COLUMN = 24;
const GAP = '  ';

/** A plan for people: a table where there is room for one, what could not be looked at, and a summary. */
export function renderPlan(plan: HookPlan, options: RenderOptions = {}): string {
  const { width = 80, nameOf } = options;
  const style = (as: Style, text: string) =>
    options.colours ? styleText(as, text, { validateStream: false }) : text;

  const shown = plan.actions.filter(({ action }) => options.all || !STAYS.has(action));
  const isMuch = plan.actions.length - shown.length > MANY;
  const rows = (isMuch ? shown : plan.actions).map(action => ({
    ...LOOK[action.action],
    cells: cellsOf(action, nameOf),
    why: whyOf(action),
  }));
  const columns = [0, 1, 2].map(i => Math.max(0, ...rows.map(({ cells }) => cells[i]?.length ?? 0)));
  const tableWidth = columns.reduce((sum, column) => sum + column + GAP.length, 0);
  const isTable = tableWidth + LAST_COLUMN <= width;
  const indent = ' '.repeat(isTable ? tableWidth : (columns[0] ?? 0) + GAP.length);

  const lines = rows.flatMap(({ cells: [action, place, event], why, style: as }) => {
    const [wide = 0, far = 0, deep = 0] = columns;
    const start = style(as, action.padEnd(wide)) + GAP;
    const room = Math.max(width - indent.length, LAST_COLUMN);
    const [first = '', ...rest] = wrap(isTable ? why : `${event}: ${why}`, room).map(text =>
      style('dim', text),
    );
    return isTable
      ? [[start + place.padEnd(far), event.padEnd(deep), first].join(GAP), ...rest.map(line => indent + line)]
      : [start + place, ...[first, ...rest].map(line => indent + line)];
  });
  const troubles = troublesOf(plan, nameOf).map(text =>
    style('red', wrap(`! ${text}`, width - 2).join('\n  ')),
  );
  const summary = style('bold', wrap(summaryOf(plan), width).join('\n'));
  const left = isMuch ? ['What stays as it is is shown by podiod plan --all.'] : [];
  return [...lines, ...troubles, summary, ...left.map(text => style('dim', text))].join('\n');
}

/** What is done, where, and of which event. */
function cellsOf({ action, refused, ref, type, hookId }: HookAction, nameOf: RenderOptions['nameOf']) {
  return [
    `${LOOK[action].sign} ${refused ? 'refused' : action}`,
    nameOf?.(ref) ?? refKey(ref),
    printable(hookId === undefined ? type : `${type} #${hookId}`),
  ] as const;
}

/** Who needs it, with what is ours; what it is, with what isn't. */
function whyOf({ action, rules, reason, url }: HookAction): string {
  if (action === 'foreign' || action === 'orphan' || action === 'elsewhere')
    return `${reason}: ${maskHookUrl(url)}`;
  return rules.length > 0 ? `${reason}, for ${rules.join(', ')}` : reason;
}

function troublesOf({ actions, failed, unresolved }: HookPlan, nameOf: RenderOptions['nameOf']): string[] {
  const refused = actions.filter(action => action.refused).length;
  const many = `${refused} deletions are more than reconcile.maxDelete lets through; podiod apply --allow-deletes carries them out`;
  return [
    ...(refused > 0 ? [many] : []),
    ...failed.map(({ ref, error }) => `${nameOf?.(ref) ?? refKey(ref)}: ${error.message}`),
    ...unresolved.map(({ rule, error }) => `rule ${rule}: ${error.message}`),
  ];
}

const VERBS: Readonly<Record<ActionKind, string>> = {
  create: 'to create',
  verify: 'to verify',
  replace: 'to replace',
  delete: 'to delete',
  keep: 'kept',
  orphan: 'orphaned',
  elsewhere: 'elsewhere',
  foreign: 'foreign',
};

/** What could not be looked at may need anything. */
function summaryOf({ actions, failed, unresolved }: HookPlan): string {
  const counts = summarize(actions);
  const parts = ACTIONS.filter(kind => counts[kind] > 0).map(kind => `${counts[kind]} ${VERBS[kind]}`);
  if (failed.length > 0) parts.push(`${failed.length} not looked at`);
  const isConverged = counts.create + counts.verify + counts.replace + counts.delete === 0;
  const isWhole = failed.length + unresolved.length === 0;
  const known = isWhole ? 'Nothing to do' : 'It is not known whether there is anything to do';
  const counted = `${isConverged ? known : 'Plan'}: ${parts.join(', ') || 'no hooks'}.`;
  return isWhole ? counted : `${counted} See to what is marked with !, then ask again.`;
}

/** Types and URLs of foreign hooks are other people's text: none of it may steer the terminal. */
const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, '?');

/** Breaks at spaces; a word that is too long is left whole, since URLs are for copying. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of printable(text).split(' ')) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line];
}
