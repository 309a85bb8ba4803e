/**
 * The head of a log, as somebody who trusts nobody accepts it: signed by the log and by enough
 * witnesses, fresh, and a continuation of the head that was trusted before.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { openCheckpoint, type SignedCheckpoint } from "./checkpoint.ts";
import { CryptoError } from "./error.ts";
import { decodeConfig, type LogConfig } from "./log_entry.ts";
import { type VerifyingKey } from "./keys.ts";
import { parseNote } from "./note.ts";
import { checkPolicy, type LogPolicy, policyVerifiers } from "./policy.ts";
import { parseTlogProof, type TlogProof } from "./proof.ts";
import { checkConsistency, checkInclusion, leafHash } from "./tree.ts";

/** What a client knows of a log before it believes anything that it says. */
export interface LogIdentity {
  /** `<host>/kt/<generation>`, also the name of its keys. */
  readonly origin: string;
  /** Whose signatures make its heads. */
  readonly policy: LogPolicy;
  /** From CONFIG: under which index labels are hidden. */
  readonly vrfPublicKey: Bytes;
  /** From CONFIG: signs resets. */
  readonly operatorKey: VerifyingKey;
}

/** What a head is compared with. */
export interface HeadState {
  /** The newest head believed before, or null at first contact. */
  readonly trusted: SignedCheckpoint | null;
  /** Unix milliseconds before which cosignatures are too old, or null where age does not matter. */
  readonly freshSinceMs: number | null;
}

/** First contact: nothing was believed before, and nothing is too old. */
export const FIRST_CONTACT: HeadState = { trusted: null, freshSinceMs: null };

/**
 * Opens a checkpoint, and shows that it has the policy's signatures, is fresh, and continues the head
 * trusted before: in this order.
 *
 * @param consistency RFC 6962 proof from the trusted head
 * @throws CryptoError `bad_note`, `other_log`, `malformed`, `bad_checkpoint`, `quorum_missing`,
 * `stale_head`, `head_rolled_back`, `log_forked`
 */
export async function advanceHead(
  log: Pick<LogIdentity, "origin" | "policy">,
  note: string,
  { trusted, freshSinceMs }: HeadState,
  consistency: readonly Bytes[],
): Promise<SignedCheckpoint> {
  const head = await openHead(log, note);
  checkPolicy(log.policy, head, freshSinceMs);
  if (trusted !== null) checkContinues(trusted, head, consistency);
  return head;
}

/**
 * Opens a checkpoint that the log signed, whoever else did.
 *
 * @throws CryptoError `bad_note`, `other_log`, `malformed`, `bad_checkpoint`
 */
export async function openHead(
  { origin, policy }: Pick<LogIdentity, "origin" | "policy">,
  note: string,
): Promise<SignedCheckpoint> {
  const isOurs = parseNote(note).signatures.some(({ name, keyId }) =>
    policy.logs.some((key) => key.name === name && key.keyId === keyId)
  );
  if (!isOurs) {
    throw new CryptoError("other_log", "The head is signed by another log, or with another key");
  }
  const head = await openCheckpoint(note, origin, policyVerifiers(policy));
  if (head.size % 2 === 0) {
    throw new CryptoError("bad_checkpoint", "A published head ends on a ROOT, so its size is odd");
  }
  return head;
}

/** @throws CryptoError `head_rolled_back`, `log_forked` */
function checkContinues(
  trusted: SignedCheckpoint,
  head: SignedCheckpoint,
  consistency: readonly Bytes[],
): void {
  if (head.size < trusted.size) {
    throw new CryptoError(
      "head_rolled_back",
      `Cannot trust head: size ${head.size} is below trusted size ${trusted.size}`,
    );
  }
  try {
    checkConsistency(trusted.size, trusted.root, head.size, head.root, consistency);
  } catch {
    throw new CryptoError(
      "log_forked",
      `Cannot trust head: size ${head.size} does not continue trusted size ${trusted.size}`,
    );
  }
}

/**
 * Verifies a log's CONFIG at first contact.
 *
 * @param policy the application's, or the log's own key taken on first use
 * @throws CryptoError as `advanceHead`, and `bad_proof`
 */
export async function verifyConfig(
  origin: string,
  policy: LogPolicy,
  text: string,
): Promise<{ config: LogConfig; head: SignedCheckpoint }> {
  const outer = parseTlogProof(text);
  const head = await advanceHead({ origin, policy }, outer.checkpoint, FIRST_CONTACT, []);
  const entry = extraOf(outer);
  if (outer.index !== 0) throw new CryptoError("bad_proof", "CONFIG is the log's first entry");
  checkInclusion(0, head.size, leafHash(entry), outer.hashes, head.root);
  const config = decodeConfig(entry);
  if (config.origin !== origin) {
    throw new CryptoError("bad_checkpoint", "The log's CONFIG names another log");
  }
  return { config, head };
}

/** What a proof's extra line says. @throws CryptoError `malformed` where it has none */
export function extraOf(proof: TlogProof): Bytes {
  if (proof.extra === null) throw new CryptoError("malformed", "The proof says nothing");
  return proof.extra;
}
