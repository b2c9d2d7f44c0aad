import type { PodioEvent } from '../../core/event.ts';
import type { HookRef } from '../../core/hook.ts';
import type { Outcome, RunRecord, StepVerdict } from '../../core/run.ts';
import type { Cli } from '../io.ts';
import { clip, columns, pad, plain, wrap } from '../text.ts';

/** An event as people see it. */
export interface ShownEvent {
  readonly event: PodioEvent;
  /** Of its item. */
  readonly title: string | undefined;
  /** One line each, with what was there before. */
  readonly changes: readonly { readonly label: string; readonly from: string; readonly to: string }[];
  /** What a new item holds, or what somebody wrote. */
  readonly detail: string | undefined;
  readonly runs: readonly ShownRun[];
}

export interface ShownRun {
  readonly run: RunRecord;
  /** What it has posted to Slack. */
  readonly slack: readonly string[];
}

export interface Summary {
  readonly events: number;
  readonly hooks: number;
  readonly seconds: number;
  readonly rules: readonly {
    readonly rule: string;
    readonly outcomes: ReadonlyMap<Outcome, number>;
    readonly slack: number;
  }[];
}

export interface Names {
  readonly places: Iterable<string>;
  readonly rules: Iterable<string>;
  nameOf(ref: HookRef): string | undefined;
}

const LOOK = {
  settled: { mark: '✓', color: 'green' },
  filtered: { mark: '·', color: 'gray' },
  parked: { mark: '!', color: 'red' },
  dropped: { mark: 'x', color: 'gray' },
} as const;

/** Below this a time, a place and a title don't fit side by side. */
const NARROW = 72;
/** Longer lines are hard to read, however wide the terminal. */
const WIDE = 100;
/** Of what goes to Slack, so that a long message does not push everything else away. */
const SLACK_LINES = 3;

const widest = (texts: Iterable<string>): number => Math.max(0, ...Array.from(texts, columns));

/** What the demo shows: every method answers lines and prints nothing. */
export function makeScreen({ width: terminal, style }: Pick<Cli, 'width' | 'style'>, names: Names) {
  const width = Math.min(terminal, WIDE);
  const narrow = width < NARROW;
  const indent = ' '.repeat(narrow ? 2 : 10);
  const placeColumn = widest(names.places);
  const ruleColumn = widest(names.rules);

  const head = ({ type, receivedAt, app, space, ref }: PodioEvent, title: string | undefined): string[] => {
    const time = new Date(receivedAt).toTimeString().slice(0, 'HH:MM:SS'.length);
    const place = app ?? space ?? String(ref.id);
    if (narrow) {
      const line = `${style('gray', time)}  ${style('cyan', clip(`${place} ${type}`, width - 10))}`;
      return title ? [line, `  ${style('bold', clip(plain(title), width - 2))}`] : [line];
    }
    const what = pad(type, 'comment.create'.length);
    const where = pad(place, placeColumn);
    const room = width - columns(`${time}${what}${where}`) - 6;
    const about = title ? `  ${style('bold', clip(plain(title), room))}` : '';
    return [`${style('gray', time)}  ${style('cyan', what)}  ${where}${about}`];
  };

  const change = ({ label, from, to }: ShownEvent['changes'][number]): string => {
    const name = clip(plain(label), 20);
    const room = width - indent.length - columns(name) - 2;
    const [old, now] = [plain(from) || '(empty)', plain(to) || '(empty)'];
    // The new value matters more, so the old one gives way first.
    const oldRoom = Math.max(room - columns(now) - 3, Math.floor(room / 3));
    const shown = clip(old, oldRoom);
    return `${indent}${name}: ${style('gray', shown)} → ${style('yellow', clip(now, room - columns(shown) - 3))}`;
  };

  const run = ({ run, slack }: ShownRun): string[] => {
    const { mark, color } = LOOK[run.outcome];
    const rule = narrow ? run.rule : pad(run.rule, ruleColumn);
    const what = clip(plain(told(run)), Math.max(width - indent.length - columns(rule) - 4, 0));
    const quiet = run.outcome === 'filtered';
    const line =
      `${rule}  ${quiet ? what : style(run.outcome === 'parked' ? 'red' : 'gray', what)}`.trimEnd();
    const shown = `${indent}${style(color, mark)} ${quiet ? style('gray', line) : line}`;
    return [shown, ...slack.flatMap(message)];
  };

  /** What was posted, under the run that posted it. */
  const message = (text: string): string[] => {
    const bar = `${indent}  ${style('magenta', '▌')}`;
    const room = width - indent.length - 3;
    const lines = wrap(`Slack: ${plain(text)}`, room);
    const kept = lines.slice(0, SLACK_LINES);
    if (lines.length > SLACK_LINES) kept.push(clip(`${kept.pop()} ${lines[SLACK_LINES]}`, room));
    return kept.map(line => `${bar}${style('magenta', line)}`);
  };

  return {
    heading: (text: string, note = ''): string[] => [
      '',
      `${style('bold', text)}${note && `  ${style('gray', clip(note, width - columns(text) - 2))}`}`,
    ],

    paragraph: (text: string): string[] => wrap(text, width),

    /** One line a place, with the events of which it now tells. */
    handshakes(hooks: readonly { readonly ref: HookRef; readonly type: string }[], ms: number): string[] {
      const byPlace = Map.groupBy(hooks, ({ ref }) => names.nameOf(ref) ?? `${ref.type}/${ref.id}`);
      const wide = widest(byPlace.keys());
      const lines = Array.from(byPlace, ([place, found]) => {
        const types = found.map(({ type }) => type).join(', ');
        const start = `  ${style('green', '✓')} `;
        if (narrow)
          return [start + place, ...wrap(types, width - 4).map(line => `    ${style('gray', line)}`)];
        return wrap(types, width - wide - 6).map((line, n) =>
          n === 0
            ? `${start}${pad(place, wide)}  ${style('gray', line)}`
            : `${' '.repeat(wide + 6)}${style('gray', line)}`,
        );
      });
      const all = `${hooks.length} hooks made, verified and active in ${Math.round(ms)} ms`;
      return [...lines.flat(), ...wrap(all, width).map(line => style('bold', line))];
    },

    event: ({ event, title, changes, detail, runs }: ShownEvent): string[] => [
      '',
      ...head(event, title),
      ...changes.map(change),
      ...(detail ? [indent + style('gray', clip(plain(detail), width - indent.length))] : []),
      ...runs.flatMap(run),
    ],

    /** A run that took longer than its event was shown. */
    late: (event: PodioEvent, shown: ShownRun): string[] => [
      `${indent}${style('gray', clip(`still of ${event.type} ${event.app ?? ''}, item ${event.itemId ?? ''}:`, width - indent.length))}`,
      ...run(shown),
    ],

    summary({ events, hooks, seconds, rules }: Summary): string[] {
      const lines = rules.map(({ rule, outcomes, slack }) => {
        const counts = (['settled', 'filtered', 'parked', 'dropped'] as const)
          .filter(outcome => outcomes.get(outcome))
          .map(outcome => style(LOOK[outcome].color, `${outcomes.get(outcome)} ${outcome}`));
        const posted = slack > 0 ? [style('magenta', `${slack} to Slack`)] : [];
        const all = [...counts, ...posted].join(', ') || style('gray', 'no run');
        return narrow ? [`  ${rule}`, `    ${all}`] : [`  ${pad(rule, ruleColumn)}  ${all}`];
      });
      const what = `${count(events, 'event')} through ${count(hooks, 'hook')} in ${seconds.toFixed(1)} s`;
      return [
        '',
        style('bold', 'Summary'),
        ...wrap(what, width - 2).map(line => `  ${line}`),
        ...lines.flat(),
      ];
    },
  };
}

export type Screen = ReturnType<typeof makeScreen>;

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** What stands in place of a step where the rule's own conditions said no. */
const ON_FIELDS = 'on.fields';
const filters: Readonly<Record<string, string>> = { [ON_FIELDS]: 'its fields', 'rule.where': 'its where' };

/** What a run did, or why it did not go through, in a few words. */
function told({ outcome, steps, error }: RunRecord): string {
  const last: StepVerdict | undefined = steps.at(-1);
  // What held before the first step is in the record too.
  const done = steps.filter(({ step }) => !Object.hasOwn(filters, step));
  if (outcome === 'settled') return done.map(({ step }) => step).join(' → ');
  if (outcome === 'filtered') return `filtered by ${filters[last?.step ?? ON_FIELDS] ?? last?.step}`;
  return `${outcome}${last ? ` at ${last.step}` : ''}${error ? `: ${error}` : ''}`;
}
