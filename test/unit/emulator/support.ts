// A small world, a client and a receiver that the emulator's tests share.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Emulator, type EmulatorOptions, startEmulator, type World } from '../../../src/testing.ts';

export const CLIENT = { clientId: 'podiod', clientSecret: 'client-secret' };
export const LEADS = 101;
export const DEALS = 102;
export const SALES = 7;
export const BOT = { username: 'bot@example.com', password: 'bot-password' };

/** Two apps in one space, one API client, one user who can log in. */
export function furnish(world: World): void {
  world.addClient(CLIENT);
  world.addUser({ ...BOT, name: 'Bot', userId: 5 });
  world.addSpace({ spaceId: SALES, name: 'Sales' });
  world.addApp({
    appId: LEADS,
    spaceId: SALES,
    name: 'Leads',
    token: 'leads-token',
    fields: [
      { externalId: 'title', type: 'text', fieldId: 1001 },
      {
        externalId: 'status',
        type: 'category',
        fieldId: 1002,
        settings: { options: ['Open', 'Won', 'Lost'] },
      },
      { externalId: 'value', type: 'money', fieldId: 1003 },
      { externalId: 'due', type: 'date', fieldId: 1004 },
    ],
  });
  world.addApp({
    appId: DEALS,
    spaceId: SALES,
    name: 'Deals',
    token: 'deals-token',
    fields: [{ externalId: 'title', type: 'text', fieldId: 2001 }],
  });
}

/** Tests know the shape of the answers they read. */
type Parsed = ReturnType<typeof JSON.parse>;

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed JSON, {} for an empty body. */
  readonly body: Parsed;
}

export class Api {
  readonly #url: string;
  readonly #authorization: string | undefined;

  constructor(url: string, authorization?: string) {
    this.#url = url;
    this.#authorization = authorization;
  }

  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answered> {
    const isForm = body instanceof URLSearchParams || body instanceof FormData;
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
        ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson && text !== '' ? JSON.parse(text) : {},
    };
  }

  get = (path: string): Promise<Answered> => this.send('GET', path);
  post = (path: string, body?: unknown): Promise<Answered> => this.send('POST', path, body);
  put = (path: string, body?: unknown): Promise<Answered> => this.send('PUT', path, body);
  delete = (path: string): Promise<Answered> => this.send('DELETE', path);
}

export interface Scene {
  readonly emulator: Emulator;
  readonly world: World;
  /** Not logged in. */
  readonly api: Api;
  asApp(appId?: number): Promise<Api>;
  asBot(): Promise<Api>;
  asUser(username: string, password: string): Promise<Api>;
}

const stops: (() => Promise<void>)[] = [];

export async function tearDown(): Promise<void> {
  for (const stop of stops.splice(0)) await stop();
}

export async function setUp(options: EmulatorOptions = {}): Promise<Scene> {
  const emulator = await startEmulator({ allowAnyPort: true, ...options });
  stops.push(() => emulator.stop());
  furnish(emulator.world);
  const api = new Api(emulator.url);
  const login = async (grant: Record<string, unknown>): Promise<Api> => {
    const { body } = await api.post('/oauth/token/v2', {
      ...grant,
      client_id: CLIENT.clientId,
      client_secret: CLIENT.clientSecret,
    });
    return new Api(emulator.url, `OAuth2 ${body.access_token}`);
  };
  return {
    emulator,
    world: emulator.world,
    api,
    asApp: (appId = LEADS) =>
      login({ grant_type: 'app', app_id: appId, app_token: emulator.world.app(appId)?.token }),
    asBot: () => login({ grant_type: 'password', ...BOT }),
    asUser: (username, password) => login({ grant_type: 'password', username, password }),
  };
}

export interface Received {
  readonly url: string;
  readonly headers: Record<string, unknown>;
  readonly body: string;
  readonly params: Record<string, string>;
}

export interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** The code of the latest ping. */
  code(): string;
  /** What it answers from now on; 'never' leaves the sender waiting, 'cut' breaks the connection. */
  answer(status: number | 'never' | 'cut'): void;
}

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  let answer: number | 'never' | 'cut' = 200;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    received.push({
      url: request.url ?? '',
      headers: request.headers,
      body,
      params: Object.fromEntries(new URLSearchParams(body)),
    });
    if (answer === 'cut') response.destroy();
    else if (answer !== 'never') response.writeHead(answer).end();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  stops.push(
    () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    code: () => received.findLast(({ params }) => params.type === 'hook.verify')?.params.code ?? '',
    answer: next => {
      answer = next;
    },
  };
}
