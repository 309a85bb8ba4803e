/**
 * A rekey: the next epoch of a session, by one more hybrid exchange.
 *
 *     OfferPart   = 0x20 || u32 e+1 || X[32] || ek[1184]
 *     RekeyOffer  = OfferPart || HKDF(X25519(ID_O, ID_P), root_e, "rekey-offer" || u8 O || th_e || OfferPart, 32)
 *     AnswerPart  = 0x21 || u32 e+1 || Y[32] || ct[1088]
 *     RekeyAnswer = AnswerPart || HMAC(kc', "answer-confirm" || th')
 *     th' = H("rekey" || th_e || RekeyOffer || AnswerPart)
 *     epoch e+1 from root_e and X25519(x, Y) || X25519(ID_O, Y) || X25519(x, ID_P) || X25519(ID_O, ID_P) || SS
 *
 * O offered this rekey, P answered it; `u8 O` is 0 where O is the call's caller, and else 1. Both
 * long-term keys are mixed in again: whoever copied a session's memory, and not the keys that cannot be
 * copied, is out after one rekey, also where they copied it in the middle of that one. They forge no part
 * of it: X25519(ID_O, ID_P) is computed from those keys each time and kept nowhere, and an answer shows
 * that its maker has the new epoch.
 *
 * @module
 */

import { type Bytes, concat } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { confirmationTag, deriveEpoch, type Epoch, wipeEpoch } from "./epoch.ts";
import { CryptoError } from "./error.ts";
import {
  type AgreementKey,
  type EncapsulationKey,
  type EphemeralKeyPair,
  generateEphemeralKeyPair,
  generateKemKeyPair,
  type KemKeyPair,
  parseAgreementKey,
  parseEncapsulationKey,
} from "./keys.ts";
import { labelled } from "./labels.ts";
import {
  constantTimeEqual,
  HASH_BYTES,
  hkdfExpand,
  hkdfExtract,
  KEM_CIPHERTEXT_BYTES,
  mlKem768Decapsulate,
  mlKem768Encapsulate,
  sha256,
  x25519,
} from "./primitives.ts";

/** First byte of a rekey's offer. */
export const REKEY_OFFER = 0x20;
/** First byte of a rekey's answer. */
export const REKEY_ANSWER = 0x21;

/** Who sits where in a call: 0 for the caller, 1 for the callee. */
type Side = 0 | 1;

/** The long-term keys of a session's two devices, from one side. */
export interface Identities {
  /** One's own. */
  readonly self: CryptoKey;
  /** The other side's. */
  readonly peer: AgreementKey;
}

/** What a rekey begins with: the session's epoch, its number, and the devices' long-term keys. */
export interface RekeyBase {
  /** Which side of the call this is. */
  readonly side: Side;
  /** The number of the epoch that is left. */
  readonly number: number;
  /** That epoch. */
  readonly epoch: Epoch;
  /** Whose session it is. */
  readonly identities: Identities;
}

/** A rekey that was offered and not answered. */
export interface OfferedRekey {
  /** The `RekeyOffer`. */
  readonly message: Bytes;
  readonly ephemeral: EphemeralKeyPair;
  readonly kem: KemKeyPair;
}

/** A rekey that was answered. */
export interface AnsweredRekey {
  /** The `RekeyAnswer`. */
  readonly message: Bytes;
  /** The next epoch. */
  readonly epoch: Epoch;
}

/** Offers the epoch behind this one. */
export async function offerRekey(base: RekeyBase): Promise<OfferedRekey> {
  const [ephemeral, kem] = await Promise.all([generateEphemeralKeyPair(), generateKemKeyPair()]);
  const part = new Writer()
    .u8(REKEY_OFFER).u32(base.number + 1).raw(ephemeral.publicKey).raw(kem.publicKey)
    .bytes();
  const pair = await x25519(base.identities.self, base.identities.peer);
  const message = concat(part, offerTag(base, base.side, part, pair));
  pair.fill(0);
  return { message, ephemeral, kem };
}

/**
 * Answers an offer of the epoch behind this one.
 *
 * @throws CryptoError `malformed`, `bad_key`, `bad_handshake` where the other device did not make it
 */
export async function answerRekey(base: RekeyBase, offer: Bytes): Promise<AnsweredRekey> {
  const { key, kem, part: offered, tag } = readOffer(offer, base.number + 1);
  const { number, epoch, identities: { self, peer } } = base;
  const pair = await x25519(self, peer);
  const wanted = offerTag(base, base.side === 0 ? 1 : 0, offered, pair);
  if (!constantTimeEqual(tag, wanted)) throw forged();
  const [ephemeral, { ciphertext, shared: ss }] = await Promise.all([
    generateEphemeralKeyPair(),
    mlKem768Encapsulate(kem),
  ]);
  const part = new Writer()
    .u8(REKEY_ANSWER).u32(number + 1).raw(ephemeral.publicKey).raw(ciphertext)
    .bytes();
  const shared = await Promise.all([
    x25519(ephemeral.privateKey, key),
    x25519(ephemeral.privateKey, peer),
    x25519(self, key),
    pair,
  ]);
  const next = deriveEpoch(number + 1, transcript(epoch, offer, part), epoch, [...shared, ss]);
  return { message: concat(part, confirmationTag(next, "answer-confirm")), epoch: next };
}

/** Takes the answer to one's own offer. @throws CryptoError `malformed`, `bad_key`, `bad_handshake` */
export async function finishRekey(
  { number, epoch, identities: { self, peer } }: RekeyBase,
  { message: offer, ephemeral, kem }: OfferedRekey,
  answer: Bytes,
): Promise<Epoch> {
  const { key, ciphertext, part, tag } = readAnswer(answer, number + 1);
  const shared = await Promise.all([
    x25519(ephemeral.privateKey, key),
    x25519(self, key),
    x25519(ephemeral.privateKey, peer),
    x25519(self, peer),
    mlKem768Decapsulate(kem.privateKey, ciphertext),
  ]);
  const next = deriveEpoch(number + 1, transcript(epoch, offer, part), epoch, shared);
  if (constantTimeEqual(tag, confirmationTag(next, "answer-confirm"))) return next;
  wipeEpoch(next);
  throw forged();
}

/** The epoch that a rekey's message leads to. @throws CryptoError `malformed` */
export function rekeyNumber(message: Bytes): number {
  const reader = new Reader(message, "a rekey");
  reader.u8();
  return reader.u32();
}

/**
 * What only the two devices compute.
 *
 * @param offerer who offers @param pair what the two long-term keys agree on
 */
function offerTag(
  { epoch: { th, root } }: RekeyBase,
  offerer: Side,
  part: Bytes,
  pair: Bytes,
): Bytes {
  const key = hkdfExtract(root.expose(), pair);
  const tag = hkdfExpand(
    key,
    labelled("rekey-offer", Uint8Array.of(offerer), th, part),
    HASH_BYTES,
  );
  key.fill(0);
  return tag;
}

function forged(): CryptoError {
  return new CryptoError("bad_handshake", "The rekey is of somebody else");
}

function transcript({ th }: Epoch, offer: Bytes, part: Bytes): Bytes {
  return sha256(labelled("rekey", th, offer, part));
}

function readOffer(
  bytes: Bytes,
  number: number,
): { key: AgreementKey; kem: EncapsulationKey; part: Bytes; tag: Bytes } {
  const reader = new Reader(bytes, "a rekey's offer");
  reader.expect(reader.u8(), REKEY_OFFER, "type");
  reader.expect(reader.u32(), number, "epoch");
  const key = parseAgreementKey(reader.raw(32));
  const kem = parseEncapsulationKey(reader.raw(1184));
  const part = bytes.slice(0, reader.position());
  const tag = reader.raw(HASH_BYTES);
  reader.end();
  return { key, kem, part, tag };
}

function readAnswer(
  bytes: Bytes,
  number: number,
): { key: AgreementKey; ciphertext: Bytes; part: Bytes; tag: Bytes } {
  const reader = new Reader(bytes, "a rekey's answer");
  reader.expect(reader.u8(), REKEY_ANSWER, "type");
  reader.expect(reader.u32(), number, "epoch");
  const key = parseAgreementKey(reader.raw(32));
  const ciphertext = reader.raw(KEM_CIPHERTEXT_BYTES);
  const part = bytes.slice(0, reader.position());
  const tag = reader.raw(HASH_BYTES);
  reader.end();
  return { key, ciphertext, part, tag };
}
