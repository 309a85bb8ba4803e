/**
 * Byte strings that parsers stumble over: random ones, short ones, and those in which zeros, the
 * bytes that start codes and escapes are made of, and set bits prevail.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { randomBytes } from "../../crypto/primitives.ts";

const ALPHABETS: readonly (readonly number[])[] = [
  [0],
  [0, 1],
  [0, 3],
  [0, 0, 1, 2, 3, 4],
  [0, 0, 0x80],
  [0, 3, 0x80],
  [0x80, 0xff],
];
const MAX_LENGTH = 300;

/** Gives every string of up to five bytes of 0, 1, 3 and 128, and then as many others as are asked for. */
export function* anyBytes(count: number): Generator<Bytes> {
  const small = [0, 1, 3, 0x80];
  for (let length = 0; length <= 5; length++) {
    for (let n = 0; n < 4 ** length; n++) {
      yield Uint8Array.from({ length }, (_, i) => small[n >> 2 * i & 3]!);
    }
  }
  for (let i = 0; i < count; i++) {
    const [choice, high, low] = randomBytes(3) as unknown as [number, number, number];
    const bytes = randomBytes((high << 8 | low) % MAX_LENGTH);
    const alphabet = ALPHABETS[choice % (ALPHABETS.length + 1)];
    yield alphabet === undefined ? bytes : bytes.map((byte) => alphabet[byte % alphabet.length]!);
  }
}
