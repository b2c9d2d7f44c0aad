/** How many single characters have to be added, removed, changed or swapped with their neighbour to get from a to b. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(
        (previous[j] ?? 0) + 1,
        (current[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      }
      current.push(best);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** The known name that was probably meant, or undefined when none is near enough: a third of its letters at most. */
export function nearest(given: string, known: Iterable<string>): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[-_\s]/g, '');
  let best: { name: string; off: number } | undefined;
  for (const name of known) {
    const off = distance(plain(given), plain(name));
    if (
      off <= Math.max(1, Math.floor(Math.max(given.length, name.length) / 3)) &&
      off < (best?.off ?? Infinity)
    ) {
      best = { name, off };
    }
  }
  return best?.name;
}

export function didYouMean(given: string, known: Iterable<string>): string | undefined {
  const near = nearest(given, known);
  return near === undefined ? undefined : `did you mean \`${near}\`?`;
}

/** "did you mean `port`?", else the known names behind `what` where they are few enough to read, else nothing. */
export function suggestion(given: string, known: Iterable<string>, what: string): string | undefined {
  const names = [...known];
  const isReadable = names.length > 0 && names.length <= 15;
  return didYouMean(given, names) ?? (isReadable ? `${what}: ${names.join(', ')}` : undefined);
}
