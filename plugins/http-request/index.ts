import { definePlugin, secretOption, sizeOption, templated, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';
import { readAnswer } from './answer.ts';
import { isAllowed, type Request, requestFor } from './request.ts';
import { send } from './send.ts';
import { isSigningSecret } from './sign.ts';

/** What fits beside the headers into what a step may add. */
const MOST_KEPT = 48 * 1024;

const options = z
  .strictObject({
    url: templated(z.string(), { escape: encodeURIComponent, whole: 'raw' }).describe(
      'Where to: https, or http to this machine. Values that are put in are escaped, so none can lead elsewhere.',
    ),
    method: z
      .enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
      .optional()
      .describe('Default: POST with a body, else GET.'),
    headers: z
      .record(z.string().regex(/^[!#$%&'*+.^_`|~\w-]+$/, 'is no name of a header'), templated())
      .optional()
      .describe('By name. Each value is a template.'),
    json: templated(z.json()).optional().describe('The body as JSON; every text in it is a template.'),
    form: templated(z.record(z.string(), z.unknown()))
      .optional()
      .describe(
        'The body as a form: names and values, or one template that names a map, as {{ event.params }} does.',
      ),
    body: templated().optional().describe('The body as text.'),
    secret: secretOption(
      z.string().refine(isSigningSecret, 'must be 24 to 64 bytes in base64, such as whsec_...'),
    )
      .optional()
      .describe(
        'Signs the request as Standard Webhooks say. A secret: take it from the environment or a file.',
      ),
    idempotencyKey: z
      .boolean()
      .default(true)
      .describe('Sends Idempotency-Key, the same over all tries, with everything but GET and HEAD.'),
    retryOn: z
      .array(z.union([z.int().min(400).max(599), z.enum(['4xx', '5xx'])]))
      .default([408, 429, '5xx'])
      .describe('Statuses that are worth another try. Every other one from 300 on parks the run.'),
    redirects: z.int().min(0).max(5).default(0).describe('How many redirects are followed.'),
    plainHttp: z.boolean().default(false).describe('Allows http:// to other machines.'),
    response: z
      .enum(['keep', 'ignore'])
      .default('keep')
      .describe('keep: status, headers and body go into data; ignore: the status alone.'),
    maxResponse: sizeOption()
      .refine(bytes => bytes <= MOST_KEPT, 'may be 48kb at most')
      .prefault('48kb')
      .describe('The largest body that is kept, up to 48kb. Longer text is cut, longer JSON parks the run.'),
  })
  .superRefine(({ url, method, json, form, body, plainHttp }, check) => {
    const bodies = Object.entries({ json, form, body }).filter(([, given]) => given !== undefined);
    const [first, second] = bodies.map(([name]) => name);
    if (second !== undefined) {
      check.addIssue({
        code: 'custom',
        path: [second],
        message: `there is \`${first}\` already: give one body`,
      });
    }
    if (first !== undefined && (method === 'GET' || method === 'HEAD')) {
      check.addIssue({
        code: 'custom',
        path: ['method'],
        message: `${method} has no body, but \`${first}\` is given`,
      });
    }
    // Where templates lead is known when they are filled in.
    const { constant } = url;
    if (constant !== undefined && !(URL.canParse(constant) && isAllowed(new URL(constant), plainHttp))) {
      check.addIssue({
        code: 'custom',
        path: ['url'],
        message: 'must be an https:// URL (http:// to this machine, elsewhere with `plainHttp: true`)',
      });
    }
  });

/** Sends a request over HTTP and adds the answer to the message. */
export default definePlugin({
  name: 'http-request',
  options,
  effects: 'context',
  gives: ['status', 'headers', 'body', 'truncated'],
  setup(given, { fetch }) {
    return {
      operator: messages$ =>
        messages$.pipe(
          concatMap(async message => {
            const { signal, deliveryKey, view } = message;
            const request = await requestFor(given, view, deliveryKey, view.now().getTime());
            const response = await send(request, given, fetch, signal);
            if (given.response === 'keep') return message.with(await readAnswer(response, given.maxResponse));
            await response.body?.cancel();
            return message.with({ status: response.status });
          }),
        ),
    };
  },
  async describe({ view, deliveryKey }, given) {
    return show(await requestFor(given, view, deliveryKey, view.now().getTime()));
  },
});

const MOST_SHOWN = 2000;
const KEY = '[^"=&]*(?:token|secret|passw|key|auth)[^"=&]*';

/** What is kept under a name that speaks of a secret. */
const masked = (body: string): string =>
  body
    .slice(0, 10 * MOST_SHOWN)
    .replace(new RegExp(`("${KEY}"\\s*:\\s*)"(?:[^"\\\\]|\\\\.)*"?`, 'gi'), '$1"***"')
    .replace(new RegExp(`((?:^|&)${KEY}=)[^&]*`, 'gi'), '$1***');

/** Names of a query and of headers, not their values: they may be keys, and this is shown and kept. */
function show({ method, url, headers, body }: Request): string {
  const query = [...url.searchParams.keys()].map(name => `${name}=...`).join('&');
  const names = [...headers.keys()].filter(name => !['accept', 'user-agent'].includes(name));
  const lines = [`${method} ${url.origin}${url.pathname}${query && `?${query}`}`];
  if (names.length > 0) lines.push(`with ${names.join(', ')}`);
  const text = body === undefined ? '' : masked(body);
  if (text !== '') lines.push(text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}...` : text);
  return lines.join('\n');
}
