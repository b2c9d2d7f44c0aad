import { createHash, createHmac } from 'node:crypto';

const PREFIX = 'whsec_';

/** What stands for the key: base64 of 24 to 64 bytes, with or without the prefix that marks it as one. */
export function isSigningSecret(secret: string): boolean {
  const text = secret.replace(PREFIX, '');
  const bytes = Buffer.from(text, 'base64');
  // Node skips what is no base64; writing it again shows whether it did.
  const isBase64 = bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
  return isBase64 && bytes.byteLength >= 24 && bytes.byteLength <= 64;
}

/**
 * The headers of Standard Webhooks: who has the secret can tell that `body` is ours, and how old it is. A key has dots in it,
 * also such as came from elsewhere (what a split tells its elements by). Dots part what is signed, so the id is a hash.
 */
export function signed(secret: string, key: string, body: string, now: number): Record<string, string> {
  const id = hashed(key);
  const timestamp = String(Math.floor(now / 1000));
  const bytes = Buffer.from(secret.replace(PREFIX, ''), 'base64');
  const signature = createHmac('sha256', bytes).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

/** A delivery key as a header takes it: as it is where it fits, else a name made of it, just as unique. */
export const headerKey = (deliveryKey: string): string =>
  /^[\x21-\x7e]{1,255}$/.test(deliveryKey) ? deliveryKey : hashed(deliveryKey);

const hashed = (key: string): string => `podiod-${createHash('sha256').update(key).digest('hex')}`;
