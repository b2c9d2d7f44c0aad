import { existsSync, type Stats } from 'node:fs';
import { type FileHandle, mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** When and how far a file is rotated. */
export interface Limits {
  /** Bytes; left out: never rotated. */
  readonly maxSize?: number | undefined;
  /** How many files there are at most, the current one included. */
  readonly maxFiles: number;
}

/** Appends lines to a file that other steps may be appending to as well. */
export interface Writer {
  /** `lines` ends with a newline. Resolves when the system has it; rejects when none of it is in the file. */
  append(lines: string): Promise<void>;
  /** Resolves when all that was given is written. */
  close(): Promise<void>;
}

/** Told what is wrong with a file, and what it was opened to: `0666`. */
export type Warn = (what: string, details: { readonly path: string; readonly mode: string }) => void;

interface Waiting {
  readonly lines: string;
  resolve(): void;
  reject(error: unknown): void;
}

/** Events tell of a company's data: who else may read them is for its people to say. */
const OWNER_ONLY = 0o600;
const WRITTEN_BY_OTHERS = 0o022;
const READ_BY_ALL = 0o004;

/** By real path, so that two names of one file meet. */
const files = new Map<string, SharedFile>();

/**
 * Creates folders and file where they are missing; rejects where the file can't be written.
 *
 * @param warn told once of a mode that lets others in, by whichever step has opened the file first
 */
export async function openWriter(path: string, limits: Limits, warn: Warn = () => {}): Promise<Writer> {
  await makeFolder(dirname(path));
  // The path can't be resolved before it exists.
  const handle = await open(path, 'a+', OWNER_ONLY);
  let stats: Stats;
  try {
    await endLastLine(handle);
    stats = await handle.stat();
  } finally {
    await handle.close();
  }
  const key = await realpath(path);
  const file = files.get(key) ?? new SharedFile(key, warn);
  files.set(key, file);
  file.look(stats);
  return file.join(limits);
}

/** Windows knows no such modes, and whoever lets a group of theirs read it has a reason. */
function openness({ mode }: Stats): string | undefined {
  if (process.platform === 'win32') return undefined;
  if ((mode & WRITTEN_BY_OTHERS) !== 0) return 'others than its owner can write into the file';
  return (mode & READ_BY_ALL) !== 0 ? 'everybody on this machine can read the file' : undefined;
}

/** Not mkdir's `recursive`: under /proc, where nothing can be made, Node then tries without end. */
async function makeFolder(path: string): Promise<void> {
  if (existsSync(path)) return;
  const parent = dirname(path);
  // A drive that is not there is its own parent.
  if (parent !== path) await makeFolder(parent);
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    // Steps are set up at the same time.
    if (error.code !== 'EEXIST') throw new Error(`the folder ${path} can't be made: ${error.message}`);
  });
}

/** A process that died may have left half a line; the next one must not be glued to it. */
async function endLastLine(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  if (size === 0) return;
  const { buffer } = await handle.read({ buffer: Buffer.alloc(1), position: size - 1 });
  if (buffer[0] !== 0x0a) await handle.appendFile('\n');
}

/**
 * The one place that writes to a file. What arrives during a write goes into the next one together. The file is opened
 * for each write: then it may be moved or deleted by others (logrotate) at any time.
 */
class SharedFile {
  readonly #path: string;
  readonly #warn: Warn;
  readonly #users = new Set<Limits>();
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;

  #told: string | undefined;

  constructor(path: string, warn: Warn) {
    this.#path = path;
    this.#warn = warn;
  }

  /** Somebody may open it to others at any time, and may mean to. */
  look(stats: Stats): void {
    const what = stats.isFile() ? openness(stats) : undefined;
    if (what !== undefined && what !== this.#told) {
      this.#warn(what, { path: this.#path, mode: `0${(stats.mode & 0o777).toString(8)}` });
    }
    this.#told = what;
  }

  join(limits: Limits): Writer {
    const user = { ...limits };
    this.#users.add(user);
    return {
      append: lines =>
        new Promise<void>((resolve, reject) => {
          this.#waiting.push({ lines, resolve, reject });
          this.#writing ??= this.#drain();
        }),
      close: async () => {
        await this.#writing;
        this.#users.delete(user);
        if (this.#users.size === 0) files.delete(this.#path);
      },
    };
  }

  async #drain(): Promise<void> {
    // What the same turn of the loop brings belongs into this write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(group.map(({ lines }) => lines).join(''));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #write(text: string): Promise<void> {
    let handle = await open(this.#path, 'a', OWNER_ONLY);
    try {
      const stats = await handle.stat();
      const { size: before, mode } = stats;
      this.look(stats);
      let size = before;
      const { maxSize, maxFiles } = this.#limits();
      if (maxSize !== undefined && size > 0 && size + Buffer.byteLength(text) > maxSize) {
        await handle.close();
        await this.#rotate(maxFiles);
        handle = await open(this.#path, 'a', OWNER_ONLY);
        // Whoever was let in to the one before is let in to this one.
        await handle.chmod(mode & 0o777);
        size = 0;
      }
      try {
        await handle.appendFile(text);
      } catch (error) {
        // A full disk takes half a line; the retry would come after it.
        await handle.truncate(size).catch(() => {});
        throw new Error(`${this.#path} can't be written: ${(error as Error).message}`, { cause: error });
      }
    } finally {
      await handle.close();
    }
  }

  /** Steps that share a file may have been given different limits: the tightest hold. */
  #limits(): Limits {
    const users = [...this.#users];
    const sizes = users.flatMap(({ maxSize }) => maxSize ?? []);
    return {
      maxSize: sizes.length > 0 ? Math.min(...sizes) : undefined,
      maxFiles: Math.min(...users.map(({ maxFiles }) => maxFiles)),
    };
  }

  /** `events.ndjson` becomes `.1`, `.1` becomes `.2` and so on; the oldest goes. */
  async #rotate(maxFiles: number): Promise<void> {
    const name = (n: number) => (n === 0 ? this.#path : `${this.#path}.${n}`);
    await rm(name(maxFiles - 1), { force: true });
    for (let n = maxFiles - 2; n >= 0; n--) {
      await rename(name(n), name(n + 1)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    }
  }
}
