import { PARTS, partOf } from '../core/event.ts';

const MAILS: ReadonlySet<string> = new Set(['username', 'from', 'to', 'cc', 'bcc', 'replyto', 'assign']);

/**
 * Something in place of a secret that is not there, of a form that its key is likely to want. It is long enough for any
 * secret, leads nowhere, and is recognised as what it is.
 */
export function placeholder(key: string, name: string, whole: boolean): string {
  const word =
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '') || 'value';
  if (!whole) return word;
  const plain = key.toLowerCase();
  if (plain === 'smtp') return `smtp://${word}.invalid`;
  if (/url$|uri$/.test(plain)) return `https://${word}.invalid/`;
  if (plain === 'port') return '0';
  if (plain === 'schedule') return '0 0 1 1 *';
  if (plain === 'timezone') return 'UTC';
  // Two of them are two things.
  if (plain === 'id') return String(1_000_000_000 + partOf(word) * PARTS + partOf(`${word}-id`));
  if (plain === 'secret')
    return `whsec_${Buffer.from(`placeholder-${word}`.padEnd(32, '-').slice(0, 32)).toString('base64')}`;
  if (plain === 'due') return '+1d';
  if (MAILS.has(plain)) return `${word}@placeholder.invalid`;
  return `placeholder-${word}`;
}
