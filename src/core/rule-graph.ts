/** Which rules write what other rules watch, as far as the config tells. Pure. */
import { type AppTrigger, appsOf, type DateTrigger, isTimed, type LastedTrigger, type Rule } from './rule.ts';

/** One step of a rule writes what another rule (or the same one) watches. */
export interface RuleEdge {
  readonly from: string;
  readonly step: string;
  readonly to: string;
  /** The app that is written to, by its name in the config. */
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
  /** Only a `for` or a date waits for it: with or without hooks it is found, and time passes, so it makes no loop. */
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
      (step.writes ?? []).flatMap(write =>
        (write.app === undefined ? appsOf(from.triggers) : [write.app]).flatMap(app =>
          rules.flatMap((to): RuleEdge[] => {
            const fields = watched(to, app, write.event, write.fields, apps);
            const told = write.hook === true && to.includeOwn === true;
            const hooked = write.hook === true;
            const waited = fields === 'none' ? waitedFor(to, app, write.event, write.fields, apps) : 'none';
            if (waited !== 'none') {
              const { event } = write;
              const how = { told: true, hooked, meant: true, later: true } as const;
              return [{ from: from.name, step: step.name, to: to.name, app, event, fields: waited, ...how }];
            }
            if (fields === 'none' || (!told && to.name === from.name)) return [];
            const { event } = write;
            const meant = write.hook === false || to.includeOwn === false;
            return [
              { from: from.name, step: step.name, to: to.name, app, event, fields, told, hooked, meant },
            ];
          }),
        ),
      ),
    ),
  );
  return { rules: rules.map(({ name }) => name), edges };
}

/** The same for what waits until a state has lasted or a date has come. */
const waitedFor = ({ triggers }: GraphRule, ...where: Tail<Parameters<typeof watched>>) =>
  watched({ name: '', triggers: triggers.filter(isTimed).map(asWatched), steps: [] }, ...where);

const asWatched = (trigger: DateTrigger | LastedTrigger): AppTrigger => ({
  kind: 'app',
  apps: trigger.apps,
  events: ['item.create', 'item.update'],
  fields: [{ field: trigger.field }],
});

type Tail<T extends readonly unknown[]> = T extends readonly [unknown, ...infer Rest] ? Rest : never;

/** The fields that meet, undefined for whatever changes, `none` where the rule does not watch this. */
function watched(
  { triggers }: GraphRule,
  app: string,
  event: string,
  written: readonly string[] | undefined,
  apps: Apps,
): readonly string[] | undefined | 'none' {
  const aliases = apps.get(app)?.fields ?? {};
  const resolve = (name: string) => (Object.hasOwn(aliases, name) ? (aliases[name] ?? name) : name);
  const names = written?.map(resolve);
  const watches = (trigger: AppTrigger): readonly string[] | undefined | 'none' => {
    if (!trigger.apps.includes(app) || !trigger.events.includes(event)) return 'none';
    if (!trigger.fields || !event.startsWith('item.')) return names;
    const own = trigger.fields.map(({ field }) => resolve(field));
    // A field id may be any of the names, and who deletes an item touches all of them.
    if (names === undefined || event === 'item.delete' || own.some(name => /^\d+$/.test(name))) return own;
    const common = own.filter(name => names.includes(name));
    return common.length > 0 ? common : 'none';
  };
  const found = triggers.flatMap(trigger => (trigger.kind === 'app' ? [watches(trigger)] : []));
  const hits = found.filter(one => one !== 'none');
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
  const live = edges.filter(
    ({ told, later, from, to }) => told && !later && !allowed.has(from) && !allowed.has(to),
  );
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
