/** Inputs near to what is right, since those get furthest. The seed decides all of them. */

const TOKENS = [
  '',
  '\0',
  '\n',
  '\r\n',
  '%',
  '%00',
  '%zz',
  '%F0%9F%92%A9',
  '../',
  '//',
  ':',
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  '{{',
  '}}',
  '{%',
  '%}',
  '&',
  '=',
  '&&',
  '__proto__',
  'constructor',
  'null',
  'true',
  '-1',
  '0',
  '9007199254740993',
  '1e999',
  'NaN',
  `$${'{A}'}`,
  '$${',
  '<<',
  '*a',
  '&a',
  '!!js',
  '\u202e',
  '\ufeff',
  '\ud800',
  '𝒳',
  'x'.repeat(300),
  '['.repeat(200),
  '{"a":'.repeat(60),
  '0'.repeat(40),
  '|',
  '- ',
  '  ',
  '\t',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Expect: 100-continue\r\n',
  'HTTP/1.1',
  'GET ',
  'PRI * HTTP/2.0',
];

export function makeMutator(random: () => number): (corpus: readonly string[]) => string {
  const below = (count: number): number => Math.floor(random() * count);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;

  const once = (text: string, corpus: readonly string[]): string => {
    const at = below(text.length + 1);
    const to = Math.min(text.length, at + 1 + below(8));
    switch (below(7)) {
      case 0:
        return text.slice(0, at) + pick(TOKENS) + text.slice(at);
      case 1:
        return text.slice(0, at) + text.slice(to);
      case 2:
        return text.slice(0, at) + String.fromCharCode(below(256)) + text.slice(at + 1);
      case 3:
        return text.slice(0, at) + text.slice(at, to).repeat(1 + below(20)) + text.slice(to);
      case 4: {
        const other = pick(corpus);
        return text.slice(0, at) + other.slice(below(other.length + 1));
      }
      case 5:
        return text.slice(0, at) + String.fromCodePoint(below(0x2fff)) + text.slice(to);
      default:
        return text.slice(0, at);
    }
  };

  return corpus => {
    let text = pick(corpus);
    for (let left = 1 + below(4); left > 0; left--) text = once(text, corpus);
    return text.length > 20_000 ? text.slice(0, 20_000) : text;
  };
}
