/** Processes of the bench, each held to one core, and what the kernel counts of them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, type WriteStream } from 'node:fs';

/** Server and load each have a core of their own. */
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

export interface Running {
  readonly pid: number;
  readonly child: ChildProcess;
  /** The next line on stdout. */
  line(): Promise<string>;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();

/** Kills whatever is left, at once. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

export interface SpawnChoice {
  readonly core: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly stderr?: WriteStream;
}

/** Node with these arguments. */
export function startNode(args: readonly string[], { core, env, stderr }: SpawnChoice): Running {
  // taskset gives way to what it starts, so the child's id is that of the server.
  const child = spawn('taskset', ['-c', String(core), process.execPath, ...args], {
    stdio: ['pipe', 'pipe', stderr ? 'pipe' : 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  });
  running.add(child);
  const ended = once(child, 'exit').then(() => running.delete(child));
  if (stderr) child.stderr?.pipe(stderr);
  let text = '';
  const waiting: ((line: string) => void)[] = [];
  const lines: string[] = [];
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      const next = waiting.shift();
      if (next) next(line);
      else lines.push(line);
    }
  });
  return {
    pid: child.pid ?? 0,
    child,
    line: () =>
      new Promise((resolve, reject) => {
        const known = lines.shift();
        if (known !== undefined) return resolve(known);
        waiting.push(resolve);
        void ended.then(() => reject(new Error(`node ${args.join(' ')} has ended`)));
      }),
    async stop() {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(force);
    },
  };
}

/** Runs a command on the core of the load. Answers its stdout. */
export async function runLoad(command: string, args: readonly string[]): Promise<string> {
  const child = spawn('taskset', ['-c', String(LOAD_CORE), command, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  let out = '';
  child.stdout.setEncoding('utf8').on('data', chunk => {
    out += chunk;
  });
  const [code] = await once(child, 'close');
  running.delete(child);
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
  return out;
}

/** Seconds of CPU that all threads of a process have used. */
export function cpuSeconds(pid: number): number {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  }
  return ns / 1e9;
}

/** MiB of memory in use. */
export function rssMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}

/** Throws where a command that the bench needs is not there. */
export function mustHave(command: string, hint: string): void {
  if (spawnSync('which', [command]).status !== 0) throw new Error(`${command} is missing: ${hint}`);
}
