/**
 * The log's public answers that are not files of C2SP tlog-tiles: consistency between two sizes, and
 * one transition of the prefix tree with all that shows it.
 *
 * Anybody may ask; the `fromWire` functions are for clients, who believe nothing of it yet.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { asArray, asBytes, asCount, asObject } from "./json.ts";

/** The newest published checkpoint, as a signed note. */
export const CHECKPOINT = "/log/checkpoint";
/** The newest checkpoint that an auditor cosigned. */
export const AUDITED = "/log/audited";
/** Consistency proofs. */
export const CONSISTENCY = "/log/consistency";

/** The most hashes of one RFC 6962 proof over less than 2^53 entries. */
const MAX_HASHES = 64;

/** `GET /log/consistency?from=<size>&to=<size>`. */
export interface ConsistencyWire {
  readonly from: number;
  readonly to: number;
  /** PROOF(from, D[to]) of RFC 6962, base64url. */
  readonly hashes: readonly string[];
}

/** Where the consistency of two sizes is proved. */
export function consistencyPath(from: number, to: number): string {
  return `${CONSISTENCY}?from=${from}&to=${to}`;
}

/** A consistency proof as JSON. */
export function consistencyToWire(
  from: number,
  to: number,
  hashes: readonly Bytes[],
): ConsistencyWire {
  return { from, to, hashes: hashes.map(toBase64Url) };
}

/** Reads a consistency proof for the sizes that were asked about. @throws WireError */
export function consistencyFromWire(value: unknown): readonly Bytes[] {
  const { from, to, hashes } = asObject(value, "the consistency proof");
  asCount(from, "from");
  asCount(to, "to");
  return hashesFromWire(hashes);
}

function hashesFromWire(value: unknown): readonly Bytes[] {
  return asArray(value, "hashes", MAX_HASHES).map((hash) => asBytes(hash, "a hash"));
}
