/** `podiod status` for people. Pure: text in, nothing but text out. */
import { styleText } from 'node:util';
import { showDuration } from '../core/duration.ts';
import { howLeft, showLeft } from '../core/left.ts';
import { showSize } from '../core/units.ts';
import type { BudgetStatus } from '../podio/contract.ts';
import type { ItemRunStatus } from '../schedule/item-runs.ts';
import {
  type AlarmStatus,
  leftOf,
  type PausedStatus,
  type ReplayStatus,
  type RuleStatus,
  type Status,
  type WaitingStatus,
} from './status.ts';

export interface RenderOptions {
  /** Columns of the terminal. Default: 80. */
  readonly width?: number;
  readonly colours?: boolean;
  /** One by one, however many there are. */
  readonly all?: boolean;
  /** UTC milliseconds, for times told as ages. */
  readonly now: number;
}

/**
 * So many of a kind are shown one by one. Of more, those that somebody should look at, and the others in a line: an agency has
 * hundreds of apps.
 */
const MANY = 20;

interface Picked<T> {
  readonly shown: readonly T[];
  readonly others: readonly T[];
}

function pick<T>(from: readonly T[], all: boolean, isNotable: (one: T) => boolean): Picked<T> {
  if (all || from.length <= MANY) return { shown: from, others: [] };
  const shown = new Set(from.filter(isNotable).slice(0, MANY));
  return { shown: [...shown], others: from.filter(one => !shown.has(one)) };
}

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

/** One piece of a row, and how it is to look. */
interface Cell {
  readonly text: string;
  readonly style?: Style;
  readonly right?: boolean;
}

const RULE_COLUMNS = ['rule', 'state', 'lag', 'in hand', 'parked', 'last run'] as const;

export function renderStatus(
  status: Status,
  { width = 80, colours = false, all = false, now }: RenderOptions,
): string {
  const paint: Paint = (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text);
  const sections = [
    [...head(status, width, paint), ...config(status.config, width, now, paint)],
    kept(status, width, now, paint),
    rules(status.rules, all, width, now, paint),
    replays(status.replays, width, now),
    paused(status.paused, width, now, paint),
    itemRuns(status.itemRuns, width, now, paint),
    timers(status.timers, all, width, now, paint),
    hooks(status, all, width, now, paint),
    completeness(status, all, width, now, paint),
    alarms(status.alarms, all, width, now, paint),
    troubles(status, all, width, now, paint),
    budgets(status.podio, all, width, paint),
  ];
  return sections
    .filter(lines => lines.length > 0)
    .map(lines => lines.join('\n'))
    .join('\n\n');
}

function head(status: Status, width: number, paint: Paint): string[] {
  const { ingress, admin, journal } = status;
  const state = status.ready ? paint('green', 'ready') : paint('yellow', 'not ready');
  return [
    `podiod ${status.version}, process ${status.pid}, up ${showDuration(status.uptimeMs)}, ${state}`,
    ...status.reasons.map(reason => indented(reason, width, text => paint('yellow', text))),
    `${paint('dim', 'public ')} ${clip(plain(status.publicUrl), width - 8)}`,
    `${paint('dim', 'ingress')} ${ingress.host}:${ingress.port}   ${paint('dim', 'admin')} ${admin.host}:${admin.port}   ` +
      `${paint('dim', 'journal')} ${journal.head} events`,
    ...(journal.waiting > 0 ? [paint('yellow', `  ${journal.waiting} more wait for the disk`)] : []),
  ];
}

function config(of: Status['config'], width: number, now: number, paint: Paint): string[] {
  if (of === undefined) return [];
  const { reloadedAt, refused, needsRestart } = of;
  const yellow = (text: string): string => paint('yellow', text);
  return [
    ...(reloadedAt === undefined ? [] : [`${paint('dim', 'config ')} read again ${age(reloadedAt, now)}`]),
    ...(refused === undefined
      ? []
      : [indented(`the file was not taken ${age(refused.at, now)}: ${refused.error}`, width, yellow)]),
    ...needsRestart.map(setting => indented(`needs a restart: ${setting}`, width, yellow)),
  ];
}

function kept({ retention, journal }: Status, width: number, now: number, paint: Paint): string[] {
  const { used, size, free, oldest, removed, lastRemovedAt, heldBy, over, lastError, waitsFor } = retention;
  const range = oldest
    ? `events ${oldest.seq} to ${journal.head}, the oldest ${age(oldest.receivedAt, now)}`
    : 'no events';
  const gone =
    removed > 0 && lastRemovedAt ? `, ${removed} removed, the last ${age(lastRemovedAt, now)}` : '';
  const room = free > 0 ? `, ${showSize(free)} more are free` : '';
  const yellow = (text: string): string => paint('yellow', text);
  const dim = (text: string): string => paint('dim', text);
  return [
    clip(`kept: ${range}${gone}`, width),
    indented(`${showSize(used)} of ${showSize(size)} used${room}`, width, dim),
    ...(heldBy
      ? [
          indented(
            `rule ${heldBy.rule} holds what is older: it has settled up to ${heldBy.cursor}`,
            width,
            yellow,
          ),
        ]
      : []),
    ...(over === undefined
      ? []
      : [indented(`larger than retention.size: ${over}`, width, text => paint('red', text))]),
    ...(lastError === undefined ? [] : [indented(`nothing can be removed: ${lastError}`, width, yellow)]),
    ...(waitsFor === undefined
      ? []
      : [indented(`nothing is removed yet: it waits for ${waitsFor}`, width, dim)]),
  ];
}

function rules(
  every: readonly RuleStatus[],
  isAll: boolean,
  width: number,
  now: number,
  paint: Paint,
): string[] {
  if (every.length === 0) return ['no rules'];
  const { shown: all, others } = pick(
    every,
    isAll,
    ({ state, degraded, waiting, throttled, parked, lag, error }) =>
      (state !== 'running' && state !== 'gone') ||
      (degraded ?? false) ||
      waiting > (throttled?.runs ?? 0) ||
      parked + lag > 0 ||
      error !== undefined,
  );
  const header: Cell[] = RULE_COLUMNS.map(text => ({ text, style: 'dim', right: isCount(text) }));
  const rows = all.map((rule): Cell[] => [
    { text: plain(rule.rule) },
    rule.shadow ? inShadow(stateOf(rule)) : stateOf(rule),
    { text: String(rule.lag), right: true, ...(rule.lag > 0 ? { style: 'yellow' } : {}) },
    { text: String(rule.inHand + rule.waiting), right: true },
    { text: String(rule.parked), right: true, ...(rule.parked > 0 ? { style: 'red' } : {}) },
    {
      text: rule.lastRunAt ? `${age(rule.lastRunAt, now)} ${rule.lastOutcome ?? ''}`.trimEnd() : 'never',
      ...(rule.lastRunAt ? {} : { style: 'dim' }),
    },
  ]);
  const lines = rows.length > 0 ? table([header, ...rows], width, paint) : [];
  const errors = all
    .filter(rule => rule.error !== undefined)
    .map(rule => indented(`${rule.rule}: ${rule.error}`, width, text => paint('red', text)));
  const gone = every.filter(({ state }) => state === 'gone').map(rule => goneLine(rule, width, paint));
  const gathered = all.flatMap(({ rule, state, gathered = 0 }) =>
    gathered > 0 && state !== 'gone'
      ? [
          clip(
            `${plain(rule)}: ${gathered} ${gathered === 1 ? 'event waits' : 'events wait'} to be run together`,
            width,
          ),
        ]
      : [],
  );
  const throttled = all.flatMap(({ rule, throttled }) => {
    if (throttled === undefined) return [];
    const { runs, nextAt } = throttled;
    const turn = `${runs === 1 ? '1 run waits for its' : `${runs} runs wait for their`} turn`;
    return [clip(`${plain(rule)}: ${turn}, the next may begin at ${nextAt}`, width)];
  });
  return [...lines, ...otherRules(others, width, now), ...gathered, ...throttled, ...errors, ...gone];
}

/** Why nothing of it runs, and what waits. */
function goneLine(rule: RuleStatus, width: number, paint: Paint): string {
  const left = leftOf(rule);
  const waits = [...some(rule.parked, 'parked'), showLeft(left)].filter(text => text !== '').join(', ');
  return indented(`${rule.rule} ${howLeft(left)} (podiod parked): ${waits}`, width, text =>
    paint('yellow', text),
  );
}

function otherRules(all: readonly RuleStatus[], width: number, now: number): string[] {
  if (all.length === 0) return [];
  const states = Map.groupBy(all, rule => (rule.shadow ? inShadow(stateOf(rule)) : stateOf(rule)).text);
  const sum = (of: (rule: RuleStatus) => number): number => all.reduce((total, rule) => total + of(rule), 0);
  const last = all
    .flatMap(({ lastRunAt }) => lastRunAt ?? [])
    .sort()
    .at(-1);
  const counts = [
    ...[...states].map(([state, { length }]) => `${length} ${state}`),
    ...some(
      sum(({ lag }) => lag),
      'events behind',
    ),
    ...some(
      sum(({ parked }) => parked),
      'parked',
    ),
    ...some(
      sum(({ gathered = 0 }) => gathered),
      'events gathered',
    ),
    last === undefined ? 'none has run yet' : `the last run ${age(last, now)}`,
  ];
  return [clip(`${all.length} more rules: ${counts.join(', ')}`, width), more(width)];
}

const some = (count: number, what: string): string[] => (count > 0 ? [`${count} ${what}`] : []);

const more = (width: number): string => clip('  podiod status --all shows them one by one', width);

function replays(all: readonly ReplayStatus[], width: number, now: number): string[] {
  return all.map(({ id, rule, from, to, at, askedAt }) =>
    clip(
      `replay ${id} of ${plain(rule)}: at ${Math.max(at, from)} of ${from} to ${to} (asked for ${age(askedAt, now)})`,
      width,
    ),
  );
}

function paused(all: readonly PausedStatus[], width: number, now: number, paint: Paint): string[] {
  return all.map(({ kind, name, since }) => {
    const next = `podiod resume --${kind} ${plain(name)}`;
    return paint('yellow', clip(`paused: ${kind} ${plain(name)} (${age(since, now)}), until ${next}`, width));
  });
}

/** One outage of Podio may be one of each app. */
const alarms = (
  every: readonly AlarmStatus[],
  isAll: boolean,
  width: number,
  now: number,
  paint: Paint,
): string[] =>
  [...Map.groupBy(every, ({ alarm }) => alarm)].flatMap(([alarm, some]) => {
    const shown = isAll || every.length <= MANY ? some : some.slice(0, FEW);
    const left = some.length - shown.length;
    return [
      ...shown.map(({ text, since }) =>
        paint('red', clip(`alarm ${alarm} (${age(since, now)}): ${plain(text)}`, width)),
      ),
      ...(left > 0 ? [paint('red', clip(`alarm ${alarm}: ${left} more (podiod status --all)`, width))] : []),
    ];
  });

/** Of many that are alike. */
const FEW = 3;

function itemRuns(all: readonly ItemRunStatus[], width: number, now: number, paint: Paint): string[] {
  return all.flatMap(({ rule, app, scheduledFor, items, looked, error, nextTryAt }) => {
    const line = `items of ${plain(app)} for ${plain(rule)}: ${items} of ${looked} read so far (due ${age(scheduledFor, now)})`;
    const next = nextTryAt ? `, next try in ${showDuration(Math.max(0, Date.parse(nextTryAt) - now))}` : '';
    return [
      clip(line, width),
      ...(error === undefined
        ? []
        : [indented(`not read${next}: ${error}`, width, text => paint('red', text))]),
    ];
  });
}

function timers(
  every: readonly WaitingStatus[],
  isAll: boolean,
  width: number,
  now: number,
  paint: Paint,
): string[] {
  const isFailing = ({ error }: WaitingStatus): boolean => error !== undefined;
  const { shown: all, others } = pick(every, isAll, isFailing);
  return [...timersOf(all, width, now, paint), ...otherTimers(others, width, now)];
}

/** By rule: what it waits for is counted over all of its apps. */
const otherTimers = (all: readonly WaitingStatus[], width: number, now: number): string[] =>
  [...Map.groupBy(all, ({ rule }) => rule)].map(([rule, some]) => {
    const { armed = 0 } = some[0] ?? {};
    const lateMs = Math.max(...some.map(one => one.lateMs ?? 0));
    const times = some.flatMap(({ lastSweepAt }) => lastSweepAt ?? []).sort();
    const [first] = times;
    const looked =
      first === undefined || times.length < some.length
        ? `${times.length} of them looked at`
        : `looked at ${age(first, now)} or later`;
    const late = lateMs >= 1000 ? `, one due for ${showDuration(lateMs)}` : '';
    return clip(`timers of ${plain(rule)}: ${armed} armed${late}, ${some.length} apps, ${looked}`, width);
  });

function timersOf(all: readonly WaitingStatus[], width: number, now: number, paint: Paint): string[] {
  return all.flatMap(({ rule, app, armed, lateMs = 0, lastSweepAt, error }) => {
    const looked = lastSweepAt ? `looked at ${age(lastSweepAt, now)}` : 'not looked at yet';
    const late = lateMs >= 1000 ? `, one due for ${showDuration(lateMs)}` : '';
    return [
      clip(`timers of ${plain(rule)}: ${armed} armed${late}, ${plain(app)} ${looked}`, width),
      ...(error === undefined
        ? []
        : [indented(`${app} can not be looked at: ${error}`, width, text => paint('red', text))]),
    ];
  });
}

const isCount = (column: string): boolean => ['lag', 'in hand', 'parked'].includes(column);

const inShadow = (cell: Cell): Cell => ({ ...cell, text: `${cell.text} in shadow` });

function stateOf({ state, waiting, throttled, degraded }: RuleStatus): Cell {
  switch (state) {
    case 'running':
      // Below stands what of it is.
      if (degraded) return { text: 'degraded', style: 'red' };
      // Who waits for a turn has not been tried yet.
      return waiting > (throttled?.runs ?? 0)
        ? { text: 'retrying', style: 'yellow' }
        : { text: 'running', style: 'green' };
    case 'waiting for setup':
      return { text: 'no set-up', style: 'red' };
    case 'paused':
      return { text: 'paused', style: 'yellow' };
    case 'halted':
      return { text: 'halted', style: 'red' };
    case 'stopped':
    case 'gone':
      return { text: state, style: 'dim' };
  }
}

function hooks(
  { hooks, reconcile, refusedDeletions, oldSecret }: Status,
  isAll: boolean,
  width: number,
  now: number,
  paint: Paint,
): string[] {
  const counts = [
    paint(hooks.active > 0 ? 'green' : 'dim', `${hooks.active} active`),
    ...(hooks.inactive > 0 ? [paint('red', `${hooks.inactive} inactive`)] : []),
    ...(hooks.missing > 0 ? [paint('red', `${hooks.missing} missing`)] : []),
  ];
  const looked = reconcile.lastRunAt ? `looked at ${age(reconcile.lastRunAt, now)}` : 'not looked at yet';
  const stretched = reconcile.pace.filter(({ everyMs }) => everyMs > reconcile.everyMs);
  const { shown, others } = pick(stretched, isAll, () => false);
  return [
    `hooks: ${counts.join(', ')} ${paint('dim', `(${reconcile.running ? 'looking now' : looked}, every ${showDuration(reconcile.everyMs)})`)}`,
    ...shown.map(({ identity, refs, everyMs }) =>
      indented(
        `${identity}: ${refs} refs, every ${showDuration(everyMs)}, as the background share allows`,
        width,
      ),
    ),
    ...(others.length === 0
      ? []
      : [
          indented(
            `${others.length} identities: every ${showDuration(Math.max(...others.map(({ everyMs }) => everyMs)))} or sooner, as the background share allows`,
            width,
          ),
        ]),
    ...(refusedDeletions > 0
      ? [paint('yellow', `  ${refusedDeletions} deletions wait for: podiod apply --allow-deletes`)]
      : []),
    ...(oldSecret === undefined
      ? []
      : [
          indented(
            `the secret that was replaced ${age(oldSecret.since, now)} is accepted: ${oldSecret.because ?? `it will be forgotten at ${oldSecret.until ?? ''}`}`,
            width,
            text => paint('yellow', text),
          ),
        ]),
  ];
}

const APP_COLUMNS = [
  'changes',
  'known',
  'delivered',
  'recovered',
  'own',
  'open',
  'lost',
  'every',
  'looked at',
] as const;

type AppStatus = Status['apps'][number];

const lostOf = ({ unprovable }: AppStatus): number => unprovable.reduce((sum, { count }) => sum + count, 0);

function completeness(
  { apps: every, unrecoverable }: Status,
  isAll: boolean,
  width: number,
  now: number,
  paint: Paint,
): string[] {
  if (every.length === 0) return [];
  const { shown: apps, others } = pick(
    every,
    isAll,
    app => app.open + lostOf(app) > 0 || app.lastError !== undefined,
  );
  const header: Cell[] = APP_COLUMNS.map((text, n) => ({
    text,
    style: 'dim',
    right: n > 0 && n < APP_COLUMNS.length - 1,
  }));
  const number = (count: number, style?: Style): Cell => ({
    text: String(count),
    right: true,
    ...(style && count > 0 ? { style } : {}),
  });
  const rows = apps.map((app): Cell[] => [
    { text: `  ${plain(app.app)}` },
    number(app.known),
    number(app.delivered),
    number(app.recovered),
    number(app.own),
    number(app.open, 'yellow'),
    number(lostOf(app), 'red'),
    { text: app.everyMs === undefined ? '-' : showDuration(app.everyMs), right: true },
    { text: app.sweeping ? 'now' : app.lastSweepAt ? age(app.lastSweepAt, now) : 'not yet' },
  ]);
  const total = (of: (app: AppStatus) => number): Cell =>
    number(others.reduce((sum, app) => sum + of(app), 0));
  const looks = others.map(({ lastSweepAt }) => lastSweepAt ?? '').sort();
  const slowest = Math.max(...others.map(({ everyMs = 0 }) => everyMs));
  const rest: Cell[][] =
    others.length === 0
      ? []
      : [
          [
            { text: `  ${others.length} more apps` },
            total(({ known }) => known),
            total(({ delivered }) => delivered),
            total(({ recovered }) => recovered),
            total(({ own }) => own),
            total(({ open }) => open),
            total(lostOf),
            { text: slowest === 0 ? '-' : showDuration(slowest), right: true },
            { text: looks[0] ? age(looks[0], now) : 'not all yet' },
          ],
        ];
  const told = apps.flatMap(({ app, lastError, unprovable }) => [
    ...(lastError === undefined
      ? []
      : [indented(`${app}: ${lastError}`, width, text => paint('yellow', text))]),
    ...unprovable.map(({ why, count }) =>
      indented(`${app}: ${count} lost, ${why}`, width, text => paint('red', text)),
    ),
  ]);
  const never = indented(`once lost, never found again: ${unrecoverable.join(', ')}`, width, text =>
    paint('dim', text),
  );
  return [...table([header, ...rows, ...rest], width, paint), ...told, never];
}

/** Errors that differ in their numbers only. */
const alike = (text: string): string => text.replace(/\d+/g, '0');

function troubles(status: Status, isAll: boolean, width: number, now: number, paint: Paint): string[] {
  const red = (text: string): string => paint('red', text);
  const told: string[] = [];
  if (status.reconcile.lastError !== undefined) {
    told.push(indented(`reconcile: ${status.reconcile.lastError}`, width, red));
  }
  for (const { plugin, state, error, since, nextTryAt } of status.plugins) {
    if (state === 'closed' || since === undefined) continue;
    const next = nextTryAt
      ? `next try in ${showDuration(Math.max(0, Date.parse(nextTryAt) - now))}`
      : 'being tried';
    told.push(indented(`plugin ${plugin} keeps failing (${age(since, now)}, ${next}): ${error}`, width, red));
  }
  const kinds = Map.groupBy(status.degraded, ({ error, hint = '' }) => alike(`${error} ${hint}`));
  for (const kind of kinds.values()) {
    const shown = isAll || status.degraded.length <= MANY ? kind : kind.slice(0, FEW);
    for (const { ref, error, hint, since, rules } of shown) {
      told.push(indented(`${ref}: ${error} (${age(since, now)})`, width, red));
      if (rules.length > 0) told.push(indented(`  concerns ${rules.join(', ')}`, width));
      if (hint) told.push(indented(`  ${hint}`, width));
    }
    const left = kind.length - shown.length;
    if (left > 0) told.push(indented(`and ${left} more like these (podiod status --all)`, width, red));
  }
  for (const { ref, hooks: left, error, hint } of status.leftovers) {
    told.push(indented(`${ref}: ${left.length} hooks left over, ${error}`, width, red));
    told.push(indented(`  ${hint}`, width));
  }
  for (const { rule, app, field, file, line, change, since } of status.definitions.news) {
    told.push(indented(`${app}.${field} ${change} (${age(since, now)})`, width, red));
    told.push(indented(`  rule ${rule} names it: ${file}:${line}`, width));
  }
  for (const { app, error } of status.definitions.unread) {
    told.push(
      indented(`${app}: its definition has changed and could not be read again yet: ${error}`, width, red),
    );
  }
  return told.length > 0 ? ['degraded:', ...told] : [];
}

function budgets(every: readonly BudgetStatus[], isAll: boolean, width: number, paint: Paint): string[] {
  if (every.length === 0) return [];
  const isLow = (bucket: BudgetStatus['general']): boolean =>
    bucket !== undefined && bucket.remaining < bucket.limit * LOW;
  const { shown: all, others } = pick(
    every,
    isAll,
    ({ general, limited, pausedMs }) => pausedMs > 0 || isLow(general) || isLow(limited),
  );
  const least = (name: 'general' | 'limited') =>
    others
      .flatMap(budget => budget[name] ?? [])
      .reduce<BudgetStatus['general']>(
        (low, one) => (low === undefined || one.remaining < low.remaining ? one : low),
        undefined,
      );
  const rows = all.map(({ identity, general, limited, pausedMs }): Cell[] => [
    { text: `  ${plain(identity)}` },
    { text: left(general), right: true },
    { text: left(limited), right: true },
    pausedMs > 0 ? { text: `paused ${showDuration(pausedMs)}`, style: 'yellow' } : { text: '' },
  ]);
  if (others.length > 0) {
    rows.push([
      { text: `  ${others.length} more, at least` },
      { text: left(least('general')), right: true },
      { text: left(least('limited')), right: true },
      { text: '' },
    ]);
  }
  const header: Cell[] = [
    { text: 'Podio, calls left this hour' },
    { text: 'general', style: 'dim', right: true },
    { text: 'limited', style: 'dim', right: true },
    { text: '' },
  ];
  return table([header, ...rows], width, paint);
}

/** Of an hour's calls: less is worth a look. */
const LOW = 0.25;

const left = (bucket: BudgetStatus['general']): string =>
  bucket ? `${bucket.remaining} of ${bucket.limit}` : '-';

/** Columns as wide as they need; where they don't fit the first one gives way. */
function table(rows: readonly (readonly Cell[])[], width: number, paint: Paint): string[] {
  const widths = (rows[0] ?? []).map((_, n) => Math.max(...rows.map(row => row[n]?.text.length ?? 0)));
  const over = widths.reduce((sum, one) => sum + one + 2, -2) - width;
  if (over > 0) widths[0] = Math.max(8, (widths[0] ?? 0) - over);
  return rows.map(row =>
    row
      .map(({ text, style, right }, n) => {
        const room = widths[n] ?? 0;
        const cut = clip(text, room);
        const padded = right ? cut.padStart(room) : n === row.length - 1 ? cut : cut.padEnd(room);
        return style ? paint(style, padded) : padded;
      })
      .join('  ')
      .trimEnd(),
  );
}

const indented = (text: string, width: number, paint: (text: string) => string = same => same): string =>
  `  ${paint(clip(plain(text), width - 2))}`;

const clip = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, width - 1)}…`;

/** Error texts come from elsewhere: nothing in them may move the cursor. */
const plain = (text: string): string => text.replace(/\p{Cc}+/gu, ' ');

const age = (iso: string, now: number): string => `${showDuration(Math.max(0, now - Date.parse(iso)))} ago`;
