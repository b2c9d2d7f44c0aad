/** Keys that people know from other tools, and what they are called here. */
import type { Path } from './node.ts';

const DELIVERY = {
  timeout: 'how long one try of a step may take says `delivery: { deadline: 30s }`',
  retry: 'how long a step is tried again says `delivery: { retryFor: 1h }`, how often `{ attempts: 5 }`',
  retries: 'how often a step is tried says `delivery: { attempts: 5 }`, how long `{ retryFor: 1h }`',
};

const CONDITIONS = ['if', 'condition', 'conditions', 'filter', 'filters'];

const RULE: Readonly<Record<string, string>> = {
  ...DELIVERY,
  ...toAll(['when', ...CONDITIONS], 'a condition of a rule is `where`'),
  ...toAll(['trigger', 'triggers'], 'what starts a rule is `on`'),
  ...toAll(
    ['app', 'apps', 'event', 'events', 'fields', 'space'],
    'it stands in `on`: `on: { app: NAME, events: item.update }`',
  ),
  ...toAll(['schedule', 'cron'], 'it stands in `on`: `on: { schedule: "0 9 * * 1-5" }`'),
  ...toAll(['action', 'actions', 'do', 'run', 'then'], 'what a rule does is `steps`'),
  ...toAll(['attempts', 'retryFor', 'backoff', 'deadline', 'concurrency'], 'it stands in `delivery`'),
  ...toAll(['settle', 'debounce'], 'to wait until edits stop is `mode: { settle: 2m }`'),
  ...toAll(['batch', 'throttle'], 'it stands in `mode`'),
  ...toAll(['disable', 'disabled'], 'a rule is switched off by `enabled: false`'),
  ...toAll(['shadow', 'dryRun'], 'a rule that does nothing yet has `enabled: shadow`'),
  ...toAll(
    ['name', 'description'],
    'a rule is called as its key; what else there is to say goes into a comment',
  ),
};

const STEP: Readonly<Record<string, string>> = {
  ...DELIVERY,
  ...toAll(['where', ...CONDITIONS], 'a condition of a step is `when`'),
  ...toAll(['attempts', 'retryFor', 'backoff', 'deadline'], 'it stands in `delivery`'),
  ...toAll(['continueOnError', 'ignoreErrors'], 'to go on after a failure is `onError: continue`'),
};

const TOP: Readonly<Record<string, string>> = {
  ...toAll(['publicUrl', 'port', 'host'], 'it stands in `server`'),
  ...toAll(['clientId', 'clientSecret', 'apiUrl'], 'it stands in `podio`'),
  ...toAll(['username', 'password', 'users'], 'a user stands in `logins`, by a name of your own'),
  ...toAll(['timezone', 'delivery'], 'it stands in `defaults`'),
};

/** What else names an item in `match`: no field of it. */
const EXTERNAL_ID = /^external[-_ ]?id$/i;

/** What was probably meant by the name of a field that there is not. */
export const guessField = (name: string, within: Path): string | undefined =>
  EXTERNAL_ID.test(name) && within.includes('match') ? 'did you mean `externalId`?' : undefined;

/** What was probably meant by a key that there is not; undefined for one that nobody knows. */
export function guess(key: string, within: Path): string | undefined {
  const table = tableOf(within);
  return table && Object.hasOwn(table, key) ? table[key] : undefined;
}

function tableOf(within: Path): Readonly<Record<string, string>> | undefined {
  if (within.length === 0) return TOP;
  if (within[0] !== 'rules') return undefined;
  if (within.length === 2) return RULE;
  return within[2] === 'steps' && within.length === 4 ? STEP : undefined;
}

function toAll(keys: readonly string[], hint: string): Record<string, string> {
  return Object.fromEntries(keys.map(key => [key, hint]));
}
