// Checks who imports whom (ARCHITECTURE.md, "Who may import whom"). Reads the sources as text: import rules need no types.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';

/** The layers, from the bottom up. A module may import from all layers below its own, and from its own layer types only. */
const LAYERS: readonly (readonly string[])[] = [
  ['core'],
  ['language'],
  ['plugin', 'store', 'podio', 'config', 'log', 'http', 'service'],
  ['ingress', 'dispatch', 'schedule', 'reconcile', 'recover', 'retention', 'alarms', 'admin'],
  ['daemon'],
  ['cli'],
];
const below = (layer: number): readonly string[] => LAYERS.slice(0, layer).flat();
const DAEMON = LAYERS.findIndex(layer => layer.includes('daemon'));
const CLI = LAYERS.findIndex(layer => layer.includes('cli'));

/** What each module of src/ may import besides itself, node: and npm. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(LAYERS.flatMap((layer, i) => layer.map(name => [name, below(i)]))),
  emulator: [],
  cli: [...below(CLI), 'emulator'],
  'index.ts': [...below(DAEMON - 1), 'daemon'],
  'testing.ts': [...below(DAEMON - 1), 'daemon', 'emulator'],
};

/** Modules that do no I/O: they read and write nothing, call nobody, and ask the machine nothing. */
const PURE: readonly string[] = ['core', 'language'];
const IO =
  /^node:(?:fs|http|https|http2|tls|dgram|dns|child_process|cluster|worker_threads|sqlite|os|process|readline|timers)\b/;

const IMPORT =
  /^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/gm;

/** `src/podio/client.ts` is of `podio`, `src/index.ts` of `index.ts`. */
const moduleOf = (file: string): string => file.split(sep)[1] ?? '';

/** Why a file may not import a package or a module of Node's. */
function againstPackage(file: string, target: string): string | undefined {
  if (file.startsWith('plugins'))
    return /^podiod(?!\/plugin$)/.test(target) ? 'plugins see podiod/plugin only' : undefined;
  const module = moduleOf(file);
  if (target.startsWith('podiod')) return 'src imports its own files by path';
  if (PURE.includes(module) && IO.test(target)) return `${module} does no I/O`;
  if (module === 'core' && !target.startsWith('node:')) return 'core stands on no package';
  return undefined;
}

/** Why a file may not import another one of this repository. */
function againstFile(file: string, path: string, isType: boolean): string | undefined {
  if (file.startsWith('plugins')) {
    const isOwn = !relative(join('plugins', moduleOf(file)), path).startsWith('..');
    return isOwn ? undefined : 'plugins import podiod/plugin, node: and npm only';
  }
  if (!path.startsWith(`src${sep}`)) return 'src never imports what is outside src';
  const from = moduleOf(file);
  const to = moduleOf(path);
  const allowed = ALLOWED[from];
  if (!allowed) return `${from} has no line in scripts/imports.ts`;
  if (from === to || allowed.includes(to)) return undefined;
  if (isType && LAYERS.some(layer => layer.includes(from) && layer.includes(to))) return undefined;
  return `${from} may import ${allowed.join(', ') || 'nothing'}`;
}

const problems: string[] = [];
/** Who imports whom by value: a cycle of types costs nothing. */
const graph = new Map<string, string[]>();

for (const file of globSync(['src/**/*.ts', 'plugins/**/*.ts']).sort()) {
  const text = readFileSync(file, 'utf8');
  const edges: string[] = [];
  graph.set(file, edges);
  for (const match of text.matchAll(IMPORT)) {
    const isType = Boolean(match[1]);
    const target = match[2] ?? match[3] ?? '';
    const path = target.startsWith('.') ? normalize(join(dirname(file), target)) : undefined;
    if (path !== undefined && !isType) edges.push(path);
    const why = path === undefined ? againstPackage(file, target) : againstFile(file, path, isType);
    if (why === undefined) continue;
    const line = text.slice(0, match.index + match[0].search(/\S/)).split('\n').length;
    problems.push(`${file}:${line} imports ${target}: ${why}`);
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
