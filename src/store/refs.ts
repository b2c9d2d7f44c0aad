import type { Ref } from '../core/event.ts';

/** A ref as one string that can be read back. Not `type/id`: 7 and "7" are two ids. */
export const refText = ({ type, id }: Ref): string =>
  // Nearly all are, and this is done for every event.
  typeof id === 'number' ? `["${type}",${id}]` : JSON.stringify([type, id]);

export function refOf(text: string): Ref {
  const [type, id] = JSON.parse(text) as [Ref['type'], Ref['id']];
  return { type, id };
}
