/**
 * Under which keys of group calls this device has sent: each is noted before the first frame, and never sent
 * under again.
 *
 * A counter is never resumed. So a page that is loaded anew, and is still in the call for the others, must not
 * begin to count again under keys that it had before: it waits for other ones.
 *
 * @module
 */

import { type Bytes, equal, toHex } from "../crypto/bytes.ts";
import { type Generation } from "../crypto/generation.ts";
import { cell, change, keep } from "./cell.ts";
import { type Store } from "./store.ts";

/** Most that are remembered; older keys can't come back, since nobody has them any more. */
const MAX_USES = 64;

const USES = cell<readonly Bytes[]>("group/uses");

/** The keys that one client in a call sends under. */
export class GroupUses {
  readonly #store: Store;
  /** Those of this client: it has counted their frames since the first, and goes on. */
  readonly #own = new Set<string>();

  /** None yet. */
  constructor(store: Store) {
    this.#store = store;
  }

  /** Notes that frames are to be sent under these keys; false where another one may have done so before. */
  async take(generation: Generation): Promise<boolean> {
    const name = generation.exporter("use", new Uint8Array(0), 16);
    if (this.#own.has(toHex(name))) return true;
    const isFresh = await change(this.#store, [USES], ([uses]) => {
      const known = uses ?? [];
      if (known.some((each) => equal(each, name))) return { changes: {}, result: false };
      return { changes: keep(USES, [...known, name].slice(-MAX_USES)), result: true };
    });
    if (isFresh) this.#own.add(toHex(name));
    return isFresh;
  }
}
