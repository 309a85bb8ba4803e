/**
 * A device's prekey set: what a caller needs to reach it while it is offline, under one signature.
 *
 *     PrekeySet = u8 1 || u16 suite || device_entry_hash[32] || u64 set_number || u64 not_before
 *                 || u64 not_after || u32 spk_id || SPK[32] || u32 kpk_id || KPK[1184]
 *                 || u16 opk_count || opk_root[32]
 *     signature = Ed25519(device, "prekey-set" || PrekeySet)
 *     leaf i    = SHA-256(0x00 || "opk" || u16 i || OPK_i)           RFC 6962 tree, root in the set
 *
 * The entry hash ties the set to one device of one account: a change of keys ends its old prekeys.
 * Validity is in milliseconds and at most 15 days wide.
 *
 * @module
 */

import { type Bytes, concat, equal, toHex } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import {
  type AgreementKey,
  type EncapsulationKey,
  parseAgreementKey,
  parseEncapsulationKey,
  type SigningKeyPair,
  type VerifyingKey,
} from "./keys.ts";
import { labelled } from "./labels.ts";
import { ed25519Sign, ed25519Verify, HASH_BYTES, sha256 } from "./primitives.ts";
import { checkInclusion, emptyRoot, inclusionOf, leafHash, rootOf } from "./tree.ts";

/** The only suite: X25519, ML-KEM-768, Ed25519, HKDF-SHA-256, AES-256-GCM. */
export const SUITE = 0x0001;
/** Most one-time prekeys of one set. */
export const MAX_ONE_TIME_PREKEYS = 32;
/** Longest validity of a set, in milliseconds. */
export const MAX_PREKEY_VALIDITY_MS = 15 * 24 * 3_600_000;
/** How early a set may be used, to forgive clocks, in milliseconds. */
export const PREKEY_CLOCK_SKEW_MS = 5 * 60_000;

/** A decoded prekey set; its bytes are what was signed. */
export interface PrekeySet {
  /** Whose: `deviceEntryHash`. */
  readonly deviceEntryHash: Bytes;
  /** Above that of every set before it of the device. */
  readonly setNumber: number;
  /** Start of validity, Unix milliseconds. */
  readonly notBeforeMs: number;
  /** End of validity, Unix milliseconds. */
  readonly notAfterMs: number;
  /** Number of the signed prekey. */
  readonly spkId: number;
  /** The signed prekey. */
  readonly spk: AgreementKey;
  /** Number of the ML-KEM prekey. */
  readonly kpkId: number;
  /** The ML-KEM prekey. */
  readonly kpk: EncapsulationKey;
  /** How many one-time prekeys the root covers, 0 to 32. */
  readonly opkCount: number;
  /** Root over the one-time prekeys; `SHA-256("")` when there are none. */
  readonly opkRoot: Bytes;
}

/** A set's exact bytes and the device's signature over them. */
export interface SignedPrekeySet {
  /** The encoded `PrekeySet`. */
  readonly set: Bytes;
  /** 64 bytes. */
  readonly signature: Bytes;
}

/** One one-time prekey with its path to the set's root. */
export interface OneTimePrekey {
  /** Its place in the set. */
  readonly index: number;
  /** The key. */
  readonly key: AgreementKey;
  /** RFC 6962 inclusion path. */
  readonly path: readonly Bytes[];
}

/** Encodes and signs a set. */
export async function signPrekeySet(
  set: PrekeySet,
  signing: SigningKeyPair,
): Promise<SignedPrekeySet> {
  const bytes = encodePrekeySet(set);
  const signature = await ed25519Sign(signing.privateKey, labelled("prekey-set", bytes));
  return { set: bytes, signature };
}

/**
 * Checks a set's signature, device, suite, keys and form, in that order. Validity in time is
 * `checkPrekeyValidity`, because the owner of an old set may still open what was sealed to it.
 *
 * @throws CryptoError `bad_prekeys`, `malformed`, `bad_key`
 */
export async function verifyPrekeySet(
  signed: SignedPrekeySet,
  device: { readonly entryHash: Bytes; readonly signing: VerifyingKey },
): Promise<PrekeySet> {
  const message = labelled("prekey-set", signed.set);
  if (!await ed25519Verify(device.signing, message, signed.signature)) {
    throw new CryptoError("bad_prekeys", "The prekey set is not signed by its device");
  }
  const set = decodePrekeySet(signed.set);
  if (!equal(set.deviceEntryHash, device.entryHash)) {
    throw new CryptoError("bad_prekeys", "The prekey set is of another device");
  }
  return set;
}

/** Checks that a set may be used now. @throws CryptoError `expired_prekeys` */
export function checkPrekeyValidity(set: PrekeySet, nowMs: number): void {
  if (set.notBeforeMs - PREKEY_CLOCK_SKEW_MS > nowMs || nowMs > set.notAfterMs) {
    throw new CryptoError("expired_prekeys", "The prekey set is outside its validity");
  }
}

/** Checks a one-time prekey's path to its set. @throws CryptoError `bad_proof` */
export function checkOneTimePrekey(set: PrekeySet, opk: OneTimePrekey): void {
  // The index is a server's: one that has no encoding must not look like a bug of ours.
  if (!Number.isInteger(opk.index) || opk.index < 0 || opk.index >= set.opkCount) {
    throw new CryptoError("bad_proof", "The prekey set has no such one-time prekey");
  }
  const leaf = oneTimeLeaf(opk.index, opk.key);
  checkInclusion(opk.index, set.opkCount, leaf, opk.path, set.opkRoot);
}

/**
 * Requires that each of a device's keys of one kind is there once: one key has one purpose.
 *
 * @throws CryptoError `bad_prekeys`
 */
export function requireDistinct(keys: readonly Bytes[]): void {
  if (new Set(keys.map(toHex)).size !== keys.length) {
    throw new CryptoError("bad_prekeys", "A key of the prekeys is there for two purposes");
  }
}

/** The name of a set: `SHA-256("prekey-set" || PrekeySet)`. */
export function prekeySetHash(set: Bytes): Bytes {
  return sha256(labelled("prekey-set", set));
}

/** The root over one-time prekeys, for a new set. */
export function oneTimeRoot(keys: readonly AgreementKey[]): Bytes {
  return keys.length === 0 ? emptyRoot() : rootOf(keys.map((key, i) => oneTimeLeaf(i, key)));
}

/** One of a set's one-time prekeys with its path. */
export function oneTimePrekey(keys: readonly AgreementKey[], index: number): OneTimePrekey {
  const leaves = keys.map((key, i) => oneTimeLeaf(i, key));
  return { index, key: keys[index]!, path: inclusionOf(leaves, index) };
}

function oneTimeLeaf(index: number, key: AgreementKey): Bytes {
  return leafHash(labelled("opk", new Writer().u16(index).raw(key).bytes()));
}

function encodePrekeySet(set: PrekeySet): Bytes {
  return concat(
    new Writer().u8(1).u16(SUITE).raw(set.deviceEntryHash).u64(set.setNumber).bytes(),
    new Writer().u64(set.notBeforeMs).u64(set.notAfterMs).u32(set.spkId).raw(set.spk).bytes(),
    new Writer().u32(set.kpkId).raw(set.kpk).u16(set.opkCount).raw(set.opkRoot).bytes(),
  );
}

/** Reads a set of one's own; that of somebody else goes through `verifyPrekeySet`. */
export function decodePrekeySet(bytes: Bytes): PrekeySet {
  const reader = new Reader(bytes, "the prekey set");
  reader.expect(reader.u8(), 1, "version");
  reader.expect(reader.u16(), SUITE, "suite");
  const set: PrekeySet = {
    deviceEntryHash: reader.raw(HASH_BYTES),
    setNumber: reader.u64(),
    notBeforeMs: reader.u64(),
    notAfterMs: reader.u64(),
    spkId: reader.u32(),
    spk: parseAgreementKey(reader.raw(32)),
    kpkId: reader.u32(),
    kpk: parseEncapsulationKey(reader.raw(1184)),
    opkCount: reader.u16(),
    opkRoot: reader.raw(HASH_BYTES),
  };
  reader.end();
  const width = set.notAfterMs - set.notBeforeMs;
  if (width <= 0 || width > MAX_PREKEY_VALIDITY_MS) {
    throw new CryptoError("bad_prekeys", "A prekey set is valid for at most 15 days");
  }
  if (set.opkCount > MAX_ONE_TIME_PREKEYS) {
    throw new CryptoError("bad_prekeys", "A prekey set has at most 32 one-time prekeys");
  }
  return set;
}
