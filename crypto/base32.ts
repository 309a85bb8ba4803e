/**
 * Crockford's base32, for codes that people type: no I, L, O or U, in groups of four.
 *
 *     5 bytes = 8 characters, most significant first; only whole multiples of that
 *
 * @module
 */

import { type Bytes, concat } from "./bytes.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const BLOCK_BYTES = 5;
const BLOCK_CHARS = 8;

/** Bytes as text in groups of four, with dashes between. @param bytes a multiple of five */
export function toBase32(bytes: Bytes): string {
  if (bytes.length % BLOCK_BYTES !== 0) throw new Error("bug: base32 of a broken block");
  let text = "";
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    text += blockToText(bytes.subarray(at, at + BLOCK_BYTES));
  }
  return text.match(/.{4}/g)!.join("-");
}

/**
 * Bytes out of what somebody typed, or null: spaces, dashes and case do not matter, and what looks like
 * 0 or 1 is one.
 */
export function fromBase32(typed: string): Bytes | null {
  const text = typed.toUpperCase().replace(/[\s-]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
  const digits = [...text].map((character) => ALPHABET.indexOf(character));
  if (digits.length % BLOCK_CHARS !== 0 || digits.includes(-1)) return null;
  const blocks: Bytes[] = [];
  for (let at = 0; at < digits.length; at += BLOCK_CHARS) {
    blocks.push(blockFromDigits(digits.slice(at, at + BLOCK_CHARS)));
  }
  return concat(...blocks);
}

/** 40 bits are a number that needs no big integers. */
function blockToText(block: Uint8Array): string {
  let value = block.reduce((sum, byte) => sum * 256 + byte, 0);
  let text = "";
  for (let i = 0; i < BLOCK_CHARS; i++) {
    text = ALPHABET[value % 32]! + text;
    value = Math.floor(value / 32);
  }
  return text;
}

function blockFromDigits(digits: readonly number[]): Bytes {
  let value = digits.reduce((sum, digit) => sum * 32 + digit, 0);
  const block = new Uint8Array(BLOCK_BYTES);
  for (let i = BLOCK_BYTES - 1; i >= 0; i--) {
    block[i] = value % 256;
    value = Math.floor(value / 256);
  }
  return block;
}
