import { type Clock, sleep } from '../core/clock.ts';
import { PodioError } from '../core/errors.ts';
import { inTurn } from '../core/in-turn.ts';
import type { Range } from '../core/ledger.ts';
import type { CallOptions, Identity, PodioClient } from '../podio/contract.ts';
import type { Gaps, Recovery, Settings, Singleton } from '../store/contract.ts';
import { type Finding, lostFor, missedOf, recoveryWith, recoveryWithout, type Seen, WHY } from './missed.ts';
import { editedSince, newestEdit } from './pages.ts';

/** How far an app has been looked at; Podio's times, UTC milliseconds. */
export interface Watermark {
  /**
   * When the app was first met, which the newest edit tells best, and Podio's clock where there was none: nothing made then or
   * before is ever told.
   */
  readonly origin: number;
  /** Everything edited up to here has been seen. */
  readonly reached: number;
}

export interface SweepDeps {
  readonly items: Pick<PodioClient['items'], 'filter' | 'revisions'>;
  readonly gaps: Pick<Gaps, 'ledger' | 'recover' | 'deleted'>;
  readonly settings: Pick<Settings, 'get' | 'set'>;
  readonly clock: Clock;
  /** Podio's time, UTC milliseconds. */
  readonly podioNow: () => number;
  readonly overlapMs: number;
  /** How many items a page holds at most. */
  readonly limit?: number;
}

/** Under `catch-up/{app id}`. */
export const WATERMARK_PREFIX = 'catch-up/';

/** What was changed so lately is likely to be delivered in a moment: it is missed only if it is not there by then. */
const ON_ITS_WAY_MS = 3000;

/** Podio's clock is known from the dates of its answers, which say seconds and were on their way: less than this it is off. */
const CLOCK_MARGIN_MS = 60_000;

/** Histories of items that are read at a time. */
const AT_ONCE = 4;

export const isWatermark = (value: unknown): value is Watermark =>
  typeof value === 'object' &&
  value !== null &&
  'origin' in value &&
  'reached' in value &&
  typeof value.origin === 'number' &&
  typeof value.reached === 'number';

export interface Swept {
  /** How many changes were told. */
  readonly told: number;
  /** False: items moved so often meanwhile that some may have been left out. The next look begins before them. */
  readonly isSure: boolean;
  /** Items that were left out, since Podio does not tell what is needed of them. */
  readonly odd: readonly number[];
}

/**
 * Looks for changes of an app's items that no delivery has told of, and tells them. The first look at an app only
 * remembers where it stands. Rejects with a PodioError or a StoreError; what was found until then stands, and the next
 * look goes on from there.
 */
export async function sweep(
  deps: SweepDeps,
  finding: Finding,
  as: Identity,
  lease: Singleton,
  onReached: (watermark: Watermark) => void,
): Promise<Swept> {
  const { items, gaps, settings, clock, overlapMs, limit } = deps;
  const { app } = finding;
  const call = { priority: 'background', signal: lease.signal } as const;
  const key = `${WATERMARK_PREFIX}${app.id}`;
  const reach = async (watermark: Watermark): Promise<void> => {
    await settings.set(key, watermark);
    onReached(watermark);
  };

  const stored = await settings.get(key);
  if (!isWatermark(stored)) {
    const askedAt = deps.clock.monotonic();
    const newest = await newestEdit({ items, as, appId: app.id, call });
    // What is there later may be older than podiod: an item can be restored, or be moved there.
    const now = deps.podioNow() - (deps.clock.monotonic() - askedAt) - CLOCK_MARGIN_MS;
    await reach({ origin: newest ?? now, reached: newest ?? now });
    return { told: 0, isSure: true, odd: [] };
  }

  const { origin } = stored;
  const from = Math.max(origin, stored.reached - overlapMs);
  let reached = stored.reached;
  let told = 0;
  let isSure = true;
  const onUnsure = (): void => {
    isSure = false;
  };
  const odd = new Set<number>();
  const pages = editedSince({
    items,
    as,
    appId: app.id,
    from,
    call,
    onUnsure,
    onOdd: itemId => odd.add(itemId),
    ...(limit !== undefined && { limit }),
  });
  for await (const page of pages) {
    lease.signal.throwIfAborted();
    const ledger = await gaps.ledger(page.map(({ itemId }) => itemId));
    const read = async (seen: Seen): Promise<Recovery> => {
      // An item without a baseline was never seen, however often the app was looked at: it may have been edited again
      // each time before its page came. So all that was made since the app was first met is missed.
      const missed = missedOf(seen, ledger.get(seen.itemId), origin);
      const known = recoveryWithout(seen, missed, finding);
      if (known) return known;
      return readHistory(deps, as, seen, missed.missing, finding, missed.known ? undefined : origin, call);
    };
    const found = await inTurn(page, AT_ONCE, read);
    const missed = found.filter(({ events }) => events.length > 0);
    await letArrive(clock, missed, lease.signal);
    told += await gaps.recover(lease, found);
    // What was left out is looked for again only where the next look begins before it.
    if (isSure) reached = page.reduce((latest, { lastEditOn }) => Math.max(latest, lastEditOn), reached);
    if (reached > stored.reached) await reach({ origin, reached });
  }
  onReached({ origin, reached });
  return { told, isSure, odd: [...odd] };
}

/** One call. An item whose history is not to be had any more is no reason to leave the others. */
async function readHistory(
  { items, gaps }: Pick<SweepDeps, 'items' | 'gaps'>,
  as: Identity,
  seen: Seen,
  missing: readonly Range[],
  finding: Finding,
  after: number | undefined,
  call: CallOptions,
): Promise<Recovery> {
  try {
    const revisions = await items.revisions(as, seen.itemId, call);
    return { ...recoveryWith(seen, missing, revisions, finding, after), upTo: seen.revision };
  } catch (error) {
    const why = lossIn(error);
    if (why === undefined) throw error;
    if (why === WHY.deleted && finding.app.deletions) await gaps.deleted(seen.itemId, finding.app.name);
    return { ...lostFor(seen.itemId, finding.app.name, missing, why), upTo: seen.revision };
  }
}

/** Why an item's history can't be had, where no further try would help. */
export function lossIn(error: unknown): string | undefined {
  if (!(error instanceof PodioError)) return undefined;
  switch (error.code) {
    case 'PODIO_NOT_FOUND':
      return WHY.deleted;
    case 'PODIO_FORBIDDEN':
    case 'PODIO_INVALID':
      return WHY.refused;
    default:
      return undefined;
  }
}

async function letArrive(clock: Clock, found: readonly Recovery[], signal: AbortSignal): Promise<void> {
  const times = found
    .flatMap(({ events }) => events)
    .map(({ params }) => Date.parse(params.changed_at ?? ''))
    .filter(time => !Number.isNaN(time));
  if (times.length === 0) return;
  const age = clock.now() - Math.max(...times);
  if (age < ON_ITS_WAY_MS) await sleep(clock, Math.min(ON_ITS_WAY_MS, ON_ITS_WAY_MS - age), signal);
}
