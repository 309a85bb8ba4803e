/**
 * Randomness: the platform's generator, and no other.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";

/** Fresh random bytes of the platform's generator. */
export function randomBytes(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length));
}
