/**
 * What an append becomes. The store reads what it knows in one go, asks this, and writes the answer in one go: there is
 * no other place where a repeat is told from news.
 */

/** What the decision looks at. `ref` is the event's ref as one string. */
export interface Candidate {
  readonly id: string;
  readonly ref: string;
}

/** Where an id stands in the journal already. */
export interface Standing {
  readonly ref: string;
  readonly seq: number;
}

export interface Situation {
  readonly batch: readonly Candidate[];
  /** Every standing of each id of the batch; an id that is new has no entry. */
  readonly known: ReadonlyMap<string, readonly Standing[]>;
  /** The highest seq given so far. */
  readonly head: number;
}

/**
 * `released` to the lanes under a new seq, or a `repeat` of the entry that has `seq`. `twin`: the same change stands at a
 * lower seq under another ref.
 */
export type Decision =
  | { readonly status: 'released'; readonly seq: number; readonly twin: boolean }
  | { readonly status: 'repeat'; readonly seq: number };

/** One decision for each event of the batch, in its order. Earlier events of the batch count as known to later ones. */
export function decide({ batch, known, head }: Situation): readonly Decision[] {
  const added = new Map<string, Standing[]>();
  let seq = head;
  return batch.map(({ id, ref }) => {
    const standings = [...(known.get(id) ?? []), ...(added.get(id) ?? [])];
    const first = standings.find(standing => standing.ref === ref);
    if (first) return { status: 'repeat', seq: first.seq };
    seq += 1;
    const mine = added.get(id);
    if (mine) mine.push({ ref, seq });
    else added.set(id, [{ ref, seq }]);
    return { status: 'released', seq, twin: standings.length > 0 };
  });
}
