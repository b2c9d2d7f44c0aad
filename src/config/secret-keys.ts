import { nearest } from '../core/suggest.ts';

/** Compared without case, `-` and `_`. */
const SECRET =
  /^(token|.*(access|auth|bot|refresh)token|password|passwd|passphrase|secret|previoussecrets|.*secret|.*(api|access|private)key|authorization|webhookurl)$/;

/** A misspelt key is one of the reasons why a value is shown at all. */
const WORDS = ['token', 'password', 'passphrase', 'secret', 'clientsecret', 'webhookurl', 'apikey'];

/** Keys whose values are never shown: not in frames, not in messages. */
export function isSecretKey(key: string | number): boolean {
  if (typeof key !== 'string') return false;
  const plain = key.toLowerCase().replace(/[-_]/g, '');
  return SECRET.test(plain) || nearest(plain, WORDS) !== undefined;
}
