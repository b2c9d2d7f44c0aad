/** The API key and the user that `podiod init` looks around with. */
import { systemClock } from '../../core/clock.ts';
import { isPodiodError, PodioError, UsageError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { noMetrics } from '../../core/metrics.ts';
import { type Identity, makePodioClient, type PodioClient } from '../../podio/index.ts';
import type { Cli } from '../io.ts';
import type { Prompt } from '../prompt.ts';
import { LOGIN } from './config-text.ts';

export interface Account {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly username: string;
  readonly password: string;
}

/** From where each comes: a variable of the environment, else a question. None is an option: others see those. */
const QUESTIONS = {
  clientId: { variable: 'PODIO_CLIENT_ID', question: 'Client id', secret: false },
  clientSecret: { variable: 'PODIO_CLIENT_SECRET', question: 'Client secret', secret: true },
  username: { variable: 'PODIO_USERNAME', question: 'Podio user (mail address)', secret: false },
  password: { variable: 'PODIO_PASSWORD', question: 'Password', secret: true },
} as const;

/** Asks for what the environment does not have; with `mayAsk: false` that is an error. */
export async function askAccount(cli: Cli, prompt: Prompt, mayAsk: boolean): Promise<Account> {
  const { env } = cli.io;
  const missing = Object.values(QUESTIONS).filter(({ variable }) => !env[variable]);
  if (!mayAsk && missing.length > 0) {
    throw new UsageError(
      `with --yes nobody is asked, and these are not set: ${missing.map(({ variable }) => variable).join(', ')}`,
      'Set them in the environment, or in a file for --env-file.',
    );
  }
  if (prompt.terminal && missing.length > 0) {
    cli.note(
      'The API key is made at podio.com: account settings, API keys. The user is one who sees the apps.',
    );
  }
  const answer = async ({ variable, question, secret }: (typeof QUESTIONS)[keyof typeof QUESTIONS]) => {
    const given = env[variable];
    if (given) return given;
    const said = await (secret ? prompt.askSecret : prompt.ask)(`${question}: `);
    if (said === '') throw new UsageError(`${question.toLowerCase()} must not be empty`);
    return said;
  };
  return {
    clientId: await answer(QUESTIONS.clientId),
    clientSecret: await answer(QUESTIONS.clientSecret),
    username: await answer(QUESTIONS.username),
    password: await answer(QUESTIONS.password),
  };
}

export interface Session {
  readonly request: PodioClient['request'];
  readonly user: Identity;
}

const CALL = /^POST \S+ refused login \S+ with (?:\d+: )?/;

/** Podio as this user sees it. The first call logs in; nothing of it is kept. */
export function openSession(
  { clientId, clientSecret, username, password }: Account,
  { apiUrl, log }: { readonly apiUrl: string | undefined; readonly log: Log },
): Session {
  const client = makePodioClient({
    apiUrl: apiUrl ?? 'https://api.podio.com',
    clientId,
    clientSecret,
    tokenEndpoint: 'v2',
    backgroundShare: 1,
    settings: { get: async () => undefined, set: async () => {}, delete: async () => {} },
    fetch: globalThis.fetch,
    clock: systemClock,
    log,
    metrics: noMetrics,
  });
  return {
    user: { kind: 'login', name: LOGIN, username, password },
    async request(as, call) {
      try {
        return await client.request(as, call);
      } catch (error) {
        throw isPodiodError(error) && error.code === 'PODIO_UNAUTHORIZED' ? refused(error) : error;
      }
    },
  };
}

/** There is no config yet whose keys could be named: what Podio says is enough, without the call and who made it. */
const refused = (cause: Error): PodioError =>
  new PodioError('PODIO_UNAUTHORIZED', `Podio refuses the login: ${cause.message.replace(CALL, '')}`, {
    retry: 'never',
    cause,
    hint: 'Check client id and client secret, and user and password. A user with two-factor login can not be used.',
  });
