/** Which calls to Podio only read, and where answers hold secrets: one law for shadow, backtests and what the daemon reads for commands. Pure. */
import { isSecretName } from './secret-text.ts';
import { isRecord } from './values.ts';

/** Some of what only reads is asked for by POST. A query after the path does no harm. */
export const isRead = (method: string, path: string): boolean =>
  method.toUpperCase() === 'GET' || /^\/(?:item\/app\/\d+\/filter|search)(?:[/?]|$)/.test(path);

/** What answers there is made of keys, in URLs too, where no name tells of them. */
const SECRET_AREAS: ReadonlySet<string> = new Set(['hook', 'linked_account', 'oauth']);

/** Whether what is read there may be handed on. A first part that is written in another way than Podio's own is none. */
export function mayHandOn(path: string): boolean {
  const area = /^\/([a-z_]+)(?:\/|$)/.exec(path)?.[1];
  return area !== undefined && !SECRET_AREAS.has(area);
}

/** An answer without its secrets, however deep: an app's token stands in the app, in lists of apps, and in items if asked for. */
export function withoutSecrets(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map(withoutSecrets);
  if (!isRecord(answer)) return answer;
  return Object.fromEntries(
    Object.entries(answer)
      .filter(([name, held]) => typeof held !== 'string' || !isSecretName(name))
      .map(([name, held]) => [name, withoutSecrets(held)]),
  );
}
