/** What apps, spaces and logins have to do with each other. */

import { suggestion } from '../core/suggest.ts';
import { type Context, complain, namesOf } from './context.ts';
import { showGiven } from './explain.ts';
import { child, placeAt, section } from './node.ts';

export function checkLogins(context: Context, key: 'apps' | 'spaces'): void {
  const logins = namesOf(context.root, 'logins');
  const entries = section(context.root, key);
  if (entries?.kind !== 'map') return;
  for (const [name, { value }] of entries.entries) {
    const login = child(value, 'login');
    if (key === 'apps' && value.kind === 'map' && !login && !child(value, 'token')) {
      complain(
        context,
        'CONFIG_CREDENTIALS',
        ['apps', name],
        `the app \`${name}\` has neither a token nor a login`,
        {
          hint: 'give it the `token` from its Developer page, or the `login` of a user who sees it',
        },
      );
    }
    if (login?.kind !== 'scalar' || typeof login.value !== 'string' || login.value === '') continue;
    if (logins === undefined || logins.includes(login.value)) continue;
    complain(context, 'CONFIG_UNKNOWN_LOGIN', [key, name, 'login'], `unknown login ${showGiven(login)}`, {
      hint: suggestion(login.value, logins, 'configured') ?? 'add it to `logins`',
    });
  }
}

/** An event names one app; two names for one id would leave open which. */
export function checkUniqueIds(context: Context, key: 'apps' | 'spaces'): void {
  const entries = section(context.root, key);
  if (entries?.kind !== 'map') return;
  const first = new Map<number, string>();
  for (const [name, { value }] of entries.entries) {
    const id = child(value, 'id');
    const number =
      id?.kind === 'scalar' && id.value !== null && id.value !== '' ? Number(id.value) : Number.NaN;
    if (!Number.isSafeInteger(number)) continue;
    const other = first.get(number);
    if (other === undefined) first.set(number, name);
    else {
      complain(
        context,
        'CONFIG_DUPLICATE_NAME',
        [key, name, 'id'],
        `\`${name}\` and \`${other}\` have the same id`,
        {
          hint: 'keep one of them and use its name in all rules',
          related: { place: placeAt(context.root, [key, other, 'id']), message: 'first here' },
        },
      );
    }
  }
}
