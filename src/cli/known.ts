/** What people call the items and fields of events, as far as podiod knows it: Podio's deliveries bring ids alone. */
import type { AdminClient } from '../admin/client.ts';
import type { PodioEvent } from '../core/event.ts';
import type { StoreReader } from '../store/contract.ts';

export interface Known {
  /** Finds out what it can about these, at one call for all. */
  look(events: readonly PodioEvent[]): Promise<void>;
  /** The number that people see of an item, which its app counts by itself. */
  numberOf(itemId: number | undefined): number | undefined;
  /** The external id of a field. */
  fieldOf(fieldId: number): string | undefined;
}

export const NOTHING_KNOWN: Known = {
  look: async () => {},
  numberOf: () => undefined,
  fieldOf: () => undefined,
};

/** @param daemon has read the newest items, where one runs */
export function makeKnown(
  reader: { readonly settings: Pick<StoreReader['settings'], 'list'> },
  daemon: Pick<AdminClient, 'itemNumbers'>,
): Known {
  const numbers = new Map<number, number>();
  let fields: ReadonlyMap<number, string> | undefined;
  let isThere = true;

  const look = async (events: readonly PodioEvent[]): Promise<void> => {
    const unknown = new Set(
      events.flatMap(({ itemId = 0 }) => (itemId === 0 || numbers.has(itemId) ? [] : itemId)),
    );
    if (unknown.size > 0 && isThere) {
      try {
        for (const [id, number] of await daemon.itemNumbers([...unknown])) numbers.set(id, number);
      } catch {
        // None runs, or one that does not know the question.
        isThere = false;
      }
    }
    if (fields === undefined && events.some(({ ref }) => ref.type === 'app_field')) {
      const { keptFields } = await import('../podio/fields.ts');
      const kept = await keptFields(reader.settings);
      fields = new Map(kept.map(({ fieldId, externalId }) => [fieldId, externalId]));
    }
  };

  return {
    look,
    numberOf: itemId => (itemId === undefined ? undefined : numbers.get(itemId)),
    fieldOf: fieldId => fields?.get(fieldId),
  };
}
