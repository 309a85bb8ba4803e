/**
 * The bytes of the handshake's messages.
 *
 *     CallCommon   = 0x10 || u8 1 || u16 suite || call_id[16] || u64 sent_ms || u32 ttl_s || room[32]
 *                    || device_entry_A[32] || record_A[32] || record_B[32] || KA.ek[1184]
 *     OfferHeader  = 0x11 || H(CallCommon)[32] || u32 device_B || device_entry_B[32]
 *                    || prekey_set_B[32] || u8 opk? || u16 i || EA[32] || ct1[1088]
 *     AnswerHeader = 0x12 || H(CallCommon)[32] || u32 device_B || EB[32] || ct2[1088]
 *     Offer        = OfferHeader || tag[32] || Box        Answer = AnswerHeader || tag[32] || Box
 *     Confirm      = 0x13 || tag[32] || Box
 *
 * Reading one checks its form and its keys, and nothing else.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import {
  type AgreementKey,
  type EncapsulationKey,
  parseAgreementKey,
  parseEncapsulationKey,
} from "./keys.ts";
import { labelled } from "./labels.ts";
import { HASH_BYTES, KEM_CIPHERTEXT_BYTES, sha256 } from "./primitives.ts";
import { SUITE } from "./prekey.ts";
import { BOX } from "./ratchet.ts";

/** Longest life of an offer in seconds. */
export const MAX_TTL_S = 60;
/** Length of a call id in bytes. */
export const CALL_ID_BYTES = 16;

const COMMON = 0x10;
const OFFER = 0x11;
const ANSWER = 0x12;
const CONFIRM = 0x13;

/** What a message after the offer is. */
export type MessageKind = "answer" | "confirm" | "box" | "unknown";

/** Tells messages apart by their first byte. */
export function kindOf(message: Bytes): MessageKind {
  const kinds: Readonly<Record<number, MessageKind>> = {
    [ANSWER]: "answer",
    [CONFIRM]: "confirm",
    [BOX]: "box",
  };
  return kinds[message[0] ?? 0] ?? "unknown";
}

/** What all offers of one call share. */
export interface CallCommon {
  /** 16 random bytes. */
  readonly callId: Bytes;
  /** The caller's clock, Unix milliseconds. */
  readonly sentMs: number;
  /** How long the offer may be accepted, seconds, at most 60. */
  readonly ttlS: number;
  /** SHA-256 of the room in which the answer is awaited. */
  readonly room: Bytes;
  /** The caller's `deviceEntryHash`. */
  readonly deviceEntryA: Bytes;
  /** The caller's `recordHash`. */
  readonly recordA: Bytes;
  /** The callee's `recordHash`, as the caller knows it. */
  readonly recordB: Bytes;
  /** The caller's fresh encapsulation key. */
  readonly kemA: EncapsulationKey;
}

/** What an offer says to one device. */
export interface OfferHeader {
  /** Hash of the `CallCommon` it belongs to. */
  readonly common: Bytes;
  /** The device it is for. */
  readonly deviceB: number;
  /** That device's `deviceEntryHash`. */
  readonly deviceEntryB: Bytes;
  /** `prekeySetHash` of the set it uses. */
  readonly prekeySetB: Bytes;
  /** Index of the one-time prekey it uses, or null. */
  readonly opkIndex: number | null;
  /** The caller's fresh agreement key. */
  readonly ephemeralA: AgreementKey;
  /** Encapsulated to the set's ML-KEM prekey. */
  readonly ct1: Bytes;
}

/** What an answer says. */
export interface AnswerHeader {
  /** Hash of the `CallCommon` it answers. */
  readonly common: Bytes;
  /** The device that answers. */
  readonly deviceB: number;
  /** The callee's fresh agreement key. */
  readonly ephemeralB: AgreementKey;
  /** Encapsulated to the caller's fresh key. */
  readonly ct2: Bytes;
}

/** A header with its exact bytes, its tag and the box behind it. */
export interface Tagged<Header> {
  /** The decoded header. */
  readonly header: Header;
  /** The header's bytes, which the transcript takes. */
  readonly headerBytes: Bytes;
  /** 32 bytes of key confirmation. */
  readonly tag: Bytes;
  /** The sealed payload. */
  readonly box: Bytes;
}

/** The name of a call's common part. */
export function commonHash(common: Bytes): Bytes {
  return sha256(labelled("call", common));
}

/** The bytes of a call's common part. */
export function encodeCallCommon(common: CallCommon): Bytes {
  return new Writer()
    .u8(COMMON).u8(1).u16(SUITE)
    .raw(common.callId).u64(common.sentMs).u32(common.ttlS).raw(common.room)
    .raw(common.deviceEntryA).raw(common.recordA).raw(common.recordB).raw(common.kemA)
    .bytes();
}

/** Reads a call's common part. @throws CryptoError `malformed`, `bad_key` */
export function decodeCallCommon(bytes: Bytes): CallCommon {
  const reader = new Reader(bytes, "a call");
  reader.expect(reader.u8(), COMMON, "type");
  reader.expect(reader.u8(), 1, "version");
  reader.expect(reader.u16(), SUITE, "suite");
  const common: CallCommon = {
    callId: reader.raw(CALL_ID_BYTES),
    sentMs: reader.u64(),
    ttlS: reader.u32(),
    room: reader.raw(HASH_BYTES),
    deviceEntryA: reader.raw(HASH_BYTES),
    recordA: reader.raw(HASH_BYTES),
    recordB: reader.raw(HASH_BYTES),
    kemA: parseEncapsulationKey(reader.raw(1184)),
  };
  reader.end();
  if (common.ttlS > MAX_TTL_S) throw new CryptoError("malformed", "An offer lives 60 s at most");
  return common;
}

/** The bytes of an offer's header. */
export function encodeOfferHeader(header: OfferHeader): Bytes {
  return new Writer()
    .u8(OFFER).raw(header.common).u32(header.deviceB)
    .raw(header.deviceEntryB).raw(header.prekeySetB)
    .u8(header.opkIndex === null ? 0 : 1).u16(header.opkIndex ?? 0)
    .raw(header.ephemeralA).raw(header.ct1)
    .bytes();
}

/** Reads an offer. @throws CryptoError `malformed`, `bad_key` */
export function decodeOffer(bytes: Bytes): Tagged<OfferHeader> {
  return readTagged(bytes, "an offer", (reader) => {
    reader.expect(reader.u8(), OFFER, "type");
    const common = reader.raw(HASH_BYTES);
    const deviceB = reader.u32();
    const deviceEntryB = reader.raw(HASH_BYTES);
    const prekeySetB = reader.raw(HASH_BYTES);
    const hasOpk = reader.u8();
    const index = reader.u16();
    if (hasOpk > 1 || (hasOpk === 0 && index !== 0)) {
      throw new CryptoError("malformed", "Cannot read an offer: its one-time prekey is ambiguous");
    }
    const ephemeralA = parseAgreementKey(reader.raw(32));
    const ct1 = reader.raw(KEM_CIPHERTEXT_BYTES);
    const opkIndex = hasOpk === 1 ? index : null;
    return { common, deviceB, deviceEntryB, prekeySetB, opkIndex, ephemeralA, ct1 };
  });
}

/** The bytes of an answer's header. */
export function encodeAnswerHeader(header: AnswerHeader): Bytes {
  return new Writer()
    .u8(ANSWER).raw(header.common).u32(header.deviceB).raw(header.ephemeralB).raw(header.ct2)
    .bytes();
}

/** Reads an answer. @throws CryptoError `malformed`, `bad_key` */
export function decodeAnswer(bytes: Bytes): Tagged<AnswerHeader> {
  return readTagged(bytes, "an answer", (reader) => {
    reader.expect(reader.u8(), ANSWER, "type");
    return {
      common: reader.raw(HASH_BYTES),
      deviceB: reader.u32(),
      ephemeralB: parseAgreementKey(reader.raw(32)),
      ct2: reader.raw(KEM_CIPHERTEXT_BYTES),
    };
  });
}

/** The bytes of a confirm. */
export function encodeConfirm(tag: Bytes, box: Bytes): Bytes {
  return new Writer().u8(CONFIRM).raw(tag).raw(box).bytes();
}

/** Reads a confirm. @throws CryptoError `malformed` */
export function decodeConfirm(bytes: Bytes): { readonly tag: Bytes; readonly box: Bytes } {
  const reader = new Reader(bytes, "a confirm");
  reader.expect(reader.u8(), CONFIRM, "type");
  return { tag: reader.raw(HASH_BYTES), box: reader.rest() };
}

function readTagged<Header>(
  bytes: Bytes,
  what: string,
  read: (reader: Reader) => Header,
): Tagged<Header> {
  const reader = new Reader(bytes, what);
  const header = read(reader);
  const headerBytes = bytes.slice(0, reader.position());
  return { header, headerBytes, tag: reader.raw(HASH_BYTES), box: reader.rest() };
}
