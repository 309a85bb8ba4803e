/**
 * Placing a call: verify whom it is for, seal an offer, ring, take the answer, confirm.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { abandon, confirm, finish } from "../crypto/answer.ts";
import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { type VerifiedBundle } from "../crypto/bundle.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { kindOf, MAX_TTL_S } from "../crypto/handshake_message.ts";
import { sha256 } from "../crypto/primitives.ts";
import { initiate, openRefusal, type PendingOffer } from "../crypto/x3dh.ts";
import { type HangupReason, payloadFromBytes, payloadToBytes } from "../wire/payload.ts";
import { type MediaAdapter } from "./adapter.ts";
import { type Call, LiveCall } from "./call.ts";
import { takeBundle } from "./directory.ts";
import { ClientError, toClientError } from "./error.ts";
import { checkDescription, describe } from "./fingerprint.ts";
import { peerOf } from "./peer.ts";
import { newRoomId, Room } from "./room.ts";
import { type Socket } from "./socket.ts";
import { withinStackTime } from "./within.ts";
import { type World } from "./world.ts";

/**
 * Calls a person. Resolves when the call rings; how it goes on is in the call's states.
 *
 * @throws ClientError when it could not be made to ring
 */
export async function placeCall(
  world: World,
  label: AccountLabel,
  adapter: MediaAdapter,
): Promise<Call> {
  try {
    if (label === world.account.label) {
      throw new ClientError("self_call", "Nobody calls themselves");
    }
    // First: whoever is not online must not use up somebody's prekeys.
    const socket = world.socket();
    const { contact, bundle } = await takeBundle(world, label);
    const call = new LiveCall(peerOf(contact, world.account.record), adapter, "calling");
    return await new Caller(world, call, adapter).ring(socket, bundle);
  } catch (error) {
    adapter.close();
    throw toClientError(error, "media_failed");
  }
}

/** The caller, from the offer to the confirm and after. */
class Caller {
  readonly #world: World;
  readonly #call: LiveCall;
  readonly #adapter: MediaAdapter;
  #pending: PendingOffer | null = null;
  #room: Room | null = null;
  #queue: Promise<void> = Promise.resolve();

  constructor(world: World, call: LiveCall, adapter: MediaAdapter) {
    this.#world = world;
    this.#call = call;
    this.#adapter = adapter;
  }

  /** Seals the offer and rings; a failure ends the call and leaves its room. */
  async ring(socket: Socket, bundle: VerifiedBundle): Promise<Call> {
    const id = newRoomId();
    try {
      this.#room = await Room.join(socket, id, {
        onMessage: (message) => this.#receive(message),
        onLeave: () => this.#call.left(),
      });
      this.#call.attach(this.#room);
      void socket.lost.then(() => this.#unreachable());
      const sdp = await withinStackTime(this.#adapter.createOffer());
      const { common, offer, pending } = await initiate(this.#world.account.self, bundle, {
        room: sha256(fromBase64Url(id)!),
        nowMs: this.#world.now(),
        ttlS: MAX_TTL_S,
        payload: payloadToBytes({ kind: "offer", room: id, ...describe(sdp) }),
      });
      this.#await(pending);
      await socket.request({
        t: "ring",
        to: bundle.account.label,
        common: toBase64Url(common),
        offers: [{ device: bundle.entry.deviceId, offer: toBase64Url(offer) }],
      });
      this.#call.note("sent", "offer", common.length + offer.length);
      this.#call.move("ringing");
      return this.#call;
    } catch (error) {
      const failure = toClientError(error, "media_failed");
      this.#call.fail(failure);
      throw failure;
    }
  }

  #await(pending: PendingOffer): void {
    this.#pending = pending;
    const unanswered = setTimeout(() => {
      if (this.#pending === null) return;
      this.#call.fail(new ClientError("no_answer", "Nobody answered"));
    }, MAX_TTL_S * 1000);
    void this.#call.ended.then(() => {
      clearTimeout(unanswered);
      abandon(pending);
    });
  }

  /** An answer could no longer arrive. */
  #unreachable(): void {
    if (this.#call.state !== "ringing") return;
    this.#call.fail(new ClientError("network", "The connection to the service was lost"));
  }

  /** One message at a time; one that is refused is reported and changes nothing. */
  #receive(message: Bytes): void {
    this.#queue = this.#queue.then(async () => {
      if (this.#call.state === "ended") return;
      try {
        await this.#take(message);
      } catch (error) {
        this.#world.refused(toClientError(error, "handshake_refused"));
      }
    });
  }

  async #take(message: Bytes): Promise<void> {
    if (this.#pending === null) return await this.#call.receive(message);
    switch (kindOf(message)) {
      case "answer":
        return await this.#takeAnswer(this.#pending, message);
      case "box":
        return await this.#takeRefusal(this.#pending, message);
      default:
        throw new ClientError("handshake_refused", "An unexpected message arrived");
    }
  }

  async #takeRefusal(pending: PendingOffer, box: Bytes): Promise<void> {
    const bytes = await openRefusal(pending, box);
    // Authentic, so the offer has ended, whatever it says.
    this.#pending = null;
    this.#call.note("received", "message", box.length);
    this.#call.endByPeer(reasonOf(bytes));
  }

  async #takeAnswer(pending: PendingOffer, message: Bytes): Promise<void> {
    const { payload: bytes, unconfirmed } = await finish(pending, message);
    // From here on the answer is authentic: what is wrong with it ends the call.
    this.#pending = null;
    void this.#call.ended.then(() => abandon(unconfirmed));
    this.#call.note("received", "answer", message.length);
    this.#call.move("connecting");
    try {
      const payload = payloadFromBytes(bytes);
      if (payload.kind !== "answer") throw new ClientError("bad_answer", "Not an answer");
      checkDescription(payload);
      await withinStackTime(this.#adapter.acceptAnswer(payload.sdp));
      const ready = payloadToBytes({ kind: "ready" });
      const { confirm: sealed, session } = await confirm(unconfirmed, ready);
      // Not awaited: messages of the session, a hangup above all, must be taken meanwhile.
      void this.#call.secure(session, payload);
      this.#call.note("sent", "confirm", sealed.length);
      await this.#room!.send(sealed);
    } catch (error) {
      this.#call.fail(toClientError(error, "media_failed"));
    }
  }
}

function reasonOf(refusal: Bytes): HangupReason {
  try {
    const payload = payloadFromBytes(refusal);
    return payload.kind === "hangup" ? payload.reason : "failed";
  } catch {
    return "failed";
  }
}
