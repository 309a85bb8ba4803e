/**
 * The log that a client believes: its policy and CONFIG from first contact, its newest head since.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { CryptoError } from "../crypto/error.ts";
import { type LogIdentity, verifyConfig } from "../crypto/head.ts";
import { decodeConfig, encodeConfig } from "../crypto/log_entry.ts";
import { formatNote, parseVerifierKey } from "../crypto/note.ts";
import { logOnlyPolicy, type LogPolicy } from "../crypto/policy.ts";
import { WELL_KNOWN } from "../wire/paths.ts";
import { descriptionFromWire } from "../wire/service.ts";
import { cell } from "./cell.ts";
import { ClientError, ofLookup } from "./error.ts";
import { type Http } from "./http.ts";

/** What is kept of the log. */
export type KnownLog = {
  /** Who must have signed its heads. */
  readonly policy: LogPolicy;
  /** The bytes of CONFIG. */
  readonly config: Bytes;
  /** The newest head: a note that the log signed. */
  readonly head: string;
};

/** Where the log is kept. */
export const KNOWN_LOG = cell<KnownLog>("log");

/** What an application ships to say which log it means: at most one of the two. */
export interface PinnedLog {
  /** The log's verifier key, `name+hash+key`. */
  readonly logKey?: string | undefined;
  /** A policy of one log and its witnesses (C2SP tlog-policy). */
  readonly policy?: string | undefined;
}

/** The policy that an application pins, or null. @throws ClientError `bad_option` */
export async function pinnedPolicy({ logKey, policy }: PinnedLog): Promise<LogPolicy | null> {
  if (logKey === undefined && policy === undefined) return null;
  if (logKey !== undefined && policy !== undefined) {
    throw new ClientError("bad_option", "The log is pinned by its key or by a policy, not by both");
  }
  const pinned = await readPin(() => policy === undefined ? ofKey(logKey!) : ofText(policy));
  if (new Set(pinned.logs.map(({ name }) => name)).size !== 1) {
    throw new ClientError("bad_option", "The policy that pins the log has to be of one log");
  }
  return pinned;
}

/** Says what is wrong with a pin: its author has to mend it. */
async function readPin(read: () => LogPolicy | Promise<LogPolicy>): Promise<LogPolicy> {
  try {
    return await read();
  } catch (cause) {
    const why = cause instanceof CryptoError ? `: ${cause.message}` : "";
    const form = "The log is pinned by its key (name+hash+key), or by a policy";
    throw new ClientError("bad_option", form + why, { cause });
  }
}

/**
 * First contact: the log's key is taken on trust unless the application pins it; its CONFIG is proved.
 *
 * @throws ClientError `log_changed`, `proof_invalid`, `quorum_missing`, `bad_answer`, `network`,
 * `unavailable`
 */
export async function meetLog(http: Http, pinned: LogPolicy | null): Promise<KnownLog> {
  try {
    const description = descriptionFromWire(await http.open("GET", WELL_KNOWN));
    const policy = pinned ?? ofKey(description.verifier);
    const origin = policy.logs[0]!.name;
    const { config, head } = await verifyConfig(origin, policy, description.config);
    return { policy, config: encodeConfig(config), head: noteText(head) };
  } catch (error) {
    throw ofLookup(error);
  }
}

/** What proofs of the log are verified under. */
export function identityOf({ policy, config }: Pick<KnownLog, "policy" | "config">): LogIdentity {
  const { origin, vrfPublicKey, operatorKey } = decodeConfig(config);
  return { origin, policy, vrfPublicKey, operatorKey };
}

/**
 * The known log under what the application pins now: the witnesses of a policy may change, the log may
 * not.
 *
 * @throws ClientError `log_changed`
 */
export function underPin(known: KnownLog, pinned: LogPolicy | null): KnownLog {
  if (pinned === null) return known;
  const trusted = known.policy.logs;
  const isSame = pinned.logs.some((key) =>
    trusted.some(({ name, keyId }) => name === key.name && keyId === key.keyId)
  );
  if (!isSame) {
    throw new ClientError("log_changed", "The service's log is not the one that was trusted");
  }
  return { ...known, policy: pinned };
}

/** The note of a head. */
export function noteText({ note }: SignedCheckpoint): string {
  return formatNote(note.text, note.signatures);
}

/** The note of a head with one signature, a log's shortest: it convicts the log, whoever else signed. */
export function noteUnder(origin: string, { note }: SignedCheckpoint): string {
  const own = note.signatures.filter(({ name }) => name === origin);
  // Beside Ed25519's there may be one of ML-DSA.
  own.sort((a, b) => a.signature.length - b.signature.length);
  return formatNote(note.text, own.slice(0, 1));
}

/** Reading policies is loaded on use: most applications ship a key. */
async function ofText(text: string): Promise<LogPolicy> {
  const { parsePolicy } = await import("../crypto/policy_text.ts");
  return parsePolicy(text);
}

function ofKey(verifierKey: string): LogPolicy {
  return logOnlyPolicy(parseVerifierKey(verifierKey));
}
