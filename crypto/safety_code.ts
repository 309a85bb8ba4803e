/**
 * The safety number as a code for a camera: one person's device shows it, the other's scans it.
 *
 *     code = "countersign-safety:" || base64url(u8 1 || half of who shows it || half of whom it is for)
 *     half = v8 origin || v8 label || u32 version || fingerprint[30]
 *
 * A fingerprint is the one whose digits make the safety number, so whoever scans compares the same, and
 * more of it than people would read out. The version says which record of somebody it is of: two devices that
 * know different ones have to look again, and nobody has lied.
 *
 * @module
 */

import { encodeAccountId } from "./account_label.ts";
import { fromBase64Url, toBase64Url } from "./base64.ts";
import { type Bytes, concat, equal } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { type VerifiedRecord } from "./record.ts";
import { accountFingerprint, FINGERPRINT_BYTES } from "./safety_number.ts";

const PREFIX = "countersign-safety:";
const VERSION = 1;

/**
 * What scanning a code says: the `same` keys, `different` ones; that one of the two devices knows an `older`
 * record; or that the code is for `others`.
 */
export type SafetyVerdict = "same" | "different" | "older" | "others";

/** The code that one shows to somebody. */
export function safetyCode(own: VerifiedRecord, peer: VerifiedRecord): string {
  return PREFIX + toBase64Url(concat(Uint8Array.of(VERSION), half(own), half(peer)));
}

/** What a code says that somebody showed. @throws CryptoError `malformed` where it is none */
export function judgeSafetyCode(
  own: VerifiedRecord,
  peer: VerifiedRecord,
  code: string,
): SafetyVerdict {
  const bytes = code.startsWith(PREFIX) ? fromBase64Url(code.slice(PREFIX.length)) : null;
  if (bytes === null) throw new CryptoError("malformed", "This is not the code of a safety number");
  const reader = new Reader(bytes, "a safety code");
  reader.expect(reader.u8(), VERSION, "version");
  const shown = [readHalf(reader), readHalf(reader)];
  reader.end();
  // Turned round: who showed it is the other one here.
  const held = [peer, own];
  if (!held.every(({ account }, i) => equal(encodeAccountId(account), shown[i]!.account))) {
    return "others";
  }
  if (!held.every(({ version }, i) => version === shown[i]!.version)) return "older";
  const isSame = held.every((record, i) =>
    equal(accountFingerprint(record), shown[i]!.fingerprint)
  );
  return isSame ? "same" : "different";
}

function half(record: VerifiedRecord): Bytes {
  const place = new Writer().u32(record.version).bytes();
  return concat(encodeAccountId(record.account), place, accountFingerprint(record));
}

function readHalf(reader: Reader): {
  readonly account: Bytes;
  readonly version: number;
  readonly fingerprint: Bytes;
} {
  const account = new Writer().v8(reader.v8()).v8(reader.v8()).bytes();
  return { account, version: reader.u32(), fingerprint: reader.raw(FINGERPRINT_BYTES) };
}
