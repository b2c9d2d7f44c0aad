/** The messages of a batch, as a template is to see them. */
import { inTurn } from '../core/in-turn.ts';
import { liquid } from './liquid.ts';
import { isName, NAMES, type Name, type View } from './names.ts';

/** Reads what is behind a name of one message. */
export type Read = (view: View, name: Name) => Promise<unknown>;

/** Not more at once than leaves room for others at Podio: what waits long in its queue there is told to come again. */
const AT_ONCE = 4;

/**
 * What the template mentions of single messages is fetched before it is filled in, several at a time: it would else be read
 * one after the other, as it comes up. Whatever else is asked of one is fetched then.
 */
export async function batchRoot(
  views: readonly View[],
  mentioned: readonly Name[],
  read: Read,
): Promise<readonly object[]> {
  const messages = views.map(view => makeMessage(view, read));
  await inTurn(messages, AT_ONCE, async ({ fetch }) => {
    for (const name of mentioned) await fetch(name);
  });
  return messages.map(({ drop }) => drop);
}

/** Names that some variable of the template is asked for: by `m.item`, `batch[0].item` or `batch.first.item`. */
export const mentionedOfEach = (segments: readonly (readonly unknown[])[]): readonly Name[] => [
  ...new Set(
    segments
      .flatMap(([, ...path]) => path)
      .filter(step => typeof step === 'string')
      .filter(isName)
      .filter(name => name !== 'batch'),
  ),
];

function makeMessage(view: View, read: Read) {
  const { Drop } = liquid();
  const known = new Map<Name, unknown>();
  const fetch = async (name: Name): Promise<void> => {
    if (!known.has(name)) known.set(name, await read(view, name));
  };
  class Message extends Drop {
    override liquidMethodMissing(key: string | number): unknown {
      const name = String(key);
      if (!isName(name) || name === 'batch') return undefined;
      return known.has(name) ? known.get(name) : read(view, name);
    }
  }
  // Filters such as `where` ask first whether there is such a thing.
  for (const name of NAMES) Object.defineProperty(Message.prototype, name, { value: undefined });
  return { drop: new Message(), fetch };
}
