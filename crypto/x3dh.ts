/**
 * The first half of the handshake: X3DH with ML-KEM-768, sealed to prekeys of somebody who may be
 * anywhere. `answer.ts` is the second.
 *
 *     DH1 = X25519(ID_A, SPK_B)  DH2 = X25519(EA, ID_B)  DH3 = X25519(EA, SPK_B)  DH4 = X25519(EA, OPK_B)
 *     th0 = H("offer" || CallCommon || OfferHeader || v16 DeviceEntry_A || v16 DeviceEntry_B
 *             || PrekeySet_B || (OPK_B or zeros))
 *     epoch 0 from DH1 || DH2 || DH3 [|| DH4] || SS1
 *
 * The caller runs `initiate`, the callee `accept`, or `refuse`. An offer alone authenticates nobody
 * whose callee's prekeys were stolen; the confirm does. Any refusal is the one code `bad_handshake`:
 * why a message was refused is nobody's business but ours, and there it would be an oracle.
 *
 * @module
 */

import { type RemoteDevice, type VerifiedBundle } from "./bundle.ts";
import { type Bytes, concat, equal } from "./bytes.ts";
import { Writer } from "./codec.ts";
import { type DeviceEntry, encodeDeviceEntry } from "./device_entry.ts";
import { confirmationTag, deriveOfferEpoch, type OfferEpoch, wipeEpoch } from "./epoch.ts";
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
  generateAgreementKeyPair,
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
import { Secret } from "./secret.ts";

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
}

/** The caller between `initiate` and `finish`. */
export interface PendingOffer {
  /** 16 bytes. */
  readonly callId: Bytes;
  /** `commonHash` of the call. */
  readonly common: Bytes;
  /** Whom it was sent to. */
  readonly peer: VerifiedBundle;
  readonly self: LocalDevice;
  readonly epoch0: OfferEpoch;
  readonly ephemeral: AgreementKeyPair;
  readonly kem: KemKeyPair;
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
}

/** Seals an offer to a verified bundle. */
export async function initiate(
  self: LocalDevice,
  peer: VerifiedBundle,
  input: OfferInput,
): Promise<{ common: Bytes; offer: Bytes; pending: PendingOffer }> {
  const [ephemeral, kem, { ciphertext: ct1, shared: ss1 }] = await Promise.all([
    generateAgreementKeyPair(),
    generateKemKeyPair(),
    mlKem768Encapsulate(peer.set.kpk),
  ]);
  const callId = randomBytes(CALL_ID_BYTES);
  const common = encodeCallCommon({
    callId,
    sentMs: input.nowMs,
    ttlS: input.ttlS,
    room: input.room,
    deviceEntryA: self.entryHash,
    recordA: self.recordHash,
    recordB: peer.recordHash,
    kemA: kem.publicKey,
  });
  const header = encodeOfferHeader({
    common: commonHash(common),
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
  const th0 = offerTranscript(common, header, self.entry, peer.entry, peer.setBytes, opk);
  const epoch0 = deriveOfferEpoch(th0, [...shared, ss1]);
  const box = await once(new SendChain(0, th0, epoch0.ckA), (chain) => chain.seal(input.payload));
  return {
    common,
    offer: concat(header, confirmationTag(epoch0, "offer-confirm"), box),
    pending: { callId, common: commonHash(common), peer, self, epoch0, ephemeral, kem },
  };
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
  message: { readonly common: Bytes; readonly offer: Bytes; readonly nowMs: number },
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
    const epoch0 = deriveOfferEpoch(th0, shared);
    const payload = await checked(epoch0, "offer-confirm", tag, () => {
      return once(new ReceiveChain(0, th0, epoch0.ckA), (chain) => chain.open(box));
    });
    const { callId } = call;
    const { deviceB, ephemeralA } = header;
    return { payload, accepted: { callId, common, peer, call, deviceB, epoch0, ephemeralA } };
  });
}

/** Seals a refusal for the caller, in the callee's chain of epoch 0; ends the handshake. */
export async function refuse(accepted: AcceptedOffer, payload: Uint8Array): Promise<Bytes> {
  const { epoch0 } = accepted;
  const chain = new SendChain(0, epoch0.th, epoch0.ckB);
  const box = await chain.seal(payload);
  chain.wipe();
  wipeEpoch(epoch0);
  return box;
}

/** Opens a refusal; the offer has then ended. @throws CryptoError `bad_message`, `spent` */
export async function openRefusal(pending: PendingOffer, box: Bytes): Promise<Bytes> {
  const { epoch0 } = pending;
  // A forgery must not end the offer, so the chain key itself is kept until a tag verified.
  const copy = new Secret(epoch0.ckB.expose().slice());
  const chain = new ReceiveChain(0, epoch0.th, copy);
  const payload = await once(chain, (chain) => chain.open(box));
  wipeEpoch(epoch0);
  return payload;
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

/** Uses a chain for one message and wipes it, whatever became of that. */
async function once<Chain extends SendChain | ReceiveChain>(
  chain: Chain,
  use: (chain: Chain) => Promise<Bytes>,
): Promise<Bytes> {
  try {
    return await use(chain);
  } finally {
    chain.wipe();
  }
}
