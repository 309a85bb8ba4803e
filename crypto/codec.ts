/**
 * The TLS presentation language (RFC 8446, section 3) as a writer and a reader: big-endian
 * integers, byte strings with a length in front.
 *
 * A reader never reads past its end and `end()` refuses trailing bytes: one value, one encoding.
 *
 * @module
 */

import { type Bytes, concat } from "./bytes.ts";
import { CryptoError } from "./error.ts";

/** Builds an encoding field by field. */
export class Writer {
  readonly #parts: Uint8Array[] = [];

  /** One byte. */
  u8(value: number): this {
    return this.#uint(value, 1);
  }

  /** Two bytes. */
  u16(value: number): this {
    return this.#uint(value, 2);
  }

  /** Four bytes. */
  u32(value: number): this {
    return this.#uint(value, 4);
  }

  /** Eight bytes; the value is a safe integer, so the top eleven bits are zero. */
  u64(value: number): this {
    return this.#uint(value, 8);
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  /** Up to 255 bytes behind a one-byte length. */
  v8(bytes: Uint8Array): this {
    return this.u8(bytes.length).raw(bytes);
  }

  /** Up to 65,535 bytes behind a two-byte length. */
  v16(bytes: Uint8Array): this {
    return this.u16(bytes.length).raw(bytes);
  }

  /** Bytes behind a four-byte length. */
  v32(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** What was written. */
  bytes(): Bytes {
    return concat(...this.#parts);
  }

  #uint(value: number, width: number): this {
    if (!Number.isSafeInteger(value) || value < 0 || value >= 256 ** width) {
      throw new Error(`bug: ${value} does not fit ${width} bytes`);
    }
    const out = new Uint8Array(width);
    let rest = value;
    for (let i = width - 1; i >= 0; i--) {
      out[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    return this.raw(out);
  }
}

/** Takes an encoding apart field by field; every failure is `malformed`. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  /** @param bytes the encoding @param what its name, for the error's sentence */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  /** One byte. */
  u8(): number {
    return this.#uint(1);
  }

  /** Two bytes. */
  u16(): number {
    return this.#uint(2);
  }

  /** Four bytes. */
  u32(): number {
    return this.#uint(4);
  }

  /** Eight bytes, below 2^53. */
  u64(): number {
    return this.#uint(8);
  }

  /** A copy of the next `length` bytes. */
  raw(length: number): Bytes {
    if (length > this.#bytes.length - this.#at) throw this.#malformed("ends too early");
    const out = this.#bytes.slice(this.#at, this.#at + length) as Bytes;
    this.#at += length;
    return out;
  }

  /** Bytes behind a one-byte length. */
  v8(): Bytes {
    return this.raw(this.u8());
  }

  /** Bytes behind a two-byte length. */
  v16(): Bytes {
    return this.raw(this.u16());
  }

  /** Bytes behind a four-byte length. */
  v32(): Bytes {
    return this.raw(this.u32());
  }

  /** All that is left. */
  rest(): Bytes {
    return this.raw(this.#bytes.length - this.#at);
  }

  /** How many bytes were read so far. */
  position(): number {
    return this.#at;
  }

  /** Requires the value at this place; `field` names it in the error. */
  expect(actual: number, wanted: number, field: string): void {
    if (actual !== wanted) throw this.#malformed(`has ${field} ${actual}, not ${wanted}`);
  }

  /** Refuses trailing bytes. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw this.#malformed("has trailing bytes");
  }

  #uint(width: number): number {
    if (width > this.#bytes.length - this.#at) throw this.#malformed("ends too early");
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + this.#bytes[this.#at++]!;
    if (!Number.isSafeInteger(value)) throw this.#malformed("has an integer of 2^53 or more");
    return value;
  }

  #malformed(why: string): CryptoError {
    return new CryptoError("malformed", `Cannot read ${this.#what}: it ${why}`);
  }
}
