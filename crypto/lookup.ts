/**
 * The answer to a lookup, and its verification.
 *
 *     LookupProof = u8 fmt=0 || u32 version || v32 BATCH || vrf_proof[80] || opening[16]
 *                   || v32 SignedRecord
 *
 * It travels as the `extra` of a C2SP tlog-proof whose index is the BATCH's. Format 0 proves that the
 * log committed to this record under this label; it does not prove that no later version exists, nor
 * that a name is absent. Format 1 will, by a prefix tree under each ROOT, and replace this one.
 *
 * The order of checks: note, head (never smaller, never another history), inclusion, VRF,
 * commitment, record.
 *
 * @module
 */

import { type AccountLabel } from "./account_label.ts";
import { type Bytes, equal } from "./bytes.ts";
import { openCheckpoint, type SignedCheckpoint } from "./checkpoint.ts";
import { Reader, Writer } from "./codec.ts";
import { checkCommitment, OPENING_BYTES, vrfInput } from "./commitment.ts";
import { CryptoError } from "./error.ts";
import { decodeBatch, decodeConfig, type LogConfig } from "./log_entry.ts";
import { parseNote, type Verifier } from "./note.ts";
import { parseTlogProof, type TlogProof } from "./proof.ts";
import { type VerifiedRecord, verifyGenesis } from "./record.ts";
import { checkConsistency, checkInclusion, leafHash } from "./tree.ts";
import { VRF_PROOF_BYTES, vrfVerify } from "./vrf.ts";

/** The format without a prefix tree. */
const LOOKUP_FORMAT = 0;

/** What a client knows of a log before it believes anything it says. */
export interface LogIdentity {
  /** `<host>/kt/<generation>`. */
  readonly origin: string;
  /** Whose signatures make its heads. */
  readonly verifier: Verifier;
  /** From CONFIG: under which index labels are hidden. */
  readonly vrfPublicKey: Bytes;
}

/** One record of a label with what shows that the log committed to it. */
export interface LookupProof {
  /** The record's version. */
  readonly version: number;
  /** The BATCH entry that holds the commitment. */
  readonly batch: Bytes;
  /** Proves which index the label has: 80 bytes. */
  readonly vrfProof: Bytes;
  /** Opens the commitment: 16 bytes. */
  readonly opening: Bytes;
  /** The SignedRecord. */
  readonly record: Bytes;
}

/** A server's answer: nothing of it is believed. */
export interface LookupAnswer {
  /** The tlog-proof text. */
  readonly proof: string;
  /** RFC 6962 consistency proof from the head the client named. */
  readonly consistency: readonly Bytes[];
}

/** The bytes of a lookup proof. */
export function encodeLookupProof(proof: LookupProof): Bytes {
  return new Writer()
    .u8(LOOKUP_FORMAT)
    .u32(proof.version)
    .v32(proof.batch)
    .raw(proof.vrfProof)
    .raw(proof.opening)
    .v32(proof.record)
    .bytes();
}

/** Reads a lookup proof. @throws CryptoError `malformed` */
export function decodeLookupProof(bytes: Bytes): LookupProof {
  const reader = new Reader(bytes, "the lookup proof");
  reader.expect(reader.u8(), LOOKUP_FORMAT, "format");
  const proof: LookupProof = {
    version: reader.u32(),
    batch: reader.v32(),
    vrfProof: reader.raw(VRF_PROOF_BYTES),
    opening: reader.raw(OPENING_BYTES),
    record: reader.v32(),
  };
  reader.end();
  return proof;
}

/**
 * Verifies an answer about a label; writes nothing, so the caller stores the head it gives.
 *
 * @param trusted the newest head believed before, or null at first contact
 * @throws CryptoError `malformed`, `bad_note`, `other_log`, `bad_checkpoint`, `head_rolled_back`, `log_forked`,
 * `bad_proof`, `bad_vrf`, `bad_commitment`, and those of `verifyGenesis`
 */
export async function verifyLookup(
  log: LogIdentity,
  label: AccountLabel,
  answer: LookupAnswer,
  trusted: SignedCheckpoint | null,
): Promise<{ record: VerifiedRecord; head: SignedCheckpoint }> {
  const outer = parseTlogProof(answer.proof);
  const head = await advanceHead(log, outer.checkpoint, trusted, answer.consistency);
  const proof = decodeLookupProof(extraOf(outer));
  checkInclusion(outer.index, head.size, leafHash(proof.batch), outer.hashes, head.root);
  const alpha = vrfInput(label, proof.version);
  const vrfOutput = vrfVerify(log.vrfPublicKey, alpha, proof.vrfProof).slice(0, 32);
  const pair = decodeBatch(proof.batch).find((pair) => equal(pair.vrfOutput, vrfOutput));
  if (pair === undefined) throw new CryptoError("bad_vrf", "The BATCH does not hold this label");
  const committed = { label, version: proof.version, value: proof.record };
  checkCommitment(pair.commitment, proof.opening, committed);
  const record = await verifyGenesis({ origin: log.origin, label }, proof.record);
  if (record.version !== proof.version) {
    throw new CryptoError("bad_record", "The record has another version than its commitment");
  }
  return { record, head };
}

/**
 * Verifies a log's CONFIG at first contact.
 *
 * @param verifier the log's key, pinned by the application or taken on first use
 * @throws CryptoError as `verifyLookup`
 */
export async function verifyConfig(
  verifier: Verifier,
  text: string,
): Promise<{ config: LogConfig; head: SignedCheckpoint }> {
  const outer = parseTlogProof(text);
  const log = { origin: verifier.name, verifier };
  const head = await advanceHead(log, outer.checkpoint, null, []);
  const entry = extraOf(outer);
  if (outer.index !== 0) throw new CryptoError("bad_proof", "CONFIG is the log's first entry");
  checkInclusion(0, head.size, leafHash(entry), outer.hashes, head.root);
  const config = decodeConfig(entry);
  if (config.origin !== verifier.name) {
    throw new CryptoError("bad_checkpoint", "The log's CONFIG names another log");
  }
  return { config, head };
}

/**
 * Opens a checkpoint and shows that it continues the head trusted before.
 *
 * @throws CryptoError `bad_note`, `other_log`, `malformed`, `bad_checkpoint`, `head_rolled_back`,
 * `log_forked`
 */
export async function advanceHead(
  log: Pick<LogIdentity, "origin" | "verifier">,
  note: string,
  trusted: SignedCheckpoint | null,
  consistency: readonly Bytes[],
): Promise<SignedCheckpoint> {
  const { name, keyId } = log.verifier;
  if (!parseNote(note).signatures.some((line) => line.name === name && line.keyId === keyId)) {
    throw new CryptoError("other_log", "The head is signed by another log, or with another key");
  }
  const head = await openCheckpoint(note, log.origin, [log.verifier]);
  if (head.size % 2 === 0) {
    throw new CryptoError("bad_checkpoint", "A published head ends on a ROOT, so its size is odd");
  }
  if (trusted === null) return head;
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
  return head;
}

function extraOf(proof: TlogProof): Bytes {
  if (proof.extra === null) throw new CryptoError("malformed", "The proof says nothing");
  return proof.extra;
}
