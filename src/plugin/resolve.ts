/** How plugins' imports are found: Node's own way first, podiod's copies where that finds nothing. */
import { registerHooks } from 'node:module';

/** What a plugin may import without having it installed: with these it takes part in the daemon's stream. */
const OURS = /^(?:podiod|rxjs)(?:\/|$)/;
const NOT_FOUND = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']);

/** Marks a specifier that is to be looked up from somewhere else than the module that imports it. */
const FROM = 'podiod-from:';

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

/** Whether an import failed because there is no such file or package. */
export const isNotFound = (error: unknown): boolean => NOT_FOUND.has(String(codeOf(error)));

/** In the URL of a module: which edition of the code it is. A process keeps the first of each URL for good. */
const EDITION = 'podiod-edition';

/** The same file, read anew: with it what it imports by relative paths, since each module is asked in which edition it was loaded. */
export const inEdition = (url: string, edition: string): string => `${url}?${EDITION}=${edition}`;

/** What a module imports from files beside it is of its own edition. */
function ofSameEdition(specifier: string, parent: string | undefined, url: string): string {
  if (!/^\.\.?\//.test(specifier) || !parent?.includes(EDITION)) return url;
  const edition = new URL(parent).searchParams.get(EDITION);
  return edition === null ? url : inEdition(url, edition);
}

let installed = false;

/** Hooks belong to the process, so they are installed once, however many loaders there are. */
export function installHooks(): void {
  if (installed) return;
  installed = true;
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier.startsWith(FROM)) {
        const [parent = '', wanted = ''] = specifier.slice(FROM.length).split('!');
        return next(wanted, { ...context, parentURL: decodeURIComponent(parent) });
      }
      try {
        const found = next(specifier, context);
        return { ...found, url: ofSameEdition(specifier, context.parentURL, found.url) };
      } catch (error) {
        if (!OURS.test(specifier) || !isNotFound(error) || context.parentURL === import.meta.url) throw error;
        return { url: import.meta.resolve(specifier), shortCircuit: true };
      }
    },
  });
}

/** Where `import specifier` would lead from a module at `parent`, a URL. Throws as the import would. */
export function resolveFrom(specifier: string, parent: string): string {
  installHooks();
  return import.meta.resolve(`${FROM}${encodeURIComponent(parent)}!${specifier}`);
}
