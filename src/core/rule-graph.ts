/** Which rules write what other rules watch, as far as the config tells. Pure. */
import { isNothing, mayBe } from './may-be.ts';
import {
  type AppTrigger,
  appsOf,
  type DateTrigger,
  type FieldValue,
  isTimed,
  type LastedTrigger,
  type Rule,
  type StepWrite,
} from './rule.ts';

/** One step of a rule writes what another rule (or the same one) watches. */
export interface RuleEdge {
  readonly from: string;
  readonly step: string;
  readonly to: string;
  /** The app that is written to, or the spaces that hear of it, by name in the config. */
  readonly app: string;
  readonly event: string;
  /** External ids that the one writes and the other watches; undefined: whatever changes there. */
  readonly fields: readonly string[] | undefined;
  /** True: Podio tells hooks of it, and the rule hears of what podiod made itself. */
  readonly told: boolean;
  /** Whether Podio tells hooks of it. */
  readonly hooked: boolean;
  /** The config says itself that it is not to be heard of: nobody has to be told of that. */
  readonly meant: boolean;
  /** A `for` or a date waits for it: it is found with or without hooks, and whoever has made it. */
  readonly later?: true;
}

export interface RuleGraph {
  readonly rules: readonly string[];
  /** A rule that writes what it watches itself, without hooks, is left out: that is how one writes back. */
  readonly edges: readonly RuleEdge[];
}

type GraphRule = Pick<Rule, 'name' | 'triggers' | 'loop' | 'includeOwn'> & {
  readonly steps: readonly Pick<Rule['steps'][number], 'name' | 'writes'>[];
};
type Apps = ReadonlyMap<string, { readonly fields: Readonly<Record<string, string>> }>;

export function ruleGraph(rules: readonly GraphRule[], apps: Apps): RuleGraph {
  const edges = rules.flatMap(from =>
    from.steps.flatMap(step =>
      (step.writes ?? []).flatMap(write => [
        ...toldInSpaces(from, step, write, rules),
        ...(write.app === undefined ? appsOf(from.triggers) : [write.app]).flatMap(app =>
          rules.flatMap(to => {
            const { name, triggers, includeOwn } = to;
            const at = { from: from.name, step: step.name, to: name, app, event: write.event };
            const hooked = write.hook === true;
            const told = hooked && includeOwn === true;
            const meant = write.hook === false || includeOwn === false;
            const aliases = apps.get(app)?.fields ?? {};
            const changes = triggers.filter(trigger => trigger.kind === 'app');
            const edges: RuleEdge[] = [];
            const fields = watched(changes, app, write, aliases);
            if (fields !== 'none' && (told || to !== from))
              edges.push({ ...at, fields, told, hooked, meant });
            const later = watched(triggers.filter(isTimed).map(asWatched), app, write, aliases);
            if (later !== 'none')
              edges.push({ ...at, fields: later, told: true, hooked, meant: true, later: true });
            return edges;
          }),
        ),
      ]),
    ),
  );
  return { rules: rules.map(({ name }) => name), edges };
}

/** Which space an app is in, the config does not say: any, where a rule of that space says that it wants to hear of it. */
const toldInSpaces = (
  from: GraphRule,
  step: GraphRule['steps'][number],
  { event, hook }: StepWrite,
  rules: readonly GraphRule[],
): readonly RuleEdge[] =>
  rules.flatMap(to =>
    to.triggers.flatMap((trigger): RuleEdge[] => {
      if (!hook || !to.includeOwn || trigger.kind !== 'space' || !trigger.events.includes(event)) return [];
      const edge = { from: from.name, step: step.name, to: to.name, event, fields: undefined };
      return [{ ...edge, app: trigger.spaces.join(', '), told: true, hooked: true, meant: false }];
    }),
  );

type Watched = Pick<AppTrigger, 'apps' | 'events'> & { readonly fields?: readonly WatchedField[] };
interface WatchedField {
  readonly field: string;
  /** Left out: any, empty included. */
  readonly to?: readonly FieldValue[];
  /** Nothing follows from emptying it. */
  readonly filled?: true;
}

/** What waits until a state has lasted or a date has come. */
const asWatched = (trigger: DateTrigger | LastedTrigger): Watched => ({
  apps: trigger.apps,
  events: ['item.create', 'item.update'],
  fields: [
    trigger.kind === 'date'
      ? { field: trigger.field, filled: true }
      : { field: trigger.field, to: trigger.to },
  ],
});

/** The fields that meet, undefined for whatever changes, `none` where nothing of this is watched. */
function watched(
  triggers: readonly Watched[],
  app: string,
  write: StepWrite,
  aliases: Readonly<Record<string, string>>,
): readonly string[] | undefined | 'none' {
  const { event } = write;
  const resolve = (name: string) => (Object.hasOwn(aliases, name) ? (aliases[name] ?? name) : name);
  const names = write.fields?.map(resolve);
  const values = new Map(Object.entries(write.values ?? {}).map(([name, value]) => [resolve(name), value]));
  const mayBring = ({ field, to, filled }: WatchedField): boolean => {
    const value = values.get(resolve(field));
    if (value === undefined || event === 'item.delete') return true;
    return filled ? !isNothing(value) : to === undefined || mayBe(value, to);
  };
  const watches = (trigger: Watched): readonly string[] | undefined | 'none' => {
    if (!trigger.apps.includes(app) || !trigger.events.includes(event)) return 'none';
    if (!trigger.fields || !event.startsWith('item.')) return names;
    const own = trigger.fields.filter(mayBring).map(({ field }) => resolve(field));
    // A field id may be any of the names, and who deletes an item touches all of them.
    const isAny = names === undefined || event === 'item.delete' || own.some(name => /^\d+$/.test(name));
    const common = isAny ? own : own.filter(name => names.includes(name));
    return common.length > 0 ? common : 'none';
  };
  const hits = triggers.map(watches).filter(one => one !== 'none');
  if (hits.length === 0) return 'none';
  return hits.some(one => one === undefined) ? undefined : [...new Set(hits.flatMap(one => one ?? []))];
}

/**
 * Rules that set each other off, each as a way that comes back to its beginning, one for each knot. A rule with `loop:
 * allowed` cuts every way through it.
 */
export function loopsOf(
  rules: readonly Pick<GraphRule, 'name' | 'loop'>[],
  { edges }: RuleGraph,
): readonly (readonly RuleEdge[])[] {
  const allowed = new Set(rules.filter(({ loop }) => loop === 'allowed').map(({ name }) => name));
  const live = edges.filter(({ told, from, to }) => told && !allowed.has(from) && !allowed.has(to));
  const loops: (readonly RuleEdge[])[] = [];
  const seen = new Set<string>();
  for (const { name } of rules) {
    if (seen.has(name)) continue;
    const way = shortestWayBack(name, live);
    if (!way) continue;
    loops.push(way);
    // Whatever else goes through one of these is the same knot: one cut may do for all.
    for (const { from } of way) seen.add(from);
  }
  return loops;
}

function shortestWayBack(start: string, edges: readonly RuleEdge[]): readonly RuleEdge[] | undefined {
  const queue: (readonly RuleEdge[])[] = [[]];
  const visited = new Set<string>();
  for (let way = queue.shift(); way; way = queue.shift()) {
    const at = way.at(-1)?.to ?? start;
    for (const edge of edges.filter(({ from }) => from === at)) {
      if (edge.to === start) return [...way, edge];
      if (visited.has(edge.to)) continue;
      visited.add(edge.to);
      queue.push([...way, edge]);
    }
  }
  return undefined;
}
