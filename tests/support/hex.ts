/**
 * Bytes of a test's constants and vectors.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";

/** The bytes of a hexadecimal text. */
export function fromHex(hex: string): Bytes {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
