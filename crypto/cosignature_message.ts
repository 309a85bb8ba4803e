/**
 * What a cosignature covers and how it is laid out (C2SP tlog-cosignature).
 *
 *     signature      = u64 timestamp, Unix seconds || Ed25519[64] or ML-DSA-44[2420]
 *     Ed25519 signs  "cosignature/v1\n" "time " decimal(timestamp) "\n" || checkpoint text
 *     ML-DSA-44      "subtree/v1\n\0" || v8 cosigner name || u64 timestamp || v8 origin
 *                    || u64 start = 0 || u64 end = size || root[32]
 *
 * Only the text of a checkpoint is cosigned, and one without extension lines at that: ML-DSA-44
 * would not cover them. A timestamp says as of when this is the largest tree its cosigner has seen.
 *
 * @module
 */

import { type Bytes, concat, fromUtf8, utf8 } from "./bytes.ts";
import { type Checkpoint, parseCheckpoint } from "./checkpoint_text.ts";
import { Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";

/** The latest time of a cosignature, in Unix seconds: its milliseconds are below 2^53. */
export const MAX_COSIGNED_S = Math.floor(Number.MAX_SAFE_INTEGER / 1000);
/** The longest name of an ML-DSA-44 cosigner in bytes of UTF-8. */
export const MAX_COSIGNER_NAME_BYTES = 255;

/** What Ed25519 cosigns, or null where the text is not a checkpoint's. */
export function ed25519CosignedMessage(text: Bytes, timestampS: number): Bytes | null {
  if (checkpointOf(text) === null) return null;
  return concat(utf8(`cosignature/v1\ntime ${timestampS}\n`), text);
}

/** What ML-DSA-44 cosigns, or null where the text is not a checkpoint's. */
export function subtreeMessage(name: string, text: Bytes, timestampS: number): Bytes | null {
  const checkpoint = checkpointOf(text);
  if (checkpoint === null) return null;
  return new Writer().raw(utf8("subtree/v1\n\0"))
    .v8(utf8(name))
    .u64(timestampS)
    .v8(utf8(checkpoint.origin))
    .u64(0)
    .u64(checkpoint.size)
    .raw(checkpoint.root)
    .bytes();
}

/** The bytes behind the key ID of a cosignature line. */
export function joinCosignature(timestampS: number, signature: Bytes): Bytes {
  return new Writer().u64(timestampS).raw(signature).bytes();
}

/** The time and the signature proper, or null where the time is out of range. */
export function splitCosignature(bytes: Bytes): { timestampS: number; signature: Bytes } | null {
  try {
    const reader = new Reader(bytes, "cosignature");
    const timestampS = reader.u64();
    return timestampS > MAX_COSIGNED_S ? null : { timestampS, signature: reader.rest() };
  } catch (error) {
    if (error instanceof CryptoError) return null;
    throw error;
  }
}

function checkpointOf(text: Bytes): Checkpoint | null {
  const body = fromUtf8(text);
  try {
    return body === null ? null : parseCheckpoint(body);
  } catch (error) {
    if (error instanceof CryptoError) return null;
    throw error;
  }
}
