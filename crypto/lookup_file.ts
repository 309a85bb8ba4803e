/**
 * A lookup as one file that anybody can check, later and offline, under the log's key.
 *
 *     countersign.lookup/1
 *     { "label", "config": tlog-proof of CONFIG, "proofs": [tlog-proof, ...] }
 *
 * One proof shows the newest record and eight earlier ones; a longer history takes more of them, the
 * newest first. Nothing in a file is believed.
 *
 * @module
 */

import { type AccountLabel, parseAccountLabel } from "./account_label.ts";
import { CryptoError } from "./error.ts";
import { FIRST_CONTACT, type LogIdentity, verifyConfig } from "./head.ts";
import { type LookupResult, type LookupState, verifyLookup } from "./lookup.ts";
import { type LogPolicy } from "./policy.ts";

const LOOKUP_FILE_HEADER = "countersign.lookup/1";
const MAX_LENGTH = 16 * 1024 * 1024;
const MAX_PROOFS = 64;

/** What a file holds. */
export interface LookupFile {
  /** Whose name it is about. */
  readonly label: AccountLabel;
  /** The tlog-proof of CONFIG. */
  readonly config: string;
  /** The tlog-proofs of the name, the newest records first. */
  readonly proofs: readonly string[];
}

/** The text of a file. */
export function formatLookupFile({ label, config, proofs }: LookupFile): string {
  return `${LOOKUP_FILE_HEADER}\n${JSON.stringify({ label, config, proofs }, null, 2)}\n`;
}

/** Reads such a text. @throws CryptoError `malformed`, `bad_label` */
export function parseLookupFile(text: string): LookupFile {
  if (!text.startsWith(`${LOOKUP_FILE_HEADER}\n`) || text.length > MAX_LENGTH) throw malformed();
  let value: unknown;
  try {
    value = JSON.parse(text.slice(LOOKUP_FILE_HEADER.length + 1));
  } catch {
    throw malformed();
  }
  if (typeof value !== "object" || value === null) throw malformed();
  const { label, config, proofs } = value as Record<string, unknown>;
  const isWhole = typeof label === "string" && typeof config === "string" &&
    Array.isArray(proofs) && proofs.length >= 1 && proofs.length <= MAX_PROOFS &&
    proofs.every((proof) => typeof proof === "string");
  if (!isWhole) throw malformed();
  return { label: parseAccountLabel(label), config, proofs };
}

/**
 * Verifies a file under a policy: the log's CONFIG, and then each proof.
 *
 * @throws CryptoError as `verifyConfig` and `verifyLookup`, and `bad_proof` where proofs are missing
 */
export async function verifyLookupFile(
  origin: string,
  policy: LogPolicy,
  { label, config, proofs }: LookupFile,
): Promise<Exclude<LookupResult, { readonly kind: "partial" }>> {
  const { config: { vrfPublicKey, operatorKey } } = await verifyConfig(origin, policy, config);
  const log: LogIdentity = { origin, policy, vrfPublicKey, operatorKey };
  let pages: LookupState["pages"] = new Map();
  for (const proof of proofs) {
    const state = { ...FIRST_CONTACT, known: null, pages };
    const result = await verifyLookup(log, label, { proof, consistency: [] }, state);
    if (result.kind !== "partial") return result;
    pages = result.pages;
  }
  throw new CryptoError("bad_proof", "The file lacks a part of the name's history");
}

function malformed(): CryptoError {
  return new CryptoError("malformed", "Not the file of a lookup");
}
