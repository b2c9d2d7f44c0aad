import type { PodioReadAnswer, PodioReadRequest } from '../admin/requests.ts';
import type { Config } from '../config/model.ts';
import { isPodiodError, UsageError } from '../core/errors.ts';
import { type Identity, identityKey, type PodioClient } from '../podio/contract.ts';

/** What may be asked: it reads, and of an answer no secret is left. */
const READS: ReadonlyMap<string, RegExp> = new Map(
  Object.entries({
    'items.get': /^\/item\/\d+$/,
    'items.difference': /^\/item\/\d+\/revision\/\d+\/\d+$/,
    'items.revisions': /^\/item\/\d+\/revision\/$/,
    'items.filter': /^\/item\/app\/\d+\/filter\/(\d+\/)?$/,
    'apps.get': /^\/app\/\d+$/,
    'comments.get': /^\/comment\/\d+$/,
    'comments.list': /^\/comment\/[a-z_]+\/\d+\/?$/,
    'tasks.get': /^\/task\/\d+$/,
    'files.get': /^\/file\/\d+$/,
  }),
);

/**
 * Reads something for a command, out of what this daemon's budget has to spare: its own background work shares that, and its
 * rules go before. A call that can't be made now is an answer with the wait.
 */
export async function readForCommand(
  podio: Pick<PodioClient, 'request'>,
  config: Pick<Config, 'apps' | 'logins'>,
  { as, operation, path, query, body }: PodioReadRequest,
): Promise<PodioReadAnswer> {
  const identity = identityNamed(config, as);
  if (!identity) throw new UsageError(`the config has no token or login for ${as}`);
  if (!READS.get(operation)?.test(path))
    throw new UsageError(`${operation} ${path} is nothing that is read for others`);
  try {
    const answer = await podio.request(identity, {
      method: operation === 'items.filter' ? 'POST' : 'GET',
      operation,
      path,
      priority: 'background',
      ...(query && { query }),
      ...(body && { body }),
    });
    return { answer: operation === 'apps.get' ? withoutToken(answer) : answer };
  } catch (error) {
    if (!isPodiodError(error) || !error.code.startsWith('PODIO_')) throw error;
    const { code, message, hint, retry } = error;
    const afterMs = typeof retry === 'object' ? retry.afterMs : undefined;
    return {
      failed: {
        code,
        message,
        ...(hint !== undefined && { hint }),
        ...(afterMs !== undefined && { afterMs }),
      },
    };
  }
}

function identityNamed(
  { apps, logins }: Pick<Config, 'apps' | 'logins'>,
  name: string,
): Identity | undefined {
  const identities: Identity[] = [
    ...Array.from(apps.values(), ({ id, token }): Identity => ({ kind: 'app', appId: id, token })),
    ...Array.from(logins.values(), (login): Identity => ({ kind: 'login', ...login })),
  ];
  return identities.find(identity => identityKey(identity) === name);
}

function withoutToken(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null) return answer;
  const { token: _, ...rest } = answer as { token?: unknown };
  return rest;
}
