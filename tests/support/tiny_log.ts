/**
 * A log in memory that can lie: CONFIG, then BATCH and ROOT in turn, with its signing and VRF keys.
 *
 * An honest answer is `lookupAnswer(log, label)`. A liar takes its parts from `lookupParts`, changes
 * them, and writes them with `formatAnswer`; or it appends to a `forkOf` the log, or signs any body
 * with `signedHead`. Nothing here verifies anything.
 *
 * @module
 */

import { type AccountLabel } from "../../crypto/account_label.ts";
import { type Bytes, compare } from "../../crypto/bytes.ts";
import { encodeCheckpoint } from "../../crypto/checkpoint.ts";
import { commit, vrfInput } from "../../crypto/commitment.ts";
import {
  type BatchPair,
  encodeBatch,
  encodeConfig,
  encodeEpochRoot,
  type LogConfig,
} from "../../crypto/log_entry.ts";
import { generateSigningKeyPair, parseVerifyingKey } from "../../crypto/keys.ts";
import {
  encodeLookupProof,
  type LogIdentity,
  type LookupAnswer,
  type LookupProof,
} from "../../crypto/lookup.ts";
import { type Signer, signNote, type Verifier } from "../../crypto/note.ts";
import {
  ed25519Signer,
  ed25519Verifier,
  NOTE_KEY_TYPE,
  type VerifierKey,
  verifierKey,
} from "../../crypto/note_key.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { formatTlogProof } from "../../crypto/proof.ts";
import {
  buildConsistency,
  inclusionOf,
  leafHash,
  planConsistency,
  rootOf,
} from "../../crypto/tree.ts";
import { type VrfKey, vrfKeyFromSeed, vrfProofToHash, vrfProve } from "../../crypto/vrf.ts";
import { NOW_MS, ORIGIN } from "./people.ts";

/** A record that a log committed to, with what opens it. */
export interface LoggedRecord {
  /** Where its BATCH stands. */
  readonly index: number;
  /** Under which label. */
  readonly label: AccountLabel;
  /** What a lookup shows of it. */
  readonly proof: LookupProof;
}

/** A log with all its secrets; `entries` and `records` grow. */
export interface TinyLog {
  /** `<host>/kt/<generation>`, also the name of its key. */
  readonly origin: string;
  /** Signs its heads. */
  readonly signer: Signer;
  /** Checks its heads. */
  readonly verifier: Verifier;
  /** The text form of which is what a service pins. */
  readonly key: VerifierKey;
  /** Hides its labels. */
  readonly vrf: VrfKey;
  /** What a client knows of it. */
  readonly identity: LogIdentity;
  /** Its constitution. */
  readonly config: LogConfig;
  /** All entries. */
  readonly entries: Bytes[];
  /** All records, oldest first. */
  readonly records: LoggedRecord[];
}

/** The parts of an answer, for a liar to change. */
export interface AnswerParts {
  /** Which leaf the proof is about. */
  readonly index: number;
  /** The inclusion path. */
  readonly hashes: readonly Bytes[];
  /** The `extra` bytes: a `LookupProof`, or CONFIG. */
  readonly extra: Bytes | null;
  /** The signed note. */
  readonly checkpoint: string;
}

/** A log with only its CONFIG. */
export async function makeTinyLog(origin = ORIGIN): Promise<TinyLog> {
  const [pair, operator] = [await generateSigningKeyPair(), await generateSigningKeyPair()];
  const key = verifierKey(origin, NOTE_KEY_TYPE.ed25519, pair.publicKey);
  const verifier = ed25519Verifier(key);
  const vrf = vrfKeyFromSeed(randomBytes(32));
  const config: LogConfig = {
    vrfPublicKey: parseVerifyingKey(vrf.publicKey),
    operatorKey: operator.publicKey,
    origin,
    maxBatch: 128,
    createdMs: NOW_MS,
  };
  return {
    origin,
    signer: ed25519Signer(origin, pair),
    verifier,
    key,
    vrf,
    identity: { origin, verifier, vrfPublicKey: vrf.publicKey },
    config,
    entries: [encodeConfig(config)],
    records: [],
  };
}

/** Another history from here on, under the same keys. */
export function forkOf(log: TinyLog): TinyLog {
  return { ...log, entries: [...log.entries], records: [...log.records] };
}

/** Appends one epoch: a BATCH with these records, and its ROOT. */
export function appendRecords(
  log: TinyLog,
  records: readonly { label: AccountLabel; record: Bytes; version?: number }[],
): void {
  const made = records.map(({ label, record, version = 0 }) => {
    const vrfProof = vrfProve(log.vrf, vrfInput(label, version));
    const opening = randomBytes(16);
    const commitment = commit(opening, { label, version, value: record });
    const pair: BatchPair = { vrfOutput: vrfProofToHash(vrfProof).slice(0, 32), commitment };
    return { label, record, version, vrfProof, opening, pair };
  });
  const pairs = made.map(({ pair }) => pair).sort((a, b) => compare(a.vrfOutput, b.vrfOutput));
  const batch = encodeBatch(pairs);
  const index = log.entries.length;
  for (const { label, record, version, vrfProof, opening } of made) {
    log.records.push({ index, label, proof: { version, batch, vrfProof, opening, record } });
  }
  const timestampMs = NOW_MS + index;
  log.entries.push(batch, encodeEpochRoot({ timestampMs, prefixRoot: new Uint8Array(32) }));
}

/** The signed note of the log's head. @param size how much of the log it covers, all by default */
export function signedHead(log: TinyLog, size = log.entries.length): Promise<string> {
  const root = rootOf(leafHashes(log, size));
  return signNote(encodeCheckpoint({ origin: log.origin, size, root }), [log.signer]);
}

/** The parts of an honest answer about the newest record of a label. */
export async function lookupParts(log: TinyLog, label: AccountLabel): Promise<AnswerParts> {
  const found = log.records.findLast((record) => record.label === label);
  if (found === undefined) throw new Error("bug: the tiny log has no such label");
  return await partsOf(log, found.index, encodeLookupProof(found.proof));
}

/** The parts of a proof that the log has some bytes at a place, true or not. */
export async function partsOf(log: TinyLog, index: number, extra: Bytes): Promise<AnswerParts> {
  const hashes = inclusionOf(leafHashes(log), index);
  return { index, hashes, extra, checkpoint: await signedHead(log) };
}

/** The RFC 6962 proof that the log of today extends its first `from` entries. */
export function consistencyFrom(log: TinyLog, from: number): Bytes[] {
  const leaves = leafHashes(log);
  const hashes = planConsistency(from, leaves.length).map(({ level, index }) => {
    const width = 2 ** level;
    return rootOf(leaves.slice(index * width, (index + 1) * width));
  });
  return buildConsistency(from, leaves.length, hashes);
}

/** Writes an answer. @param consistency from the head that the client named; empty at first contact */
export function formatAnswer(parts: AnswerParts, consistency: readonly Bytes[] = []): LookupAnswer {
  return { proof: formatTlogProof(parts), consistency };
}

/** An honest answer. @param from the size of the head that the client trusts, or null */
export async function lookupAnswer(
  log: TinyLog,
  label: AccountLabel,
  from: number | null = null,
): Promise<LookupAnswer> {
  const consistency = from === null ? [] : consistencyFrom(log, from);
  return formatAnswer(await lookupParts(log, label), consistency);
}

/** The tlog-proof of CONFIG, as a client reads it at first contact. */
export async function configText(log: TinyLog): Promise<string> {
  return formatTlogProof(await partsOf(log, 0, log.entries[0]!));
}

function leafHashes(log: TinyLog, size = log.entries.length): Bytes[] {
  return log.entries.slice(0, size).map(leafHash);
}
