/**
 * The second half of the handshake: a fresh hybrid exchange, and an explicit confirm.
 *
 *     DH5 = X25519(EB, EA)       DH6 = X25519(EB, ID_A)
 *     th1 = H("answer" || th0 || AnswerHeader)
 *     epoch 1 from root0 and DH5 || DH6 || SS2
 *
 * The callee runs `answer` and `complete`, the caller `finish` and `confirm`. The callee sends no
 * media before `complete` returns: until then an offer may be a replay, or the work of somebody who
 * stole a prekey. Any refusal is the one code `bad_handshake`.
 *
 * @module
 */

import { type Bytes, concat, equal } from "./bytes.ts";
import { confirmationTag, deriveEpoch, type Epoch, type OfferEpoch, wipeEpoch } from "./epoch.ts";
import { checked, ensure, guarded } from "./handshake_guard.ts";
import {
  decodeAnswer,
  decodeConfirm,
  encodeAnswerHeader,
  encodeConfirm,
} from "./handshake_message.ts";
import { generateEphemeralKeyPair } from "./keys.ts";
import { labelled } from "./labels.ts";
import {
  constantTimeEqual,
  mlKem768Decapsulate,
  mlKem768Encapsulate,
  sha256,
  x25519,
} from "./primitives.ts";
import { ReceiveChain, SendChain } from "./ratchet.ts";
import { Session } from "./session.ts";
import { type AcceptedOffer, type PendingOffer } from "./x3dh.ts";

/** Either side when epoch 1 exists but the confirm has not been sent or seen. */
export interface Unconfirmed {
  /** 16 bytes. */
  readonly callId: Bytes;
  readonly epoch1: Epoch;
  readonly send: SendChain;
  readonly receive: ReceiveChain;
  /** The callee's: with it the caller may still withdraw the offer; null on the caller's side. */
  readonly withdrawal: ReceiveChain | null;
}

/** Seals the answer; ends epoch 0, but for the chain in which the caller may still withdraw. */
export async function answer(
  accepted: AcceptedOffer,
  payload: Uint8Array,
): Promise<{ answer: Bytes; unconfirmed: Unconfirmed }> {
  const [ephemeral, { ciphertext: ct2, shared: ss2 }] = await Promise.all([
    generateEphemeralKeyPair(),
    mlKem768Encapsulate(accepted.call.kemA),
  ]);
  const header = encodeAnswerHeader({
    common: accepted.common,
    deviceB: accepted.deviceB,
    ephemeralB: ephemeral.publicKey,
    ct2,
  });
  const shared = await Promise.all([
    x25519(ephemeral.privateKey, accepted.ephemeralA),
    x25519(ephemeral.privateKey, accepted.peer.entry.identity),
  ]);
  const { callId, epoch0, withdrawal } = accepted;
  const epoch1 = deriveEpoch(1, answerTranscript(epoch0, header), epoch0, [...shared, ss2]);
  wipeEpoch(epoch0);
  const send = new SendChain(1, epoch1.th, epoch1.ckB);
  const receive = new ReceiveChain(1, epoch1.th, epoch1.ckA);
  const box = await send.seal(payload);
  return {
    answer: concat(header, confirmationTag(epoch1, "answer-confirm"), box),
    unconfirmed: { callId, epoch1, send, receive, withdrawal },
  };
}

/**
 * Opens the answer; the caller then looks at its payload and, satisfied, runs `confirm`. A refused
 * answer leaves the offer pending.
 *
 * @throws CryptoError `bad_handshake`
 */
export function finish(
  pending: PendingOffer,
  message: Bytes,
): Promise<{ payload: Bytes; unconfirmed: Unconfirmed }> {
  return guarded(async () => {
    const { header, headerBytes, tag, box } = decodeAnswer(message);
    ensure(equal(header.common, pending.common));
    ensure(header.deviceB === pending.peer.entry.deviceId);
    const shared = await Promise.all([
      x25519(pending.ephemeral.privateKey, header.ephemeralB),
      x25519(pending.self.keys.identity.privateKey, header.ephemeralB),
      mlKem768Decapsulate(pending.kem.privateKey, header.ct2),
    ]);
    const epoch1 = deriveEpoch(
      1,
      answerTranscript(pending.epoch0, headerBytes),
      pending.epoch0,
      shared,
    );
    const receive = new ReceiveChain(1, epoch1.th, epoch1.ckB);
    const payload = await checked(epoch1, "answer-confirm", tag, async () => {
      const opened = await receive.open(box);
      // In one step, so that an answer that comes twice at once never gives two sessions with one
      // set of keys.
      pending.epoch0.root.expose();
      abandon(pending);
      return opened;
    });
    const send = new SendChain(1, epoch1.th, epoch1.ckA);
    const { callId } = pending;
    return { payload, unconfirmed: { callId, epoch1, send, receive, withdrawal: null } };
  });
}

/** Seals the confirm; from here on the caller holds a session. */
export async function confirm(
  unconfirmed: Unconfirmed,
  payload: Uint8Array,
): Promise<{ confirm: Bytes; session: Session }> {
  const box = await unconfirmed.send.seal(payload);
  const tag = confirmationTag(unconfirmed.epoch1, "confirm");
  return { confirm: encodeConfirm(tag, box), session: new Session(unconfirmed, 0) };
}

/** Opens the confirm; from here on the callee holds a session. @throws CryptoError `bad_handshake` */
export function complete(
  unconfirmed: Unconfirmed,
  message: Bytes,
): Promise<{ payload: Bytes; session: Session }> {
  return guarded(async () => {
    const { tag, box } = decodeConfirm(message);
    ensure(constantTimeEqual(tag, confirmationTag(unconfirmed.epoch1, "confirm")));
    const payload = await unconfirmed.receive.open(box);
    unconfirmed.withdrawal?.wipe();
    return { payload, session: new Session(unconfirmed, 1) };
  });
}

/** Erases what a handshake holds that came to nothing; harmless once it has ended otherwise. */
export function abandon(handshake: PendingOffer | AcceptedOffer | Unconfirmed): void {
  handshake.withdrawal?.wipe();
  if (!("epoch1" in handshake)) return wipeEpoch(handshake.epoch0);
  handshake.send.wipe();
  handshake.receive.wipe();
  wipeEpoch(handshake.epoch1);
}

function answerTranscript(epoch0: OfferEpoch, header: Bytes): Bytes {
  return sha256(labelled("answer", epoch0.th, header));
}
