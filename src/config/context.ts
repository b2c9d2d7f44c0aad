import type { Diagnostic, Place } from '../core/diagnostic.ts';
import type { DiagnosticCode } from './codes.ts';
import { type ConfigNode, child, keyPlaceAt, nodeAt, type Path, placeAt, section } from './node.ts';

/** What every part of resolving works with. */
export interface Context {
  readonly root: ConfigNode;
  readonly report: (problem: Diagnostic) => void;
}

/** Reports a problem with the value at `path`; of one that is missing where podiod looks now nothing can be wrong. */
export function complain(
  context: Context,
  code: DiagnosticCode,
  path: Path,
  message: string,
  more: {
    hint?: string | undefined;
    related?: Diagnostic['related'];
    /** The key is wrong, not its value. */
    atKey?: boolean;
    severity?: Diagnostic['severity'];
    isBrief?: boolean;
    /** Where it is inside of the value. */
    place?: Place | undefined;
  } = {},
): void {
  if (path.length > 0 && !more.atKey && nodeAt(context.root, path)?.kind === 'unknown') return;
  context.report({
    severity: more.severity ?? 'error',
    code,
    message,
    place: more.place ?? (more.atKey ? keyPlaceAt(context.root, path) : placeAt(context.root, path)),
    path,
    ...(more.hint === undefined ? {} : { hint: more.hint }),
    ...(more.isBrief && { isBrief: true }),
    ...(more.related === undefined ? {} : { related: more.related }),
  });
}

/**
 * The names that a section defines, the broken ones included, so that one problem in an app does not make every rule
 * that uses it wrong too. Undefined when the section can't be read: then any name may be right.
 */
export function namesOf(root: ConfigNode, key: string): readonly string[] | undefined {
  if (root.kind === 'unknown' || child(root, key)?.kind === 'unknown') return undefined;
  const found = section(root, key);
  return found?.kind === 'map' ? [...found.entries.keys()] : [];
}

/** One value or a list of them, each with its own path. */
export function each(node: ConfigNode | undefined, path: Path): { node: ConfigNode; path: Path }[] {
  if (!node) return [];
  return node.kind === 'list'
    ? node.items.map((item, index) => ({ node: item, path: [...path, index] }))
    : [{ node, path }];
}

/** `client-*` over names; undefined where there is no `*`. */
export function wildcard(pattern: string): ((name: string) => boolean) | undefined {
  if (!pattern.includes('*')) return undefined;
  const parts = pattern.split('*').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const expression = new RegExp(`^${parts.join('.*')}$`);
  return name => expression.test(name);
}
