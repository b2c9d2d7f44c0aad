import type { View } from 'podiod/plugin';
import { rawText, slackText } from './text.ts';

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Block = { type: string; [key: string]: Json };

type Render = (view: View) => Promise<Json>;
type Path = readonly (string | number)[];

/** Keys whose text Slack uses as it is; escaping would break a URL's query. */
const isRaw = (key: string | number | undefined): boolean => /(?:^|_)url$/.test(String(key));

/** Every string of a tree that may be a template, with its place. */
export function* stringsIn(json: Json, path: Path = []): Generator<{ path: Path; text: string }> {
  if (typeof json === 'string') yield { path, text: json };
  else if (Array.isArray(json)) for (const [n, one] of json.entries()) yield* stringsIn(one, [...path, n]);
  else if (typeof json === 'object' && json !== null) {
    for (const [key, one] of Object.entries(json)) yield* stringsIn(one, [...path, key]);
  }
}

/** Compiles every string once; rendering makes a copy with the values put in. */
export function compileBlocks(blocks: readonly Block[]): (view: View) => Promise<Block[]> {
  const render = compile([...blocks]);
  return async view => (await render(view)) as Block[];
}

function compile(json: Json, key?: string): Render {
  if (typeof json === 'string') return isRaw(key) ? rawText(json) : slackText(json);
  if (Array.isArray(json)) {
    const parts = json.map(one => compile(one, key));
    return view => Promise.all(parts.map(part => part(view)));
  }
  if (typeof json === 'object' && json !== null) {
    const parts = Object.entries(json).map(([name, one]) => [name, compile(one, name)] as const);
    return async view =>
      Object.fromEntries(await Promise.all(parts.map(async ([name, part]) => [name, await part(view)])));
  }
  return async () => json;
}
