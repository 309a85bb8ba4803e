/**
 * Things that are done one after the other, in the order in which they came. What nothing has to be
 * waited for is done at once, without a promise: most frames are of that kind.
 *
 * @module
 */

/**
 * A queue of its own.
 *
 * @param act does one; what it returns is waited for before the next, if that is a promise
 * @param fail takes what `act` threw, and throws nothing
 * @returns puts one into the queue
 */
export function inOrder<T>(
  act: (one: T) => Promise<void> | null,
  fail: (error: unknown) => void,
): (one: T) => void {
  let last: Promise<void> | null = null;

  function follow(work: Promise<void>): void {
    const done = work.catch(fail).then(() => {
      if (last === done) last = null;
    });
    last = done;
  }

  return (one) => {
    if (last !== null) return follow(last.then(() => act(one) ?? undefined));
    try {
      const work = act(one);
      if (work !== null) follow(work);
    } catch (error) {
      fail(error);
    }
  };
}
