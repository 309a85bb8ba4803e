/**
 * Accounts as everybody else sees them: the label that somebody wrote, and the record that the
 * published log has of it. Its devices are the ones that may sign in, publish and be called.
 *
 * @module
 */

import { type AccountLabel, parseAccountLabel } from "../crypto/account_label.ts";
import { equal } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import { type VerifiedRecord, verifyGenesis } from "../crypto/record.ts";
import { type LogStore } from "../kv/log_key.ts";
import { readPublished } from "../kv/published.ts";
import { readCovered } from "../kv/records.ts";
import { ServiceError } from "./error.ts";

/** The accounts of one log. */
export interface Accounts {
  /** The current record of an account, or null where the published log has none. */
  record(label: AccountLabel): Promise<VerifiedRecord | null>;
}

const MAX_CACHED_RECORDS = 4_096;

/** Looks accounts up in a log, and remembers the records that were verified lately. */
export function openAccounts(log: LogStore): Accounts {
  const verified = new Map<AccountLabel, VerifiedRecord>();

  function remember(label: AccountLabel, record: VerifiedRecord): void {
    // The oldest goes: a map keeps the order of insertion.
    if (verified.size >= MAX_CACHED_RECORDS) verified.delete(verified.keys().next().value!);
    verified.set(label, record);
  }

  async function record(label: AccountLabel): Promise<VerifiedRecord | null> {
    const published = await readPublished(log);
    if (published === null) return null;
    const covered = await readCovered(log, label, published.value.size);
    if (covered === null) return null;
    const cached = verified.get(label);
    if (cached !== undefined && equal(cached.bytes, covered.record)) return cached;
    const fresh = await verifyGenesis({ origin: log.origin, label }, covered.record);
    remember(label, fresh);
    return fresh;
  }

  return { record };
}

/** The label that somebody wrote. @throws ServiceError `bad_label` */
export function labelOf(text: string): AccountLabel {
  try {
    return parseAccountLabel(text);
  } catch (error) {
    if (error instanceof CryptoError) throw new ServiceError("bad_label", error.message);
    throw error;
  }
}
