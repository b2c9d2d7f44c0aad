/** What a service manager has to know of a config. Values of `${...}` are not looked up: they belong to the service. */
import { dirname, resolve } from 'node:path';
import { findConfig } from './find.ts';
import { loadFiles } from './include.ts';
import type { FindOptions } from './load.ts';
import { type ConfigNode, child, isInterpolated, toPlain } from './node.ts';
import { ServerSchema } from './schema.ts';

export interface ServiceFacts {
  /** Absolute. */
  readonly file: string;
  readonly host: string;
  readonly port: number;
  /** Absolute; undefined where the config has none, or one that only the service's environment knows. */
  readonly dataDir: string | undefined;
  /** Files that plugins of `file-logger` write, absolute, by the plugin's name. */
  readonly logs: ReadonlyMap<string, string>;
  /** Names in `${credential:NAME}`. */
  readonly credentials: readonly string[];
  /** Names in `${NAME}` that have no default. */
  readonly variables: readonly string[];
}

/** Undefined where there is no config. */
export async function readServiceFacts(options: FindOptions): Promise<ServiceFacts | undefined> {
  const found = await findConfig(options);
  if ('problem' in found) return undefined;
  const { root, texts } = await loadFiles(found);
  const server = child(root, 'server');
  const dataDir = child(root, 'dataDir');
  const host = plain(child(server, 'host'));
  const port = plain(child(server, 'port'));
  const dir = plain(dataDir);
  const { shape } = ServerSchema;
  return {
    file: found.file,
    host: typeof host === 'string' ? host : shape.host.parse(undefined),
    port: typeof port === 'number' ? port : shape.port.parse(undefined),
    dataDir: typeof dir === 'string' ? resolve(dirname(dataDir?.place.file ?? found.file), dir) : undefined,
    logs: new Map(logsIn(child(root, 'plugins'), found.file)),
    credentials: credentialsIn([...texts.values()].join('\n')),
    variables: [...new Set(variablesIn(root))],
  };
}

const plain = (node: ConfigNode | undefined): unknown =>
  node === undefined || isInterpolated(node) ? undefined : toPlain(node);

function* logsIn(plugins: ConfigNode | undefined, main: string): Generator<readonly [string, string]> {
  if (plugins?.kind !== 'map') return;
  for (const [name, { value }] of plugins.entries) {
    const path = child(value, 'path');
    const file = plain(path);
    if (plain(child(value, 'use')) === 'file-logger' && typeof file === 'string')
      yield [name, resolve(dirname(path?.place.file ?? main), file)];
  }
}

const credentialsIn = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(/(?<!\$)\$\{credential:([^}:]+)\}/g)].flatMap(([, name]) => name ?? [])),
];

function* variablesIn(node: ConfigNode): Generator<string> {
  if (node.kind === 'list') for (const item of node.items) yield* variablesIn(item);
  else if (node.kind === 'map') for (const { value } of node.entries.values()) yield* variablesIn(value);
  else if (node.kind === 'scalar')
    for (const [, name] of String(node.value).matchAll(/(?<!\$)\$\{([A-Za-z_]\w*)\}/g)) yield name ?? '';
}
