import { compileTemplate, PermanentError, type View } from 'podiod/plugin';
import { headerKey, signed } from './sign.ts';
import { compileJson, type Json } from './values.ts';

/** What the options say of the request. */
export interface RequestOptions {
  readonly url: string;
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly json?: Json | undefined;
  readonly form?: string | Readonly<Record<string, Json>> | undefined;
  readonly body?: string | undefined;
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

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Where a request may go: what it carries must not cross a network in the clear, unless that is wanted. */
export const isAllowed = ({ protocol, hostname }: URL, plainHttp: boolean): boolean =>
  protocol === 'https:' || (protocol === 'http:' && (plainHttp || LOOPBACK.has(hostname)));

const BODILESS = new Set(['GET', 'HEAD']);

/** Compiles everything once; answers the request for one message. Throws PermanentError for what can't be sent. */
export function compileRequest(
  options: RequestOptions,
): (view: View, deliveryKey: string, now: number) => Promise<Request> {
  const renderUrl = compileUrl(options.url);
  const renderHeaders = Object.entries(options.headers ?? {}).map(
    ([name, text]) => [name, compileTemplate(text)] as const,
  );
  const renderBody = compileBody(options);
  const method = options.method ?? (renderBody ? 'POST' : 'GET');
  return async (view, deliveryKey, now) => {
    const { url, basic } = toUrl(await renderUrl(view), options.plainHttp);
    const headers = new Headers({ accept: '*/*', 'user-agent': 'podiod' });
    if (basic !== undefined) headers.set('authorization', basic);
    const sent = await renderBody?.(view);
    if (sent?.type !== undefined) headers.set('content-type', sent.type);
    const key = headerKey(deliveryKey);
    if (options.idempotencyKey && !BODILESS.has(method)) headers.set('idempotency-key', key);
    const given: string[] = [];
    for (const [name, template] of renderHeaders) {
      const value = (await template.render(view)).replace(/[\r\n]+/g, ' ').trim();
      given.push(value);
      try {
        headers.set(name, value);
      } catch {
        throw new PermanentError(`the header ${name} would hold a character that no header can hold`);
      }
    }
    const body = sent?.text;
    if (options.secret !== undefined) {
      for (const [name, value] of Object.entries(signed(options.secret, key, body ?? '', now)))
        headers.set(name, value);
    }
    return { method, url, headers, body, secrets: secretsIn(url, given, basic, options.secret) };
  };
}

/** A URL that is one name is taken as it is; elsewhere a value must not become a part of the URL that it is not meant for. */
function compileUrl(text: string): (view: View) => Promise<string> {
  const isWhole = /^\{\{[^{}]*\}\}$/.test(text.trim());
  const template = compileTemplate(text.trim(), isWhole ? {} : { escape: encodeURIComponent });
  return view => template.render(view);
}

/** fetch refuses a URL with a name and a password in it, and says so with all of it. */
function toUrl(text: string, plainHttp: boolean): { url: URL; basic: string | undefined } {
  if (!URL.canParse(text)) throw new PermanentError('what `url` comes to is no URL');
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
  readonly type: string | undefined;
}

function compileBody({ json, form, body }: RequestOptions): ((view: View) => Promise<Sent>) | undefined {
  if (json !== undefined) {
    const render = compileJson(json);
    return async view => ({ text: JSON.stringify(await render(view)), type: 'application/json' });
  }
  if (form !== undefined) {
    const render = compileJson(form);
    return async view => ({
      text: String(toForm(await render(view))),
      type: 'application/x-www-form-urlencoded',
    });
  }
  if (body === undefined) return undefined;
  const template = compileTemplate(body);
  return async view => ({ text: await template.render(view), type: 'text/plain;charset=utf-8' });
}

/** A list gives its name once for each of its values; nothing and empty are left out and sent, in this order. */
function toForm(given: unknown): URLSearchParams {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new PermanentError('`form` must come to a map of names and values', {
      hint: 'Name a map, such as {{ event.params }}, or write the fields one by one.',
    });
  }
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) {
    for (const one of [value].flat()) {
      if (one === null || one === undefined) continue;
      form.append(name, typeof one === 'object' && !hasText(one) ? JSON.stringify(one) : String(one));
    }
  }
  return form;
}

/** Whether a value says itself what it is as text, as a date or a field of an item does. */
const hasText = (value: object): boolean => value.toString !== Object.prototype.toString;

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
