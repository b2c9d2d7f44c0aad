import { isLoopback, PermanentError, type Templated, type View } from 'podiod/plugin';
import { headerKey, signed } from './sign.ts';

/** What the options say of the request. */
export interface RequestOptions {
  readonly url: Templated<string>;
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, Templated<string>>> | undefined;
  readonly json?: Templated<unknown> | undefined;
  readonly form?: Templated<Readonly<Record<string, unknown>>> | undefined;
  readonly body?: Templated<string> | undefined;
  readonly secret?: string | undefined;
  readonly idempotencyKey: boolean;
  readonly plainHttp: boolean;
}

export interface Request {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string | undefined;
  /** Texts that no error may repeat. */
  readonly secrets: readonly string[];
}

const DOTS = /^[^?#]*[/\\](?:\.|%2e){1,2}(?:[/\\?#]|$)/i;

/** Where a request may go: what it carries must not cross a network in the clear, unless that is wanted. */
export const isAllowed = ({ protocol, hostname }: URL, plainHttp: boolean): boolean =>
  protocol === 'https:' || (protocol === 'http:' && (plainHttp || isLoopback(hostname)));

const BODILESS = new Set(['GET', 'HEAD']);

/** The request for one message. Throws PermanentError for what can't be sent. */
export async function requestFor(
  options: RequestOptions,
  view: View,
  deliveryKey: string,
  now: number,
): Promise<Request> {
  const { url, basic } = toUrl((await options.url.render(view)).trim(), options.plainHttp);
  const headers = new Headers({ accept: '*/*', 'user-agent': 'podiod' });
  if (basic !== undefined) headers.set('authorization', basic);
  const sent = await bodyOf(options, view);
  const method = options.method ?? (sent ? 'POST' : 'GET');
  if (sent) headers.set('content-type', sent.type);
  const key = headerKey(deliveryKey);
  if (options.idempotencyKey && !BODILESS.has(method)) headers.set('idempotency-key', key);
  const given: string[] = [];
  for (const [name, text] of Object.entries(options.headers ?? {})) {
    const value = (await text.render(view)).replace(/[\r\n]+/g, ' ').trim();
    given.push(value);
    try {
      headers.set(name, value);
    } catch {
      throw new PermanentError(`the header ${name} would hold a character that no header can hold`);
    }
  }
  const body = sent?.text;
  if (options.secret !== undefined) {
    for (const [name, value] of Object.entries(signed(options.secret, deliveryKey, body ?? '', now)))
      headers.set(name, value);
  }
  return { method, url, headers, body, secrets: secretsIn(url, given, basic, options.secret) };
}

/** fetch refuses a URL with a name and a password in it, and says so with all of it. */
function toUrl(text: string, plainHttp: boolean): { url: URL; basic: string | undefined } {
  if (!URL.canParse(text)) throw new PermanentError('what `url` comes to is no URL');
  // No escape keeps such a part: it would be taken out, with the one before it.
  if (DOTS.test(text)) throw new PermanentError('what `url` comes to has `.` or `..` as a part of its path');
  const url = new URL(text);
  if (!isAllowed(url, plainHttp)) {
    throw new PermanentError(`\`url\` leads to ${url.protocol}//${url.host}, which is not https`, {
      hint: 'Use https, or say `plainHttp: true`. http to this machine is always allowed.',
    });
  }
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (username === '' && password === '') return { url, basic: undefined };
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url, basic: `Basic ${Buffer.from(pair).toString('base64')}` };
}

interface Sent {
  readonly text: string;
  readonly type: string;
}

async function bodyOf({ json, form, body }: RequestOptions, view: View): Promise<Sent | undefined> {
  if (json) return { text: JSON.stringify(await json.render(view)), type: 'application/json' };
  if (form)
    return { text: String(toForm(await form.render(view))), type: 'application/x-www-form-urlencoded' };
  return body && { text: await body.render(view), type: 'text/plain;charset=utf-8' };
}

/** A list gives its name once for each of its values; what is null is left out. */
function toForm(given: Readonly<Record<string, unknown>>): URLSearchParams {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) {
    for (const one of [value].flat()) {
      if (one === null || one === undefined) continue;
      form.append(name, typeof one === 'object' ? JSON.stringify(one) : String(one));
    }
  }
  return form;
}

/** What may be a key to somebody's door: the headers given, what the URL holds behind its host, the signing secret. */
function secretsIn(
  { href, pathname, search, searchParams }: URL,
  headers: readonly string[],
  ...others: readonly (string | undefined)[]
): string[] {
  const bare = headers.map(header => header.replace(/^\S+\s+/, ''));
  const values = [...searchParams.values()];
  return [
    href,
    pathname + search,
    pathname,
    search,
    ...headers,
    ...bare,
    ...values,
    ...values.map(encodeURIComponent),
    ...others,
  ]
    .filter(one => one !== undefined)
    .filter(one => one.length >= 6);
}
