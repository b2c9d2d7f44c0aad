/** What a write by its path has made, as far as that can be told by it, by its answer, or by what it sends. Pure. */
import {
  attachedFile,
  deletedComment,
  deletedItem,
  deletedTask,
  madeComment,
  madeTask,
} from '../core/own.ts';
import type { Call } from './contract.ts';
import { holdsNumber } from './json.ts';

export type Made =
  | { readonly what: 'item'; readonly itemId: number; readonly appId: number }
  | { readonly what: 'revision'; readonly itemId: number; readonly revision: number }
  | { readonly what: 'deleted item'; readonly id: string; readonly itemId: number }
  /** By its name in own.ts, and what it is about, where that is an item. */
  | { readonly what: 'other'; readonly id: string; readonly itemId?: number };

type Write = Pick<Call, 'method' | 'path' | 'body'>;

export function madeBy({ method, path, body }: Write, answer: unknown): Made | undefined {
  const [, kind = '', first = '', second = '', more] = path.replace(/\/$/, '').split('/');
  if (more !== undefined && kind !== 'item') return undefined;
  const [id, of] = [Number(first || Number.NaN), Number(second || Number.NaN)];
  const about = first === 'item' && { itemId: of };
  if (method === 'DELETE' && second === '') {
    if (kind === 'item') return { what: 'deleted item', id: deletedItem(id), itemId: id };
    if (kind === 'comment') return { what: 'other', id: deletedComment(id) };
    if (kind === 'task') return { what: 'other', id: deletedTask(id) };
  }
  if (method === 'POST' && kind === 'item' && first === 'app') {
    const isNew = more === undefined && holdsNumber(answer, 'item_id');
    return isNew ? { what: 'item', itemId: answer.item_id, appId: of } : undefined;
  }
  if (method === 'POST' && kind === 'comment' && holdsNumber(answer, 'comment_id'))
    return { what: 'other', id: madeComment(answer.comment_id), ...about };
  if (method === 'POST' && kind === 'task' && Number.isNaN(id) && holdsNumber(answer, 'task_id'))
    return { what: 'other', id: madeTask(answer.task_id), ...about };
  if (method === 'POST' && kind === 'file' && second === 'attach' && isOnItem(body))
    return { what: 'other', id: attachedFile(body.ref_id, id), itemId: body.ref_id };
  if (method !== 'GET' && kind === 'item' && Number.isSafeInteger(id) && holdsNumber(answer, 'revision'))
    return { what: 'revision', itemId: id, revision: answer.revision };
  return undefined;
}

const isOnItem = (body: unknown): body is { readonly ref_id: number } =>
  holdsNumber(body, 'ref_id') && 'ref_type' in body && body.ref_type === 'item';
