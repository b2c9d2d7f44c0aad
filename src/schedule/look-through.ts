/** A look through an app, for whatever concerns a rule that waits and that nobody has told of. */
import { isRateLimited, statedWaitMs } from '../core/backoff.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { inTurn } from '../core/in-turn.ts';
import type { Item } from '../core/podio.ts';
import { stampOf } from '../core/podio-time.ts';
import { filtersFor } from '../language/podio-filter.ts';
import type { CallOptions, Identity, PodioClient } from '../podio/contract.ts';
import { isGone } from '../podio/errors.ts';
import { FIRST_PLACE, PAGE_LIMIT, readPage } from './item-pages.ts';
import type { Watch } from './watches.ts';

export interface LookThroughDeps {
  readonly items: Pick<PodioClient['items'], 'filter'>;
  readonly apps: Pick<PodioClient['apps'], 'get'>;
  readonly as: Identity;
  readonly call: CallOptions & { readonly signal: AbortSignal };
  readonly clock: Clock;
  /** By the store's clock. */
  readonly now: () => number;
}

type Filters = Readonly<Record<string, unknown>>;

/** Items looked at at the same time. */
const AT_ONCE = 4;
/** After a call that had to wait, where no longer time is stated. */
const SOONEST_MS = 100;
const DAY_MS = 86_400_000;

export const editedSince = (podioMs: number): Filters => ({ last_edit_on: { from: stampOf(podioMs) } });

/** The first time: only what can be due from `since` on. */
export async function firstFilters(
  { apps, as, call, clock }: LookThroughDeps,
  { rule, app, trigger, field }: Watch,
  since: number,
  podioTime: (localMs: number) => number,
): Promise<Filters> {
  const { fields } = await apps.get(as, app.id, call);
  const named = () =>
    fields.find(({ external_id: id, field_id }) => id === field || String(field_id) === field);
  const ask = (operator: string, value: unknown): Filters =>
    filtersFor([{ path: ['fields', field], operator, value }], named, {
      now: clock.now(),
      zone: rule.timezone,
    });
  if (trigger.kind === 'lasted')
    return { ...ask('in', trigger.to), ...editedSince(podioTime(since - trigger.forMs) - 1000) };
  const { days, ms } = trigger.at;
  return ask('gte', new Date(since - days * DAY_MS - ms - 2 * DAY_MS).toISOString().slice(0, 10));
}

/** Hands out each item that fits, and when its page was asked for. What the budget does not allow yet is waited for. */
export async function lookThrough(
  { items, as, call, clock, now }: LookThroughDeps,
  appId: number,
  filters: Filters,
  look: (item: Item, askedAt: number) => Promise<void>,
): Promise<void> {
  const { signal } = call;
  const given = new Set<number>();
  const ask = (offset: number, limit: number) => {
    const body = { sort_by: 'item_id', sort_desc: false, limit, offset, remember: false, filters };
    return items.filter(as, appId, body, { ...call, whole: true });
  };
  /** Where an item is known already it costs nothing, else calls: as many as the budget has. */
  const lookWhenAllowed = async (item: Item, askedAt: number): Promise<void> => {
    for (;;) {
      try {
        return await look(item, askedAt);
      } catch (error) {
        // Deleted meanwhile.
        if (isGone(error)) return;
        if (!isRateLimited(error)) throw error;
        await sleep(clock, Math.max(SOONEST_MS, statedWaitMs(error) ?? 0), signal);
      }
    }
  };
  for (let place = FIRST_PLACE, last = false; !last; ) {
    signal.throwIfAborted();
    const askedAt = now();
    const page = await readPage(ask, place, given, PAGE_LIMIT);
    await inTurn(page.items, AT_ONCE, listed =>
      lookWhenAllowed({ ...listed, app: listed.app ?? { app_id: appId } }, askedAt),
    );
    place = page.next;
    last = page.last;
  }
}
