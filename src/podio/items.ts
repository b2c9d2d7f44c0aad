import type { Call, Identity, PodioClient } from './contract.ts';
import { unexpectedAnswer } from './errors.ts';
import type { OnOdd } from './reads.ts';
import { type Reader, readDifference, readItem, readPage, readRevision, readRevisions } from './shapes.ts';

/** Of a filter that states none. */
const DEFAULT_LIMIT = 30;

/** Reading items. */
export function makeItems(request: PodioClient['request'], onOdd: OnOdd): PodioClient['items'] {
  const make = async <T>(as: Identity, call: Call, read: Reader<T>, wanted: string): Promise<T> => {
    const answer = read(await request(as, call), where => onOdd(call, where));
    if (answer === undefined) throw unexpectedAnswer(call, wanted);
    return answer;
  };

  return {
    async get(as, itemId, options) {
      const call = { method: 'GET', path: `/item/${itemId}`, operation: 'items.get' } as const;
      // Reading would otherwise clear the notifications of the person whose login this is.
      return make(as, { ...options, ...call, query: { mark_as_viewed: false } }, readItem, 'an item');
    },

    async difference(as, itemId, from, to, options) {
      const call = {
        method: 'GET',
        path: `/item/${itemId}/revision/${from}/${to}`,
        operation: 'items.difference',
      } as const;
      return make(as, { ...options, ...call }, readDifference, 'a revision difference');
    },

    async revisions(as, itemId, options) {
      const call = {
        method: 'GET',
        path: `/item/${itemId}/revision/`,
        operation: 'items.revisions',
      } as const;
      const answer = await make(as, { ...options, ...call }, readRevisions, 'a list of revisions');
      // Podio's own order is not documented.
      return answer.toSorted((a, b) => a.revision - b.revision);
    },

    async revision(as, itemId, revision, options) {
      const call = {
        method: 'GET',
        path: `/item/${itemId}/revision/${revision}`,
        operation: 'items.revision',
      } as const;
      return make(as, { ...options, ...call }, readRevision, 'a revision');
    },

    async filter(as, appId, body, { view, whole, ...options } = {}) {
      const call = {
        method: 'POST',
        path: `/item/app/${appId}/filter/${view === undefined ? '' : `${view}/`}`,
        operation: 'items.filter',
      } as const;
      const query = whole ? { query: { fields: 'items.fields(files,tags)' } } : {};
      const page = await make(as, { ...options, ...call, ...query, body }, readPage, 'a page of items');
      const { items, filtered = leastOf(items.length, body as Window), total = filtered } = page;
      return { ...page, items, filtered, total };
    },
  };
}

interface Window {
  readonly offset?: number;
  readonly limit?: number;
}

/** How many there are at least, where Podio does not say: behind a full page there may be more. */
const leastOf = (size: number, { offset = 0, limit = DEFAULT_LIMIT }: Window): number =>
  offset + size + (size < limit ? 0 : 1);
