/** Changes that podiod made itself, as their writes' answers told. Pure. */
import type { PodioEvent } from './event.ts';

export interface OwnChange {
  /** That of {@link ownId}. */
  readonly id: string;
  /** The item that it is of, or about. */
  readonly itemId?: number;
  /** How many runs led to it, one after the other: 1 for what a run made that something else had set off. */
  readonly depth: number;
  /** Which rule made it. */
  readonly rule: string;
}

/** As events are called that tell of it. An item is deleted once, whatever its revision was. */
export const madeItem = (itemId: number): string => `item.create:${itemId}:0`;
export const madeRevision = (itemId: number, revision: number): string => `item.update:${itemId}:${revision}`;
export const deletedItem = (itemId: number): string => `item.delete:${itemId}`;
export const madeComment = (commentId: number): string => `comment.create:${commentId}`;
export const madeTask = (taskId: number): string => `task.create:${taskId}`;
export const deletedComment = (commentId: number): string => `comment.delete:${commentId}`;
export const deletedTask = (taskId: number): string => `task.delete:${taskId}`;
export const attachedFile = (itemId: number, fileId: number): string =>
  `file.change:${itemId}:file_created:${fileId}`;

const CHANGES = new Set([
  ...['item.create', 'item.update', 'item.delete', 'comment.create', 'comment.delete'],
  ...['task.create', 'task.delete', 'file.change'],
]);

/** False: its event names no item, or its maker knew of none. */
export const isOfItem = (id: string): boolean => !/^(?:comment\.delete|task\.\w+):/.test(id);

/** Under which name an event's change is known as own. Undefined: of that kind podiod can't know which it has made. */
export function ownId({ type, id, itemId }: Pick<PodioEvent, 'type' | 'id' | 'itemId'>): string | undefined {
  if (!CHANGES.has(type)) return undefined;
  return type === 'item.delete' && itemId !== undefined ? deletedItem(itemId) : id;
}

/**
 * Under which name podiod's own change would be known that an event goes back to: the one that it tells of, or the one that
 * has begun what time has brought. Undefined: to none.
 */
export function causeOf(event: Pick<PodioEvent, 'type' | 'id' | 'itemId' | 'params'>): string | undefined {
  const { type, itemId, params } = event;
  if (type !== 'item.lasted' && type !== 'item.date') return ownId(event);
  const revision = Number(params.revision ?? Number.NaN);
  if (itemId === undefined || !Number.isSafeInteger(revision)) return undefined;
  return revision === 0 ? madeItem(itemId) : madeRevision(itemId, revision);
}

/** How many runs may follow one from the other, where nothing else is said. */
export const MAX_DEPTH = 8;

export interface OwnLookup {
  /** Whether the event may go back to a change of podiod's own: at no cost, and never wrongly false. */
  maybe(event: PodioEvent): boolean;
  /** The one that it goes back to. Waits for the writes that are under way. Rejects when what is kept can't be read now. */
  find(event: PodioEvent): Promise<OwnChange | undefined>;
}
