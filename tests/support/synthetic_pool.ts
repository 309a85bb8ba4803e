/**
 * A founded log, and pool entries of nobody: for whatever looks at sequencing alone. Their indexes and
 * commitments are random, as true ones seem to whoever does not know the label.
 *
 * @module
 */

import { foundingStep } from "../../core/epoch.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { toHex } from "../../crypto/bytes.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { type LogStore } from "../../kv/log_key.ts";
import { newPoolId, type Pooled } from "../../kv/pool.ts";
import { commit } from "../../kv/transact.ts";

/** A log with only its CONFIG. */
export async function foundedLog(kv: Deno.Kv, origin = "test.invalid/kt/1"): Promise<LogStore> {
  const log: LogStore = { kv, origin };
  const { publicKey } = await generateSigningKeyPair();
  const keys = { vrfPublicKey: publicKey, operatorKey: publicKey };
  const config = { ...keys, origin, maxBatch: 128, createdMs: Date.now() };
  const { check, mutations } = await foundingStep(log, config);
  if (await commit(kv, [check], mutations) !== "committed") throw new Error("bug: not founded");
  return log;
}

/** Entries of as many random names, in the order of their ids. @param first the first one's time */
export function syntheticPool(first: number, count: number, recordBytes = 400): Pooled[] {
  return Array.from({ length: count }, (_, i): Pooled => {
    return {
      id: newPoolId(first + i),
      entry: {
        label: parseAccountLabel(toHex(randomBytes(8))),
        version: 0,
        record: randomBytes(recordBytes),
        recordHash: randomBytes(32),
        opening: randomBytes(16),
        commitment: randomBytes(32),
        vrfOutput: randomBytes(32),
        vrfProof: randomBytes(80),
      },
    };
  });
}
