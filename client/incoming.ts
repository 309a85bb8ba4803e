/**
 * Taking a call: look the caller up, open the offer, ring.
 *
 * @module
 */

import { parseAccountLabel } from "../crypto/account_label.ts";
import { abandon } from "../crypto/answer.ts";
import { fromBase64Url } from "../crypto/base64.ts";
import { remoteDevice } from "../crypto/bundle.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { decodeCallCommon } from "../crypto/handshake_message.ts";
import { sha256 } from "../crypto/primitives.ts";
import { accept, type AcceptedOffer } from "../crypto/x3dh.ts";
import { type RingFrame } from "../wire/frames.ts";
import { type GossipWire, type OfferPayload, payloadFromBytes } from "../wire/payload.ts";
import { opaqueFromWire } from "../wire/server_frame.ts";
import { type Contact } from "./contact.ts";
import { lookUp } from "./directory.ts";
import { ClientError, toClientError } from "./error.ts";
import { checkDescription } from "./fingerprint.ts";
import { Ringing } from "./ringing.ts";
import { findPrekeys, spendPrekeys } from "./used_prekeys.ts";
import { type World } from "./world.ts";

/**
 * Opens the offer of a ring. Only an offer that opened spends its one-time prekey, and rings. Its caller
 * becomes a known person when the call is answered, and not by ringing.
 *
 * @returns null where nothing rings: this client's own call to them goes on, or theirs is for another
 * call, which is over or not here
 * @throws ClientError `offer_replayed`, `handshake_refused`, `fingerprint_mismatch`, and those of a
 * lookup
 */
export async function takeCall(world: World, frame: RingFrame): Promise<Ringing | null> {
  const contact = await lookUp(world, parseAccountLabel(frame.from), "stranger");
  const [common, sealed] = [opaqueFromWire(frame.common), opaqueFromWire(frame.offer)];
  // Another device of ours may have changed the account, and the caller know it already.
  if (!equal(recordOf(common), world.account.self.recordHash)) await world.refresh();
  const prekeys = await findPrekeys(world.store, sealed);
  const peer = remoteDevice(contact.record, frame.device);
  const message = { common, offer: sealed, nowMs: world.now() };
  const { payload, accepted } = await accept(world.account.self, prekeys, peer, message);
  try {
    await spendPrekeys(world.store, sealed, world.now());
    const offer = offerOf(payload, accepted);
    const { label } = contact.record.account;
    const glare = world.ongoing.glare(label, accepted.common);
    if (glare?.survives === "ours") {
      abandon(accepted);
      return null;
    }
    const continues = glare?.ours ?? world.ongoing.find(offer.replaces, label);
    const bytes = common.length + sealed.length;
    const ringing = new Ringing(world, contact, offer, accepted, bytes, continues);
    await ringing.join(frame);
    if (offer.replaces !== "" && continues === null) {
      await ringing.turnDown("ended");
      return null;
    }
    await heard(world, contact, offer, ringing);
    // One that rings ends with the confirm of theirs: before it this may be whoever stole a prekey.
    if (glare !== null && !glare.isOffered) glare.ours.giveWay();
    return ringing;
  } catch (error) {
    abandon(accepted);
    throw error;
  }
}

/** Compares logs with the caller before anything rings. @throws ClientError `log_forked` */
async function heard(
  world: World,
  { record }: Contact,
  gossip: GossipWire,
  ringing: Ringing,
): Promise<void> {
  try {
    await world.gossip.hear(record, gossip, (error) => {
      world.refused(error);
      void ringing.refuteLog(error);
    });
  } catch (error) {
    await ringing.refuteLog(toClientError(error, "log_forked"));
    throw error;
  }
}

/** The callee's record that an offer names. @throws ClientError `handshake_refused` */
function recordOf(common: Bytes): Bytes {
  try {
    return decodeCallCommon(common).recordB;
  } catch (error) {
    throw toClientError(error, "handshake_refused");
  }
}

function offerOf(payload: Bytes, accepted: AcceptedOffer): OfferPayload {
  const offer = payloadFromBytes(payload);
  if (offer.kind !== "offer") throw new ClientError("handshake_refused", "Not an offer");
  const room = fromBase64Url(offer.room);
  if (room === null || !equal(sha256(room), accepted.call.room)) {
    throw new ClientError("handshake_refused", "The offer is for another room");
  }
  checkDescription(offer);
  return offer;
}
