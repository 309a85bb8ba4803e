/**
 * A queue with one reader: what is pushed comes out of an async iterator, in order, until it ends.
 *
 * @module
 */

/** Most values that wait for a reader. */
const MAX_UNREAD = 1_024;

/** A stream that its owner writes. */
export class Channel<T> {
  readonly #values: T[] = [];
  #wake: (() => void) | null = null;
  #ended = false;
  #reading = false;

  /**
   * Adds a value; ignored after the end, or where too many wait unread: then it is false.
   *
   * @param isKept however many wait, because it is told only once
   */
  push(value: T, isKept: boolean = false): boolean {
    if (this.#ended || (!isKept && this.#values.length >= MAX_UNREAD)) return false;
    this.#values.push(value);
    this.#wake?.();
    return true;
  }

  /** Ends the stream after what was pushed so far; idempotent. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** Reads until the end, or until the signal aborts. @throws Error when somebody else reads */
  async *read(signal?: AbortSignal): AsyncGenerator<T, void, void> {
    if (this.#reading) throw new Error("This stream has a reader already");
    this.#reading = true;
    const wake = (): void => this.#wake?.();
    signal?.addEventListener("abort", wake);
    try {
      while (signal?.aborted !== true) {
        if (this.#values.length > 0) yield this.#values.shift()!;
        else if (this.#ended) return;
        else await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      this.#reading = false;
      signal?.removeEventListener("abort", wake);
    }
  }
}
