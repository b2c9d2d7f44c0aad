import { definePlugin, isLoopback, secretOption, templated, type View, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';
import { makeSender } from './send.ts';
import { escapeSlack } from './text.ts';

/** The URL is all that is needed to post, so it must not cross a network in the clear. */
const isSafe = (url: string): boolean => {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
};

const options = z
  .strictObject({
    webhookUrl: secretOption(
      z.string().refine(isSafe, 'must be an https:// URL (http:// to this machine only)'),
    ).describe('The URL of an incoming webhook. A secret: take it from the environment or a file.'),
    text: templated(z.string(), { escape: escapeSlack })
      .optional()
      .describe('What to post, in Slack’s markup, as a Liquid template.'),
    blocks: templated(
      z
        .array(z.object({ type: z.string() }).catchall(z.json()))
        .min(1)
        .max(50),
      {
        escape: escapeSlack,
        // Slack refuses a number where it wants text.
        whole: 'text',
      },
    )
      .optional()
      .describe('Block Kit blocks; every string in them is a Liquid template. `text` is then the fallback.'),
  })
  .refine(({ text, blocks }) => text !== undefined || blocks !== undefined, {
    message: 'needs `text` or `blocks`',
    path: ['text'],
  });
type Options = z.output<typeof options>;

/** What is posted for one message. */
const render = async ({ text, blocks }: Options, view: View) => ({
  ...(text && { text: await text.render(view) }),
  ...(blocks && { blocks: await blocks.render(view) }),
});

/** Posts a message to Slack and passes the message on when Slack has taken it. */
export default definePlugin({
  name: 'slack-notifier',
  options,
  effects: 'context',
  setup(given, { fetch }) {
    const send = makeSender(given.webhookUrl, fetch);
    return {
      operator: messages$ =>
        messages$.pipe(
          concatMap(async message => {
            await send(await render(given, message.view), message.signal);
            return message;
          }),
        ),
    };
  },
  async describe(message, given) {
    const { text, blocks } = await render(given, message.view);
    const what = [text, blocks && JSON.stringify(blocks)].filter(Boolean).join('\n');
    return `posts to Slack: ${what}`;
  },
});
