import { definePlugin, type Message, type PluginContext, z } from 'podiod/plugin';
import { concatMap, EMPTY, of } from 'rxjs';

type Podio = PluginContext['podio'];
type Event = Message['event'];

/** Podio answers 403 for what is gone as for what is not one's own. */
const NOT_THERE: readonly unknown[] = ['PODIO_NOT_FOUND', 'PODIO_FORBIDDEN'];

/** What Podio has of it now; undefined where it has nothing, or does not show it. */
async function read<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (NOT_THERE.includes((error as { code?: unknown }).code)) return undefined;
    throw error;
  }
}

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : -1);

/** The item as Podio has it now, where it is one of the event's app. */
async function itemOf(podio: Podio, { itemId, app, ref }: Event) {
  const item = itemId === undefined ? undefined : await read(podio.items.get(itemId, app));
  return item && ref.type === 'app' && item.app?.app_id !== ref.id ? undefined : item;
}

/** Whether Podio bears out what the event says. False also for what can't be read back. */
async function isBorneOut(podio: Podio, event: Event): Promise<boolean> {
  const { type, itemId, revision = 0, params } = event;
  switch (type) {
    case 'item.create':
    case 'file.change':
      return (await itemOf(podio, event)) !== undefined;
    case 'item.update': {
      const item = await itemOf(podio, event);
      const current = item?.current_revision as { revision?: unknown } | null | undefined;
      return item !== undefined && numberOf(current?.revision ?? item.revision) >= revision;
    }
    case 'item.delete':
      return itemId !== undefined && (await read(podio.items.get(itemId, event.app))) === undefined;
    case 'comment.create': {
      const comment = await read(podio.comments.get(Number(params.comment_id)));
      // Somebody's comment on something else says nothing of this item.
      return comment !== undefined && (comment.ref?.id === undefined || comment.ref.id === itemId);
    }
    case 'comment.delete':
      return (await read(podio.comments.get(Number(params.comment_id)))) === undefined;
    case 'task.create':
    case 'task.update':
      return (await read(podio.tasks.get(Number(params.task_id)))) !== undefined;
    case 'task.delete':
      return (await read(podio.tasks.get(Number(params.task_id)))) === undefined;
    case 'app.update':
      if (Number(params.app_id) !== event.ref.id) return false;
      return (await read(podio.apps.get(Number(params.app_id)))) !== undefined;
    case 'app.create':
      return (await read(podio.apps.get(Number(params.app_id)))) !== undefined;
    default:
      return false;
  }
}

/** Each of several was asked about when it came; what is gone since then does not take the others with it. */
async function isAnyBorneOut(podio: Podio, events: readonly Event[]): Promise<boolean> {
  for (const event of events) if (event.source !== 'webhook' || (await isBorneOut(podio, event))) return true;
  return false;
}

/** Passes on what Podio itself bears out. What podiod has read from Podio or made itself needs none of that. */
export default definePlugin({
  name: 'confirm',
  options: z.strictObject({}),
  effects: 'context',
  setup: (_options, { podio, log }) => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(async message => {
          const { event, events } = message;
          const passes = await isAnyBorneOut(podio, events);
          if (!passes) log.warn('not borne out by Podio, not run', { event: event.id, type: event.type });
          return passes ? of(message) : EMPTY;
        }),
        concatMap(passed => passed),
      ),
  }),
  describe: ({ event }) => `would ask Podio whether ${event.id} is so`,
});
