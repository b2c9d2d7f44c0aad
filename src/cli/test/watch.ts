import { existsSync, type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isTestFile } from '../../config/include.ts';

/** Editors write a file in several steps. */
const QUIET_MS = 100;

/**
 * Resolves when one of the files, or a test file beside one, has changed since `since` (wall time, ms) and nothing has for a
 * moment; with false when it is stopped. `onWaiting` is told when it waits.
 */
export function changeOf(
  files: readonly string[],
  since: number,
  signal: AbortSignal,
  onWaiting: () => void,
): Promise<boolean> {
  return new Promise(resolve => {
    const watched = new Set(files);
    const watchers: FSWatcher[] = [];
    let timer: NodeJS.Timeout | undefined;
    const end = (changed: boolean): void => {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
      signal.removeEventListener('abort', onAbort);
      resolve(changed);
    };
    const onAbort = () => end(false);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) return end(false);
    // Folders, since an editor may put a new file in the old one's place.
    for (const folder of new Set(files.map(dirname).filter(existsSync))) {
      const watcher = watch(folder, (_event, name) => {
        const isOurs =
          name !== null && ([...watched].some(file => basename(file) === name) || isTestFile(name));
        if (!isOurs) return;
        clearTimeout(timer);
        timer = setTimeout(() => end(true), QUIET_MS);
      });
      watcher.on('error', () => {});
      watchers.push(watcher);
    }
    // Something may have been written while nobody was watching.
    if (files.some(file => modifiedAt(file) > since)) return end(true);
    onWaiting();
  });
}

const modifiedAt = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
