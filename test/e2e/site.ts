// What an end-to-end test stands on: an emulated Podio, a folder with a config, and daemons on it, each a process of its
// own. Everything is ended and removed after the test.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { systemClock } from '../../src/core/clock.ts';
import type { PodioEvent } from '../../src/core/event.ts';
import { type HookRef, hookUrl } from '../../src/core/hook.ts';
import type { Outcome, StepVerdict } from '../../src/core/run.ts';
import type { WorldOptions } from '../../src/emulator/index.ts';
import type { EventWithRuns } from '../../src/store/contract.ts';
import { lockDataDir, openReader, openStore } from '../../src/store/index.ts';
import { type CommandResult, podiod } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import {
  type DaemonProcess,
  type PodiodOptions,
  type RemoteWorld,
  startDaemonProcess,
  startEmulatorProcess,
} from '../support/processes.ts';
import { until } from '../support/wait.ts';

/** As `podiod events --json` tells it. */
export interface JournalEntry extends PodioEvent {
  readonly runs: readonly {
    readonly rule: string;
    readonly outcome: Outcome;
    readonly steps: readonly Pick<StepVerdict, 'step' | 'checks'>[];
    readonly error: string | null;
  }[];
}

/** One line of the file-logger: the event, and which rule wrote it when. */
export type LoggedEvent = PodioEvent & { readonly rule: string; readonly time: string };

/** Keys of the config; each replaces what {@link makeSite} has put there. */
export type ConfigChanges = Readonly<Record<string, unknown>>;

export interface Site {
  readonly podio: RemoteWorld;
  /** Of the config and everything beside it. */
  readonly folder: string;
  readonly dataDir: string;
  readonly publicUrl: string;
  readonly configFile: string;
  /** Writes the config anew: what `makeSite` was given, these over it. */
  configure(changes: ConfigChanges): void;
  /** Puts a file beside the config. Answers its path. */
  write(name: string, content: string): string;
  /** Puts one of the plugins beside this file there. */
  copyPlugin(name: 'dawdle.ts' | 'faulty.ts' | 'fussy.ts' | 'gated.ts' | 'sluggish.ts' | 'witness.ts'): void;
  /** A file beside the config. */
  read(name: string): string;
  /** Starts `podiod run`. */
  run(options?: Parameters<typeof startDaemonProcess>[2]): DaemonProcess;
  /** Starts `podiod run` and waits until it is ready. */
  boot(): Promise<DaemonProcess>;
  /** Any other command, in the config's folder. */
  podiod(
    args: readonly string[],
    options?: PodiodOptions & { readonly input?: string },
  ): Promise<CommandResult>;
  /** The journal, as `podiod events --json` tells it. */
  journal(): Promise<readonly JournalEntry[]>;
  /** The same, read in this process: cheap enough to look again and again. Rejects before there is a journal. */
  peek(): Promise<readonly EventWithRuns[]>;
  /** The lines of an NDJSON file beside the config; none where there is no file yet. */
  lines<Line = LoggedEvent>(name: string): readonly Line[];
  /** Waits until there are so many, at least. */
  untilLines(name: string, count: number): Promise<readonly LoggedEvent[]>;
  /** The journal, once so many events are in it and each of them has been run for by every one of these rules. */
  untilRun(count: number, ...rules: readonly string[]): Promise<readonly JournalEntry[]>;
  /** `app/101 item.update active`, sorted: those under the public URL. */
  hooks(): Promise<readonly string[]>;
  /** Where Podio would send this type of event. */
  hookUrl(ref: HookRef, type: string): string;
  /** Sends a delivery as Podio would. Answers the status; rejects where nobody listens. */
  deliver(ref: HookRef, type: string, params: Readonly<Record<string, string | number>>): Promise<number>;
}

export const LEADS: HookRef = { type: 'app', id: 101 };
export const DEALS: HookRef = { type: 'app', id: 102 };
export const STATUS_FIELD: HookRef = { type: 'app_field', id: 1001 };
export const SALES: HookRef = { type: 'space', id: 7 };

/** Hook URLs are made of it. */
export const SECRET = 'a-secret-for-the-tests';

/** What ends with the test: newest first. */
const endings: (() => unknown)[] = [];
const daemons: DaemonProcess[] = [];

afterEach(async function endEverything() {
  if (this.currentTest?.state === 'failed') {
    for (const { pid, log } of daemons) console.error(`--- log of daemon ${pid}\n${log()}`);
  }
  daemons.length = 0;
  for (const end of endings.splice(0).reverse()) await end();
});

/** A Podio with two apps (`leads`, `deals`) and a space, and a config that knows them, with these rules. */
export async function makeSite(
  config: ConfigChanges & { readonly rules: object },
  options: WorldOptions = {},
): Promise<Site> {
  const { path: folder, [Symbol.dispose]: remove } = temporaryFolder();
  endings.push(remove);
  const { url, world: podio } = await startEmulatorProcess({ allowAnyPort: true, ...options });
  await furnish(podio);

  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}/podio`;
  const configFile = join(folder, '.podiorc.yml');
  const dataDir = join(folder, 'data');
  const base: ConfigChanges = {
    server: { publicUrl, port, secret: SECRET, allowNonPublicUrl: true },
    admin: { port: 0 },
    podio: { apiUrl: url, clientId: 'podiod', clientSecret: 'client-secret' },
    dataDir,
    logins: { bot: { username: 'bot@example.com', password: 'bot-password' } },
    apps: { leads: { id: LEADS.id, token: 'leads-token' }, deals: { id: DEALS.id, token: 'deals-token' } },
    spaces: { sales: { id: SALES.id, login: 'bot' } },
    plugins: { audit: { use: 'file-logger', path: './events.ndjson' } },
    defaults: { delivery: { backoff: '20ms..100ms' } },
    ...config,
  };

  const write = (name: string, content: string): string => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  };
  // JSON is YAML too.
  const configure = (changes: ConfigChanges) => {
    writeFileSync(configFile, JSON.stringify({ ...base, ...changes }, null, 2), { mode: 0o600 });
  };
  configure({});

  const run: Site['run'] = options => {
    const daemon = startDaemonProcess(configFile, dataDir, options);
    daemons.push(daemon);
    return daemon;
  };
  const command: Site['podiod'] = (args, options) => podiod(args, { cwd: folder, ...options });
  const journal = async (): Promise<readonly JournalEntry[]> => {
    const { code, stdout, stderr } = await command(['events', '--json']);
    if (code !== 0) throw new Error(`podiod events ended with ${code}: ${stderr}`);
    return (JSON.parse(stdout) as { events: JournalEntry[] }).events;
  };
  const peek = async (): Promise<readonly EventWithRuns[]> => {
    const reader = openReader(dataDir);
    try {
      const found: EventWithRuns[] = [];
      for (;;) {
        const page = await reader.journal.list({ after: found.at(-1)?.event.seq ?? 0 });
        if (page.length === 0) return found;
        found.push(...page);
      }
    } finally {
      await reader.close();
    }
  };
  const lines = <Line>(name: string) => readLines<Line>(join(folder, name));
  const urlOf: Site['hookUrl'] = (ref, type) => hookUrl(publicUrl, SECRET, ref, type);

  return {
    podio,
    folder,
    dataDir,
    publicUrl,
    configFile,
    configure,
    write,
    copyPlugin: name => copyFileSync(join(import.meta.dirname, 'plugins', name), join(folder, name)),
    read: name => readFileSync(join(folder, name), 'utf8'),
    run,
    async boot() {
      const daemon = run();
      await daemon.ready();
      return daemon;
    },
    podiod: command,
    journal,
    lines,
    untilLines: (name, count) =>
      until(() => {
        const written = lines<LoggedEvent>(name);
        return written.length >= count && written;
      }, `${count} lines in ${name}`),
    peek,
    async untilRun(count, ...rules) {
      await until(async () => {
        const events = await peek();
        const open = events.filter(({ runs }) => !rules.every(rule => runs.some(run => run.rule === rule)));
        if (events.length >= count && open.length === 0) return true;
        throw new Error(
          `${events.length} events, ${open.length} with open runs, the first is ${open[0]?.event.id}`,
        );
      }, `${count} events with their runs`);
      return journal();
    },
    async hooks() {
      const hooks = await podio.hooks();
      return hooks
        .filter(hook => hook.url.startsWith(`${publicUrl}/`))
        .map(({ ref, type, status }) => `${ref.type}/${ref.id} ${type} ${status}`)
        .sort();
    },
    hookUrl: urlOf,
    async deliver(ref, type, params) {
      const body = new URLSearchParams({ type });
      for (const [name, value] of Object.entries(params)) body.set(name, String(value));
      const response = await fetch(urlOf(ref, type), { method: 'POST', body });
      await response.arrayBuffer();
      return response.status;
    },
  };
}

async function furnish(podio: RemoteWorld): Promise<void> {
  await podio.addClient({ clientId: 'podiod', clientSecret: 'client-secret' });
  await podio.addUser({ name: 'Bot', username: 'bot@example.com', password: 'bot-password' });
  await podio.addSpace({ spaceId: SALES.id, name: 'Sales' });
  const status = {
    externalId: 'status',
    type: 'category',
    settings: { options: ['Open', 'Won', 'Lost'] },
  } as const;
  const title = { externalId: 'title', type: 'text' } as const;
  for (const { id, name, fieldId } of [
    { ...LEADS, name: 'leads', fieldId: STATUS_FIELD.id },
    { ...DEALS, name: 'deals', fieldId: 1002 },
  ]) {
    await podio.addApp({
      appId: id,
      spaceId: SALES.id,
      name,
      token: `${name}-token`,
      fields: [title, { ...status, fieldId }],
    });
  }
}

/** As if the last daemon on it had ended so long ago, for schedules. */
export async function letTimePass(dataDir: string, ms: number): Promise<void> {
  const lock = lockDataDir(dataDir);
  const store = await openStore({ dataDir, lock, clock: systemClock, maxWaiting: 1000 });
  for (const [key, kept] of await store.settings.list('schedule/')) {
    const { seen, ...rest } = kept as { seen: number };
    await store.settings.set(key, { ...rest, seen: seen - ms });
  }
  await store.close();
  lock.release();
}

function readLines<Line>(path: string): readonly Line[] {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  // What stands after the last line's end is being written.
  return content
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as Line);
}

/**
 * A port that stays free while a daemon is restarted on it: from below the range that the system gives to connections
 * (32768 and up on Linux), or a client's own socket may sit there meanwhile.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createTcpServer();
    const isFree = await new Promise<boolean>(resolve => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise(resolve => server.close(resolve));
    return port;
  }
}

/** Somebody else's service: keeps what is posted to it, and answers as it is told. */
export async function startReceiver(
  answer: (body: string) => number = () => 200,
): Promise<{ readonly url: string; readonly received: readonly string[] }> {
  const received: string[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    response.statusCode = answer(body);
    if (response.statusCode < 300) received.push(body);
    response.end('ok');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  endings.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}
