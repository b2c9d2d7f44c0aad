import { statfs } from 'node:fs/promises';

/** Room left in a folder, for whoever may write there without being root; undefined where the system does not tell. */
export const freeBytes = (dir: string): Promise<number | undefined> =>
  statfs(dir).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  );
