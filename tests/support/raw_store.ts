/**
 * A store read and written without types, as tests of stores do.
 *
 * @module
 */

import { type Changes, type Store, type Stored } from "../../client/store.ts";

/** Reads one key. */
export function read(store: Store, key: string): Promise<Stored> {
  return store.update([key], ([value]) => ({ changes: {}, result: value ?? null }));
}

/** Writes some keys. */
export function write(store: Store, changes: Changes): Promise<void> {
  return store.update([], () => ({ changes, result: undefined }));
}
