import type { PodioReadAnswer, PodioReadRequest } from '../admin/requests.ts';
import type { Config } from '../config/model.ts';
import { isPodiodError, UsageError } from '../core/errors.ts';
import { isRead, mayHandOn, withoutSecrets } from '../core/reading.ts';
import { type Identity, identityKey, type PodioClient, parseRequest } from '../podio/index.ts';

/**
 * Reads something for a command, out of what this daemon's budget has to spare: its own background work shares that, and its
 * rules go before. A call that can't be made now is an answer with the wait. Whatever a plugin may read may be asked for, and
 * counts as a plugin's own call by path; what would hand on secrets may not.
 */
export async function readForCommand(
  podio: Pick<PodioClient, 'request'>,
  config: Pick<Config, 'apps' | 'logins'>,
  { as, method, path, query = {}, body }: PodioReadRequest,
): Promise<PodioReadAnswer> {
  const identity = identityNamed(config, as);
  if (!identity) throw new UsageError(`the config has no token or login for ${as}`);
  const { about: _, ...call } = parseRequest(method, path, { query, body });
  if (!isRead(call.method, call.path) || !mayHandOn(call.path))
    throw new UsageError(
      `${method} ${path} is nothing that is read for others`,
      'The daemon reads for commands whatever holds no secrets, and changes nothing for them.',
    );
  try {
    return { answer: withoutSecrets(await podio.request(identity, { ...call, priority: 'background' })) };
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
