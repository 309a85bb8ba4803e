/**
 * One generation of the log: founded once, by its CONFIG, and opened ever after by the same keys.
 *
 * @module
 */

import { equal } from "../crypto/bytes.ts";
import { decodeConfig, type LogConfig, MAX_BATCH } from "../crypto/log_entry.ts";
import { readEntry } from "../kv/entries.ts";
import { readHead } from "../kv/head.ts";
import { type LogStore } from "../kv/log_key.ts";
import { type Decision, transact } from "../kv/transact.ts";
import { foundingStep } from "./epoch.ts";
import { type ServiceKeys } from "./service_keys.ts";

/**
 * Founds the log where the store has none of this origin, and otherwise checks that it is this
 * service's: under another secret nobody could follow it.
 *
 * @throws Error with a sentence for the operator where the log was founded with another secret
 */
export async function openGeneration(
  log: LogStore,
  keys: ServiceKeys,
  nowMs: number,
): Promise<void> {
  const config: LogConfig = {
    vrfPublicKey: keys.vrf.publicKey,
    operatorKey: keys.operator.publicKey,
    origin: log.origin,
    maxBatch: MAX_BATCH,
    createdMs: nowMs,
  };
  await transact(log.kv, async (): Promise<Decision<null>> => {
    if (await readHead(log) !== null) return { done: null };
    const { check, mutations } = await foundingStep(log, config);
    return { checks: [check], mutations, then: null };
  });
  const entry = await readEntry(log, 0);
  if (entry === null) throw new Error("Cannot open the log: it has a head but no CONFIG");
  const founded = decodeConfig(entry);
  const ours = founded.origin === config.origin &&
    equal(founded.vrfPublicKey, config.vrfPublicKey) &&
    equal(founded.operatorKey, config.operatorKey);
  if (!ours) throw new Error("Cannot open the log: it was founded with another secret");
}
