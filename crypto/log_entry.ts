/**
 * The three kinds of log entry. They are public: nothing in them names a person.
 *
 *     CONFIG  index 0      0x00 || u16 suite || vrf_public_key[32] || operator_key[32] || v8 origin
 *                          || u16 max_batch || u64 created_ms || u8 0 (no earlier generation)
 *     BATCH   index 2k+1   0x01 || u16 n || n x (vrf_output[32] || commitment[32])   1 <= n <= 128,
 *                          strictly ascending by vrf_output
 *     ROOT    index 2k+2   0x02 || u64 timestamp_ms || prefix_root[32]
 *
 * BATCH and ROOT alternate, so every published size is odd.
 *
 * @module
 */

import { type Bytes, compare, fromUtf8, utf8 } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { parseVerifyingKey, type VerifyingKey } from "./keys.ts";

/** Most pairs of one BATCH. */
export const MAX_BATCH = 128;
/** Suite of the log: SHA-256, ECVRF-EDWARDS25519-SHA512-TAI, Ed25519. */
const LOG_SUITE = 0x0001;

const CONFIG = 0x00;
const BATCH = 0x01;
const ROOT = 0x02;

/** The log's constitution, entry 0. */
export interface LogConfig {
  /** Under which index labels are hidden. */
  readonly vrfPublicKey: Bytes;
  /** Signs records in the operator's role, and nothing else. */
  readonly operatorKey: VerifyingKey;
  /** `<host>/kt/<generation>`. */
  readonly origin: string;
  /** Most pairs of one BATCH that this log writes. */
  readonly maxBatch: number;
  /** Unix milliseconds. */
  readonly createdMs: number;
}

/** One committed record: 64 random-looking bytes. */
export interface BatchPair {
  /** 32 bytes. */
  readonly vrfOutput: Bytes;
  /** 32 bytes. */
  readonly commitment: Bytes;
}

/** What closes an epoch. */
export interface EpochRoot {
  /** Unix milliseconds; never goes back. */
  readonly timestampMs: number;
  /** Root of the prefix tree; zeros while the log has none. */
  readonly prefixRoot: Bytes;
}

/** The bytes of CONFIG. */
export function encodeConfig(config: LogConfig): Bytes {
  return new Writer()
    .u8(CONFIG)
    .u16(LOG_SUITE)
    .raw(config.vrfPublicKey)
    .raw(config.operatorKey)
    .v8(utf8(config.origin))
    .u16(config.maxBatch)
    .u64(config.createdMs)
    .u8(0)
    .bytes();
}

/** Reads CONFIG. @throws CryptoError `malformed`, `bad_key` */
export function decodeConfig(entry: Bytes): LogConfig {
  const reader = new Reader(entry, "the log's CONFIG");
  reader.expect(reader.u8(), CONFIG, "type");
  reader.expect(reader.u16(), LOG_SUITE, "suite");
  const vrfPublicKey = parseVerifyingKey(reader.raw(32));
  const operatorKey = parseVerifyingKey(reader.raw(32));
  const origin = fromUtf8(reader.v8());
  if (origin === null || origin === "") throw malformed("the log's CONFIG", "has no origin");
  const maxBatch = reader.u16();
  const createdMs = reader.u64();
  reader.expect(reader.u8(), 0, "earlier generation");
  reader.end();
  return { vrfPublicKey, operatorKey, origin, maxBatch, createdMs };
}

/** The bytes of BATCH; the pairs are given in ascending order. */
export function encodeBatch(pairs: readonly BatchPair[]): Bytes {
  const writer = new Writer().u8(BATCH).u16(pairs.length);
  for (const { vrfOutput, commitment } of pairs) writer.raw(vrfOutput).raw(commitment);
  return writer.bytes();
}

/** Reads BATCH. @throws CryptoError `malformed` */
export function decodeBatch(entry: Bytes): readonly BatchPair[] {
  const reader = new Reader(entry, "a BATCH");
  reader.expect(reader.u8(), BATCH, "type");
  const count = reader.u16();
  if (count < 1 || count > MAX_BATCH) throw malformed("a BATCH", "has no pairs, or over 128");
  const pairs = Array.from({ length: count }, () => ({
    vrfOutput: reader.raw(32),
    commitment: reader.raw(32),
  }));
  reader.end();
  for (let i = 1; i < pairs.length; i++) {
    if (compare(pairs[i - 1]!.vrfOutput, pairs[i]!.vrfOutput) >= 0) {
      throw malformed("a BATCH", "is not strictly ascending");
    }
  }
  return pairs;
}

/** The bytes of ROOT. */
export function encodeEpochRoot(root: EpochRoot): Bytes {
  return new Writer().u8(ROOT).u64(root.timestampMs).raw(root.prefixRoot).bytes();
}

/** Reads ROOT. @throws CryptoError `malformed` */
export function decodeEpochRoot(entry: Bytes): EpochRoot {
  const reader = new Reader(entry, "a ROOT");
  reader.expect(reader.u8(), ROOT, "type");
  const root = { timestampMs: reader.u64(), prefixRoot: reader.raw(32) };
  reader.end();
  return root;
}

function malformed(what: string, why: string): CryptoError {
  return new CryptoError("malformed", `Cannot read ${what}: it ${why}`);
}
