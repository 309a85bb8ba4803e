/**
 * A rekey: the next epoch of a session, by one more hybrid exchange.
 *
 *     RekeyOffer  = 0x20 || u32 e+1 || X[32] || ek[1184]      RekeyAnswer = 0x21 || u32 e+1 || Y[32] || ct[1088]
 *     th' = H("rekey" || th_e || RekeyOffer || RekeyAnswer)
 *     epoch e+1 from root_e and X25519(x, Y) || X25519(ID_O, Y) || X25519(x, ID_P) || SS
 *
 * O offered this rekey, P answered it. Both long-term keys are mixed in again: whoever copied a
 * session's memory, and not the keys that cannot be copied, is out after one rekey. What they forge
 * themselves leads nowhere: an answer has to show that its maker has the new epoch before the offerer
 * enters it, and the answerer enters it with the first message that opens in it.
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

/** The long-term keys of a session's two devices, from one side. */
export interface Identities {
  /** One's own. */
  readonly self: CryptoKey;
  /** The other side's. */
  readonly peer: AgreementKey;
}

/** What a rekey begins with: the session's epoch, its number, and the devices' long-term keys. */
export interface RekeyBase {
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
  /** The `RekeyOffer` that it answers. */
  readonly offer: Bytes;
  /** The `RekeyAnswer`. */
  readonly message: Bytes;
  /** The next epoch. */
  readonly epoch: Epoch;
}

/** Offers the epoch behind this one. */
export async function offerRekey(number: number): Promise<OfferedRekey> {
  const [ephemeral, kem] = await Promise.all([generateEphemeralKeyPair(), generateKemKeyPair()]);
  const message = new Writer()
    .u8(REKEY_OFFER).u32(number + 1).raw(ephemeral.publicKey).raw(kem.publicKey)
    .bytes();
  return { message, ephemeral, kem };
}

/** Answers an offer of the epoch behind this one. @throws CryptoError `malformed`, `bad_key` */
export async function answerRekey(
  { number, epoch, identities: { self, peer } }: RekeyBase,
  offer: Bytes,
): Promise<AnsweredRekey> {
  const { key, kem } = readOffer(offer, number + 1);
  const [ephemeral, { ciphertext, shared: ss }] = await Promise.all([
    generateEphemeralKeyPair(),
    mlKem768Encapsulate(kem),
  ]);
  const header = new Writer()
    .u8(REKEY_ANSWER).u32(number + 1).raw(ephemeral.publicKey).raw(ciphertext)
    .bytes();
  const shared = await Promise.all([
    x25519(ephemeral.privateKey, key),
    x25519(ephemeral.privateKey, peer),
    x25519(self, key),
  ]);
  const next = deriveEpoch(number + 1, transcript(epoch, offer, header), epoch, [...shared, ss]);
  return { offer, message: concat(header, confirmationTag(next, "answer-confirm")), epoch: next };
}

/** Takes the answer to one's own offer. @throws CryptoError `malformed`, `bad_key`, `bad_handshake` */
export async function finishRekey(
  { number, epoch, identities: { self, peer } }: RekeyBase,
  { message: offer, ephemeral, kem }: OfferedRekey,
  answer: Bytes,
): Promise<Epoch> {
  const { key, ciphertext, header, tag } = readAnswer(answer, number + 1);
  const shared = await Promise.all([
    x25519(ephemeral.privateKey, key),
    x25519(self, key),
    x25519(ephemeral.privateKey, peer),
    mlKem768Decapsulate(kem.privateKey, ciphertext),
  ]);
  const next = deriveEpoch(number + 1, transcript(epoch, offer, header), epoch, shared);
  if (constantTimeEqual(tag, confirmationTag(next, "answer-confirm"))) return next;
  wipeEpoch(next);
  throw new CryptoError("bad_handshake", "The rekey was answered by somebody else");
}

/** The epoch that a rekey's message leads to. @throws CryptoError `malformed` */
export function rekeyNumber(message: Bytes): number {
  const reader = new Reader(message, "a rekey");
  reader.u8();
  return reader.u32();
}

function transcript({ th }: Epoch, offer: Bytes, header: Bytes): Bytes {
  return sha256(labelled("rekey", th, offer, header));
}

function readOffer(bytes: Bytes, number: number): { key: AgreementKey; kem: EncapsulationKey } {
  const reader = new Reader(bytes, "a rekey's offer");
  reader.expect(reader.u8(), REKEY_OFFER, "type");
  reader.expect(reader.u32(), number, "epoch");
  const key = parseAgreementKey(reader.raw(32));
  const kem = parseEncapsulationKey(reader.raw(1184));
  reader.end();
  return { key, kem };
}

function readAnswer(
  bytes: Bytes,
  number: number,
): { key: AgreementKey; ciphertext: Bytes; header: Bytes; tag: Bytes } {
  const reader = new Reader(bytes, "a rekey's answer");
  reader.expect(reader.u8(), REKEY_ANSWER, "type");
  reader.expect(reader.u32(), number, "epoch");
  const key = parseAgreementKey(reader.raw(32));
  const ciphertext = reader.raw(KEM_CIPHERTEXT_BYTES);
  const header = bytes.slice(0, reader.position());
  const tag = reader.raw(HASH_BYTES);
  reader.end();
  return { key, ciphertext, header, tag };
}
