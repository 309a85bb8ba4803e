/**
 * The session of two devices in a group call: X3DH by messages of their room, with the description of the
 * connection between them inside.
 *
 *     the one of the lower entry hash: offer -> the other: answer -> the one: confirm
 *
 * @module
 */

import { abandon, answer, complete, confirm, finish, type Unconfirmed } from "../crypto/answer.ts";
import { fromBase64Url } from "../crypto/base64.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { decodeCallCommon, MAX_TTL_S } from "../crypto/handshake_message.ts";
import { sha256 } from "../crypto/primitives.ts";
import { type Session } from "../crypto/session.ts";
import { accept, initiate, type PendingOffer } from "../crypto/x3dh.ts";
import { type Description, payloadFromBytes, payloadToBytes } from "../wire/payload.ts";
import { type MediaAdapter } from "./adapter.ts";
import { deflate, inflate } from "./deflate.ts";
import { takeBundles } from "./directory.ts";
import { ClientError } from "./error.ts";
import { checkDescription, describe } from "./fingerprint.ts";
import { type GroupDevice } from "./group_devices.ts";
import { decodeOffer, encodeOffer } from "./group_wire.ts";
import { findPrekeys, spendPrekeys } from "./used_prekeys.ts";
import { withinStackTime } from "./within.ts";
import { type World } from "./world.ts";

/** A session, and the connection that the other side described in it. */
export interface Met {
  /** The session. */
  readonly session: Session;
  /** Which certificate the other side promised. */
  readonly theirs: Description;
}

/** What a handshake works with. */
export interface HandshakeParts {
  readonly world: World;
  /** The room's id. */
  readonly room: string;
  readonly other: GroupDevice;
  readonly adapter: MediaAdapter;
  /** Says something to the other side. */
  readonly send: (message: Bytes) => Promise<void>;
}

/** One handshake, on either side; what does not belong to it is refused and changes nothing. */
export interface Handshake {
  /** Takes the other side's next message; gives what it led to, or null while more is to come. */
  take(message: Bytes): Promise<Met | null>;
  /** Erases what it holds. */
  abandon(): void;
}

/** Begins one. @throws ClientError */
export async function offerSession(parts: HandshakeParts): Promise<Handshake> {
  const { world, room, other, adapter, send } = parts;
  const { account, entry } = other.device;
  const { bundles } = await takeBundles(world, account.label);
  const bundle = bundles.find((each) => each.entry.deviceId === entry.deviceId);
  if (bundle === undefined || !equal(bundle.entryHash, other.device.entryHash)) {
    throw new ClientError("peer_offline", "A device in the call has published no prekeys");
  }
  const sdp = await withinStackTime(adapter.createOffer());
  const said = { ...describe(sdp), ...await world.gossip.say(world.account) };
  const { common, offers } = await initiate(world.account.self, [bundle], {
    room: sha256(fromBase64Url(room)!),
    nowMs: world.now(),
    ttlS: MAX_TTL_S,
    payload: await deflate(payloadToBytes({ kind: "offer", room, replaces: "", ...said })),
  });
  const [{ offer, pending }] = offers as [typeof offers[number]];
  await send(encodeOffer(common, offer));
  return {
    take: (message) => takeAnswer(parts, pending, message),
    abandon: () => abandon(pending),
  };
}

async function takeAnswer(
  { world, other, adapter, send }: HandshakeParts,
  pending: PendingOffer,
  message: Bytes,
): Promise<Met> {
  const { payload: bytes, unconfirmed } = await finish(pending, message);
  try {
    const payload = payloadFromBytes(await inflate(bytes));
    if (payload.kind !== "answer") throw new ClientError("bad_answer", "Not an answer");
    checkDescription(payload);
    await world.gossip.hear(other.contact.record, payload, world.refused);
    await withinStackTime(adapter.acceptAnswer(payload.sdp));
    const sealed = await confirm(unconfirmed, payloadToBytes({ kind: "ready" }));
    await send(sealed.confirm);
    return { session: sealed.session, theirs: payload };
  } catch (error) {
    abandon(unconfirmed);
    throw error;
  }
}

/** Takes one up. @throws ClientError, CryptoError `bad_handshake` */
export async function answerSession(parts: HandshakeParts, message: Bytes): Promise<Handshake> {
  const { world, room, other, adapter, send } = parts;
  const { common, offer: sealed } = decodeOffer(message);
  const call = decodeCallCommon(common);
  if (!equal(call.room, sha256(fromBase64Url(room)!))) {
    throw new ClientError("handshake_refused", "An offer is for another room");
  }
  // Another device of ours may have changed the account, and the other side know it already.
  if (!equal(call.recordB, world.account.self.recordHash)) await world.refresh();
  const prekeys = await findPrekeys(world.store, sealed);
  const opened = await accept(world.account.self, prekeys, other.device, {
    common,
    offer: sealed,
    nowMs: world.now(),
  });
  /** What is erased where it fails. */
  let held: Parameters<typeof abandon>[0] = opened.accepted;
  try {
    await spendPrekeys(world.store, sealed, world.now());
    const theirs = payloadFromBytes(await inflate(opened.payload));
    if (theirs.kind !== "offer" || theirs.room !== room) {
      throw new ClientError("handshake_refused", "An offer says something else");
    }
    checkDescription(theirs);
    await world.gossip.hear(other.contact.record, theirs, world.refused);
    const sdp = await withinStackTime(adapter.createAnswer(theirs.sdp));
    const said = { ...describe(sdp), ...await world.gossip.say(world.account) };
    const payload = await deflate(payloadToBytes({ kind: "answer", ...said }));
    const answered = await answer(opened.accepted, payload);
    held = answered.unconfirmed;
    await send(answered.answer);
    return awaitConfirm(answered.unconfirmed, theirs);
  } catch (error) {
    abandon(held);
    throw error;
  }
}

function awaitConfirm(unconfirmed: Unconfirmed, theirs: Description): Handshake {
  return {
    async take(message) {
      const { session } = await complete(unconfirmed, message);
      return { session, theirs };
    },
    abandon: () => abandon(unconfirmed),
  };
}
