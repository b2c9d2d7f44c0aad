import type { z } from 'zod';
import { appsOf, type DeliveryPolicy, eventTypesOf, type Mode, type Rule } from '../core/rule.ts';
import { type Surroundings, within } from '../language/surroundings.ts';
import { check } from './check.ts';
import { resolveCondition } from './conditions.ts';
import { type Context, complain } from './context.ts';
import { definitionOf } from './definition.ts';
import { checkGraph } from './graph.ts';
import { countHooks } from './hook-limit.ts';
import { checkItemless } from './itemless.ts';
import { resolveMode } from './mode.ts';
import { type ConfigNode, child, type Path, section, showPath } from './node.ts';
import { makePluginTable, type PluginTable } from './plugins.ts';
import { DELIVERY_DEFAULTS, DefaultsSchema, DeliverySchema, RuleHeadSchema } from './schema.ts';
import { entriesOf, part, type ResolveContext } from './sections.ts';
import { isStepWord, resolveSteps } from './steps.ts';
import { checkTimezone, resolveTriggers } from './triggers.ts';

type DeliveryPart = z.output<typeof DeliverySchema>;

export async function resolveRules(context: ResolveContext): Promise<readonly Rule[] | undefined> {
  const defaults = await part(context, DefaultsSchema, 'defaults');
  const timezone =
    resolveTimezone(context, section(context.root, 'defaults'), ['defaults', 'timezone']) ??
    machineTimezone();
  checkPluginNames(context);
  const plugins = makePluginTable(context);
  const entries = entriesOf(context, 'rules');
  const rules: Rule[] = [];
  let whole = entries !== undefined && defaults !== undefined;
  const hooks = countHooks(context);
  for (const [name, node] of entries ?? []) {
    const rule = await resolveRule(context, plugins, name, node, timezone, defaults?.delivery ?? {});
    if (!rule) whole = false;
    else if (rule !== 'disabled') {
      rules.push(defaults?.maxDepth === undefined ? rule : { ...rule, maxDepth: defaults.maxDepth });
      hooks.add(rule.triggers, ['rules', name, 'on']);
    }
  }
  await plugins.checkUnused();
  if (entries) checkRenames(context, entries);
  context.onGraph(checkGraph(context, rules));
  checkItemless(context, rules);
  return whole ? rules : undefined;
}

/** What else there is to say of an entry is said where a step uses it, or of those that none uses. */
function checkPluginNames(context: ResolveContext): void {
  for (const [name] of entriesOf(context, 'plugins') ?? []) {
    if (!isStepWord(name)) continue;
    complain(context, 'CONFIG_NAME', ['plugins', name], `\`${name}\` means something of its own in a step`, {
      hint: 'give the plugin another name',
      atKey: true,
    });
  }
}

/** What a rule's `where` may name: no step has added anything by then. */
const NOTHING_YET: Surroundings = {
  names: new Set(),
  fieldProblem: () => undefined,
  dataProblem: name => ({
    message: `there is no \`data.${name}\` yet: \`where\` is decided before the first step`,
    hint: 'write it as `when` of the step that it is for',
  }),
};

async function resolveRule(
  context: ResolveContext,
  plugins: PluginTable,
  name: string,
  node: ConfigNode,
  fallbackZone: string,
  defaults: DeliveryPart,
): Promise<Rule | 'disabled' | undefined> {
  const path = ['rules', name];
  const head = await check(RuleHeadSchema, node, {
    ...context,
    path,
    ignore: new Set(['on', 'steps', 'mode', 'tests']),
  });
  const timezone = resolveTimezone(context, node, [...path, 'timezone']) ?? fallbackZone;
  if (node.kind !== 'map') return undefined;
  for (const key of ['on', 'steps']) {
    if (node.entries.has(key)) continue;
    const near = key === 'on' ? 'say what starts the rule' : 'say what to do: a list of plugins';
    complain(context, 'CONFIG_MISSING', path, `\`${showPath([...path, key])}\` is missing`, { hint: near });
  }
  const on = child(node, 'on');
  const stepsNode = child(node, 'steps');
  const triggers = on && (await resolveTriggers(context, on, [...path, 'on'], timezone));
  const ruleDelivery = head?.delivery ?? {};
  const isShadow = head?.enabled === 'shadow';
  const policy = (step: DeliveryPart): DeliveryPolicy => ({
    ...makePolicy(defaults, ruleDelivery, step),
    // What does nothing has nothing to hold up.
    ...(isShadow && { whenExhausted: 'park' }),
  });
  const apps = appsOf(triggers ?? []);
  const modeNode = child(node, 'mode');
  const mode = modeNode && (await resolveMode(context, modeNode, [...path, 'mode'], triggers));
  // What a mode that is wrong would be is not known.
  const mayBe = (kind: Exclude<Mode, 'each'>['kind']): boolean =>
    mode === undefined ? modeNode !== undefined : mode !== 'each' && mode.kind === kind;
  const isSpan = mayBe('settle');
  const occasions = (isTogether: boolean) =>
    eventTypesOf(triggers ?? []).map(type => ({ type, isTogether, isSpan }));
  const whereNode = child(node, 'where');
  const where =
    whereNode &&
    within(NOTHING_YET, () =>
      resolveCondition(context, whereNode, [...path, 'where'], apps, occasions(false)),
    );
  const about = { apps, occasions: occasions(mayBe('batch')) };
  const steps =
    stepsNode && (await resolveSteps(context, plugins, stepsNode, [...path, 'steps'], policy, about));
  if (!head || !triggers || !steps || (whereNode && !where) || (modeNode && !mode)) return undefined;
  if (!head.enabled) return 'disabled';
  const rule: Rule = {
    name,
    triggers,
    ...(where && { where }),
    ...(mode !== undefined && mode !== 'each' && { mode }),
    steps: steps.steps,
    concurrency: ruleDelivery.concurrency ?? defaults.concurrency ?? DELIVERY_DEFAULTS.concurrency,
    startAt: head.startAt,
    recovered: typeof head.recovered === 'string' ? head.recovered : { maxAgeMs: head.recovered.maxAge },
    timezone,
    ...(head.expect && {
      expect: { everyMs: head.expect.every, ...(head.expect.days && { days: head.expect.days }) },
    }),
    ...(head.loop && { loop: head.loop }),
    ...(head.includeOwn !== undefined && { includeOwn: head.includeOwn }),
    ...(isShadow && { shadow: true }),
    // What was captured of a run in hand is not done: when the rule is enabled it begins again.
    fingerprint: isShadow ? `shadow ${steps.fingerprint}` : steps.fingerprint,
    ...(head.was !== undefined && { was: head.was }),
  };
  return { ...rule, definition: definitionOf(context, node, rule) };
}

/** A rule that `was` another one takes over what is kept of it: which can only be one, and of one that is no more. */
function checkRenames(context: ResolveContext, entries: readonly (readonly [string, ConfigNode])[]): void {
  const claims = new Map<string, string>();
  for (const [name, node] of entries) {
    const was = child(node, 'was');
    if (was?.kind !== 'scalar' || typeof was.value !== 'string') continue;
    const path = ['rules', name, 'was'];
    const still = entries.find(([other]) => other === was.value);
    const claimed = claims.get(was.value);
    if (still) {
      const message =
        was.value === name
          ? `\`was\` is what the rule is called now`
          : `there still is a rule \`${was.value}\``;
      complain(context, 'CONFIG_RENAME', path, message, {
        hint: '`was` is the name that this rule had before it was renamed; a new rule has none',
        related: was.value === name ? undefined : { place: still[1].place, message: 'here' },
      });
    } else if (claimed !== undefined) {
      complain(context, 'CONFIG_RENAME', path, `\`${claimed}\` says that it was \`${was.value}\` too`, {
        hint: 'only one rule can go on where another one was',
      });
    }
    claims.set(was.value, name);
  }
}

const BUILT_IN_POLICY = DeliverySchema.required().omit({ attempts: true }).parse(DELIVERY_DEFAULTS);

/** Each setting from the innermost that says it: step, rule, defaults, podiod's own. */
function makePolicy(...outerToInner: readonly DeliveryPart[]): DeliveryPolicy {
  const said: DeliveryPart = Object.assign({}, ...outerToInner.map(definedOnly));
  return {
    ...(said.attempts === undefined ? {} : { attempts: said.attempts }),
    retryForMs: said.retryFor ?? BUILT_IN_POLICY.retryFor,
    backoff: said.backoff ?? BUILT_IN_POLICY.backoff,
    deadlineMs: said.deadline ?? BUILT_IN_POLICY.deadline,
    whenExhausted: said.whenExhausted ?? BUILT_IN_POLICY.whenExhausted,
  };
}

const definedOnly = (part: DeliveryPart) =>
  Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));

function resolveTimezone(context: Context, node: ConfigNode | undefined, path: Path): string | undefined {
  const zone = child(node, 'timezone');
  if (zone?.kind !== 'scalar' || typeof zone.value !== 'string' || zone.value === '') return undefined;
  return checkTimezone(context, zone.value, zone, path);
}

const machineTimezone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
