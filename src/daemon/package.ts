import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of podiod's own package.json: one level up from src/, two from dist/src/. */
function findRoot(): string {
  let dir = import.meta.dirname;
  while (!existsSync(join(dir, 'package.json')) && dir !== dirname(dir)) dir = dirname(dir);
  return dir;
}

/** Once: while another version is being installed in its place it is not there. */
let root: string | undefined;
const packageRoot = (): string => {
  root ??= findRoot();
  return root;
};

/** A file that ships with podiod, by its path in the package. */
export const packageFile = (path: string): string => join(packageRoot(), path);

/** The version that lies where this one was started from, where it is another one: an upgrade in its place. */
export function replacedBy(running: string, read = version): string | undefined {
  try {
    const installed = read();
    return installed === running ? undefined : installed;
  } catch {
    return 'another version';
  }
}

/** Of podiod. */
export const version = (): string =>
  (JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string }).version;
