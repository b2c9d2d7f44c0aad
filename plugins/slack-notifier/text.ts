const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Keys whose text Slack uses as it is, such as the target of a button; escaping would break a URL's query. */
const isUrl = (key: PropertyKey | undefined): boolean => /(?:^|_)url$/.test(String(key));

/** The three characters that Slack reads as markup: a title must not become a link or ping a channel. */
export function escapeSlack(text: string, path: readonly PropertyKey[]): string {
  if (isUrl(path.findLast(step => typeof step === 'string'))) return text;
  return text.replace(/[&<>]/g, char => ESCAPES[char] ?? char);
}
