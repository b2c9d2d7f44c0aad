/** What strangers and the config's author write in one line: the pieces that all else is made of. */
import { IngressError } from '../../src/core/errors.ts';
import { type HookPath, hookKey, parseHookPath, parseHookUrl } from '../../src/core/hook.ts';
import { hostOf, hostPatternOf, isLoopback } from '../../src/core/networks.ts';
import { parseBackoff, parseDuration, parseShare, parseSize } from '../../src/core/units.ts';
import { parseItemName } from '../../src/daemon/find-item.ts';
import { mediaTypeOf, parseBody, randomId, toEvent, verificationOf } from '../../src/ingress/parse.ts';
import { allow, must, type Target, told } from './target.ts';

export const SECRET = 'a-secret-for-the-fuzzer';
const HOOK: HookPath = {
  ref: { type: 'app', id: 101 },
  type: 'item.update',
  key: hookKey(SECRET, { type: 'app', id: 101 }, 'item.update'),
};
export const PATH = `/podio/${HOOK.key}/app/101/item.update`;

export const FORM = 'type=item.update&item_id=7&item_revision_id=3&hook_id=5&external_id=a%20b';
export const JSON_BODY =
  '{"type":"item.update","item_id":7,"item_revision_id":"3","hook_id":5,"x":{"y":[1,null]}}';

const ingresses = (error: unknown): boolean => error instanceof IngressError && error.status < 500;

const body = (media: 'form' | 'json') => (input: string) =>
  allow(ingresses, () => {
    const params = parseBody(input, media);
    for (const [name, value] of Object.entries(params)) must(typeof value === 'string', `${name} is no text`);
    if (verificationOf(HOOK, params) === undefined) toEvent(HOOK, params, {}, randomId);
  });

export const parserTargets: readonly Target[] = [
  {
    name: 'hook paths',
    share: 26,
    corpus: [
      PATH,
      '/podio/x/app_field/1001/item.update',
      '/podio/x/space/7/task.create',
      'https://a.example/p/k/app/1/item.create',
    ],
    feed(input) {
      const hook = parseHookPath('/podio', input);
      must(hook === undefined || Number.isSafeInteger(hook.ref.id), 'an id that is none');
      parseHookUrl(input);
    },
  },
  {
    name: 'form bodies',
    share: 26,
    corpus: [FORM, 'type=hook.verify&hook_id=5&code=abc'],
    feed: body('form'),
  },
  {
    name: 'JSON bodies',
    share: 26,
    json: true,
    corpus: [JSON_BODY, '{"type":"hook.verify","hook_id":5,"code":"c"}'],
    feed: body('json'),
  },
  {
    name: 'media types',
    share: 4,
    corpus: ['application/json; charset=utf-8', 'application/x-www-form-urlencoded'],
    feed: input => void mediaTypeOf(input),
  },
  {
    name: 'durations, sizes, shares',
    share: 16,
    corpus: ['250ms', '7d', '64kb', '2gb', '30%', '1s..10m'],
    feed(input) {
      for (const read of [parseDuration, parseSize, parseShare])
        must(typeof read(input) === 'number', 'no number');
      parseBackoff(input);
    },
  },
  {
    name: 'names of items',
    share: 12,
    corpus: ['123', 'leads/42', 'https://podio.com/org/space/apps/leads/items/42'],
    feed: input => void allow(told, () => parseItemName(input)),
  },
  {
    name: 'hosts',
    share: 4,
    corpus: ['127.1', '0x7f000001', '[64:ff9b::7f00:1]', '*.example.com', 'fe80::1%eth0', 'müller.example.'],
    feed(input) {
      const host = hostOf(input);
      // What was judged is what is called: its form has no other.
      must(host === undefined || hostOf(host) === host, `${host} has another form`);
      hostPatternOf(input);
      isLoopback(input);
    },
  },
];
