import type { Diagnostic } from '../core/diagnostic.ts';
import type { Path } from './node.ts';

const RULE = new Set(['includeOwn']);

/** Keys that later versions will give a meaning to. Silence about one would let a rule run without its condition. */
function isReserved(path: Path): boolean {
  const key = String(path.at(-1));
  if (path[0] === 'server') return path.length === 2 && key === 'confirm';
  return path[0] === 'rules' && path.length === 3 && RULE.has(key);
}

/** For {@link CheckOptions.onUnknownKey}. */
export function reservedKey(path: Path): Pick<Diagnostic, 'code' | 'message' | 'hint'> | undefined {
  return isReserved(path) ? notSupported(`\`${String(path.at(-1))}\``) : undefined;
}

export const notSupported = (what: string) => ({
  code: 'CONFIG_RESERVED' as const,
  message: `${what} is not supported in this version of podiod`,
  hint: 'the name is reserved for a later version; remove it',
});
