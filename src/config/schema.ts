/**
 * The config's one schema. It is what a config is checked with, what an editor completes from
 * (config/podiorc.schema.json) and what docs/config.md is written from, so every key says here what it means, with unit
 * and default. Custom messages are the part after the path: "server.maxBody **must be a size ...**".
 */
import { z } from 'zod';
import { ALARM_NAMES } from '../core/alarm.ts';
import { DATE_OFFSET, parseDateOffset } from '../core/date-offset.ts';
import { hostPatternOf } from '../core/networks.ts';
import {
  BACKOFF,
  DURATION,
  parseBackoff,
  parseDuration,
  parseShare,
  parseSize,
  SHARE,
  SIZE,
} from '../core/units.ts';
import { parseWeekdays, WEEKDAYS } from '../core/weekdays.ts';
import { RuleTestSchema, TestSchema } from './test-schema.ts';

export const NAME = /^[a-z0-9][a-z0-9_-]*$/;

const text = () => z.string().min(1, 'must not be empty');
const name = () =>
  z.string().regex(NAME, 'must be a name of small letters, digits, - and _, starting with a letter or digit');

const DURATION_WORDS = 'must be a duration with a unit, like 250ms, 30s, 10m, 1h or 7d';
const duration = (atLeast = '0s') =>
  z
    .string(DURATION_WORDS)
    .regex(DURATION, { error: DURATION_WORDS, abort: true })
    .refine(value => parseDuration(value) >= parseDuration(atLeast), `must be ${atLeast} or longer`)
    .transform(parseDuration);

const SIZE_WORDS = 'must be a size with a unit, like 512b, 64kb, 10mb or 2gb';
const size = () =>
  z
    .string(SIZE_WORDS)
    .regex(SIZE, { error: SIZE_WORDS, abort: true })
    .refine(value => parseSize(value) > 0, 'must be more than nothing')
    .transform(parseSize);

const SHARE_WORDS = 'must be a share from 0% to 100%, like 30%';
const share = () => z.string(SHARE_WORDS).regex(SHARE, SHARE_WORDS).transform(parseShare);

const BACKOFF_WORDS = 'must be the first and the longest wait, like 1s..10m';
const backoff = () =>
  z
    .string(BACKOFF_WORDS)
    .regex(BACKOFF, { error: BACKOFF_WORDS, abort: true })
    .refine(value => parseBackoff(value).fromMs > 0, {
      error: 'must start with a wait longer than 0',
      abort: true,
    })
    .refine(
      value => parseBackoff(value).fromMs <= parseBackoff(value).toMs,
      'must go from a shorter wait to a longer one',
    )
    .transform(parseBackoff);

const httpUrl = () =>
  z.url({ protocol: /^https?$/, error: 'must be a URL that starts with https:// or http://' });
const port = () => {
  const words = 'must be a port from 0 to 65535';
  return z.int(words).min(0, words).max(65535, words);
};
const podioId = () =>
  z.int('must be the number that Podio gave it').min(1, 'must be the number that Podio gave it');
const secret = () => z.string().min(16, 'must have 16 characters or more');
const oneOrMore = <T extends z.ZodType>(schema: T, words: string) =>
  z.union([schema, z.array(schema).min(1, 'must not be an empty list')], words);

// ------------------------------------------------------------------------------------------------ sections

export const ServerSchema = z.strictObject({
  publicUrl: httpUrl().describe(
    'The address that Podio calls: https on port 443 or http on port 80, and a host that the internet can reach.',
  ),
  host: text().default('127.0.0.1').describe('The address that podiod listens on, usually behind a proxy.'),
  port: port().default(8080).describe('0: any free port; the log and `podiod status` say which.'),
  path: z
    .string()
    .startsWith('/', 'must start with /')
    .optional()
    .describe(
      'The path that requests have when they reach podiod, if the proxy changes it. Default: the path of `publicUrl`.',
    ),
  secret: secret()
    .optional()
    .describe(
      'The secret that the keys in hook URLs are made with; 16 characters or more. Left out: made once and kept in `dataDir`.',
    ),
  previousSecrets: z
    .array(secret())
    .default([])
    .describe(
      'Older secrets that are accepted until their hooks are replaced. Needed only for those that `dataDir` does not know: podiod keeps the previous one there.',
    ),
  maxBody: size().prefault('64kb').describe('Larger deliveries are answered with 413. A size.'),
  maxWaiting: z
    .int()
    .min(1)
    .default(10_000)
    .describe(
      'How many events may wait to be written to disk; more are answered with 503, and Podio sends them again.',
    ),
  maxConnections: z
    .int()
    .min(1)
    .default(2000)
    .describe('How many connections may be open at once; more are closed as they come.'),
  rateLimit: z
    .int()
    .min(0)
    .default(50)
    .describe(
      'How many requests a second with a wrong path or key one address may make (IPv6: one /64 network), up to ten seconds’ worth at once; more are answered with 429. Deliveries with a valid key are neither counted nor limited. 0: no limit. A proxy on this machine is not limited, unless `trustProxy` tells its clients apart.',
    ),
  trustProxy: z
    .boolean()
    .default(false)
    .describe(
      'true: every connection comes from your proxy, and the last address in `X-Forwarded-For` is taken for the client’s.',
    ),
  confirm: z
    .boolean()
    .default(false)
    .describe(
      'true: every rule first checks with Podio that the event is true, by the built-in `confirm`. This takes one call per event and rule. Events that Podio does not confirm, or can’t, are not run.',
    ),
  allowNonPublicUrl: z
    .boolean()
    .default(false)
    .describe('true: a `publicUrl` with another port or a private host is only warned about. For tests.'),
});

export const AdminSchema = z.strictObject({
  host: text().default('127.0.0.1').describe('The address for health checks, metrics and the commands.'),
  port: port().default(8081).describe('0: any free port; the commands find it in `dataDir`.'),
  token: secret()
    .optional()
    .describe('16 characters or more. Left out: made once and kept in `dataDir`, mode 0600.'),
  allowPublic: z
    .boolean()
    .default(false)
    .describe(
      'true: `host` may be an address that other machines reach. The token then crosses the network unencrypted; better use a proxy with TLS, or an SSH tunnel.',
    ),
});

export const PodioSchema = z.strictObject({
  apiUrl: httpUrl()
    .default('https://api.podio.com')
    .describe("The address of Podio's API. Plain http is allowed to this machine only."),
  clientId: text().describe('The id of an API key: in Podio under account settings, API keys.'),
  clientSecret: text().describe('The secret of that API key.'),
  tokenEndpoint: z
    .enum(['v1', 'v2'])
    .default('v2')
    .describe('Which of Podio’s two ways to get tokens is used: `v2` (JSON) or `v1` (form).'),
  backgroundShare: share()
    .prefault('30%')
    .describe('How much of each hourly API budget `reconcile` and `catchUp` may use together.'),
});

export const LoginSchema = z.strictObject({
  username: text().describe('The mail address that the user logs in with.'),
  password: text().describe('The user’s password.'),
});

export const AppSchema = z.strictObject({
  id: podioId().describe("The app's id: in Podio in the app's menu, under Developer."),
  token: text().optional().describe("The app's token, found in the same place."),
  login: text().optional().describe('A key of `logins`, in place of `token` where you don’t have one.'),
  fields: z
    .record(z.string(), text())
    .prefault({})
    .describe('Your own names for fields: from each name to the field’s external id.'),
});

export const SpaceSchema = z.strictObject({
  id: podioId().describe("The space's id."),
  login: text().describe('A key of `logins`; app tokens don’t give access to spaces.'),
});

export const PluginUseSchema = z
  .string()
  .min(1, 'must name a built-in plugin, a path or a package')
  .describe('A built-in plugin, a path (starting with ./, ../ or /), or an installed package.');

const DELIVERY_SHAPE = {
  attempts: z
    .int()
    .min(1)
    .optional()
    .describe(
      'How many times one step is tried, the first time included, counted across restarts. Left out: only `retryFor` limits it.',
    ),
  retryFor: duration()
    .optional()
    .describe('How long a step is tried, from its first try on, before it is parked. A duration.'),
  backoff: backoff()
    .optional()
    .describe(
      'The first and the longest wait between tries. The wait doubles each time; a random part of up to half is taken off.',
    ),
  deadline: duration('1ms').optional().describe('How long one try may take. A duration.'),
  whenExhausted: z
    .enum(['park', 'halt'])
    .optional()
    .describe(
      'What happens when a step gives up. `park`: the run is set aside, and the rule goes on. `halt`: the rule stops there.',
    ),
} as const;

/** `delivery` of a step: what only makes sense for a whole rule is left out. */
export const StepDeliverySchema = z.strictObject(DELIVERY_SHAPE);
export const DeliverySchema = z.strictObject({
  ...DELIVERY_SHAPE,
  concurrency: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('How many items the rule works on at the same time.'),
});

/** Where neither `defaults` nor the rule nor the step says otherwise. */
export const DELIVERY_DEFAULTS = {
  retryFor: '1d',
  backoff: '1s..10m',
  deadline: '60s',
  concurrency: 4,
  whenExhausted: 'park',
} as const satisfies z.input<typeof DeliverySchema>;

const timezone = (fallback: string) =>
  text().optional().describe(`An IANA name like Europe/Copenhagen. Default: ${fallback}.`);

export const DefaultsSchema = z.strictObject({
  timezone: timezone("the machine's"),
  delivery: DeliverySchema.prefault({})
    .meta({ default: DELIVERY_DEFAULTS })
    .describe('How steps are tried, unless a rule or step says otherwise.'),
  maxDepth: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe(
      'How many runs may set each other off in a chain, by changes (`includeOwn`) or by way of time (`for`, `date`). Default: 8. See docs/loops.md.',
    ),
});

// ------------------------------------------------------------------------------------------------ rules

const FieldValueSchema = z.union(
  [
    z.string(),
    z.number(),
    z.boolean(),
    z.null(),
    z.strictObject({ value: z.union([z.string(), z.number()]), currency: z.string().optional() }),
  ],
  'must be text, a number, true, false, null or { value, currency }',
);
const fieldValues = () => oneOrMore(FieldValueSchema, 'must be a value or a list of values');

export const FieldConditionSchema = z.strictObject({
  from: fieldValues()
    .optional()
    .describe('The value before: one value, or a list of alternatives; null is empty.'),
  to: fieldValues()
    .optional()
    .describe('The value after: one value, or a list of alternatives; null is empty.'),
  for: duration('1s')
    .optional()
    .describe(
      'The rule runs when the field has stayed at `to` for so long, and not at the change. A duration. See docs/triggers.md.',
    ),
});

const names = (what: string) => oneOrMore(text(), `must be ${what} or a list of them`);

export const AppTriggerSchema = z.strictObject({
  app: names('the name of an app, a pattern with *').describe(
    'A key of `apps`, a list, or a pattern with `*` over their names.',
  ),
  events: names('an event')
    .optional()
    .describe(
      '`item.update`, `item.*`, `"*"` or a list. Default with `fields`: item.create and item.update.',
    ),
  fields: z
    .union(
      [
        z.array(z.union([text(), podioId()], 'must name a field')).min(1, 'must not be an empty list'),
        z
          .record(
            z.string(),
            z.union([FieldConditionSchema, z.null()], 'must be a map of `from` and `to`, like { to: Won }'),
          )
          .refine(fields => Object.keys(fields).length > 0, 'must name at least one field'),
      ],
      'must be a list of fields, or a map of fields with `from` and `to`',
    )
    .optional()
    .describe(
      'One of these fields must have changed. A list of aliases, external ids or field ids, or a map of them with `from` and `to`.',
    ),
});

const DATE_OFFSET_WORDS =
  'must say how long before or after the date, and at what time: `-30d 09:00`, `+2h`, `-1w`, `09:00`';

export const DateTriggerSchema = z.strictObject({
  app: names('the name of an app, a pattern with *').describe(
    'A key of `apps`, a list, or a pattern with `*` over their names.',
  ),
  date: z
    .union([text(), podioId()], 'must name a date field')
    .describe('A date field of these apps, by alias, external id or field id.'),
  at: z
    .string(DATE_OFFSET_WORDS)
    .refine(value => parseDateOffset(value) !== undefined, DATE_OFFSET_WORDS)
    .optional()
    .meta({ pattern: DATE_OFFSET.source })
    .describe(
      'How long before (`-`) or after the date, in days, weeks or hours; with days and weeks also the time of day. Left out: at the date itself.',
    ),
  timezone: timezone("the rule's"),
  missed: z
    .enum(['skip', 'run'])
    .default('run')
    .describe(
      'What happens at the start with items that became due while podiod was down. `run`: the rule runs for them. `skip`: it does not.',
    ),
});

export const SpaceTriggerSchema = z.strictObject({
  space: names('the name of a space').describe('A key of `spaces`, a list, or a pattern with `*`.'),
  events: names('an event').describe('`task.create`, `task.*`, `"*"` or a list.'),
});

const SCALAR = { type: ['string', 'number', 'boolean', 'null'] };
const OPERAND = { anyOf: [SCALAR, { type: 'object' }] };
/** For editors. What conditions are is checked where they are compiled: they name what no schema knows. */
const condition = () =>
  z
    .unknown()
    .optional()
    .meta({
      type: 'object',
      minProperties: 1,
      additionalProperties: {
        anyOf: [
          SCALAR,
          { type: 'array', minItems: 1 },
          {
            type: 'object',
            properties: {
              ...Object.fromEntries(['eq', 'ne', 'gt', 'gte', 'lt', 'lte'].map(name => [name, OPERAND])),
              in: { type: ['array', 'string'] },
              matches: { type: 'string' },
              contains: { type: ['string', 'number', 'boolean'] },
              exists: { type: 'boolean' },
              currency: { type: 'string' },
            },
          },
        ],
      },
    });

export const ItemSelectionSchema = z.strictObject({
  app: text().describe('The app whose items are read: a key of `apps`.'),
  where: condition().describe(
    'A condition on `item` and `fields`; left out: every item. See docs/conditions.md.',
  ),
  view: podioId().optional().describe('The id of a view of the app; its filters select the items.'),
});

export const ScheduleTriggerSchema = z.strictObject({
  schedule: text().describe(
    'A cron expression of five fields: minute, hour, day of month, month, day of week.',
  ),
  timezone: timezone("the rule's"),
  missed: z
    .enum(['skip', 'run'])
    .default('skip')
    .describe(
      '`run`: at the start, the latest time that was missed while podiod was down is made up for, once.',
    ),
  items: ItemSelectionSchema.optional().describe(
    'The rule runs once for each of these items, in place of once for each time. See docs/triggers.md.',
  ),
});

export const PodiodTriggerSchema = z.strictObject({
  podiod: oneOrMore(z.string().min(1, 'must not be empty'), 'must be the name of an alarm or a list of them')
    .meta({
      examples: [...ALARM_NAMES, '*'],
    })
    .describe(
      `Alarms of podiod itself, when they begin and when they are over: \`${ALARM_NAMES.join('`, `')}\`, \`"*"\` or a list. See docs/alarms.md.`,
    ),
});

const TriggerSchema = z.union([
  AppTriggerSchema,
  DateTriggerSchema,
  SpaceTriggerSchema,
  ScheduleTriggerSchema,
  PodiodTriggerSchema,
]);

/** What a step says beside its plugin and the plugin's options. */
export const StepHeadSchema = z.strictObject({
  id: name()
    .optional()
    .describe("The step's name. Default: the name of its plugin, with -2, -3 ... where it is used again."),
  onError: z
    .enum(['park', 'continue'])
    .default('park')
    .describe(
      'What happens when this step gives up. `park`: the run is parked. `continue`: the steps after it run anyway.',
    ),
  when: condition().describe(
    'A condition. When it does not hold, this step is skipped and the next one runs. See docs/conditions.md.',
  ),
  delivery: StepDeliverySchema.optional().describe("How this step is tried, over the rule's and `defaults`."),
});

const PluginOptionsSchema = z.record(z.string(), z.unknown());
const StepSchema = z.union([
  z.string(),
  z.object(StepHeadSchema.shape).catchall(z.union([PluginOptionsSchema, z.null()])),
]);

/** What may wait together is held in memory when it is run. */
const MAX_TOGETHER = 10_000;
const TIME_WORDS = 'must be a time of the day like "09:00", or run';
const WEEKDAY_WORDS = 'must be a day of the week, such as `mon`, or from one to another, such as `mon-fri`';

const timeOfDay = () => z.string(TIME_WORDS).regex(/^([01]\d|2[0-3]):[0-5]\d$/, TIME_WORDS);

export const SettleSchema = z.strictObject({
  settle: duration('1s').describe(
    'An item’s edits become one run, once it had no event for so long; edits that cancel out give none. A duration.',
  ),
  atMost: duration('1s')
    .optional()
    .describe('The longest wait when edits don’t stop. Default: 30 times `settle`.'),
});
export const BatchSchema = z.strictObject({
  batch: z
    .strictObject({
      max: z
        .int()
        .min(1)
        .max(MAX_TOGETHER)
        .default(500)
        .describe('A batch of so many events runs without waiting longer.'),
      within: duration('1s')
        .optional()
        .describe('How long the first event of a batch waits at most. A duration.'),
      at: z
        .union([z.literal('run'), timeOfDay(), z.array(timeOfDay()).min(1)], TIME_WORDS)
        .optional()
        .describe(
          "When the batch runs: at a time of day in the rule's time zone, at several, or (`run`) when all items of a schedule with `items` have come.",
        ),
    })
    .describe('One run for many events, with all of them as `message.events` and `batch`.'),
});
export const ThrottleSchema = z.strictObject({
  throttle: z
    .strictObject({
      max: z.int().min(1).max(MAX_TOGETHER).describe('How many runs may begin ...'),
      per: duration('1s').describe('... within any stretch of time of this length. A duration.'),
    })
    .describe('Every event is a run, but no more than so many begin in a time; the others wait, in order.'),
});
const ModeSchema = z.union([z.enum(['each', 'latest']), SettleSchema, BatchSchema, ThrottleSchema]);

/** A rule without its triggers and steps, which are checked one by one. */
export const RuleHeadSchema = z.strictObject({
  enabled: z
    .union([z.boolean(), z.literal('shadow')], 'must be true, false or shadow')
    .default(true)
    .describe(
      'false: the rule is checked, but never runs. `shadow`: it runs, but what it would do to the outside is only shown. See docs/testing.md.',
    ),
  startAt: z
    .enum(['head', 'earliest'])
    .default('head')
    .describe(
      'Where a new rule starts. `head`: with events from now on. `earliest`: with the oldest event in the journal.',
    ),
  where: condition().describe('A condition that must hold for the rule to run. See docs/conditions.md.'),
  timezone: timezone('`defaults.timezone`'),
  expect: z
    .strictObject({
      every: duration('1s').describe(
        'How long there may be no event for the rule. A duration, no longer than events are kept.',
      ),
      days: oneOrMore(
        z.string(WEEKDAY_WORDS).regex(WEEKDAYS, WEEKDAY_WORDS),
        'must be days of the week, such as `mon-fri`, or a list of them',
      )
        .transform(given => [...new Set([given].flat().flatMap(parseWeekdays))].sort())
        .optional()
        .describe(
          'Days of the week whose time counts, in the rule’s time zone: `mon-fri`, `[mon, wed]`. Default: all.',
        ),
    })
    .optional()
    .describe('Raises an alarm when no event has come for the rule for some time. See docs/alarms.md.'),
  was: z
    .string()
    .regex(NAME, 'must be the name of a rule')
    .optional()
    .describe(
      'The rule’s name before it was renamed: it continues where it was, with its runs, parked runs and schedules.',
    ),
  includeOwn: z
    .boolean()
    .optional()
    .describe(
      'true: changes that podiod itself made, by a step with `hook: true`, start the rule, too. Default: false. See docs/loops.md.',
    ),
  loop: z
    .literal('allowed', 'must be allowed, or left out')
    .optional()
    .describe(
      '`allowed`: the rule may set itself off, directly or by way of other rules. For rules whose chain ends by itself.',
    ),
  delivery: DeliverySchema.optional().describe('How the steps are tried; goes before `defaults`.'),
  recovered: z
    .union(
      [z.enum(['run', 'skip']), z.strictObject({ maxAge: duration() })],
      'must be run, skip or { maxAge: 1d }',
    )
    .prefault('run')
    .describe(
      'Whether the rule runs for changes that were missed and found later: always, never, or only up to an age (`{ maxAge: 1d }`).',
    ),
});

const RULE_TESTS = 'Tests of the rule, for `podiod test`. See docs/testing.md.';

export const RuleSchema = z.strictObject({
  on: z
    .union([TriggerSchema, z.array(TriggerSchema).min(1)])
    .describe('What starts the rule: one trigger or a list of them.'),
  steps: z
    .array(StepSchema)
    .min(1)
    .describe('What to do, in order: plugins. What one lets through goes on to the next.'),
  mode: ModeSchema.optional().describe(
    'How events become runs. `each` (the default): every event is a run. `latest`: of an item’s waiting events, only the newest is. See docs/modes.md.',
  ),
  ...RuleHeadSchema.shape,
  tests: z.array(RuleTestSchema).optional().describe(RULE_TESTS),
});

// ------------------------------------------------------------------------------------------------ the rest

export const ReconcileSchema = z.strictObject({
  every: duration('1s')
    .prefault('15m')
    .describe('How often the hooks at Podio are compared with what the rules need.'),
  mode: z
    .enum(['apply', 'repair', 'plan'])
    .default('apply')
    .describe(
      '`apply`: hooks are created, verified and deleted as needed. `repair`: never deleted. `plan`: only shown, nothing is changed.',
    ),
  delete: z
    .enum(['owned', 'never'])
    .default('owned')
    .describe('Which hooks may be deleted: only those that podiod made (`owned`), or none.'),
  maxDelete: share()
    .prefault('20%')
    .describe(
      'The largest share of podiod’s hooks that is deleted at once. More (and more than three) wait for `podiod apply --allow-deletes`.',
    ),
});

export const CatchUpSchema = z.strictObject({
  every: duration('1s').prefault('1h').describe('How often missed changes are looked for.'),
  overlap: duration().prefault('5m').describe('How far each look goes back before the previous one.'),
  onStart: z.boolean().default(true).describe('Whether to look when podiod starts.'),
  unhooked: z
    .enum(['run', 'skip'])
    .default('run')
    .describe(
      'Missed changes that were made through an API client. `run`: rules run for them. `skip`: they don’t, since such clients can write without telling hooks.',
    ),
});

const HOST_WORDS =
  'must be a host, like hooks.slack.com, or *.example.com for all below it, without protocol, port and path';
const hostPattern = () =>
  z
    .string(HOST_WORDS)
    .min(1, HOST_WORDS)
    .refine(value => hostPatternOf(value) !== undefined, HOST_WORDS)
    .transform(value => hostPatternOf(value) ?? '');

export const OutboundSchema = z.strictObject({
  hosts: z
    .array(hostPattern())
    .optional()
    .describe(
      'The only hosts that plugins may call, without port; `*.example.com` stands for all hosts below it. Left out: any. Addresses that `private: false` keeps plugins off stay so, also where they are named here.',
    ),
  private: z
    .boolean()
    .default(true)
    .describe(
      'false: plugins may not call this machine, private networks or metadata services, neither directly nor by a name or redirect that leads there.',
    ),
});

export const RetentionSchema = z.strictObject({
  events: duration('30d')
    .prefault('90d')
    .describe(
      'How long events are kept, and repeated deliveries recognised: `30d` or longer. Events that a rule has not finished with, that are parked or being replayed stay longer.',
    ),
  runs: duration('1s')
    .prefault('30d')
    .describe(
      'How long the details of finished runs are kept: how each step went. That a run happened, and how it ended, is kept as long as its event.',
    ),
  size: size()
    .prefault('2gb')
    .describe(
      'How large the database may grow. Beyond that, the oldest events are removed earlier, but never before 30 days.',
    ),
});

export const AlarmsSchema = z.strictObject({
  after: duration()
    .prefault('5m')
    .describe('How long a trouble that may pass by itself must last before it is an alarm. A duration.'),
  disk: size()
    .prefault('1gb')
    .describe('An alarm is raised when the disk of `dataDir` has less room than this.'),
  budget: share()
    .prefault('2%')
    .describe('An alarm is raised when an app or login has no more than this left of its calls in the hour.'),
});

const map = <T extends z.ZodType>(schema: T) => z.record(name(), schema).prefault({});

const PluginSchema = z.object({ use: PluginUseSchema }).catchall(z.unknown());

export const ConfigSchema = z.strictObject({
  $schema: z.string().optional().describe('For editors: where the schema of a JSON config is.'),
  include: z
    .array(text())
    .optional()
    .describe('More files, or patterns of them. Their maps are merged; a name given twice is a problem.'),
  server: ServerSchema.describe('Where Podio’s webhooks come in.'),
  admin: AdminSchema.prefault({}).describe('Health checks, metrics, and what the commands talk to.'),
  podio: PodioSchema.describe("Podio's API, and your key for it."),
  dataDir: text()
    .optional()
    .describe('The folder for everything that podiod keeps. Default: `$STATE_DIRECTORY`, else `./data`.'),
  logins: map(LoginSchema).describe('Podio users: for spaces, and for apps whose token you don’t have.'),
  apps: map(AppSchema).describe('Podio apps, under the names that rules use.'),
  spaces: map(SpaceSchema).describe('Podio spaces, under the names that rules use.'),
  plugins: map(PluginSchema).describe(
    'Plugins under names of your own, with options that hold wherever they are used. All keys but `use` are options; those of a step go before them.',
  ),
  defaults: DefaultsSchema.prefault({}).describe('What holds for every rule, unless it says otherwise.'),
  rules: map(RuleSchema).describe('The rules: what to do when, under names of your own.'),
  tests: z
    .array(TestSchema)
    .optional()
    .describe('Tests of all rules, for `podiod test`. See docs/testing.md.'),
  reconcile: ReconcileSchema.prefault({}).describe(
    'How podiod keeps the hooks at Podio as the rules need them.',
  ),
  catchUp: CatchUpSchema.prefault({}).describe('How podiod finds changes whose delivery it missed.'),
  outbound: OutboundSchema.prefault({}).describe('Which hosts plugins may call.'),
  retention: RetentionSchema.prefault({}).describe('How long events and runs are kept.'),
  alarms: AlarmsSchema.prefault({}).describe(
    'When trouble with podiod itself becomes an alarm. See docs/alarms.md.',
  ),
  stopTimeout: duration().prefault('30s').describe('How long a stop may take. A duration.'),
});
