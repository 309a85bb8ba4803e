/**
 * The keys of a call whose session is a text, for tests of media alone.
 *
 * @module
 */

import { concat, utf8 } from "../../crypto/bytes.ts";
import { hkdfExpand, sha256 } from "../../crypto/primitives.ts";
import { type CallKeys, callKeys } from "../../crypto/schedule.ts";

/** The keys of one side; both have the same text. */
export function keysOf(secret: string, self: 0 | 1): CallKeys {
  const root = sha256(utf8(secret));
  return callKeys((label, context, length) => {
    return hkdfExpand(root, concat(utf8(label), context), length);
  }, self);
}
