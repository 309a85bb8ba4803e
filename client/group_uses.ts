/**
 * Under which keys of group calls this device has sent: each is noted before the first frame, and never sent
 * under again.
 *
 * A counter is never resumed. So a page that is loaded anew, and is still in the call for the others, must not
 * begin to count again under keys that it had before: it waits for other ones.
 *
 * @module
 */

import { type Bytes, equal } from "../crypto/bytes.ts";
import { type Generation } from "../crypto/generation.ts";
import { cell, change, keep } from "./cell.ts";
import { type Store } from "./store.ts";

/** Most that are remembered; older keys can't come back, since nobody has them any more. */
const MAX_USES = 64;

const USES = cell<readonly Bytes[]>("group/uses");

/** Notes that frames are to be sent under these keys; false where this device may have done so before. */
export function noteUse(store: Store, generation: Generation): Promise<boolean> {
  const name = generation.exporter("use", new Uint8Array(0), 16);
  return change(store, [USES], ([uses]) => {
    const known = uses ?? [];
    if (known.some((each) => equal(each, name))) return { changes: {}, result: false };
    return { changes: keep(USES, [...known, name].slice(-MAX_USES)), result: true };
  });
}
