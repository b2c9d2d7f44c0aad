import { compileTemplate, type View } from 'podiod/plugin';

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** The three characters that Slack reads as markup: a title must not become a link or ping a channel. */
const escapeSlack = (text: string): string => text.replace(/[&<>]/g, char => ESCAPES[char] ?? char);

/** A template for what Slack reads as markup: values are escaped, the template's own text is not. */
export function slackText(text: string): (view: View) => Promise<string> {
  const template = compileTemplate(text, { escape: escapeSlack });
  return view => template.render(view);
}

/** A template for what Slack takes as it is, such as the target of a button. */
export function rawText(text: string): (view: View) => Promise<string> {
  const template = compileTemplate(text);
  return view => template.render(view);
}
