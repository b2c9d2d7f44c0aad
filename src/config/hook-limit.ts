import { hookedBy, type Trigger } from '../core/rule.ts';
import { type Context, complain } from './context.ts';
import { type ConfigNode, child, nodeAt, type Path, section } from './node.ts';

const MAX_HOOKS = 10;

/** Podio's limit. One hook serves all rules that want the same, so only the fields of an app can add up to many. */
export function countHooks(context: Context) {
  const apps = section(context.root, 'apps');
  const seen = new Map<string, Set<string>>();
  return {
    add(triggers: readonly Trigger[], path: Path) {
      const isList = nodeAt(context.root, path)?.kind === 'list';
      for (const [index, one] of triggers.entries()) {
        const trigger = hookedBy(one);
        if (trigger === undefined) continue;
        for (const app of trigger.apps) {
          for (const event of trigger.events) {
            const objects = seen.get(`${app} ${event}`) ?? new Set();
            seen.set(`${app} ${event}`, objects);
            const before = objects.size;
            if (!trigger.fields) objects.add('');
            for (const { field } of trigger.fields ?? []) objects.add(aliasOf(apps, app, field));
            if (before > MAX_HOOKS || objects.size <= MAX_HOOKS) continue;
            const at = isList ? [...path, index] : path;
            complain(
              context,
              'CONFIG_TOO_MANY_HOOKS',
              trigger.fields ? [...at, 'fields'] : at,
              `the rules up to here need ${objects.size} hooks for ${event} on the app \`${app}\`; Podio allows ${MAX_HOOKS}`,
              {
                hint: `watch the whole app with \`events: ${event}\` and let field-change-filter pick the fields`,
              },
            );
          }
        }
      }
    },
  };
}

function aliasOf(apps: ConfigNode | undefined, app: string, field: string): string {
  const alias = child(child(child(apps, app), 'fields'), field);
  return alias?.kind === 'scalar' ? String(alias.value) : field;
}
