import type { PodioClient } from './contract.ts';
import { unexpectedAnswer } from './errors.ts';
import { isDifference, isFilterResult, isItem, isListOf, isRevision } from './shapes.ts';

/** Reading items. */
export function makeItems(request: PodioClient['request']): PodioClient['items'] {
  return {
    async get(as, itemId, options) {
      const call = { method: 'GET', path: `/item/${itemId}`, operation: 'items.get' } as const;
      // Reading would otherwise clear the notifications of the person whose login this is.
      const answer = await request(as, { ...options, ...call, query: { mark_as_viewed: false } });
      if (!isItem(answer)) throw unexpectedAnswer(call, 'an item');
      return answer;
    },

    async difference(as, itemId, from, to, options) {
      const call = {
        method: 'GET',
        path: `/item/${itemId}/revision/${from}/${to}`,
        operation: 'items.difference',
      } as const;
      const answer = await request(as, { ...options, ...call });
      if (!isListOf(isDifference)(answer)) throw unexpectedAnswer(call, 'a revision difference');
      return answer;
    },

    async revisions(as, itemId, options) {
      const call = {
        method: 'GET',
        path: `/item/${itemId}/revision/`,
        operation: 'items.revisions',
      } as const;
      const answer = await request(as, { ...options, ...call });
      if (!isListOf(isRevision)(answer)) throw unexpectedAnswer(call, 'a list of revisions');
      // Podio's own order is not documented.
      return answer.toSorted((a, b) => a.revision - b.revision);
    },

    async revision(as, itemId, revision, options) {
      const call = {
        method: 'GET',
        path: `/item/${itemId}/revision/${revision}`,
        operation: 'items.revision',
      } as const;
      const answer = await request(as, { ...options, ...call });
      if (!isRevision(answer)) throw unexpectedAnswer(call, 'a revision');
      return answer;
    },

    async filter(as, appId, body, { view, whole, ...options } = {}) {
      const call = {
        method: 'POST',
        path: `/item/app/${appId}/filter/${view === undefined ? '' : `${view}/`}`,
        operation: 'items.filter',
      } as const;
      const query = whole ? { query: { fields: 'items.fields(files,tags)' } } : {};
      const answer = await request(as, { ...options, ...call, ...query, body });
      if (!isFilterResult(answer)) throw unexpectedAnswer(call, 'a page of items');
      return answer;
    },
  };
}
