/**
 * Waiting, with a way to be woken.
 *
 * @module
 */

/** Waits for some milliseconds, for ever where they are `Infinity`, or until the signal. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    if (signal.aborted) return done();
    signal.addEventListener("abort", done);
    if (ms !== Infinity) timer = setTimeout(done, ms);
  });
}
