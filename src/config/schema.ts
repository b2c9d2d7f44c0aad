/**
 * The config's one schema. It is what a config is checked with, what an editor completes from
 * (config/podiorc.schema.json) and what docs/config.md is written from, so every key says here what it means, with unit
 * and default. Custom messages are the part after the path: "server.maxBody **must be a size ...**".
 */
import { z } from 'zod';
import { ALARM_NAMES } from '../core/alarm.ts';
import { DATE_OFFSET, parseDateOffset } from '../core/date-offset.ts';
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
    'What Podio calls. Podio only calls port 443 (https) or 80 (http) of a host that the internet can reach.',
  ),
  host: text().default('127.0.0.1').describe('Where podiod listens, usually behind a proxy.'),
  port: port().default(8080).describe('0: any free port, told in the log and in `podiod status`.'),
  path: z
    .string()
    .startsWith('/', 'must start with /')
    .optional()
    .describe('The path seen here, when the proxy strips some. Default: the path of `publicUrl`.'),
  secret: secret()
    .optional()
    .describe('Keys the hook URLs; 16 characters or more. Left out: made once and kept in `dataDir`.'),
  previousSecrets: z
    .array(secret())
    .default([])
    .describe(
      'Still accepted while hooks are being replaced. Only for what `dataDir` does not know: it keeps the one before.',
    ),
  maxBody: size().prefault('64kb').describe('Larger deliveries are answered with 413. A size.'),
  maxWaiting: z
    .int()
    .min(1)
    .default(10_000)
    .describe(
      'How many events may wait for the disk; more are answered with 503, and Podio sends them again.',
    ),
  maxConnections: z
    .int()
    .min(1)
    .default(2000)
    .describe('How many connections there may be at once; more are closed as they come.'),
  rateLimit: z
    .int()
    .min(0)
    .default(50)
    .describe(
      'Requests with a wrong path or key, a second and address (IPv6: network of 64 bits), ten seconds of them at once; more are answered with 429. Deliveries with a valid key never count. 0: no limit. A proxy on this machine is not limited, unless `trustProxy` tells its clients apart.',
    ),
  trustProxy: z
    .boolean()
    .default(false)
    .describe(
      'true: every connection comes from your proxy, and the last address of its `X-Forwarded-For` is the client.',
    ),
  confirm: z
    .boolean()
    .default(false)
    .describe(
      'true: what a delivery says is read back from Podio before any rule runs, by the built-in `confirm` before the steps of each rule. One call an event and rule; what Podio does not bear out, or can not, is not run.',
    ),
  allowNonPublicUrl: z
    .boolean()
    .default(false)
    .describe('true: a `publicUrl` with another port or a private host is allowed, with a warning.'),
});

export const AdminSchema = z.strictObject({
  host: text()
    .default('127.0.0.1')
    .describe('Where health, metrics and the API for the commands are served.'),
  port: port().default(8081).describe('0: any free port, written to `dataDir` for the commands.'),
  token: secret()
    .optional()
    .describe('16 characters or more. Left out: made once and kept in `dataDir`, mode 0600.'),
  allowPublic: z
    .boolean()
    .default(false)
    .describe(
      'true: `host` may be reachable from other machines, though the token then crosses the network in the clear. Better: a proxy with TLS, or an SSH tunnel.',
    ),
});

export const PodioSchema = z.strictObject({
  apiUrl: httpUrl()
    .default('https://api.podio.com')
    .describe("Podio's API. Plain http is for this machine only."),
  clientId: text().describe('From Podio: account settings, API keys.'),
  clientSecret: text().describe('Belongs to `clientId`.'),
  tokenEndpoint: z
    .enum(['v1', 'v2'])
    .default('v2')
    .describe('Which way tokens are asked for: `v2` (JSON) or `v1` (form).'),
  backgroundShare: share()
    .prefault('30%')
    .describe('How much of each hourly API budget reconcile and catch-up may use together.'),
});

export const LoginSchema = z.strictObject({
  username: text().describe('The mail address of a Podio user.'),
  password: text().describe('Of that user.'),
});

export const AppSchema = z.strictObject({
  id: podioId().describe("Podio's app id: app menu, Developer."),
  token: text().optional().describe("The app's token, from the same place as its id."),
  login: text().optional().describe('A key of `logins`, for an app whose token nobody has.'),
  fields: z
    .record(z.string(), text())
    .prefault({})
    .describe('Names of your own for fields: alias to external id.'),
});

export const SpaceSchema = z.strictObject({
  id: podioId().describe("Podio's space id."),
  login: text().describe('A key of `logins`; app tokens cannot see spaces.'),
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
      'Tries of one step, the first included, counted across restarts. Left out: no limit but `retryFor`.',
    ),
  retryFor: duration().optional().describe("From a step's first try until it is parked. A duration."),
  backoff: backoff()
    .optional()
    .describe('First and longest wait between tries. Each doubles, and is random between half and whole.'),
  deadline: duration('1ms').optional().describe('How long one try may take. A duration.'),
  whenExhausted: z
    .enum(['park', 'halt'])
    .optional()
    .describe('`park`: keep the run aside and go on. `halt`: stop the rule there.'),
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
    .describe('How many items a rule handles at the same time.'),
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
    .describe('How steps are tried, for every rule that does not say otherwise.'),
  maxDepth: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe(
      'How many runs of rules with `includeOwn` may follow one from the other by what they write. Default: 8. See docs/loops.md.',
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
    .describe('The value before: one, or a list of which any will do; null is empty.'),
  to: fieldValues()
    .optional()
    .describe('The value after: one, or a list of which any will do; null is empty.'),
  for: duration('1s')
    .optional()
    .describe(
      'The field has been at `to` for so long: the rule runs then, and not for the change. A duration. See docs/triggers.md.',
    ),
});

const names = (what: string) => oneOrMore(text(), `must be ${what} or a list of them`);

export const AppTriggerSchema = z.strictObject({
  app: names('the name of an app, a pattern with *').describe(
    'A key of `apps`, a list, or a pattern with `*` over their names.',
  ),
  events: names('an event')
    .optional()
    .describe('`item.update`, `item.*`, `"*"` or a list. With `fields`: item.create and item.update.'),
  fields: z
    .union(
      [
        z.array(z.union([text(), podioId()], 'must name a field')).min(1, 'must not be an empty list'),
        z
          .record(z.string(), z.union([FieldConditionSchema, z.null()], 'must be a map of `from` and `to`'))
          .refine(fields => Object.keys(fields).length > 0, 'must name at least one field'),
      ],
      'must be a list of fields, or a map of fields with `from` and `to`',
    )
    .optional()
    .describe(
      'Fields of which one must have changed, by alias, external id or field id; with `from` and `to` in a map.',
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
      'How long before (`-`) or after the date, in days, weeks or hours, and for days and weeks at what time of the day. Left out: the date itself.',
    ),
  timezone: timezone("the rule's"),
  missed: z
    .enum(['skip', 'run'])
    .default('run')
    .describe('`skip`: what became due while podiod was down does not fire at its start.'),
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
  view: podioId().optional().describe('The id of a view of the app, whose filters pick the items.'),
});

export const ScheduleTriggerSchema = z.strictObject({
  schedule: text().describe(
    'A cron expression of five fields: minute, hour, day of month, month, day of week.',
  ),
  timezone: timezone("the rule's"),
  missed: z
    .enum(['skip', 'run'])
    .default('skip')
    .describe('`run`: the latest tick that was missed while podiod was down fires once at its start.'),
  items: ItemSelectionSchema.optional().describe(
    'One run for each of these items at every tick, and none for the tick itself. See docs/triggers.md.',
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
  id: name().optional().describe("The step's name. Default: its plugin's, with -2 ... among equals."),
  onError: z
    .enum(['park', 'continue'])
    .default('park')
    .describe('`continue`: when this step gives up, the steps after it run all the same.'),
  when: condition().describe(
    'A condition. Where it does not hold, the step is passed over and the next one runs. See docs/conditions.md.',
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
    'One run when an item has had no event for so long; edits that cancel out give none. A duration.',
  ),
  atMost: duration('1s')
    .optional()
    .describe('How long edits that do not stop are waited for in all. Default: 30 times `settle`.'),
});
export const BatchSchema = z.strictObject({
  batch: z
    .strictObject({
      max: z.int().min(1).max(MAX_TOGETHER).default(500).describe('A batch of so many is run at once.'),
      within: duration('1s')
        .optional()
        .describe('How long the first one of a batch waits at most. A duration.'),
      at: z
        .union([z.literal('run'), timeOfDay(), z.array(timeOfDay()).min(1)], TIME_WORDS)
        .optional()
        .describe(
          "When it is run: at a time of the day in the rule's time zone, a list of them, or `run`: when the run of a schedule with `items` is through.",
        ),
    })
    .describe('One run for many events, with all of them as `message.events` and `batch`.'),
});
export const ThrottleSchema = z.strictObject({
  throttle: z
    .strictObject({
      max: z.int().min(1).max(MAX_TOGETHER).describe('So many runs begin ...'),
      per: duration('1s').describe('... within any stretch of time of this length. A duration.'),
    })
    .describe('Runs of their own that begin no faster than this; the others wait, in order.'),
});
const ModeSchema = z.union([z.enum(['each', 'latest']), SettleSchema, BatchSchema, ThrottleSchema]);

/** A rule without its triggers and steps, which are checked one by one. */
export const RuleHeadSchema = z.strictObject({
  enabled: z
    .union([z.boolean(), z.literal('shadow')], 'must be true, false or shadow')
    .default(true)
    .describe(
      'false: the rule is checked, and otherwise as if it were not there. `shadow`: it runs, and what it would do outside is shown and not done. See docs/testing.md.',
    ),
  startAt: z
    .enum(['head', 'earliest'])
    .default('head')
    .describe('Where a new rule starts: with events from now on, or with the oldest in the journal.'),
  where: condition().describe(
    'A condition that an event must fulfil, decided before the first step. See docs/conditions.md.',
  ),
  timezone: timezone('`defaults.timezone`'),
  expect: z
    .strictObject({
      every: duration('1s').describe('How long it may be quiet. A duration, no longer than events are kept.'),
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
    .describe('An alarm when nothing came for the rule for so long. See docs/alarms.md.'),
  was: z
    .string()
    .regex(NAME, 'must be the name of a rule')
    .optional()
    .describe(
      'What the rule was called before: it goes on where that one was, with its runs, what is parked of it, and its schedules.',
    ),
  includeOwn: z
    .boolean()
    .optional()
    .describe(
      'Whether the rule hears of what podiod made itself, by a step with `hook: true`. Default: not. See docs/loops.md.',
    ),
  loop: z
    .literal('allowed', 'must be allowed, or left out')
    .optional()
    .describe(
      '`allowed`: the rule may set itself off, by way of other rules too, since it comes to an end by itself.',
    ),
  delivery: DeliverySchema.optional().describe('How the steps are tried, over `defaults`.'),
  recovered: z
    .union(
      [z.enum(['run', 'skip']), z.strictObject({ maxAge: duration() })],
      'must be run, skip or { maxAge: 1d }',
    )
    .prefault('run')
    .describe('Whether changes found later (missed while podiod was down) run too, or how old they may be.'),
});

const RULE_TESTS = 'Tests of the rule, for `podiod test`. See docs/testing.md.';

export const RuleSchema = z.strictObject({
  on: z
    .union([TriggerSchema, z.array(TriggerSchema).min(1)])
    .describe('What starts the rule: one trigger or a list of them.'),
  steps: z.array(StepSchema).min(1).describe('Plugins, in order. What one lets through goes on to the next.'),
  mode: ModeSchema.optional().describe(
    'How events come together into runs. `each` (the default): each is a run. `latest`: of those of an item that wait, only the newest. See docs/modes.md.',
  ),
  ...RuleHeadSchema.shape,
  tests: z.array(RuleTestSchema).optional().describe(RULE_TESTS),
});

// ------------------------------------------------------------------------------------------------ the rest

export const ReconcileSchema = z.strictObject({
  every: duration('1s')
    .prefault('15m')
    .describe("How often the hooks at Podio are compared with the rules' needs."),
  mode: z
    .enum(['apply', 'repair', 'plan'])
    .default('apply')
    .describe('`repair`: only verify and make anew, never delete. `plan`: only tell.'),
  delete: z
    .enum(['owned', 'never'])
    .default('owned')
    .describe('Which hooks may be deleted: those podiod made, or none.'),
  maxDelete: share()
    .prefault('20%')
    .describe('More deletions at once (and more than three) wait for `podiod apply --allow-deletes`.'),
});

export const CatchUpSchema = z.strictObject({
  every: duration('1s').prefault('1h').describe('How often missed changes are looked for.'),
  overlap: duration().prefault('5m').describe('How far before the last look each look begins.'),
  onStart: z.boolean().default(true).describe('Whether to look at start.'),
  unhooked: z
    .enum(['run', 'skip'])
    .default('run')
    .describe(
      'Missed changes made through an API client: `skip` takes them for writes that wanted no hooks.',
    ),
});

export const OutboundSchema = z.strictObject({
  hosts: z
    .array(text())
    .optional()
    .describe('The only hosts that plugins may call; `*.example.com` is all below it. Left out: any.'),
  private: z
    .boolean()
    .default(true)
    .describe(
      'false: plugins may not call this machine, private networks or metadata services, not by a name or a redirect either.',
    ),
});

export const RetentionSchema = z.strictObject({
  events: duration('30d')
    .prefault('90d')
    .describe(
      'How long events are kept, and repeats of them known: `30d` or longer. What a rule has not settled, what is parked and what is being replayed stays.',
    ),
  runs: duration('1s')
    .prefault('30d')
    .describe(
      'How long is kept how the steps of finished runs went. That they ran, and how they ended, is kept as long as their event.',
    ),
  size: size()
    .prefault('2gb')
    .describe(
      'How large the database may grow before the oldest events go earlier, though not before 30 days.',
    ),
});

export const AlarmsSchema = z.strictObject({
  after: duration()
    .prefault('5m')
    .describe('How long what may mend by itself has to last before it is an alarm. A duration.'),
  disk: size().prefault('1gb').describe('Less room than this where `dataDir` is, is an alarm.'),
  budget: share()
    .prefault('2%')
    .describe("When no more than this is left of an identity's calls in the hour, it is an alarm."),
});

const map = <T extends z.ZodType>(schema: T) => z.record(name(), schema).prefault({});

const PluginSchema = z.object({ use: PluginUseSchema }).catchall(z.unknown());

export const ConfigSchema = z.strictObject({
  $schema: z.string().optional().describe('Where an editor finds the schema of a JSON config.'),
  include: z
    .array(text())
    .optional()
    .describe('More files or patterns. Maps merge; a name given twice is a problem.'),
  server: ServerSchema.describe('Where Podio delivers.'),
  admin: AdminSchema.prefault({}).describe('Health, metrics, and what the commands talk to.'),
  podio: PodioSchema.describe("Podio's API, and the key that you got for it."),
  dataDir: text()
    .optional()
    .describe('The folder for all that podiod keeps. Default: `$STATE_DIRECTORY`, else `./data`.'),
  logins: map(LoginSchema).describe('Podio users, by name: for spaces, and for apps whose token nobody has.'),
  apps: map(AppSchema).describe('Podio apps, by the name that rules use.'),
  spaces: map(SpaceSchema).describe('Podio spaces, by the name that rules use.'),
  plugins: map(PluginSchema).describe(
    'Plugins with a name and options of their own. Other keys than `use` are options; those of a step go over them.',
  ),
  defaults: DefaultsSchema.prefault({}).describe('For all rules.'),
  rules: map(RuleSchema).describe('What to do when: by name.'),
  tests: z
    .array(TestSchema)
    .optional()
    .describe('Tests of all rules, for `podiod test`. See docs/testing.md.'),
  reconcile: ReconcileSchema.prefault({}).describe('How hooks at Podio are kept as they should be.'),
  catchUp: CatchUpSchema.prefault({}).describe('How changes are found that no delivery told of.'),
  outbound: OutboundSchema.prefault({}).describe('Where plugins may call.'),
  retention: RetentionSchema.prefault({}).describe('How long things are kept.'),
  alarms: AlarmsSchema.prefault({}).describe(
    'When something is wrong enough to tell of it. See docs/alarms.md.',
  ),
  stopTimeout: duration().prefault('30s').describe('How long a stop may take. A duration.'),
});
