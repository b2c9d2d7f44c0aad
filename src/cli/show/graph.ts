/** Rules that write what other rules watch, drawn: as text for a terminal, as Mermaid for a page that renders it. */
import { showWhat } from '../../config/graph.ts';
import type { RuleEdge, RuleGraph } from '../../core/rule-graph.ts';

/**
 * ```text
 * qualify
 *   └ podio-item → won-leads  leads.status
 *   └ podio-item ⇢ audit      item.update in leads (not told)
 * ```
 */
export function graphText({ edges }: RuleGraph): string {
  if (edges.length === 0) return 'No rule writes what another one watches, as far as their steps tell.';
  const wide = (pick: (edge: RuleEdge) => string) => Math.max(...edges.map(edge => pick(edge).length));
  const [steps, names] = [wide(({ step }) => step), wide(({ to }) => to)];
  return Array.from(
    Map.groupBy(edges, ({ from }) => from),
    ([from, own]) => [
      from,
      ...own.map(
        edge =>
          `  └ ${edge.step.padEnd(steps)} ${edge.told ? '→' : '⇢'} ${edge.to.padEnd(names)}  ${showWhat(edge)}${notHeard(
            edge,
          )}`,
      ),
    ],
  )
    .flat()
    .join('\n');
}

const notHeard = ({ later, told, hooked }: RuleEdge): string => {
  if (later) return ' (later)';
  if (told) return '';
  return hooked ? ' (not heard: without includeOwn)' : ' (not told: written without hooks)';
};

export function graphMermaid({ rules, edges }: RuleGraph): string {
  const id = new Map(rules.map((name, index) => [name, `r${index}`]));
  const used = rules.filter(name => edges.some(({ from, to }) => from === name || to === name));
  const label = (edge: RuleEdge) => `${edge.step}: ${showWhat(edge)}`.replaceAll('"', "'");
  return [
    'flowchart LR',
    ...used.map(name => `  ${id.get(name)}["${name}"]`),
    ...edges.map(
      edge =>
        `  ${id.get(edge.from)} ${edge.told ? '--' : '-.'} "${label(edge)}" ${edge.told ? '-->' : '.->'} ${id.get(edge.to)}`,
    ),
  ].join('\n');
}
