/**
 * A log in memory for whoever audits one: CONFIG, then epochs with true prefix roots, and lies where
 * a test asks for them. It serves its files as C2SP tlog-tiles, out of its entries of the moment.
 *
 * @module
 */

import { toBase64 } from "../../crypto/base64.ts";
import { type Bytes, compare } from "../../crypto/bytes.ts";
import { encodeCheckpoint } from "../../crypto/checkpoint.ts";
import { encodeEntryBundle } from "../../crypto/entry_bundle.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import {
  type BatchPair,
  encodeBatch,
  encodeConfig,
  encodeEpochRoot,
} from "../../crypto/log_entry.ts";
import { ed25519Signer, type Signer, signNote } from "../../crypto/note.ts";
import { NOTE_KEY_TYPE, type VerifierKey, verifierKey } from "../../crypto/note_key.ts";
import { type PrefixTile } from "../../crypto/prefix_tile.ts";
import { insertLeaves } from "../../crypto/prefix_tree.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { TILE_WIDTH } from "../../crypto/tile.ts";
import { buildConsistency, leafHash, planConsistency, rootOf } from "../../crypto/tree.ts";
import { ENTRIES, parseTilePath } from "../../wire/tile_path.ts";

/** When the log was founded, Unix milliseconds. */
export const FOUNDED_MS = 1_800_000_000_000;

/** A log with its secrets. `entries` may be changed by a test that lies. */
export interface AuditedLog {
  readonly origin: string;
  readonly key: VerifierKey;
  readonly signer: Signer;
  readonly entries: Bytes[];
  /** All leaves of the prefix tree, as tiles in memory. */
  readonly tiles: Map<string, PrefixTile | null>;
}

/** What an epoch says of itself, where it lies. */
export interface EpochLies {
  readonly timestampMs?: number;
  readonly prefixRoot?: Bytes;
}

/** A log with only its CONFIG. */
export async function makeAuditedLog(origin = "audited.example/kt/1"): Promise<AuditedLog> {
  const [pair, operator] = [await generateSigningKeyPair(), await generateSigningKeyPair()];
  return {
    origin,
    key: verifierKey(origin, NOTE_KEY_TYPE.ed25519, pair.publicKey),
    signer: ed25519Signer(origin, pair),
    entries: [encodeConfig({
      vrfPublicKey: operator.publicKey,
      operatorKey: operator.publicKey,
      origin,
      maxBatch: 128,
      createdMs: FOUNDED_MS,
    })],
    tiles: new Map([["", null]]),
  };
}

/** A pair that nobody can tell from another. */
export function randomPair(): BatchPair {
  return { vrfOutput: randomBytes(32), commitment: randomBytes(32) };
}

/** Appends an epoch; its ROOT is true but for the lies. */
export function appendEpoch(
  log: AuditedLog,
  pairs: readonly BatchPair[] = [randomPair()],
  lies: EpochLies = {},
): void {
  const batch = [...pairs].sort((a, b) => compare(a.vrfOutput, b.vrfOutput));
  const { root, written } = insertLeaves(log.tiles, batch, log.entries.length + 1);
  for (const [path, tile] of written) log.tiles.set(path, tile);
  const timestampMs = lies.timestampMs ?? FOUNDED_MS + log.entries.length;
  const prefixRoot = lies.prefixRoot ?? root;
  log.entries.push(encodeBatch(batch), encodeEpochRoot({ timestampMs, prefixRoot }));
}

/** Appends several epochs of one pair each. */
export function appendEpochs(log: AuditedLog, count: number): void {
  for (let i = 0; i < count; i++) appendEpoch(log);
}

/** Another history from here on, under the same key. */
export function forkOf(log: AuditedLog): AuditedLog {
  return { ...log, entries: [...log.entries], tiles: new Map(log.tiles) };
}

/** The signed note of the log's head. */
export function noteOf(log: AuditedLog, size = log.entries.length): Promise<string> {
  const root = rootOf(log.entries.slice(0, size).map(leafHash));
  return signNote(encodeCheckpoint({ origin: log.origin, size, root }), [log.signer]);
}

/** The body of `add-checkpoint` for the log's head. */
export async function requestOf(
  log: AuditedLog,
  old: number,
  size = log.entries.length,
): Promise<string> {
  const leaves = log.entries.map(leafHash);
  const hashes = planConsistency(old, size).map(({ level, index }) => {
    const width = 2 ** level;
    return rootOf(leaves.slice(index * width, (index + 1) * width));
  });
  const proof = buildConsistency(old, size, hashes);
  return [`old ${old}`, ...proof.map(toBase64), "", await noteOf(log, size)].join("\n");
}

/** What the log serves under `/log/`. */
export function serveAudited(
  log: AuditedLog,
): (input: string | URL | Request) => Promise<Response> {
  return (input) => {
    const path = new URL(input instanceof Request ? input.url : input).pathname;
    const tile = parseTilePath(path);
    const data = tile === null ? null : fileOf(log, tile);
    return Promise.resolve(
      data === null ? new Response(null, { status: 404 }) : new Response(data),
    );
  };
}

function fileOf(
  log: AuditedLog,
  { level, index, width }: NonNullable<ReturnType<typeof parseTilePath>>,
): Bytes | null {
  const first = index * TILE_WIDTH;
  if (level === ENTRIES) {
    const entries = log.entries.slice(first, first + width);
    return entries.length === width ? encodeEntryBundle(entries) : null;
  }
  const leaves = log.entries.map(leafHash);
  const span = TILE_WIDTH ** level;
  if ((first + width) * span > leaves.length) return null;
  const hashes = Array.from({ length: width }, (_, i) => {
    const start = (first + i) * span;
    return rootOf(leaves.slice(start, start + span));
  });
  return Uint8Array.from(hashes.flatMap((hash) => [...hash]));
}
