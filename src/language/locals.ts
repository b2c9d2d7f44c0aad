/** Variables that a template gives values itself, followed to the names that these come from. */
import { isName } from './names.ts';

type Path = readonly unknown[];

const LOOP = /\{%-?\s*(?:for|tablerow)\s+([\w-]+)\s+in\s+([^\s%]+)/g;
const GIVEN = /\{%-?\s*(?:assign|capture|increment|decrement)\s+([\w-]+)(?:\s*=\s*(.*?))?\s*-?%\}/gs;
/** Tags of which each has a line of its own. */
const LINES = /\{%-?\s*liquid\b(.*?)-?%\}/gs;
const STEP = /^(?:\.?([\w-]+)|\[(\d+)\]|\["([^"\]]*)"\]|\['([^'\]]*)'\])/;
/** One that is given by another one, and so on: here it ends. */
const MOST_TURNS = 5;

/**
 * Every path of the template, from a name on: of `m.mail` in a loop over `fields.team` it is `fields.team[0].mail`. A variable that is
 * given more than one meaning, that a filter makes, or that is called like a name, leads nowhere: its paths are left out.
 */
export function followed(text: string, paths: readonly Path[]): readonly Path[] {
  const locals = localsOf(text);
  return paths.flatMap(path => {
    let [root, ...rest] = path;
    for (let turn = 0; typeof root === 'string' && locals.has(root); turn++) {
      const from = locals.get(root);
      if (from === undefined || turn === MOST_TURNS) return [];
      [root, ...rest] = [...from, ...rest];
    }
    return [[root, ...rest]];
  });
}

function localsOf(text: string): ReadonlyMap<string, Path | undefined> {
  const locals = new Map<string, Path | undefined>();
  const give = (name: string, path: Path | undefined) => {
    // Outside of its loop such a name means what it always does, and which of the two is meant is not known here.
    locals.set(name, locals.has(name) || isName(name) ? undefined : path);
  };
  const tags = text.replace(LINES, (_, lines: string) => lines.replace(/^.*$/gm, '{% $& %}'));
  for (const [, name = '', list = ''] of tags.matchAll(LOOP)) {
    const path = pathOf(list);
    give(name, path && [...path, 0]);
  }
  for (const [, name = '', value = ''] of tags.matchAll(GIVEN)) give(name, pathOf(value));
  return locals;
}

/** Of a plain path only: what a filter makes of it is another thing. */
function pathOf(written: string): Path | undefined {
  const path: unknown[] = [];
  let rest = written.trim();
  if (!/^[A-Za-z_]/.test(rest)) return undefined;
  while (rest !== '') {
    const match = STEP.exec(rest);
    if (!match) return undefined;
    const [whole, name, index, double, single] = match;
    path.push(index === undefined ? (name ?? double ?? single) : Number(index));
    rest = rest.slice(whole.length);
  }
  return path;
}
