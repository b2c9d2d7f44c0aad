/** Which apps were meant. */

import { UsageError } from '../../core/errors.ts';
import { nearest } from '../../core/suggest.ts';
import type { SeenApp } from '../../podio/discover.ts';

/**
 * Reads `1,3`, `101`, `Leads`, `Sales/Leads`, `Acme/Sales/Leads` or `all`, with commas between. Numbers are those of the list where one was
 * shown, else and beyond it ids. Throws a UsageError for what is none, or is several.
 */
export function chooseApps(
  given: string,
  apps: readonly SeenApp[],
  { numbered }: { readonly numbered: boolean },
): readonly SeenApp[] {
  const words = given
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '');
  if (words.length === 0)
    throw new UsageError('no app was chosen', 'Give names or ids with commas between, or all.');
  const chosen = new Set<SeenApp>();
  for (const word of words) {
    if (word === 'all' || word === '*') for (const app of apps) chosen.add(app);
    else chosen.add(find(word, apps, numbered));
  }
  return apps.filter(app => chosen.has(app));
}

function find(word: string, apps: readonly SeenApp[], numbered: boolean): SeenApp {
  const byNumber = numbered && /^\d+$/.test(word) ? apps[Number(word) - 1] : undefined;
  const byId = apps.find(({ id }) => String(id) === word);
  const exact = byNumber ?? byId;
  if (exact) return exact;
  const wanted = likened(word);
  const named = apps.filter(app => namesOf(app).some(name => likened(name) === wanted));
  const [found, ...others] = named;
  if (found && others.length === 0) return found;
  if (found) {
    throw new UsageError(
      `${named.length} apps are called ${word}`,
      `Give one of ${named.map(app => `${namesOf(app).at(-1)} (${app.id})`).join(', ')}, by its id.`,
    );
  }
  const near = nearest(
    word,
    apps.flatMap(app => [app.name, fullName(app)]),
  );
  throw new UsageError(
    `there is no app ${word} among those this user sees`,
    near === undefined ? 'Give names, ids, or Space/App.' : `Did you mean ${near}?`,
  );
}

/** An umlaut may be one character or two: a Mac's file names and what is pasted from them have two. */
const likened = (text: string): string => text.normalize('NFC').toLowerCase();

/** From the shortest to that with its organization: two of these may have a space of the same name. */
const namesOf = (app: SeenApp): readonly string[] => {
  const { organization } = app.space;
  const full = fullName(app);
  return [app.name, full, ...(organization === '' ? [] : [`${organization}/${full}`])];
};

export const fullName = ({ name, space }: SeenApp): string => `${space.name}/${name}`;

/** Names for a config: small letters, digits and dashes; with the space's where two apps are called the same. */
export function configNames(apps: readonly SeenApp[]): ReadonlyMap<SeenApp, string> {
  const taken = new Set<string>();
  const names = new Map<SeenApp, string>();
  for (const app of apps) {
    const own = slug(app.name);
    const candidates = [own, own && slug(`${app.space.name} ${app.name}`), `app-${app.id}`];
    let free = candidates.find(name => name !== '' && !taken.has(name));
    // Another app may be called just like this one's id.
    for (let n = 2; free === undefined; n++) {
      const counted = `app-${app.id}-${n}`;
      if (!taken.has(counted)) free = counted;
    }
    taken.add(free);
    names.set(app, free);
  }
  return names;
}

/**
 * `client-acme` has CLIENT_ACME_TOKEN. A variable's name must not start with a digit, and no two apps may share one: no name of
 * {@link configNames} starts with what stands in front then.
 */
export const variableOf = (name: string): string => {
  const upper = name.toUpperCase().replaceAll('-', '_');
  return `${/^[0-9]/.test(upper) ? '_' : ''}${upper}_TOKEN`;
};

const slug = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll('ø', 'o')
    .replaceAll('ß', 'ss')
    .replaceAll('æ', 'ae')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
