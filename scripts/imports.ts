// Checks who imports whom (ARCHITECTURE.md, "Who may import whom"). Reads the sources as text: import rules need no types.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';

/** What each module of src/ may import besides itself and node:. Type-only imports between siblings are free. */
const core = ['core'];
const leaf = [...core, 'language'];
const middle = [...leaf, 'plugin', 'store', 'podio', 'config', 'log', 'http', 'service'];
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  language: core,
  log: leaf,
  config: leaf,
  store: leaf,
  podio: leaf,
  plugin: leaf,
  http: leaf,
  service: leaf,
  ingress: middle,
  dispatch: middle,
  schedule: middle,
  reconcile: middle,
  recover: middle,
  retention: middle,
  alarms: middle,
  admin: middle,
  emulator: [],
  daemon: [
    ...middle,
    'ingress',
    'dispatch',
    'schedule',
    'reconcile',
    'recover',
    'retention',
    'alarms',
    'admin',
  ],
  cli: [
    ...middle,
    'daemon',
    'emulator',
    'ingress',
    'dispatch',
    'schedule',
    'reconcile',
    'recover',
    'retention',
    'alarms',
    'admin',
  ],
  'index.ts': [...middle, 'daemon'],
  'testing.ts': [...middle, 'daemon', 'emulator'],
};
const SIBLINGS: readonly (readonly string[])[] = [
  ['log', 'config', 'store', 'podio', 'plugin', 'http', 'service'],
  ['ingress', 'dispatch', 'schedule', 'reconcile', 'recover', 'retention', 'alarms', 'admin'],
];

const IMPORT =
  /^\s*(?:import|export)\s+(type\s)?(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/gm;

const problems: string[] = [];
/** Value imports only: a cycle of types costs nothing. */
const graph = new Map<string, string[]>();

/** `src/podio/client.ts` is `podio`, `src/index.ts` is `index.ts`. */
const moduleOf = (file: string): string => file.split(sep)[1] ?? '';

for (const file of globSync(['src/**/*.ts', 'plugins/**/*.ts']).sort()) {
  const text = readFileSync(file, 'utf8');
  const edges: string[] = [];
  graph.set(file, edges);
  for (const match of text.matchAll(IMPORT)) {
    const isType = Boolean(match[1]);
    const target = match[2] ?? match[3] ?? '';
    const line = text.slice(0, match.index).split('\n').length + (match[0].startsWith('\n') ? 1 : 0);
    const complain = (why: string) => problems.push(`${file}:${line} imports ${target}: ${why}`);

    if (!target.startsWith('.')) {
      if (file.startsWith('src') && target.startsWith('podiod'))
        complain('src imports its own files by path');
      if (file.startsWith('plugins') && /^podiod(?!\/plugin$)/.test(target))
        complain('plugins see podiod/plugin only');
      continue;
    }
    const path = normalize(join(dirname(file), target));
    if (!isType) edges.push(path);
    if (file.startsWith('plugins')) {
      const plugin = file.split(sep)[1] ?? '';
      if (relative(join('plugins', plugin), path).startsWith('..'))
        complain('plugins import podiod/plugin, node: and npm only');
      continue;
    }
    if (!path.startsWith(`src${sep}`)) {
      complain('src never imports what is outside src');
      continue;
    }
    const from = moduleOf(file);
    const to = moduleOf(path);
    if (from === to) continue;
    const allowed = ALLOWED[from];
    if (!allowed) complain(`${from} has no line in scripts/imports.ts`);
    else if (
      !allowed.includes(to) &&
      !(isType && SIBLINGS.some(set => set.includes(from) && set.includes(to)))
    ) {
      complain(`${from} may import ${allowed.join(', ') || 'nothing'}`);
    }
  }
}

/** Depth first; a node that is met again while it is still open closes a cycle. */
const state = new Map<string, 'open' | 'done'>();
const walk = (file: string, way: readonly string[]): void => {
  if (state.get(file) === 'done') return;
  if (state.get(file) === 'open') {
    problems.push(`cycle: ${[...way.slice(way.indexOf(file)), file].join(' -> ')}`);
    return;
  }
  state.set(file, 'open');
  for (const next of graph.get(file) ?? []) if (graph.has(next)) walk(next, [...way, file]);
  state.set(file, 'done');
};
for (const file of graph.keys()) walk(file, []);

for (const problem of problems) console.error(problem);
console.log(`import rules: ${graph.size} files, ${problems.length} problems`);
process.exit(problems.length > 0 ? 1 : 0);
