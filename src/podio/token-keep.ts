import type { Log } from '../core/log.ts';
import type { Settings } from '../store/contract.ts';
import type { Token } from './grants.ts';
import { isRecord } from './json.ts';

export const TOKEN_PREFIX = 'token/';

/** Tokens in the store, under `token/{identity}`, so that a restart needs no login. */
export interface TokenKeep {
  load(identity: string): Promise<Token | undefined>;
  /** A token that can't be kept still serves this process, so a failure is only told. */
  save(identity: string, token: Token): Promise<void>;
  remove(identity: string): Promise<void>;
}

export function makeTokenKeep(options: {
  readonly settings: Pick<Settings, 'get' | 'set' | 'delete'>;
  readonly apiUrl: string;
  readonly clientId: string;
  readonly log: Log;
}): TokenKeep {
  const { settings, apiUrl, clientId, log } = options;
  const keyOf = (identity: string) => TOKEN_PREFIX + identity;
  return {
    async load(identity) {
      const kept = await settings.get(keyOf(identity)).catch(error => {
        log.warn('token not read from the store, logging in instead', { identity, error });
      });
      if (!isRecord(kept)) return undefined;
      // A token is only ever shown to the server that gave it, for the client it was given to.
      if (kept.apiUrl !== apiUrl || kept.clientId !== clientId) return undefined;
      const { access, refresh, renewAt, expiresAt } = kept;
      if (typeof access !== 'string' || typeof renewAt !== 'number' || typeof expiresAt !== 'number') {
        return undefined;
      }
      return { access, refresh: typeof refresh === 'string' ? refresh : undefined, renewAt, expiresAt };
    },
    async save(identity, token) {
      try {
        await settings.set(keyOf(identity), { ...token, apiUrl, clientId });
      } catch (error) {
        log.warn('token not kept, the next start has to log in', { identity, error });
      }
    },
    async remove(identity) {
      try {
        await settings.delete(keyOf(identity));
      } catch (error) {
        log.warn('dead token not removed from the store', { identity, error });
      }
    },
  };
}
