import { createHmac, randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { appsOf, type Rule } from '../core/rule.ts';
import { type ConfigNode, child, section, toPlain } from './node.ts';
import type { ResolveContext } from './sections.ts';

/** Definitions are compared within one process: kept anywhere, they tell nothing of the secrets in them. */
const KEY = randomBytes(32);

/** Keys of a rule that its lane does not go by, and those that say it in another way below. */
const LEFT_OUT = new Set(['enabled', 'was', 'startAt', 'timezone', 'delivery', 'tests', 'expect']);

/**
 * All that a lane of the rule goes by, wherever in the config it stands, by the key that people would look at: what is the
 * same in two configs needs no other lane. With secrets as they are by now, since a plugin that was given another one
 * has to be set up anew.
 */
export function definitionOf(
  { root, dir }: Pick<ResolveContext, 'root' | 'dir'>,
  node: ConfigNode,
  rule: Rule,
): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const put = (key: string, value: unknown): void => {
    const text = JSON.stringify(value) ?? '';
    found[key] = createHmac('sha256', KEY).update(text).digest('base64url');
  };
  if (node.kind === 'map') {
    for (const [key, { value }] of node.entries) if (!LEFT_OUT.has(key)) put(key, toPlain(value));
  }
  const enabled = child(node, 'enabled');
  if (enabled?.kind === 'scalar' && typeof enabled.value === 'string') put('enabled', enabled.value);
  put('timezone', rule.timezone);
  put('delivery', [rule.concurrency, rule.steps.map(({ delivery }) => delivery)]);
  const plugins = section(root, 'plugins');
  put(
    'plugins',
    rule.steps.map(({ plugin, use }) => {
      const entry = child(plugins, plugin);
      return [plugin, use, entry && dirname(entry.place.file), entry && toPlain(entry)];
    }),
  );
  // Relative paths among the options lead from there.
  put('file', [dir, dirname(node.place.file)]);
  const server = child(section(root, 'server'), 'confirm');
  put('server.confirm', server && toPlain(server));
  const outbound = section(root, 'outbound');
  put('outbound', outbound && toPlain(outbound));
  put('apps', named(section(root, 'apps'), rule, 'apps'));
  put('spaces', named(section(root, 'spaces'), rule, 'spaces'));
  return found;
}

/** What the names in its triggers stand for. Whoever calls for them may be exchanged under a lane. */
function named(entries: ConfigNode | undefined, { triggers }: Rule, kind: 'apps' | 'spaces'): unknown {
  const names =
    kind === 'apps'
      ? appsOf(triggers)
      : triggers.flatMap(trigger => (trigger.kind === 'space' ? trigger.spaces : []));
  return [...new Set(names)].map(name => {
    const entry = child(entries, name);
    const part = (key: string) => {
      const found = child(entry, key);
      return found && toPlain(found);
    };
    return [name, part('id'), part('fields')];
  });
}
