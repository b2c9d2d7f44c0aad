import { definePlugin, type Message, type PodioEvent, pathOption, sizeOption, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';
import { openWriter, type Warn } from './writer.ts';

const options = z.strictObject({
  path: pathOption().describe('The file, relative to the config. Folders are made where they are missing.'),
  format: z
    .enum(['ndjson', 'text'])
    .default('ndjson')
    .describe('ndjson: one JSON object a line; text: one line for people.'),
  maxSize: sizeOption()
    .optional()
    .describe('The file is rotated before it grows past this, such as 10mb. Default: never.'),
  maxFiles: z
    .int()
    .min(1)
    .max(1000)
    .default(5)
    .describe('How many files are kept, the current one included; only with maxSize.'),
});
type Options = z.output<typeof options>;

/** One line for people: when, which rule, what, where. */
function textLine(event: PodioEvent, rule: string, time: string): string {
  const { type, source, app, space, itemId, revision, id } = event;
  const item =
    itemId === undefined ? undefined : `item ${itemId}${revision === undefined ? '' : ` r${revision}`}`;
  return [time, rule, type, app ?? space, item, source === 'webhook' ? undefined : source, id]
    .filter(part => part !== undefined)
    .join('  ')
    .replace(/[\r\n]+/g, ' ');
}

function linesOf(message: Message, { format }: Options, rule: string, time: string): string {
  return message.events
    .map(event =>
      format === 'text' ? textLine(event, rule, time) : JSON.stringify({ ...event, rule, time }),
    )
    .map(line => `${line}\n`)
    .join('');
}

/** Writes one line for every event and passes the message on when it is written. */
export default definePlugin({
  name: 'file-logger',
  options,
  effects: 'context',
  async setup(given, { rule, outside, captured, log }) {
    const warn: Warn = (what, { path, mode }) => log.warn(what, { path, mode, next: `chmod 600 ${path}` });
    const writer = captured ? undefined : await openWriter(given.path, given, warn);
    return {
      operator: messages$ =>
        messages$.pipe(
          concatMap(async message => {
            const text = linesOf(message, given, rule, new Date().toISOString());
            await outside(
              'line',
              { path: given.path, text },
              { make: async () => writer?.append(text), instead: undefined },
            );
            return message;
          }),
        ),
      dispose: () => writer?.close(),
    };
  },
  describe: ({ events }, { path, format }) =>
    `appends ${events.length === 1 ? 'a line' : `${events.length} lines`} (${format}) to ${path}`,
});
