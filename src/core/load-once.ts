/**
 * What is loaded when it is first asked for. A load that fails is tried again by whoever asks next: no more files could be opened,
 * and that passes.
 */
export function loadOnce<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => {
    loaded ??= load().catch(error => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
}
