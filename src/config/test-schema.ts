/** How tests of rules are written; what is made of that is in `tests.ts`. */
import { z } from 'zod';
import { DURATION, parseDuration } from '../core/units.ts';

const text = () => z.string().min(1, 'must not be empty');
const ruleName = () => text();
const itemName = () => text();
const duration = () => {
  const words = 'must be a duration with a unit, like 30s, 10m or 3d';
  return z.string(words).regex(DURATION, { error: words, abort: true }).transform(parseDuration);
};

const by = () => text().optional().describe('Who makes the change, by name.');
const fields = () =>
  z
    .record(z.string(), z.unknown())
    .describe(
      'By alias or external id, with values as people read them: an option by its text, money as a number or `{ value, currency }`.',
    );

const written = {
  fields: fields().optional(),
  tags: z.array(z.string()).optional(),
  externalId: text().optional(),
  by: by(),
};

const GivenSchema = z.strictObject({ app: text().describe('Which app it is in.'), ...written });

/** One of the first keys says what happens, the others say more of it. */
export const DeedSchema = z.strictObject({
  create: text().optional().describe('An item is made in this app.'),
  update: itemName().optional().describe('This item is changed.'),
  delete: itemName().optional().describe('This item is deleted.'),
  comment: itemName().optional().describe('Someone comments on this item: `text`.'),
  file: itemName().optional().describe('A file is added to this item: `name`, `mimetype`.'),
  task: itemName().optional().describe('A task about this item is made: `text`.'),
  after: duration().optional().describe('So much time passes. What falls due meanwhile happens.'),
  at: text().optional().describe('Time passes until then.'),
  tick: ruleName().optional().describe("Time passes until this rule's schedule is due."),
  fire: ruleName().optional().describe('The rule is fired by hand, for `item`.'),
  deliver: z
    .union(
      [text(), z.record(z.string(), z.union([z.string(), z.number()]))],
      'must be a form body, or a map of its parameters',
    )
    .optional()
    .describe('A saved delivery, of `app` or `space`.'),
  as: itemName().optional().describe('How the item that is made is called in this test.'),
  ...written,
  text: text().optional(),
  name: text().optional(),
  mimetype: text().optional(),
  item: itemName().optional(),
  app: text().optional(),
  space: text().optional(),
});

const AnswerSchema = z
  .strictObject({
    url: text().describe('Which requests: the whole URL, with `*` for anything.'),
    method: text().optional(),
    status: z.int().min(200).max(599).default(200),
    headers: z.record(z.string(), z.string()).optional(),
    json: z.json().optional(),
    body: z.string().optional(),
  })
  .refine(({ json, body }) => json === undefined || body === undefined, {
    message: 'there is `json` already: give one body',
    path: ['body'],
  });

const OUTCOMES = ['done', 'filtered', 'failed', 'continued', 'skipped'] as const;
const part = () => z.unknown().optional();

const StepExpectSchema = z
  .union([
    z.enum(OUTCOMES),
    z.strictObject({
      outcome: z.enum(OUTCOMES).optional().describe('What became of it.'),
      gets: part().describe('The data it begins with, in part.'),
      gives: part().describe('What it adds to the data, in part.'),
      sends: part().describe('What it would send, in part: one, or a list of all. `[]`: nothing.'),
      says: part().describe('What it says that it would do.'),
      error: text().optional().describe('Words of its error.'),
    }),
  ])
  .transform(given => (typeof given === 'string' ? { outcome: given } : given));

const RuleExpectSchema = z
  .union(
    [
      z.boolean(),
      z.int().min(0),
      z.strictObject({
        fires: z
          .union([z.boolean(), z.int().min(0)])
          .optional()
          .describe('Whether it fires, or how often. Default: true, unless `why` is given.'),
        why: text().optional().describe('Why it does not: words of what `podiod why` would say.'),
        steps: z
          .record(
            z.string(),
            z.union(
              [StepExpectSchema, z.array(StepExpectSchema).min(1)],
              `must be ${OUTCOMES.join(', ')}, a map, or a list of these`,
            ),
          )
          .optional()
          .describe('Steps by name; a list for one that runs several times.'),
        sends: z.array(z.unknown()).optional().describe('All that its steps would send, in order.'),
        error: text().optional().describe('Words of the error that it ends with.'),
      }),
    ],
    'must be true, false, how often it fires, or a map',
  )
  .transform(given => {
    if (typeof given !== 'object') return { fires: given };
    const { fires = given.why === undefined, ...rest } = given;
    return { fires, ...rest };
  });

const common = {
  name: text().describe('What is tested, in words.'),
  now: text()
    .optional()
    .describe('When the test begins, such as `2026-03-02 09:00`. Default: 2026-01-15 12:00.'),
  timezone: text().optional().describe("Of `now` and `at`. Default: the rule's."),
  given: z
    .record(z.string(), GivenSchema)
    .optional()
    .describe('Items that are there before, by a name for this test.'),
  app: text().optional().describe('With `before` and `after`: the app of the one item that this is about.'),
  before: fields().optional().describe('Fields of the item before. Left out: it is made.'),
  after: fields().nullish().describe('Fields that are changed; null: the item is deleted.'),
  by: by(),
  when: z
    .union([DeedSchema, z.array(DeedSchema).min(1)], 'must be what happens, or a list of that')
    .optional()
    .describe('What happens, in order.'),
  answers: z.array(AnswerSchema).default([]).describe('What servers answer. Default: 200 and `{}`.'),
};

/** Of a rule: `expect` is about that rule. */
export const RuleTestSchema = z.strictObject({
  ...common,
  expect: RuleExpectSchema.describe('What the rule makes of it.'),
});

/** Of all rules. */
export const TestSchema = z
  .strictObject({
    ...common,
    fires: z.array(ruleName()).optional().describe('Exactly these rules fire.'),
    expect: z
      .record(z.string(), RuleExpectSchema)
      .default({})
      .describe('What each rule makes of it, by name.'),
  })
  .refine(({ fires, expect }) => fires !== undefined || Object.keys(expect).length > 0, {
    message: 'is missing: say what is to come of it (`expect`, `fires`)',
    path: ['expect'],
  });

export const TestFileSchema = z.strictObject({
  $schema: z.string().optional(),
  tests: z.array(TestSchema).min(1).describe('Tests of rules.'),
});
