/** What a service that runs as a user of its own can read: such a user owns nothing, and is in no group. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** The file, or the topmost folder on the way to it, that is closed to others. Undefined where there is none, or no such file. */
export function closedToOthers(file: string): string | undefined {
  try {
    let closed = (statSync(file).mode & 0o004) === 0 ? file : undefined;
    for (let at = dirname(file); ; at = dirname(at)) {
      if ((statSync(at).mode & 0o001) === 0) closed = at;
      if (at === dirname(at)) return closed;
    }
  } catch {
    return undefined;
  }
}
