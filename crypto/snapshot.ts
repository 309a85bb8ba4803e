/**
 * Where a group call has got to, for who comes in or was away: the last commit and its roster.
 *
 *     Snapshot = v16(Commit with its signature) || Roster
 *
 * It is public, and proves itself: the commit is signed, and has the roster's hash.
 *
 * @module
 */

import { type Bytes, equal } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { type ChainHead, openCommit } from "./commit.ts";
import { CryptoError } from "./error.ts";
import { type VerifyingKey } from "./keys.ts";
import { readRoster, rosterHash, seatOf, writeRoster } from "./roster.ts";
import { type verified } from "./verified.ts";

/** A snapshot whose signature and roster were verified; made by `openSnapshot` alone. */
export interface Snapshot extends ChainHead {
  /** No value: what the type says. */
  readonly [verified]: true;
}

/** The bytes of a snapshot. */
export function encodeSnapshot({ commit, roster }: ChainHead): Bytes {
  return writeRoster(new Writer().v16(commit.wire), roster).bytes();
}

/**
 * Opens a snapshot.
 *
 * @param keyOf the signing key of a device by its entry's hash, or null where the log does not have it
 * @throws CryptoError `malformed`, `bad_signature`, `bad_commit`
 */
export async function openSnapshot(
  bytes: Bytes,
  keyOf: (entry: Bytes) => VerifyingKey | null,
): Promise<Snapshot> {
  const reader = new Reader(bytes, "a snapshot");
  const wire = reader.v16();
  const roster = readRoster(reader);
  reader.end();
  const commit = await openCommit(wire, keyOf);
  const fits = equal(commit.rosterHash, rosterHash(commit.callId, roster));
  if (!fits || seatOf(roster, commit.signer) === null) {
    throw new CryptoError("bad_commit", "A snapshot was refused: it has another roster");
  }
  return { commit, roster } as Snapshot;
}
