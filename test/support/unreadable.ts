import { registerHooks } from 'node:module';

/** Files whose path ends so can't be imported, as where no more may be opened. Answers how to end it. */
export function unreadable(end: string): () => void {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      if (found.url.endsWith(end)) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
      return found;
    },
  });
  return () => hooks.deregister();
}
