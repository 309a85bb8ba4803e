/**
 * A log in memory that can lie: CONFIG, then BATCH and ROOT in turn over a prefix tree, with all keys.
 *
 * An honest answer is `lookupAnswer(log, label)`. A liar takes its parts from `lookupParts`, changes
 * them, and writes them with `formatAnswer`; or it appends to a `forkOf` the log, shows another tree
 * (`growTree`, `commitRoot`), or signs any body with `signedHead`. Nothing here verifies anything.
 *
 * @module
 */

import { type AccountLabel } from "../../crypto/account_label.ts";
import { type Bytes, compare } from "../../crypto/bytes.ts";
import { encodeCheckpoint } from "../../crypto/checkpoint.ts";
import { commit, vrfInput } from "../../crypto/commitment.ts";
import { type LogIdentity } from "../../crypto/head.ts";
import {
  type BatchPair,
  encodeBatch,
  encodeConfig,
  encodeEpochRoot,
  type LogConfig,
} from "../../crypto/log_entry.ts";
import {
  generateSigningKeyPair,
  parseVerifyingKey,
  type SigningKeyPair,
} from "../../crypto/keys.ts";
import { type LookupAnswer } from "../../crypto/lookup.ts";
import { encodeLookupProof, type LookupProof, planLookup } from "../../crypto/lookup_proof.ts";
import { type Signer, signNote } from "../../crypto/note.ts";
import {
  ed25519Signer,
  NOTE_KEY_TYPE,
  type VerifierKey,
  verifierKey,
} from "../../crypto/note_key.ts";
import { logOnlyPolicy } from "../../crypto/policy.ts";
import {
  buildPrefixProof,
  insertLeaves,
  planPrefix,
  prefixRoot,
  type PrefixTiles,
} from "../../crypto/prefix_tree.ts";
import { randomBytes, sha256 } from "../../crypto/primitives.ts";
import { formatTlogProof } from "../../crypto/proof.ts";
import {
  buildConsistency,
  inclusionOf,
  leafHash,
  planConsistency,
  rootOf,
} from "../../crypto/tree.ts";
import { type VrfKey, vrfKeyFromSeed, vrfOutputOf, vrfProve } from "../../crypto/vrf.ts";
import { NOW_MS, ORIGIN } from "./people.ts";

/** A version of a label with all that shows it. */
export interface LoggedVersion {
  /** Whose. */
  readonly label: AccountLabel;
  /** Its number. */
  readonly version: number;
  /** Opens the commitment: 16 bytes. */
  readonly opening: Bytes;
  /** The SignedRecord. */
  readonly record: Bytes;
}

/** A log with all its secrets; `entries` and `versions` grow, `tiles` is replaced. */
export interface TinyLog {
  /** `<host>/kt/<generation>`, also the name of its key. */
  readonly origin: string;
  /** Signs its heads. */
  readonly signer: Signer;
  /** The text form of which is what a service pins. */
  readonly key: VerifierKey;
  /** Hides its labels. */
  readonly vrf: VrfKey;
  /** Signs resets. */
  readonly operator: SigningKeyPair;
  /** What a client knows of it. */
  readonly identity: LogIdentity;
  /** Its constitution. */
  readonly config: LogConfig;
  /** All entries. */
  readonly entries: Bytes[];
  /** All versions, oldest first. */
  readonly versions: LoggedVersion[];
  /** The prefix tree. */
  tiles: PrefixTiles;
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
  const vrf = vrfKeyFromSeed(randomBytes(32));
  const config: LogConfig = {
    vrfPublicKey: parseVerifyingKey(vrf.publicKey),
    operatorKey: operator.publicKey,
    origin,
    maxBatch: 128,
    createdMs: NOW_MS,
  };
  const identity: LogIdentity = {
    origin,
    policy: logOnlyPolicy(key),
    vrfPublicKey: vrf.publicKey,
    operatorKey: operator.publicKey,
  };
  return {
    origin,
    signer: ed25519Signer(origin, pair),
    key,
    vrf,
    operator,
    identity,
    config,
    entries: [encodeConfig(config)],
    versions: [],
    tiles: new Map([["", null]]),
  };
}

/** Another history from here on, under the same keys. */
export function forkOf(log: TinyLog): TinyLog {
  return { ...log, entries: [...log.entries], versions: [...log.versions] };
}

/** Appends one epoch: a BATCH with these records, and its ROOT. */
export function appendRecords(
  log: TinyLog,
  records: readonly { label: AccountLabel; record: Bytes; version?: number }[],
): void {
  const made = records.map(({ label, record, version = 0 }) => {
    // The same record again is opened in the same way, so that forks of a log agree as far as they do.
    const opening = sha256(record, vrfInput(label, version)).slice(0, 16);
    const commitment = commit(opening, { label, version, value: record });
    log.versions.push({ label, version, opening, record });
    return { vrfOutput: indexOf(log, label, version), commitment };
  });
  log.entries.push(encodeBatch(made.sort((a, b) => compare(a.vrfOutput, b.vrfOutput))));
  growTree(log, made);
  commitRoot(log);
}

/** Puts leaves into the prefix tree, whatever the log says. */
export function growTree(log: TinyLog, leaves: readonly BatchPair[]): void {
  const { written } = insertLeaves(
    readAll(log, leaves.map(({ vrfOutput }) => vrfOutput)),
    leaves,
    0,
  );
  log.tiles = new Map([...log.tiles, ...written]);
}

/** Appends a ROOT over the prefix tree as it is. */
export function commitRoot(log: TinyLog, timestampMs = NOW_MS + log.entries.length): void {
  log.entries.push(encodeEpochRoot({ timestampMs, prefixRoot: prefixRoot(log.tiles) }));
}

/** Where a version of a label stands in the prefix tree. */
export function indexOf(log: TinyLog, label: AccountLabel, version: number): Bytes {
  return vrfOutputOf(vrfProve(log.vrf, vrfInput(label, version)));
}

/** The signed note of the log's head. @param size how much of the log it covers, all by default */
export function signedHead(log: TinyLog, size = log.entries.length): Promise<string> {
  const root = rootOf(leafHashes(log, size));
  return signNote(encodeCheckpoint({ origin: log.origin, size, root }), [log.signer]);
}

/** Which of a label's records an answer is about; an honest log says them all. */
export interface TinyQuery {
  /** The version that the client knows. */
  readonly known?: number | null;
  /** Where the history ends. */
  readonly through?: number | null;
  /** Which version is said to be the greatest: for liars. */
  readonly greatest?: number | null;
  /** How many earlier records are shown at most. */
  readonly most?: number;
}

/** The lookup proof of a label in the newest tree. */
export function lookupProofOf(
  log: TinyLog,
  label: AccountLabel,
  query: TinyQuery = {},
): LookupProof {
  const held = log.versions.filter((one) => one.label === label);
  const { known = null, greatest = held.at(-1)?.version ?? null, most = 8 } = query;
  const least = known === null ? 0 : known + 1;
  const last = Math.min(query.through ?? Infinity, (greatest ?? 0) - 1);
  const count = Math.max(0, Math.min(most, last - least + 1));
  const scope = { greatest, known, count, first: count === 0 ? 0 : last - count + 1 };
  const plan = planLookup(scope);
  const opened = (version: number) => held.find((one) => one.version === version)!;
  const keys = plan.searched.map((version) => indexOf(log, label, version));
  return {
    latestLeaf: log.entries.at(-1)!,
    scope,
    vrfProofs: plan.vrf.map((version) => vrfProve(log.vrf, vrfInput(label, version))),
    commitments: plan.committed.map((version) => {
      const { opening, record } = opened(version);
      return commit(opening, { label, version, value: record });
    }),
    records: plan.opened.map(opened).map(({ opening, record }) => ({ opening, record })),
    prefix: buildPrefixProof(readAll(log, keys), keys),
  };
}

/** The parts of an answer about a label. */
export function lookupParts(
  log: TinyLog,
  label: AccountLabel,
  query: TinyQuery = {},
): Promise<AnswerParts> {
  return partsOf(log, log.entries.length - 1, encodeLookupProof(lookupProofOf(log, label, query)));
}

/** The tiles on the ways to some keys, those that are absent included. */
function readAll(log: TinyLog, keys: readonly Bytes[]): PrefixTiles {
  const tiles = new Map(log.tiles);
  for (;;) {
    const paths = planPrefix(tiles, keys);
    if (paths.length === 0) return tiles;
    for (const path of paths) tiles.set(path, null);
  }
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
  query: TinyQuery = {},
): Promise<LookupAnswer> {
  const consistency = from === null ? [] : consistencyFrom(log, from);
  return formatAnswer(await lookupParts(log, label, query), consistency);
}

/** The tlog-proof of CONFIG, as a client reads it at first contact. */
export async function configText(log: TinyLog): Promise<string> {
  return formatTlogProof(await partsOf(log, 0, log.entries[0]!));
}

function leafHashes(log: TinyLog, size = log.entries.length): Bytes[] {
  return log.entries.slice(0, size).map(leafHash);
}
