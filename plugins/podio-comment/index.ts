import {
  type Comment,
  definePlugin,
  loginOption,
  type Message,
  msOf,
  once,
  PermanentError,
  templated,
  z,
} from 'podiod/plugin';
import { concatMap } from 'rxjs';

const options = z.strictObject({
  text: templated(z.string().trim().min(1)).describe('What to say, as a template.'),
  on: templated(z.int().positive())
    .optional()
    .describe('The id of the item to comment on. Default: the item of the event.'),
  as: loginOption().optional().describe('The login that comments. Default: the app, by its token.'),
  hook: z.boolean().default(false).describe('Whether Podio tells hooks of the comment.'),
  silent: z.boolean().default(false).describe('Whether Podio leaves out stream and notifications.'),
});
type Options = z.output<typeof options>;

/** Podio's clock and this one may differ, and Podio tells whole seconds. */
const SLACK_MS = 120_000;

async function itemOf(message: Message, { on }: Options): Promise<number | undefined> {
  return on === undefined ? message.event.itemId : on.render(message.view);
}

/** Blanks may come back otherwise than they were sent. */
const sameText = (one: string, other: string): boolean =>
  one.replace(/\s+/g, ' ').trim() === other.replace(/\s+/g, ' ').trim();

const isSince = ({ created_on }: Comment, since: number): boolean => {
  const made = msOf(created_on);
  return made === undefined || made >= since - SLACK_MS;
};

/** Comments on an item, once for each event. */
export default definePlugin({
  name: 'podio-comment',
  options,
  effects: 'context',
  gives: ['id', 'itemId'],
  setup(given, { podio: calls, store }) {
    const podio = given.as === undefined ? calls : calls.as(given.as);
    const { hook, silent } = given;
    return {
      operator: messages$ =>
        messages$.pipe(
          concatMap(async message => {
            const itemId = await itemOf(message, given);
            if (itemId === undefined) {
              throw new PermanentError('the event has no item to comment on', {
                hint: 'Say which with `on`, such as on: "{{ data.ticket.id }}".',
              });
            }
            const value = await given.text.render(message.view);
            const made = await once(store, message.deliveryKey, {
              async make() {
                const { comment_id: id } = await podio.comments.create(
                  'item',
                  itemId,
                  { value },
                  { hook, silent },
                );
                return { id, itemId };
              },
              async find(since, isOthers) {
                const comments = await podio.comments.list('item', itemId);
                const found = comments.find(
                  one => !isOthers(one.comment_id) && isSince(one, since) && sameText(one.value, value),
                );
                return found && { id: found.comment_id, itemId };
              },
            });
            return message.with(made);
          }),
        ),
    };
  },
  // Elsewhere than on the event's item, only the message knows where.
  writes: ({ on, hook }) =>
    on === undefined ? [{ event: 'comment.create', ...(hook !== undefined && { hook }) }] : [],
  async describe(message, given) {
    const itemId = await itemOf(message, given);
    const whose = given.as === undefined ? '' : ` as ${given.as}`;
    return `comments on item ${itemId ?? '(none: the event has no item)'}${whose}: ${await given.text.render(message.view)}`;
  },
});
