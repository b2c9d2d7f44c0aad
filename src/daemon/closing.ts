/** Names what is not closed yet, while it is being closed. */
type Left = () => readonly string[];

/**
 * AsyncDisposableStack whose parts have names: closes them in reverse, and can tell what is in the way when that takes
 * too long.
 */
export class Closing implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  /** Shared with what this was moved to. */
  readonly #now: { left: Left | undefined };

  constructor(stack = new AsyncDisposableStack(), now: { left: Left | undefined } = { left: undefined }) {
    this.#stack = stack;
    this.#now = now;
  }

  /** @param left where more can be said than the name */
  defer(name: string, close: () => void | Promise<void>, left?: Left): void {
    this.#stack.defer(async () => {
      this.#now.left = () => {
        const parts = left?.() ?? [];
        return parts.length > 0 ? parts : [name];
      };
      try {
        await close();
      } finally {
        this.#now.left = undefined;
      }
    });
  }

  /** What is being closed and is not closed yet; empty before and after. */
  left(): readonly string[] {
    return this.#now.left?.() ?? [];
  }

  /** Hands everything over: this one closes nothing any more. */
  move(): Closing {
    return new Closing(this.#stack.move(), this.#now);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
