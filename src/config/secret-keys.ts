/** Keys whose values are never shown: not in frames, not in messages. Compared without case, `-` and `_`. */
const SECRET =
  /^(token|.*(access|auth|bot|refresh)token|password|passwd|passphrase|secret|previoussecrets|.*secret|.*(api|access|private)key|authorization|webhookurl)$/;

export const isSecretKey = (key: string | number): boolean =>
  typeof key === 'string' && SECRET.test(key.toLowerCase().replace(/[-_]/g, ''));
