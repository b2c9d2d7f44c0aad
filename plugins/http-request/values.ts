import { compileTemplate, templateProblem, type View } from 'podiod/plugin';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
type Path = readonly (string | number)[];

/** Every text of a tree, with its place. */
export function* textsIn(json: Json, path: Path = []): Generator<{ path: Path; text: string }> {
  if (typeof json === 'string') yield { path, text: json };
  else if (typeof json === 'object' && json !== null) {
    for (const [key, one] of Object.entries(json)) {
      yield* textsIn(one, [...path, Array.isArray(json) ? Number(key) : key]);
    }
  }
}

export interface Problem {
  readonly path: Path;
  readonly message: string;
}

export const problemsIn = (json: Json): Problem[] =>
  [...textsIn(json)].flatMap(({ path, text }) => {
    const message = templateProblem(text);
    return message === undefined ? [] : [{ path, message }];
  });

/** A text that is one `{{ x }}` keeps x's type; every other text is filled in as a template. */
export function compileJson(json: Json): (view: View) => Promise<unknown> {
  if (typeof json === 'string') return compileText(json);
  if (Array.isArray(json)) {
    const parts = json.map(compileJson);
    return view => Promise.all(parts.map(part => part(view)));
  }
  if (typeof json === 'object' && json !== null) {
    const parts = Object.entries(json).map(([key, one]) => [key, compileJson(one)] as const);
    return async view =>
      Object.fromEntries(await Promise.all(parts.map(async ([key, part]) => [key, await part(view)])));
  }
  return async () => json;
}

function compileText(text: string): (view: View) => Promise<unknown> {
  const template = compileTemplate(text);
  return async view => (await template.value(view)) ?? null;
}
