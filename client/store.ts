/**
 * Where a client keeps what must outlive it: keys, prekeys, the trusted head, pins.
 *
 * One operation, and it is atomic: read some keys, decide, write some keys. Two tabs, or a crash in
 * the middle, never see half of a change. A store never sees what its values mean.
 *
 * @module
 */

/** A value that a store can keep: what structured clone takes, of plain data and keys. */
export type Stored =
  | string
  | number
  | boolean
  | null
  | Uint8Array<ArrayBuffer>
  | CryptoKey
  | readonly Stored[]
  | { readonly [name: string]: Stored };

/** What a decision changes: null deletes. */
export type Changes = Readonly<Record<string, Stored>>;

/** A place to keep things. */
export interface Store {
  /** Whether private keys must be extractable to be kept here; false wherever it can be. */
  readonly extractable: boolean;
  /**
   * Reads the keys, hands their values to `decide` (null where absent), writes what it changes, and
   * gives its result once that is durable. `decide` may run more than once and must not wait.
   */
  update<T>(
    keys: readonly string[],
    decide: (values: readonly Stored[]) => { readonly changes: Changes; readonly result: T },
  ): Promise<T>;
  /** Releases what the store holds; idempotent. */
  close(): void;
}

/** A store that forgets with the process: for tests, demos, and guests. */
export function memoryStore(): Store {
  const values = new Map<string, Stored>();
  return {
    extractable: false,
    update: (keys, decide) => {
      try {
        const { changes, result } = decide(keys.map((key) => values.get(key) ?? null));
        for (const [key, value] of Object.entries(changes)) {
          if (value === null) values.delete(key);
          else values.set(key, value);
        }
        return Promise.resolve(result);
      } catch (error) {
        return Promise.reject(error);
      }
    },
    close: () => {},
  };
}
