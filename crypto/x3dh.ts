/**
 * The first half of the handshake: X3DH with ML-KEM-768, sealed to prekeys of somebody who may be
 * anywhere. `answer.ts` is the second.
 *
 *     DH1 = X25519(ID_A, SPK_B)  DH2 = X25519(EA, ID_B)  DH3 = X25519(EA, SPK_B)  DH4 = X25519(EA, OPK_B)
 *     th0 = H("offer" || CallCommon || OfferHeader || v16 DeviceEntry_A || v16 DeviceEntry_B
 *             || PrekeySet_B || (OPK_B or zeros))
 *     epoch 0 from DH1 || DH2 || DH3 [|| DH4] || SS1 [|| psk]
 *
 * The caller runs `initiate`, the callee `accept`. A call has one CallCommon and one ML-KEM key; each
 * device of the callee gets an offer of its own, with a fresh EA. An offer alone authenticates nobody
 * whose callee's prekeys were stolen; the confirm does. Any refusal is the one code `bad_handshake`:
 * why a message was refused is nobody's business but ours, and there it would be an oracle.
 *
 * @module
 */

import { type RemoteDevice, type VerifiedBundle } from "./bundle.ts";
import { type Bytes, concat, equal } from "./bytes.ts";
import { Writer } from "./codec.ts";
import { type DeviceEntry, encodeDeviceEntry } from "./device_entry.ts";
import { confirmationTag, deriveOfferEpoch, type OfferEpoch } from "./epoch.ts";
import { checked, ensure, guarded } from "./handshake_guard.ts";
import {
  CALL_ID_BYTES,
  type CallCommon,
  commonHash,
  decodeCallCommon,
  decodeOffer,
  encodeCallCommon,
  encodeOfferHeader,
} from "./handshake_message.ts";
import {
  type AgreementKey,
  type AgreementKeyPair,
  type DeviceKeys,
  type EphemeralKeyPair,
  generateEphemeralKeyPair,
  generateKemKeyPair,
  type KemKeyPair,
} from "./keys.ts";
import { labelled } from "./labels.ts";
import {
  mlKem768Decapsulate,
  mlKem768Encapsulate,
  randomBytes,
  sha256,
  x25519,
} from "./primitives.ts";
import { prekeySetHash } from "./prekey.ts";
import { ReceiveChain, SendChain } from "./ratchet.ts";
import { type Identities } from "./rekey.ts";
import { type Secret } from "./secret.ts";

/** Length of a pre-shared key in bytes. */
const PSK_BYTES = 32;
/** How far a clock may be off, in milliseconds, on top of an offer's life. */
export const OFFER_CLOCK_SKEW_MS = 30_000;

/** One's own device, with its private keys. */
export interface LocalDevice extends RemoteDevice {
  /** The long-term keys. */
  readonly keys: DeviceKeys;
}

/** The callee's own prekeys that an offer used. */
export interface UsedPrekeys {
  /** The exact bytes of the set. */
  readonly setBytes: Bytes;
  /** The signed prekey. */
  readonly spk: AgreementKeyPair;
  /** The ML-KEM prekey. */
  readonly kpk: KemKeyPair;
  /** The one-time prekey, or null. */
  readonly opk: AgreementKeyPair | null;
}

/** What a caller says in the clear about a call, and seals into its offer. */
export interface OfferInput {
  /** SHA-256 of the room in which the answer is awaited: 32 bytes. */
  readonly room: Bytes;
  /** The caller's clock, Unix milliseconds. */
  readonly nowMs: number;
  /** How long the offer may be accepted, seconds, at most 60. */
  readonly ttlS: number;
  /** What is sealed. */
  readonly payload: Uint8Array;
  /** What both sides know besides: an invite's secret, or null. */
  readonly psk?: Secret | null;
}

/** The caller between `initiate` and `finish`, towards one device. */
export interface PendingOffer {
  /** 16 bytes. */
  readonly callId: Bytes;
  /** `commonHash` of the call. */
  readonly common: Bytes;
  /** Whom it was sent to. */
  readonly peer: VerifiedBundle;
  readonly self: LocalDevice;
  readonly epoch0: OfferEpoch;
  readonly ephemeral: EphemeralKeyPair;
  readonly kem: KemKeyPair;
  /** What is left of the caller's chain of epoch 0: the next message withdraws the offer. */
  readonly withdrawal: SendChain;
}

/** An offer to one device. */
export interface SealedOffer {
  /** The message. */
  readonly offer: Bytes;
  /** What its answer is opened with. */
  readonly pending: PendingOffer;
}

/** The callee between `accept` and `answer`. */
export interface AcceptedOffer {
  /** 16 bytes. */
  readonly callId: Bytes;
  /** `commonHash` of the call. */
  readonly common: Bytes;
  /** Who calls. */
  readonly peer: RemoteDevice;
  readonly call: CallCommon;
  readonly deviceB: number;
  readonly epoch0: OfferEpoch;
  readonly ephemeralA: AgreementKey;
  /** The long-term keys of both devices. */
  readonly identities: Identities;
  /** What is left of the caller's chain of epoch 0. */
  readonly withdrawal: ReceiveChain;
}

/**
 * Seals a call for devices of one account: an offer for each bundle, in their order.
 *
 * @param peers at least one bundle, all verified against the same record
 */
export async function initiate(
  self: LocalDevice,
  peers: readonly VerifiedBundle[],
  input: OfferInput,
): Promise<{ common: Bytes; offers: readonly SealedOffer[] }> {
  const recordB = peers[0]?.recordHash;
  if (recordB === undefined || !peers.every(({ recordHash }) => equal(recordHash, recordB))) {
    throw new Error("bug: a call is for the devices of one record");
  }
  const kem = await generateKemKeyPair();
  const callId = randomBytes(CALL_ID_BYTES);
  const common = encodeCallCommon({
    callId,
    sentMs: input.nowMs,
    ttlS: input.ttlS,
    room: input.room,
    deviceEntryA: self.entryHash,
    recordA: self.recordHash,
    recordB,
    kemA: kem.publicKey,
  });
  const call = { callId, common, self, kem, payload: input.payload, psk: input.psk ?? null };
  return { common, offers: await Promise.all(peers.map((peer) => offerTo(call, peer))) };
}

/** What the offers of one call share. */
interface Call {
  readonly callId: Bytes;
  readonly common: Bytes;
  readonly self: LocalDevice;
  readonly kem: KemKeyPair;
  readonly payload: Uint8Array;
  readonly psk: Secret | null;
}

async function offerTo(call: Call, peer: VerifiedBundle): Promise<SealedOffer> {
  const { callId, self, kem } = call;
  const [ephemeral, { ciphertext: ct1, shared: ss1 }] = await Promise.all([
    generateEphemeralKeyPair(),
    mlKem768Encapsulate(peer.set.kpk),
  ]);
  const common = commonHash(call.common);
  const header = encodeOfferHeader({
    common,
    deviceB: peer.entry.deviceId,
    deviceEntryB: peer.entryHash,
    prekeySetB: peer.setHash,
    opkIndex: peer.opk?.index ?? null,
    ephemeralA: ephemeral.publicKey,
    ct1,
  });
  const shared = await Promise.all([
    x25519(self.keys.identity.privateKey, peer.set.spk),
    x25519(ephemeral.privateKey, peer.entry.identity),
    x25519(ephemeral.privateKey, peer.set.spk),
    ...(peer.opk === null ? [] : [x25519(ephemeral.privateKey, peer.opk.key)]),
  ]);
  const opk = peer.opk?.key ?? null;
  const th0 = offerTranscript(call.common, header, self.entry, peer.entry, peer.setBytes, opk);
  const epoch0 = deriveOfferEpoch(th0, [...shared, ss1, ...bytesOf(call.psk)]);
  const withdrawal = new SendChain(0, th0, epoch0.ckA);
  const box = await withdrawal.seal(call.payload);
  return {
    offer: concat(header, confirmationTag(epoch0, "offer-confirm"), box),
    pending: { callId, common, peer, self, epoch0, ephemeral, kem, withdrawal },
  };
}

/** An offer as it arrived. */
export interface OfferMessage {
  /** The call's common part. */
  readonly common: Bytes;
  /** The offer. */
  readonly offer: Bytes;
  /** The callee's clock, Unix milliseconds. */
  readonly nowMs: number;
  /** The secret of the invite that was given for this room, or null. */
  readonly psk?: Secret | null;
}

/**
 * Opens an offer. The caller of this function has looked up the peer's proven record, and once the
 * offer has opened deletes the one-time prekey and remembers the offer, in one transaction.
 *
 * @throws CryptoError `bad_handshake`
 */
export function accept(
  self: LocalDevice,
  prekeys: UsedPrekeys,
  peer: RemoteDevice,
  message: OfferMessage,
): Promise<{ payload: Bytes; accepted: AcceptedOffer }> {
  return guarded(async () => {
    const call = decodeCallCommon(message.common);
    const { header, headerBytes, tag, box } = decodeOffer(message.offer);
    const common = commonHash(message.common);
    ensure(Math.abs(message.nowMs - call.sentMs) <= call.ttlS * 1000 + OFFER_CLOCK_SKEW_MS);
    ensure(equal(call.recordB, self.recordHash) && equal(call.recordA, peer.recordHash));
    ensure(equal(call.deviceEntryA, peer.entryHash) && equal(header.common, common));
    ensure(header.deviceB === self.entry.deviceId && equal(header.deviceEntryB, self.entryHash));
    ensure(equal(header.prekeySetB, prekeySetHash(prekeys.setBytes)));
    ensure((header.opkIndex === null) === (prekeys.opk === null));
    const shared = await Promise.all([
      x25519(prekeys.spk.privateKey, peer.entry.identity),
      x25519(self.keys.identity.privateKey, header.ephemeralA),
      x25519(prekeys.spk.privateKey, header.ephemeralA),
      ...(prekeys.opk === null ? [] : [x25519(prekeys.opk.privateKey, header.ephemeralA)]),
      mlKem768Decapsulate(prekeys.kpk.privateKey, header.ct1),
    ]);
    const opk = prekeys.opk?.publicKey ?? null;
    const th0 = offerTranscript(
      message.common,
      headerBytes,
      peer.entry,
      self.entry,
      prekeys.setBytes,
      opk,
    );
    const epoch0 = deriveOfferEpoch(th0, [...shared, ...bytesOf(message.psk ?? null)]);
    const withdrawal = new ReceiveChain(0, th0, epoch0.ckA);
    const payload = await checked(epoch0, "offer-confirm", tag, () => withdrawal.open(box));
    const { callId } = call;
    const { deviceB, ephemeralA } = header;
    const identities = { self: self.keys.identity.privateKey, peer: peer.entry.identity };
    return {
      payload,
      accepted: { callId, common, peer, call, deviceB, epoch0, ephemeralA, identities, withdrawal },
    };
  });
}

/** A copy, which the derivation wipes. */
function bytesOf(psk: Secret | null): readonly Bytes[] {
  if (psk === null) return [];
  const bytes = psk.expose().slice();
  if (bytes.length !== PSK_BYTES) throw new Error("bug: a pre-shared key has 32 bytes");
  return [bytes];
}

function offerTranscript(
  common: Bytes,
  header: Bytes,
  entryA: DeviceEntry,
  entryB: DeviceEntry,
  set: Bytes,
  opk: Bytes | null,
): Bytes {
  const entries = new Writer().v16(encodeDeviceEntry(entryA)).v16(encodeDeviceEntry(entryB));
  const last = opk ?? new Uint8Array(32);
  return sha256(labelled("offer", common, header, entries.bytes(), set, last));
}
