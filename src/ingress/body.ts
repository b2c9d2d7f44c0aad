import type { IncomingMessage } from 'node:http';
import { IngressError } from '../core/errors.ts';

/**
 * The whole body as text. Rejects with INGRESS_TOO_LARGE as soon as it is known to be larger than `maxBytes`: from the
 * Content-Length before a byte is read, else while reading. What is left unread then is for the server to discard.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  const declared = request.headers['content-length'];
  if (declared !== undefined && Number(declared) > maxBytes) return Promise.reject(tooLarge(maxBytes));
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
    request.on('data', onData);
    request.on('end', () => {
      const [only] = chunks;
      resolve(only && chunks.length === 1 ? only.toString() : Buffer.concat(chunks).toString());
    });
    // The caller went away, or was cut off for being too slow: nobody is left to read an answer.
    request.on('error', cause =>
      reject(new IngressError('INGRESS_BODY', 400, 'the body ended early', { cause })),
    );
  });
}

const tooLarge = (maxBytes: number): IngressError =>
  new IngressError('INGRESS_TOO_LARGE', 413, `the body is larger than ${maxBytes} bytes`);
