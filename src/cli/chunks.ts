/** So many at a time, in order; the last one may be shorter. */
export async function* chunksOf<T>(
  entries: AsyncIterable<T> | Iterable<T>,
  size: number,
): AsyncGenerator<readonly T[]> {
  let chunk: T[] = [];
  for await (const entry of entries) {
    chunk.push(entry);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
