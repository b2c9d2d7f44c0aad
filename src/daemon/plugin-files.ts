import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import type { Config } from '../config/model.ts';

/** Code that is loaded once in a process's life, of plugins that stand in files, with what they import by relative paths. */
export interface PluginFiles {
  /** Those that were changed since they were first looked at, as seen from the config. */
  changed(config: Pick<Config, 'rules' | 'dir'>): Promise<readonly string[]>;
}

export function makePluginFiles(): PluginFiles {
  const loaded = new Map<string, string>();
  return {
    async changed({ rules, dir }) {
      const found: string[] = [];
      for (const file of await pluginFilesOf(rules)) {
        const now = await stampOf(file);
        const first = loaded.get(file) ?? now;
        loaded.set(file, first);
        if (first !== now) found.push(relative(dir, file));
      }
      return found.sort();
    },
  };
}

/** Files that the rules' plugins stand in, and what these import by relative paths; one that is not there may be among them. */
export async function pluginFilesOf(rules: Config['rules']): Promise<ReadonlySet<string>> {
  const files = new Set(rules.flatMap(({ steps }) => steps.map(({ use }) => use)).filter(isAbsolute));
  // Grows while it is gone through.
  for (const file of files) for (const imported of await importsOf(file)) files.add(imported);
  return files;
}

/** A folder may be an installed package, and nothing is said of that. */
const stampOf = async (file: string): Promise<string> => {
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() ? `${found.mtimeMs} ${found.size}` : '';
};

const IMPORT = /\b(?:from|import)\s*\(?\s*(["'])(\.{1,2}\/[^"'\n]+)\1/g;

/** As written, which may be in a comment too: then one file more is looked at. */
const importsOf = async (file: string): Promise<readonly string[]> => {
  const text = await readFile(file, 'utf8').catch(() => '');
  return Array.from(text.matchAll(IMPORT), ([, , path = '']) => resolve(dirname(file), path));
};
