import type { IncomingMessage } from 'node:http';
import { IngressError } from '../core/errors.ts';

/**
 * The whole body as text, where it is there already: undefined where there is more to come. Costs no listener and no turn of
 * the stream. Throws INGRESS_TOO_LARGE as soon as that is known.
 */
export function bodyAtHand(request: IncomingMessage, maxBytes: number): string | undefined {
  const declared = request.headers['content-length'];
  if (declared !== undefined && Number(declared) > maxBytes) throw tooLarge(maxBytes);
  if (!request.complete) return undefined;
  const body: Buffer | null = request.read();
  if (body === null) return '';
  if (body.length > maxBytes) throw tooLarge(maxBytes);
  return body.toString();
}

/**
 * The whole body as text, as it comes. Rejects with INGRESS_TOO_LARGE as soon as it is known to be larger than `maxBytes`.
 * What is left unread then is for the server to discard.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) {
        request.off('data', onData);
        reject(tooLarge(maxBytes));
      } else {
        chunks.push(chunk);
      }
    };
    // The caller went away, or was cut off for being too slow: nobody is left to read an answer.
    const onError = (cause?: Error) =>
      reject(new IngressError('INGRESS_BODY', 400, 'the body ended early', { cause }));
    if (request.destroyed) return onError();
    request.on('data', onData);
    request.on('end', () => resolve(Buffer.concat(chunks).toString()));
    request.on('error', onError);
  });
}

const tooLarge = (maxBytes: number): IngressError =>
  new IngressError('INGRESS_TOO_LARGE', 413, `the body is larger than ${maxBytes} bytes`);
