/** What is to be said of rules that write what other rules watch. */
import type { Rule } from '../core/rule.ts';
import { loopsOf, type RuleEdge, type RuleGraph, ruleGraph } from '../core/rule-graph.ts';
import { type Context, complain } from './context.ts';
import { child, type Path, placeAt, section } from './node.ts';

/** Draws the graph of the rules that are whole, and tells what is wrong with it. */
export function checkGraph(context: Context, rules: readonly Rule[]): RuleGraph {
  const graph = ruleGraph(rules, aliases(context));
  const stepPath = ({ from, step }: RuleEdge): Path => {
    const index = rules.find(({ name }) => name === from)?.steps.findIndex(({ name }) => name === step) ?? 0;
    return ['rules', from, 'steps', index];
  };
  const untold = graph.edges.filter(({ told, meant }) => !told && !meant);
  for (const edges of Map.groupBy(untold, ({ from, step }) => `${from}/${step}`).values()) {
    const [first] = edges as [RuleEdge, ...RuleEdge[]];
    const deaf = [...new Set(edges.map(({ to }) => to))];
    const names = deaf.map(name => `\`${name}\``).join(', ');
    complain(
      context,
      'CONFIG_UNTOLD_WRITE',
      stepPath(first),
      `${names} ${deaf.length === 1 ? 'watches' : 'watch'} what this step writes (${showWhat(first)}), and will not hear of it`,
      {
        severity: 'warning',
        hint: first.hooked
          ? `a rule hears of what podiod made itself only with \`includeOwn: true\`; \`includeOwn: false\` says that it is meant so`
          : 'it hears of it with `hook: true` on the step and `includeOwn: true` on the rule; `hook: false` says that it is meant so',
        related: {
          place: placeAt(context.root, ['rules', first.to, 'on']),
          message: `${first.to} watches here`,
        },
      },
    );
  }
  for (const loop of loopsOf(rules, graph)) {
    const [first] = loop as [RuleEdge, ...RuleEdge[]];
    const way = [...loop.map(({ from }) => from), first.from].map(name => `\`${name}\``).join(' → ');
    const what = loop.length === 1 ? 'this rule sets itself off' : 'these rules set each other off';
    complain(
      context,
      'CONFIG_LOOP',
      stepPath(first),
      `${what}: ${way} (${[...new Set(loop.map(showWhat))].join(', ')})`,
      {
        hint: loop.some(({ later }) => later)
          ? 'write what none of them waits for, or say with `loop: allowed` on one of the rules that it comes to an end by itself; what is to go on for ever goes by a schedule over items'
          : 'leave out `hook: true` or `includeOwn: true`, or say with `loop: allowed` on one of the rules that it comes to an end by itself',
      },
    );
  }
  return graph;
}

/** `leads.status`, or the event where any field will do. */
export const showWhat = ({ app, event, fields }: RuleEdge): string =>
  event.startsWith('item.') && event !== 'item.delete' && fields !== undefined && fields.length > 0
    ? fields.map(field => `${app}.${field}`).join(', ')
    : `${event} in ${app}`;

/** From the tree: an app may have a problem of its own. */
function aliases({
  root,
}: Context): ReadonlyMap<string, { readonly fields: Readonly<Record<string, string>> }> {
  const apps = section(root, 'apps');
  if (apps?.kind !== 'map') return new Map();
  return new Map(
    Array.from(apps.entries, ([name, { value }]) => {
      const fields = child(value, 'fields');
      const entries = fields?.kind === 'map' ? [...fields.entries] : [];
      const known = entries.flatMap(([alias, { value: to }]) =>
        to.kind === 'scalar' && typeof to.value === 'string' ? [[alias, to.value] as const] : [],
      );
      return [name, { fields: Object.fromEntries(known) }];
    }),
  );
}
