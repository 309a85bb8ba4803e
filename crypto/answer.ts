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
import { confirmationTag, deriveEpoch, type OfferEpoch, wipeEpoch } from "./epoch.ts";
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
import { type ReceiveChain } from "./ratchet.ts";
import { Session, type SessionParts } from "./session.ts";
import { SessionEpoch } from "./session_epoch.ts";
import { type AcceptedOffer, type PendingOffer } from "./x3dh.ts";

/** Either side when epoch 1 exists but the confirm has not been sent or seen. */
export interface Unconfirmed extends SessionParts {
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
  const { callId, epoch0, identities, withdrawal } = accepted;
  const epoch1 = deriveEpoch(1, answerTranscript(epoch0, header), epoch0, [...shared, ss2]);
  wipeEpoch(epoch0);
  const epoch = new SessionEpoch(1, epoch1, 1);
  const box = await epoch.seal(payload);
  return {
    answer: concat(header, confirmationTag(epoch1, "answer-confirm"), box),
    unconfirmed: { callId, epoch, identities, withdrawal },
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
    const epoch = new SessionEpoch(1, epoch1, 0);
    const payload = await checked(epoch1, "answer-confirm", tag, async () => {
      const opened = await epoch.receive.open(box);
      // In one step, so that an answer that comes twice at once never gives two sessions with one
      // set of keys.
      pending.epoch0.root.expose();
      abandon(pending);
      return opened;
    });
    const { callId, peer, self } = pending;
    const identities = { self: self.keys.identity.privateKey, peer: peer.entry.identity };
    return { payload, unconfirmed: { callId, epoch, identities, withdrawal: null } };
  });
}

/** Seals the confirm; from here on the caller holds a session. */
export async function confirm(
  unconfirmed: Unconfirmed,
  payload: Uint8Array,
): Promise<{ confirm: Bytes; session: Session }> {
  const box = await unconfirmed.epoch.seal(payload);
  const tag = confirmationTag(unconfirmed.epoch.secrets, "confirm");
  return { confirm: encodeConfirm(tag, box), session: new Session(unconfirmed, 0) };
}

/** Opens the confirm; from here on the callee holds a session. @throws CryptoError `bad_handshake` */
export function complete(
  unconfirmed: Unconfirmed,
  message: Bytes,
): Promise<{ payload: Bytes; session: Session }> {
  return guarded(async () => {
    const { tag, box } = decodeConfirm(message);
    ensure(constantTimeEqual(tag, confirmationTag(unconfirmed.epoch.secrets, "confirm")));
    const payload = await unconfirmed.epoch.receive.open(box);
    unconfirmed.withdrawal?.wipe();
    return { payload, session: new Session(unconfirmed, 1) };
  });
}

/** Erases what a handshake holds that came to nothing; harmless once it has ended otherwise. */
export function abandon(handshake: PendingOffer | AcceptedOffer | Unconfirmed): void {
  handshake.withdrawal?.wipe();
  if ("epoch0" in handshake) wipeEpoch(handshake.epoch0);
  else handshake.epoch.wipe();
}

function answerTranscript(epoch0: OfferEpoch, header: Bytes): Bytes {
  return sha256(labelled("answer", epoch0.th, header));
}
