import { PermanentError } from 'podiod/plugin';

/** What a step adds to `data` of an answer. */
export interface Answer {
  readonly status: number;
  /** By name in small letters. Cookies are left out. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed where it is JSON, else text; null: none, or nothing that reads as text. */
  readonly body: unknown;
  /** A text that was longer than what is kept. */
  readonly truncated?: true;
}

/** What is read of a body before it is looked at how much of it can be kept: JSON may be written with much air. */
const MAX_READ = 4 * 1024 * 1024;
/** Of all headers together, as JSON. */
const MAX_HEADERS = 8 * 1024;
const TEXTUAL = /^(?:text\/|application\/(?:xml|javascript|x-www-form-urlencoded)|[\w/.-]+\+xml)/;
const JSON_TYPE = /^(?:application\/json|[\w/.-]+\+json|text\/json)/;

/** `maxBytes` bounds the body as JSON. Throws PermanentError where it is larger and can't be cut. */
export async function readAnswer(response: Response, maxBytes: number): Promise<Answer> {
  const type = response.headers.get('content-type')?.toLowerCase() ?? '';
  const head = { status: response.status, headers: headersOf(response.headers) };
  if (!JSON_TYPE.test(type) && !TEXTUAL.test(type) && type !== '') {
    await response.body?.cancel();
    return { ...head, body: null };
  }
  const { text, whole } = await readText(response, type);
  if (text === '') return { ...head, body: null };
  if (JSON_TYPE.test(type)) {
    const parsed = whole ? parse(text) : undefined;
    if (parsed && sizeOf(parsed.value) <= maxBytes) return { ...head, body: parsed.value };
    if (parsed || !whole) {
      throw new PermanentError(
        `the answer is larger than the ${maxBytes} bytes that \`maxResponse\` allows`,
        {
          hint: 'Ask for less at a time, or say `response: ignore` where nobody needs it.',
        },
      );
    }
  }
  return { ...head, ...cutTo(text, maxBytes) };
}

function headersOf(headers: Headers): Record<string, string> {
  const kept: Record<string, string> = {};
  let size = 0;
  for (const [name, value] of headers) {
    size += sizeOf(name) + sizeOf(value);
    // A cookie is a key to somebody's session, and data is kept on disk.
    if (name !== 'set-cookie' && size <= MAX_HEADERS) kept[name] = value;
  }
  return kept;
}

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '');

/** Undefined for what is no JSON, or nested beyond reason. */
function parse(text: string): { value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    JSON.stringify(value);
    return { value };
  } catch {
    return undefined;
  }
}

function cutTo(text: string, maxBytes: number): Pick<Answer, 'body' | 'truncated'> {
  if (sizeOf(text) <= maxBytes) return { body: text };
  // Two for the quotes; a character takes one at least, and six at most.
  let length = Math.max(0, Math.min(text.length, maxBytes - 2));
  while (sizeOf(text.slice(0, length)) > maxBytes) length = Math.floor(length * 0.8);
  return { body: text.slice(0, length).toWellFormed(), truncated: true };
}

async function readText(response: Response, type: string): Promise<{ text: string; whole: boolean }> {
  const decoder = decoderFor(/charset="?([\w-]+)/.exec(type)?.[1]);
  let text = '';
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      text += decoder.decode(chunk, { stream: true });
      if (size > MAX_READ) return { text, whole: false };
    }
  } catch (error) {
    throw new Error('the answer broke off', { cause: error });
  }
  return { text: text + decoder.decode(), whole: true };
}

function decoderFor(charset = 'utf-8') {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}
