/**
 * Secret bytes that cannot be printed, logged or serialised by accident, and that can be wiped.
 *
 * Wiping overwrites this buffer; copies that the engine or WebCrypto made are out of reach.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { CryptoError } from "./error.ts";

/** A secret byte string of a stated purpose. */
export class Secret {
  #bytes: Bytes | null;

  /** Takes ownership of `bytes`: the caller keeps no reference. */
  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  /** The bytes themselves, not a copy: do not keep them. @throws CryptoError `spent` when wiped */
  expose(): Bytes {
    if (this.#bytes === null) throw new CryptoError("spent", "This secret was already wiped");
    return this.#bytes;
  }

  /** Overwrites the bytes; any later use throws. */
  wipe(): void {
    this.#bytes?.fill(0);
    this.#bytes = null;
  }

  /** Never the bytes. */
  toJSON(): string {
    return "[secret]";
  }

  /** Never the bytes. */
  toString(): string {
    return "[secret]";
  }

  /** Ends the secret with its block. */
  [Symbol.dispose](): void {
    this.wipe();
  }
}
