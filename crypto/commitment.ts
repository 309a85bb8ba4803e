/**
 * The commitment of the log to a record: hiding until opened, binding for ever.
 *
 *     commitment = HMAC-SHA256(Kc, opening[16] || v8 label || u32 version || v32 value)
 *     Kc         = d821f8790d97709796b4d7903357c3f5
 *
 * Source: draft-ietf-keytrans-protocol, section "Commitment".
 *
 * @module
 */

import { type AccountLabel } from "./account_label.ts";
import { type Bytes, utf8 } from "./bytes.ts";
import { Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { constantTimeEqual, hmacSha256 } from "./primitives.ts";

/** Length of an opening in bytes. */
export const OPENING_BYTES = 16;

// deno-fmt-ignore
const KC = Uint8Array.of(
  0xd8, 0x21, 0xf8, 0x79, 0x0d, 0x97, 0x70, 0x97, 0x96, 0xb4, 0xd7, 0x90, 0x33, 0x57, 0xc3, 0xf5,
);

/** What a commitment commits to. */
export interface Committed {
  /** The account's label. */
  readonly label: AccountLabel;
  /** The record's version. */
  readonly version: number;
  /** The SignedRecord. */
  readonly value: Bytes;
}

/** Commits to a record with a fresh 16-byte opening. */
export function commit(opening: Bytes, { label, version, value }: Committed): Bytes {
  const body = new Writer().raw(opening).v8(utf8(label)).u32(version).v32(value).bytes();
  return hmacSha256(KC, body);
}

/** Checks that a commitment opens to this record. @throws CryptoError `bad_commitment` */
export function checkCommitment(commitment: Bytes, opening: Bytes, committed: Committed): void {
  if (!constantTimeEqual(commitment, commit(opening, committed))) {
    throw new CryptoError("bad_commitment", "The log committed to another record");
  }
}

/** The VRF's input for a version of a label: `v8 label || u32 version`. */
export function vrfInput(label: AccountLabel, version: number): Bytes {
  return new Writer().v8(utf8(label)).u32(version).bytes();
}
