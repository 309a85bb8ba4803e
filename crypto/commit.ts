/**
 * A commit: the one way to change a group call's keys or its roster. The room puts commits in one order.
 *
 *     Commit      = 0x50 || u8 1 || call_id[16] || u32 epoch || u8 step || u8 type || roster_hash[32]
 *                   || prev_hash[32] || u16 suite || u8 layout || u64 time_ms || signer[32] || RosterChange
 *     commit_hash = H("commit" || Commit)          prev_hash is that of the one before; zeros in the first
 *     wire        = Commit || Ed25519(device of the signer, "commit" || Commit)
 *
 * Whether a commit is taken depends on the commits before it alone: never on a clock, and never on what
 * one member knows. So whoever sees the same order takes the same ones.
 *
 * @module
 */

import { type Bytes, equal } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { type SigningKeyPair, type VerifyingKey } from "./keys.ts";
import { labelled } from "./labels.ts";
import { ed25519Sign, ed25519Verify, HASH_BYTES, sha256, SIGNATURE_BYTES } from "./primitives.ts";
import {
  changed,
  readChange,
  type Roster,
  type RosterChange,
  rosterHash,
  seatOf,
  successors,
  writeChange,
} from "./roster.ts";
import { type verified } from "./verified.ts";

/** Most steps of an epoch: a KID has four bits for them. */
export const MAX_STEP = 15;
/** How long a committer is waited for before the next one takes over. */
export const TAKEOVER_MS = 2_000;

/** Most time that a commit may be dated after the one before: so nobody dates the last one there can be. */
export const MAX_PAUSE_MS = 86_400_000;

const MAX_FIRST_MS = 2 ** 52;
const MESSAGE = 0x50;
const VERSION = 1;
const CALL_ID_BYTES = 16;
const SUITE = 5;
const LAYOUT = 1;
const TYPES: readonly CommitType[] = ["create", "join", "leave", "timer", "handover"];

/** What a commit is for. */
export type CommitType = "create" | "join" | "leave" | "timer" | "handover";

/** What a commit says. Suite and layout of KIDs have one value each. */
export interface Commit {
  /** The call, 16 bytes. */
  readonly callId: Bytes;
  /** From 1. */
  readonly epoch: number;
  /** Within the epoch, from 0. */
  readonly step: number;
  /** What it is for; it says what it may change. */
  readonly type: CommitType;
  /** Of the roster that the change leads to. */
  readonly rosterHash: Bytes;
  /** Of the commit before; zeros in the first. */
  readonly prevHash: Bytes;
  /** By the signer's clock, Unix milliseconds; never before the one before, nor a day after it. */
  readonly timeMs: number;
  /** The entry's hash of the device that signs. */
  readonly signer: Bytes;
  /** Who goes, and who comes. */
  readonly change: RosterChange;
}

/** A commit whose signature was verified; made by `openCommit` alone. */
export interface SignedCommit extends Commit {
  /** Names it. */
  readonly hash: Bytes;
  /** As it came, with its signature: for whoever needs to see it later. */
  readonly wire: Bytes;
  /** No value: what the type says. */
  readonly [verified]: true;
}

/** What the commits so far led to. */
export interface ChainHead {
  /** The last one that was taken. */
  readonly commit: SignedCommit;
  /** Who has a seat after it. */
  readonly roster: Roster;
}

/** The bytes of a commit that are hashed and signed. */
export function encodeCommit(commit: Commit): Bytes {
  const writer = new Writer().u8(MESSAGE).u8(VERSION).raw(commit.callId).u32(commit.epoch)
    .u8(commit.step).u8(TYPES.indexOf(commit.type)).raw(commit.rosterHash).raw(commit.prevHash)
    .u16(SUITE).u8(LAYOUT).u64(commit.timeMs).raw(commit.signer);
  return writeChange(writer, commit.change).bytes();
}

/** What the next commit and every secret name it by: 32 bytes. */
export function commitHash(commit: Commit): Bytes {
  return sha256(labelled("commit", encodeCommit(commit)));
}

/** Signs a commit for the room. @param signing that of the device which it names as its signer */
export async function signCommit(commit: Commit, signing: SigningKeyPair): Promise<Bytes> {
  const body = encodeCommit(commit);
  const signature = await ed25519Sign(signing.privateKey, labelled("commit", body));
  return new Writer().raw(body).raw(signature).bytes();
}

/**
 * Opens what came from the room.
 *
 * @param keyOf the signing key of a device by its entry's hash, or null where the log does not have it
 * @throws CryptoError `malformed`; `bad_signature`, also where the signer is not in the log
 */
export async function openCommit(
  bytes: Bytes,
  keyOf: (entry: Bytes) => VerifyingKey | null,
): Promise<SignedCommit> {
  const body = bytes.slice(0, Math.max(0, bytes.length - SIGNATURE_BYTES));
  const commit = decodeCommit(body);
  const key = keyOf(commit.signer);
  const signature = bytes.slice(body.length);
  if (key === null || !await ed25519Verify(key, labelled("commit", body), signature)) {
    throw new CryptoError("bad_signature", "A commit is not signed by a known device");
  }
  return { ...commit, hash: commitHash(commit), wire: bytes } as SignedCommit;
}

function decodeCommit(body: Bytes): Commit {
  const reader = new Reader(body, "a commit");
  reader.expect(reader.u8(), MESSAGE, "type");
  reader.expect(reader.u8(), VERSION, "version");
  const callId = reader.raw(CALL_ID_BYTES);
  const [epoch, step, type] = [reader.u32(), reader.u8(), TYPES[reader.u8()]];
  const [roster, prevHash] = [reader.raw(HASH_BYTES), reader.raw(HASH_BYTES)];
  reader.expect(reader.u16(), SUITE, "suite");
  reader.expect(reader.u8(), LAYOUT, "layout");
  const [timeMs, signer, change] = [reader.u64(), reader.raw(HASH_BYTES), readChange(reader)];
  reader.end();
  if (type === undefined) throw new CryptoError("malformed", "Cannot read a commit: unknown kind");
  return { callId, epoch, step, type, rosterHash: roster, prevHash, timeMs, signer, change };
}

/** The roster that a first commit begins with. @throws CryptoError `bad_commit` */
export function checkFirst(callId: Bytes, commit: Commit): Roster {
  require(equal(commit.callId, callId), "is of another call");
  require(commit.type === "create" && commit.epoch === 1 && commit.step === 0, "is not the first");
  require(commit.prevHash.every((byte) => byte === 0), "follows on another");
  require(commit.timeMs <= MAX_FIRST_MS, "is of another age");
  return checkRoster(commit, []);
}

/** The roster after the commit that follows on `head`. @throws CryptoError `bad_commit` */
export function checkNext(head: ChainHead, commit: Commit): Roster {
  const before = head.commit;
  require(equal(commit.callId, before.callId), "is of another call");
  require(equal(commit.prevHash, before.hash), "follows on another");
  require(commit.timeMs >= before.timeMs, "is older than the one before");
  require(commit.timeMs <= before.timeMs + MAX_PAUSE_MS, "is too far from the one before");
  const isEpoch = commit.epoch === before.epoch + 1 && commit.step === 0;
  const isStep = commit.epoch === before.epoch && commit.step === before.step + 1 &&
    commit.step <= MAX_STEP;
  require(isEpoch || isStep, "skips a number");
  const { removed, added } = commit.change;
  if (isStep) require(commit.type === "join" || commit.type === "timer", "asks for an epoch");
  require(commit.type !== "create", "is not the first");
  require(removed.length === 0 || commit.type === "leave" || commit.type === "handover", "removes");
  require(added.length === 0 || commit.type !== "timer", "adds");
  require(removed.length > 0 || commit.type !== "leave", "removes nobody");
  require(added.length > 0 || commit.type !== "join", "adds nobody");
  requireCommitter(head, commit);
  return checkRoster(commit, head.roster);
}

/**
 * The signer of the last commit signs the next. Another one may in two cases: everybody who would come
 * before it leaves by this very commit, or it says `handover`, and that 2 s went by.
 */
function requireCommitter({ commit: before, roster }: ChainHead, commit: Commit): void {
  if (equal(commit.signer, before.signer)) return;
  const committer = seatOf(roster, before.signer)!.index;
  const line = successors(roster, committer);
  const place = line.findIndex(({ entry }) => equal(entry, commit.signer));
  const inFront = [committer, ...line.slice(0, place).map(({ index }) => index)];
  const removed = new Set(commit.change.removed);
  const allLeave = commit.type === "leave" && inFront.every((index) => removed.has(index));
  const waited = commit.type === "handover" && commit.timeMs >= before.timeMs + TAKEOVER_MS;
  require(place >= 0 && (allLeave || waited), "is not the committer's");
}

function checkRoster(commit: Commit, before: Roster): Roster {
  const roster = changed(before, commit.change);
  if (roster === null) throw badCommit("does not fit the roster");
  require(seatOf(roster, commit.signer) !== null, "is signed by nobody of its roster");
  require(equal(commit.rosterHash, rosterHash(commit.callId, roster)), "has another roster");
  return roster;
}

function require(condition: boolean, fault: string): void {
  if (!condition) throw badCommit(fault);
}

function badCommit(fault: string): CryptoError {
  return new CryptoError("bad_commit", `A commit was refused: it ${fault}`);
}
