/**
 * Work on one thing at a time within this process: who writes the same row at once would otherwise throw
 * most of its commits away. It orders, and decides nothing: other processes are kept apart by the checks
 * of each commit.
 *
 * @module
 */

/** Lets work on one key wait for the work on it before. */
export interface Turns {
  /** Does some work when it is this key's turn. */
  take<T>(key: string, work: () => Promise<T>): Promise<T>;
}

/** Nobody waits. */
export function turns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return {
    take(key, work) {
      const mine = (last.get(key) ?? Promise.resolve()).then(work);
      // What fails is its caller's; the next one goes on.
      const over = mine.catch(() => {}).then(() => {
        if (last.get(key) === over) last.delete(key);
      });
      last.set(key, over);
      return mine;
    },
  };
}
