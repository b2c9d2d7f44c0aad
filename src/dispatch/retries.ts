import type { RequestedRun } from '../store/contract.ts';
import { makeWake } from './wake.ts';

export interface RetriesDeps {
  /** Undefined: the lane was let go. */
  readonly requested: (page: {
    after?: string;
    limit: number;
  }) => Promise<readonly RequestedRun[] | undefined>;
  readonly add: (request: RequestedRun) => Promise<void>;
}

/** So many lie ready at most. */
const MAX = 512;
const PAGE = 256;

/** Feeds a lane the parked runs that a person wants tried again, as there is room for them. */
export class Retries {
  readonly #deps: RetriesDeps;
  readonly #inHand = new Set<string>();
  /** Those that ended while the list was being read, and may stand in it yet. */
  readonly #justEnded = new Set<string>();
  #more = false;
  /** There may be something to do. */
  readonly look = makeWake(() => this.#feed());

  constructor(deps: RetriesDeps) {
    this.#deps = deps;
  }

  settle(parkedId: string): void {
    this.#inHand.delete(parkedId);
    this.#justEnded.add(parkedId);
    if (this.#more && this.#inHand.size <= MAX / 2) this.look();
  }

  async #feed(): Promise<void> {
    this.#justEnded.clear();
    this.#more = false;
    let after: string | undefined;
    while (this.#inHand.size < MAX) {
      const page = await this.#deps.requested({ limit: PAGE, ...(after !== undefined && { after }) });
      if (page === undefined) return;
      for (const request of page) {
        const { parkedId } = request;
        if (this.#inHand.has(parkedId) || this.#justEnded.has(parkedId)) continue;
        this.#inHand.add(parkedId);
        await this.#deps.add(request);
      }
      if (page.length < PAGE) return;
      after = page.at(-1)?.parkedId;
    }
    this.#more = true;
  }
}
