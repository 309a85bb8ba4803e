/**
 * What `/.well-known/countersign` says of Web Push.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { asBytes, asObject } from "./json.ts";

/** Reads the key of push subscriptions, null where there are none. @throws WireError */
export function pushKeyFromWire(value: unknown): Bytes | null {
  const { push } = asObject(value, "the description");
  return push === null || push === undefined ? null : asBytes(push, "push");
}
