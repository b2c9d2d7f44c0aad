import { styleText } from 'node:util';
import { refKey } from '../core/event.ts';
import { type HookRef, maskHookUrl } from '../core/hook.ts';
import { ACTIONS, type ActionKind, type HookAction } from './plan.ts';
import type { HookPlan } from './status.ts';

/** `podiod plan --json` (contract 3). */
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

export function summarize(actions: readonly HookAction[]): Readonly<Record<ActionKind, number>> {
  const count = (kind: ActionKind) => actions.filter(({ action }) => action === kind).length;
  return Object.fromEntries(ACTIONS.map(kind => [kind, count(kind)])) as Record<ActionKind, number>;
}

export interface RenderOptions {
  /** Columns of the terminal. Default: 80. */
  readonly width?: number;
  readonly colours?: boolean;
  /** A name for people: `leads`, `leads.status`. */
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

/** Narrower than this, an action takes two lines. */
const WIDE = 100;

/** A plan for people: a line an action (two where it is narrow), what could not be looked at, and a summary. */
export function renderPlan(plan: HookPlan, options: RenderOptions = {}): string {
  const { width = 80, nameOf } = options;
  const style = (as: Style, text: string) =>
    options.colours ? styleText(as, text, { validateStream: false }) : text;

  const rows = plan.actions.map(action => ({
    ...LOOK[action.action],
    action: action.refused ? 'refused' : action.action,
    place: placeOf(action, nameOf),
    why: whyOf(action),
  }));
  const verbWidth = Math.max(0, ...rows.map(({ action }) => action.length));
  const placeWidth = Math.max(0, ...rows.map(({ place }) => place.length));
  const isWide = width >= WIDE && placeWidth <= width / 2;

  const lines = rows.flatMap(row => {
    const head = `${row.sign} ${row.action.padEnd(verbWidth)}`;
    const place = isWide ? row.place.padEnd(placeWidth) : row.place;
    const indent = isWide ? verbWidth + placeWidth + 6 : verbWidth + 3;
    const why = wrap(row.why, Math.max(width - indent, 20));
    const start = `${style(row.style, head)} ${place}`;
    const rest = why.map(line => style('dim', line));
    return isWide
      ? [`${start}  ${rest[0]}`, ...rest.slice(1).map(line => ' '.repeat(indent) + line)]
      : [start, ...rest.map(line => ' '.repeat(indent) + line)];
  });
  const troubles = [
    ...plan.failed.map(({ ref, error }) => `${nameOf?.(ref) ?? refKey(ref)}: ${error.message}`),
    ...plan.unresolved.map(({ rule, error }) => `rule ${rule}: ${error.message}`),
  ].map(text => style('red', wrap(`! ${text}`, width).join('\n  ')));

  return [...lines, ...troubles, style('bold', wrap(summaryOf(plan), width).join('\n'))].join('\n');
}

function placeOf({ ref, type, hookId }: HookAction, nameOf: RenderOptions['nameOf']): string {
  const name = nameOf?.(ref);
  const place = name ? `${name} (${refKey(ref)})` : refKey(ref);
  return `${place} ${type}${hookId === undefined ? '' : ` #${hookId}`}`;
}

/** Whose hook it is matters most with what is not ours, who needs it with what is. */
function whyOf({ rules, reason, url, action }: HookAction): string {
  const who = rules.length > 0 ? `${rules.join(', ')}: ` : '';
  const isOurs = action !== 'foreign' && action !== 'orphan' && action !== 'elsewhere';
  return isOurs ? `${who}${reason}` : `${reason}: ${maskHookUrl(url)}`;
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

function summaryOf({ actions, failed }: HookPlan): string {
  const counts = summarize(actions);
  const refused = actions.filter(action => action.refused).length;
  const parts = ACTIONS.filter(kind => counts[kind] > 0).map(kind => `${counts[kind]} ${VERBS[kind]}`);
  if (refused > 0) parts.push(`${refused} of the deletions refused`);
  if (failed.length > 0) parts.push(`${failed.length} not looked at`);
  const isConverged = counts.create + counts.verify + counts.replace + counts.delete === 0;
  return `${isConverged ? 'Nothing to do' : 'Plan'}: ${parts.join(', ') || 'no hooks'}.`;
}

/** Breaks at spaces; a word that is too long is left whole, since URLs are for copying. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line];
}
