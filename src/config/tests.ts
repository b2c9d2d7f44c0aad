/** Tests of rules, from the tree to what can be run. Names in them are checked like everything else. */
import type { z } from 'zod';
import { HOOK_EVENTS } from '../core/event.ts';
import type { Rule } from '../core/rule.ts';
import type { Deed, RuleTest } from '../core/rule-test.ts';
import { suggestion } from '../core/suggest.ts';
import { check } from './check.ts';
import { type Context, complain } from './context.ts';
import { type ConfigNode, child, type Path, placeAt, section } from './node.ts';
import type { ResolveContext } from './sections.ts';
import { type DeedSchema, RuleTestSchema, TestSchema } from './test-schema.ts';
import { checkTimezone } from './triggers.ts';

/** What names in tests may lead to. */
export interface TestNames {
  readonly apps: readonly string[];
  readonly spaces: readonly string[];
  /** Those that run. */
  readonly rules: readonly Rule[];
  /** Disabled rules: what is written about them is checked no further. */
  readonly disabled: readonly string[];
}

type TestContext = Context & Pick<ResolveContext, 'lineOf'>;

/** Those under `tests` at the top and of each rule, disabled ones too. */
export async function resolveTests(
  context: ResolveContext,
  names: TestNames,
): Promise<readonly RuleTest[] | undefined> {
  const found: (RuleTest | undefined)[] = [];
  const rules = section(context.root, 'rules');
  for (const [rule, { value }] of rules?.kind === 'map' ? rules.entries : []) {
    const tests = child(value, 'tests');
    for (const { node, path } of listOf(context, tests, ['rules', rule, 'tests'])) {
      found.push(await resolveTest(context, RuleTestSchema, node, path, names, rule));
    }
  }
  const top = child(context.root, 'tests');
  for (const { node, path } of listOf(context, top, ['tests']))
    found.push(await resolveTest(context, TestSchema, node, path, names));
  return whole(found);
}

/** Those of a file beside the config. */
export async function resolveTestFile(
  context: TestContext,
  names: TestNames,
): Promise<readonly RuleTest[] | undefined> {
  const found: (RuleTest | undefined)[] = [];
  for (const { node, path } of listOf(context, child(context.root, 'tests'), ['tests']))
    found.push(await resolveTest(context, TestSchema, node, path, names));
  return whole(found);
}

const whole = (tests: readonly (RuleTest | undefined)[]): readonly RuleTest[] | undefined =>
  tests.every(test => test !== undefined) ? tests : undefined;

function listOf(context: Context, node: ConfigNode | undefined, path: Path) {
  if (node === undefined || node.kind === 'unknown') return [];
  if (node.kind === 'list') return node.items.map((item, n) => ({ node: item, path: [...path, n] }));
  complain(context, 'CONFIG_TYPE', path, '`tests` must be a list of tests');
  return [];
}

type Written = z.output<typeof RuleTestSchema> | z.output<typeof TestSchema>;

async function resolveTest(
  context: TestContext,
  schema: typeof RuleTestSchema | typeof TestSchema,
  node: ConfigNode,
  path: Path,
  names: TestNames,
  rule?: string,
): Promise<RuleTest | undefined> {
  let isRight = true;
  const wrong: Complain = (at, message, hint) => {
    isRight = false;
    complain(context, 'CONFIG_TEST', [...path, ...at], message, { hint });
  };
  const written: Written | undefined = await check<z.ZodType<Written>>(schema, node, { ...context, path });
  if (written === undefined) return undefined;
  const { given = {}, now, timezone, answers } = written;
  if (
    timezone !== undefined &&
    !checkTimezone(context, timezone, child(node, 'timezone'), [...path, 'timezone'])
  )
    isRight = false;
  const known = new Set(Object.keys(given));
  const needApp = (at: Path, app: string) => {
    if (names.apps.includes(app)) return;
    wrong(at, `there is no app \`${app}\``, suggestion(app, names.apps, 'there are'));
  };
  for (const [name, { app }] of Object.entries(given)) needApp(['given', name, 'app'], app);

  const when: Deed[] = [];
  const items = { ...given };
  if (written.app !== undefined) {
    needApp(['app'], written.app);
    const who = written.by === undefined ? {} : { by: written.by };
    if (written.before !== undefined) items.item = { app: written.app, fields: written.before };
    known.add('item');
    if (written.after === null) when.push({ kind: 'delete', item: 'item', ...who });
    else if (written.before !== undefined && written.after !== undefined)
      when.push({ kind: 'update', item: 'item', fields: written.after, ...who });
    else if (written.after !== undefined)
      when.push({ kind: 'create', app: written.app, as: 'item', fields: written.after, ...who });
    if (written.after === null && written.before === undefined)
      wrong(['after'], 'an item that is deleted needs a `before`');
  } else if (written.before !== undefined || written.after !== undefined) {
    wrong([written.before === undefined ? 'after' : 'before'], 'says nothing without `app`');
  }
  const isList = child(node, 'when')?.kind === 'list';
  for (const [n, deed] of [written.when ?? []].flat().entries()) {
    const at = isList ? ['when', n] : ['when'];
    const made = deedOf(deed, (more, message, hint) => wrong([...at, ...more], message, hint));
    if (made === undefined) continue;
    when.push(made);
    if (made.kind === 'create') {
      needApp([...at, 'create'], made.app);
      if (made.as !== undefined) known.add(made.as);
    }
    if (made.kind === 'deliver') {
      if (made.app !== undefined) needApp([...at, 'app'], made.app);
      needSpace(names, made.space, [...at, 'space'], wrong);
      needType(made.params, [...at, 'deliver'], wrong);
    }
    if ('item' in made && !known.has(made.item))
      wrong(at, `there is no item \`${made.item}\` by then`, suggestion(made.item, known, 'there are'));
    if ('rule' in made) needRule(names, made.rule, at, wrong);
    if (made.kind === 'tick' && !isScheduled(names, made.rule))
      wrong(at, `the rule ${made.rule} has no schedule`);
  }
  if (when.length === 0 && isRight)
    wrong([], 'a test needs something that happens: `when`, or `app` and `after`');

  const expect =
    rule === undefined ? (written.expect as RuleTest['expect']) : { [rule]: written.expect as never };
  const base = rule === undefined ? ['expect'] : [];
  for (const [name, { steps = {}, sends }] of Object.entries(expect)) {
    const at = rule === undefined ? [...base, name] : ['expect'];
    checkPatterns({ steps, sends }, at, wrong);
    if (rule === undefined && !needRule(names, name, at, wrong)) continue;
    const of = names.rules.find(one => one.name === name);
    const stepNames = of?.steps.map(step => step.name) ?? [];
    for (const step of of ? Object.keys(steps) : []) {
      if (!stepNames.includes(step))
        wrong(
          [...at, 'steps', step],
          `the rule ${name} has no step \`${step}\``,
          suggestion(step, stepNames, 'there are'),
        );
    }
  }
  const fires = 'fires' in written ? written.fires : undefined;
  for (const [n, name] of (fires ?? []).entries()) needRule(names, name, ['fires', n], wrong);
  if (!isRight) return undefined;
  const place = placeAt(context.root, [...path, 'name']);
  return {
    name: written.name,
    file: place.file,
    line: context.lineOf(place),
    rule,
    now,
    timezone,
    given: items,
    when,
    answers,
    expect,
    fires,
  };
}

type Complain = (at: Path, message: string, hint?: string) => void;

function needRule({ rules, disabled }: TestNames, name: string, at: Path, wrong: Complain): boolean {
  const names = rules.map(rule => rule.name);
  if (names.includes(name)) return true;
  if (disabled.includes(name)) wrong(at, `the rule ${name} is disabled`);
  else wrong(at, `there is no rule \`${name}\``, suggestion(name, names, 'there are'));
  return false;
}

function needSpace({ spaces }: TestNames, name: string | undefined, at: Path, wrong: Complain): void {
  if (name === undefined || spaces.includes(name)) return;
  wrong(at, `there is no space \`${name}\``, suggestion(name, spaces, 'there are'));
}

const DELIVERED = Object.values(HOOK_EVENTS).flatMap(events => Object.keys(events));

/** What no hook could deliver would pass every test that expects nothing of it. */
function needType(params: Extract<Deed, { kind: 'deliver' }>['params'], at: Path, wrong: Complain): void {
  const type = typeof params === 'string' ? new URLSearchParams(params).get('type') : params.type;
  if (type === null || type === undefined)
    wrong(at, 'a delivery has a `type`', 'such as type=item.update&item_id=7');
  else if (!DELIVERED.includes(String(type)))
    wrong(at, `no hook delivers \`${type}\``, suggestion(String(type), DELIVERED, 'there are'));
}

/** A pattern that is none would be found out only where a run comes to it. */
function checkPatterns(part: unknown, at: Path, wrong: Complain): void {
  if (typeof part !== 'object' || part === null) return;
  const entries = Object.entries(part);
  for (const [key, value] of entries) {
    const here = [...at, Array.isArray(part) ? Number(key) : key];
    // Beside others it is a key like any.
    if (key !== 'matches' || typeof value !== 'string' || entries.length > 1)
      checkPatterns(value, here, wrong);
    else if (!isPattern(value)) wrong(here, `\`${value}\` is not a regular expression`);
  }
}

function isPattern(text: string): boolean {
  try {
    return Boolean(new RegExp(text, 'u'));
  } catch {
    return false;
  }
}

const isScheduled = ({ rules }: TestNames, name: string): boolean => {
  const rule = rules.find(one => one.name === name);
  return rule === undefined || rule.triggers.some(({ kind }) => kind === 'schedule');
};

const VERBS = [
  'create',
  'update',
  'delete',
  'comment',
  'file',
  'task',
  'after',
  'at',
  'tick',
  'fire',
  'deliver',
] as const;
type Verb = (typeof VERBS)[number];

const WRITTEN = ['fields', 'tags', 'externalId', 'by'];
/** What else may be said of each. */
const MORE: Readonly<Record<Verb, readonly string[]>> = {
  create: ['as', ...WRITTEN],
  update: WRITTEN,
  delete: ['by'],
  comment: ['text', 'by'],
  file: ['name', 'mimetype', 'by'],
  task: ['text', 'by'],
  after: [],
  at: [],
  tick: [],
  fire: ['item'],
  deliver: ['app', 'space'],
};
/** What has to be said of it. */
const NEEDED: Readonly<Partial<Record<Verb, string>>> = {
  comment: 'text',
  file: 'name',
  task: 'text',
  fire: 'item',
};

function deedOf(written: z.output<typeof DeedSchema>, wrong: Complain): Deed | undefined {
  const said = Object.keys(written).filter(key => written[key as keyof typeof written] !== undefined);
  const verbs = VERBS.filter(verb => said.includes(verb));
  const [verb] = verbs;
  if (verb === undefined || verbs.length > 1) {
    wrong(
      [],
      `\`when\` ${verb === undefined ? 'does not say what happens' : 'says two things at once'}`,
      `one of ${VERBS.join(', ')}`,
    );
    return undefined;
  }
  const odd = said.find(key => key !== verb && !MORE[verb].includes(key));
  if (odd !== undefined) {
    wrong([odd], `\`${odd}\` says nothing about \`${verb}\``, suggestion(odd, MORE[verb], 'known there are'));
    return undefined;
  }
  const needed = NEEDED[verb];
  if (needed !== undefined && !said.includes(needed)) {
    wrong([], `\`${verb}\` needs \`${needed}\``);
    return undefined;
  }
  const { create, update, comment, file, task, after, at, tick, fire, deliver } = written;
  const { as, fields, tags, externalId, by, text = '', name = '', mimetype, item = '', app, space } = written;
  const content = { fields, tags, externalId, by };
  switch (verb) {
    case 'create':
      return { kind: verb, app: create ?? '', as, ...content };
    case 'update':
      return { kind: verb, item: update ?? '', ...content };
    case 'delete':
      return { kind: verb, item: written.delete ?? '', by };
    case 'comment':
      return { kind: verb, item: comment ?? '', text, by };
    case 'file':
      return { kind: verb, item: file ?? '', name, mimetype, by };
    case 'task':
      return { kind: verb, item: task ?? '', text, by };
    case 'after':
      return { kind: verb, ms: after ?? 0 };
    case 'at':
      return { kind: verb, time: at ?? '' };
    case 'tick':
      return { kind: verb, rule: tick ?? '' };
    case 'fire':
      return { kind: verb, rule: fire ?? '', item };
    case 'deliver':
      return { kind: verb, params: deliver ?? '', app, space };
  }
}
