// Runs a page of the docs as it stands there: its files are written, its commands are run, and what they say is compared.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type GuidePart =
  | { readonly kind: 'file'; readonly name: string; readonly text: string }
  /** `said` undefined: it goes on in the background. A line `...` in it stands for any lines. */
  | { readonly kind: 'command'; readonly args: readonly string[]; readonly said: string | undefined };

const ROOT = join(import.meta.dirname, '../..');

/** Files are blocks whose first line is `# NAME`; commands are lines of `sh` blocks that begin with `$ podiod`. */
export function readGuide(path: string): readonly GuidePart[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return [...text.matchAll(/^```(yaml|sh)\n([\s\S]*?)^```$/gm)].flatMap(
    ([, language, block = '']): GuidePart[] => {
      if (language === 'yaml') {
        const name = /^# (\S+\.yml)\n/.exec(block)?.[1];
        return name === undefined ? [] : [{ kind: 'file', name, text: block }];
      }
      return block
        .split(/^\$ podiod /m)
        .slice(1)
        .map(said => {
          const [line = '', ...output] = said.split('\n');
          const inBackground = line.endsWith(' &');
          const args = line.replace(/ &$/, '').split(' ');
          return { kind: 'command', args, said: inBackground ? undefined : output.join('\n') };
        });
    },
  );
}

/** Whether it is what the page shows: `...` alone in a line is any lines, `...` within one any text. */
export function fits(said: string, shown: string): boolean {
  const pattern = shown
    .split(/^\.\.\.$\n?/m)
    .map(part => part.split('...').map(escaped).join('.*'))
    .join('[\\s\\S]*');
  return new RegExp(`^${pattern}$`).test(said);
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
