/**
 * How an offer ends without a call: the callee refuses it, or the caller withdraws it. Either is a
 * sealed message of epoch 0, so nobody in between can make one.
 *
 *     Refusal    = Box(ckB0, 0, th0, payload)        of the device that it was sent to
 *     Withdrawal = Box(ckA0, 1, th0, payload)        0 was the offer's own
 *
 * A forged one changes nothing. A withdrawal opens until the confirm: whoever answered second is told
 * that another device was first.
 *
 * @module
 */

import { abandon, type Unconfirmed } from "./answer.ts";
import { type Bytes } from "./bytes.ts";
import { ReceiveChain, SendChain } from "./ratchet.ts";
import { Secret } from "./secret.ts";
import { type AcceptedOffer, type PendingOffer } from "./x3dh.ts";

/** Seals a refusal for the caller; ends the handshake. @throws CryptoError `spent` */
export async function refuse(accepted: AcceptedOffer, payload: Uint8Array): Promise<Bytes> {
  const { epoch0 } = accepted;
  const chain = new SendChain(0, epoch0.th, epoch0.ckB);
  const sealing = chain.seal(payload);
  chain.wipe();
  abandon(accepted);
  return await sealing;
}

/** Opens a refusal; the offer has then ended. @throws CryptoError `bad_message`, `spent` */
export async function openRefusal(pending: PendingOffer, box: Bytes): Promise<Bytes> {
  const { epoch0 } = pending;
  // A forgery must not end the offer, so the chain key itself is kept until a tag verified.
  const chain = new ReceiveChain(0, epoch0.th, new Secret(epoch0.ckB.expose().slice()));
  try {
    const payload = await chain.open(box);
    abandon(pending);
    return payload;
  } finally {
    chain.wipe();
  }
}

/** Seals a withdrawal for the callee's device; ends the offer. @throws CryptoError `spent` */
export async function withdraw(pending: PendingOffer, payload: Uint8Array): Promise<Bytes> {
  // The chain moves on before anything is awaited, so the offer can end in the same step.
  const sealing = pending.withdrawal.seal(payload);
  abandon(pending);
  return await sealing;
}

/**
 * Opens a withdrawal, before or after the answer; the handshake has then ended.
 *
 * @throws CryptoError `bad_message`, `spent`
 */
export async function openWithdrawal(
  handshake: AcceptedOffer | Unconfirmed,
  box: Bytes,
): Promise<Bytes> {
  if (handshake.withdrawal === null) throw new Error("bug: a caller's own offer is not withdrawn");
  const payload = await handshake.withdrawal.open(box);
  abandon(handshake);
  return payload;
}
