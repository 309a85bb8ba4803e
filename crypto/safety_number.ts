/**
 * The safety number of two accounts: 60 digits that both people see alike, and nobody in between
 * can make equal.
 *
 *     fingerprint = first 30 bytes of 5200 rounds of h = SHA-512(h || keys), h0 = keys
 *     keys        = "safety-number" || v8 origin || v8 label || signing keys || identity keys
 *                   of all devices, in ascending order of device number
 *     digits      = each 5 bytes of it, big-endian, modulo 100000; both halves in ascending order
 *
 * After libsignal's NumericFingerprint (5200 iterations), whose rounds make a search for a number
 * that looks alike dearer.
 *
 * @module
 */

import { encodeAccountId } from "./account_label.ts";
import { type Bytes, compare, concat } from "./bytes.ts";
import { labelled } from "./labels.ts";
import { sha512 } from "./primitives.ts";
import { type VerifiedRecord } from "./record.ts";

const ROUNDS = 5_200;
/** Length of one account's fingerprint in bytes. */
export const FINGERPRINT_BYTES = 30;

/** The 60 digits of two verified records, the same whichever is given first. */
export function safetyNumber(a: VerifiedRecord, b: VerifiedRecord): string {
  const halves = [accountFingerprint(a), accountFingerprint(b)].sort(compare);
  return halves.map(digits).join("");
}

/** What one account's half of a safety number stands for: 30 bytes of a slow hash of all its keys. */
export function accountFingerprint(record: VerifiedRecord): Bytes {
  const devices = record.devices.map(({ entry }) => entry)
    .sort((x, y) => x.deviceId - y.deviceId);
  const keys = labelled(
    "safety-number",
    encodeAccountId(record.account),
    ...devices.flatMap(({ signing, identity }) => [signing, identity]),
  );
  let hash = keys;
  for (let i = 0; i < ROUNDS; i++) hash = sha512(concat(hash, keys));
  return hash.slice(0, FINGERPRINT_BYTES);
}

function digits(bytes: Bytes): string {
  let out = "";
  for (let i = 0; i < bytes.length; i += 5) {
    let chunk = 0;
    for (const byte of bytes.subarray(i, i + 5)) chunk = chunk * 256 + byte;
    out += String(chunk % 100_000).padStart(5, "0");
  }
  return out;
}
