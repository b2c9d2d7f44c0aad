/** Where secrets stand in names and in URLs: what logs, answers and frames of the config hide alike. Pure. */

/** Words that say, at the end of a name, that its value is a secret. */
const SECRET_WORDS = new Set([
  'token',
  'tokens',
  'password',
  'passwd',
  'secret',
  'secrets',
  'authorization',
  'cookie',
  'credential',
  'credentials',
  'apikey',
]);
const SECRET_PAIRS = new Set(['apikey', 'hookkey', 'webhookurl', 'privatekey']);

/** Whether a name says that its value is a secret: `appToken`, `client_secret`, `Authorization`, `webhookUrl`. */
export function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  const last = words.at(-1) ?? '';
  return SECRET_WORDS.has(last) || SECRET_PAIRS.has(`${words.at(-2) ?? ''}${last}`);
}

/** Services whose webhooks ask for nothing but their URL: whoever has it can post. */
const KEYLESS = [
  String.raw`hooks\.slack\.com`,
  String.raw`(?:[a-z]+\.)?discord(?:app)?\.com\/api\/webhooks`,
  String.raw`[\w.-]+\.webhook\.office\.com`,
  String.raw`[\w.-]+\.logic\.azure\.com(?::443)?`,
  String.raw`chat\.googleapis\.com`,
  String.raw`hooks\.zapier\.com`,
  String.raw`hook\.(?:[\w-]+\.)?(?:make|integromat)\.com`,
  String.raw`maker\.ifttt\.com`,
  String.raw`api\.telegram\.org`,
].join('|');

/** What stands in a URL up to its end; quotes and brackets end it in all that people write. */
const REST = String.raw`[^\s"'<>]`;

/** All of a keyless webhook behind its host. */
export const keylessUrls = (): RegExp => new RegExp(`(?<=https?://(?:${KEYLESS})/)${REST}+`, 'gi');

/** What stands before the host of a URL: `user:password`, a token in its place, or a name alone. */
export const userinfos = (): RegExp => /(?<=\b[a-z][a-z0-9+.-]*:\/\/)[^\s/"'<>]+(?=@)/gi;

/** Values in the query of a URL under a name that may speak of a secret: rather too many. */
export const secretParams = (): RegExp =>
  /(?<=[?&][\w.-]{0,40}(?:token|secret|password|passwd|key|sig|signature|auth|authorization|code)=)[^&\s"'#<>]+/gi;

/** So short, or without a digit, it may as well be a word that stands elsewhere too; and so do days, as in `api-version=2016-06-01`. */
const isRandom = (text: string): boolean =>
  text.length >= 20 || (text.length >= 10 && /\d/.test(text) && !/^\d{4}-\d\d-\d\d$/.test(text));

/** Values in the URLs of a text that nobody is to see, wherever else they turn up. Templates in them are none. */
export function secretsInUrls(text: string): string[] {
  const found: string[] = [];
  for (const [info] of text.matchAll(userinfos())) {
    const colon = info.indexOf(':');
    const password = info.slice(colon + 1);
    if (colon >= 0 || isRandom(password)) found.push(password, decoded(password));
  }
  for (const [value] of text.matchAll(secretParams())) {
    if (isRandom(value)) found.push(value, decoded(value));
  }
  for (const [rest] of text.matchAll(keylessUrls())) {
    found.push(rest, ...rest.split(/[/?&=]/).filter(isRandom));
  }
  return [...new Set(found)].filter(value => value !== '' && !/\{\{|\{%/.test(value));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
