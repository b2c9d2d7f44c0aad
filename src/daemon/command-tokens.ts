/** Tokens that commands keep between them where no daemon has any for them: 200 apps take minutes to log in to. */
import { readFile } from 'node:fs/promises';
import { coerceError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { isRecord } from '../core/values.ts';
import { TOKEN_PREFIX } from '../podio/token-keep.ts';
import type { Settings } from '../store/contract.ts';
import { smallFile } from '../store/data-files.ts';
import { isDataDirOurs, makeDataDir, replaceDataFile } from '../store/files.ts';
import { requirePrivate } from '../store/private.ts';

const FILE = 'command-tokens.json';

/** Kept tokens as they stand in the store, by their key there; without what would renew them. */
export interface CommandTokens {
  get(key: string): Promise<unknown>;
  /** Whether it has not ended. */
  isGood(token: unknown): boolean;
  /** One that can't be kept only costs the next command a login. */
  keep(key: string, token: unknown): Promise<void>;
}

export const isTokenKey = (key: string): boolean => key.startsWith(TOKEN_PREFIX);

/**
 * The token without its refresh token. Whether an old one dies when it is used is not known of Podio, so only one process may use
 * it, and that is the daemon; a command logs in instead.
 */
export function withoutRefresh(token: unknown): unknown {
  if (!isRecord(token)) return token;
  const { refresh: _, ...rest } = token;
  return rest;
}

/** For the daemon: on its first start `podiod pull` or `podiod plan` may have logged in just before. */
export const withTokensOfCommands = (settings: Settings, tokens: CommandTokens): Settings => ({
  ...settings,
  get: async key => (await settings.get(key)) ?? (isTokenKey(key) ? await tokens.get(key) : undefined),
});

/**
 * The file is read once. Two commands at the same time take in what the other has written; where they cross, one login is made
 * again some time.
 */
export function makeCommandTokens(dataDir: string, log: Log, now: () => number): CommandTokens {
  const file = smallFile(dataDir, FILE);
  let kept: Promise<Record<string, unknown>> | undefined;
  let writing: Promise<void> = Promise.resolve();
  const isGood = (token: unknown): boolean =>
    isRecord(token) && typeof token.expiresAt === 'number' && token.expiresAt > now();

  const read = async (): Promise<Record<string, unknown>> => {
    // Before anything of it is believed: whoever can write to it says where calls go.
    requirePrivate(file);
    try {
      const content: unknown = JSON.parse(await readFile(file, 'utf8'));
      const entries = isRecord(content) ? Object.entries(content) : [];
      return Object.fromEntries(entries.filter(([key, token]) => isTokenKey(key) && isGood(token)));
    } catch (thrown) {
      // None yet, somebody else's, or damaged: no more than a cache is lost.
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT')
        log.debug('tokens of earlier commands not read', { file, error: coerceError(thrown) });
      return {};
    }
  };

  const write = async (key: string, token: unknown): Promise<void> => {
    try {
      if (!isDataDirOurs(dataDir)) return;
      makeDataDir(dataDir);
      const all = { ...(await read()), [key]: withoutRefresh(token) };
      await replaceDataFile(dataDir, FILE, `${JSON.stringify(all)}\n`);
    } catch (thrown) {
      log.debug('token not kept for the next command', { file, error: coerceError(thrown) });
    }
  };

  return {
    isGood,
    async get(key) {
      kept ??= read();
      return (await kept)[key];
    },
    keep(key, token) {
      writing = writing.then(() => write(key, token));
      return writing;
    },
  };
}
