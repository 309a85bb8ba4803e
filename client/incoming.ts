/**
 * Taking a call: look the caller up, open the offer, ring, answer, wait for the confirm.
 *
 * @module
 */

import { parseAccountLabel } from "../crypto/account_label.ts";
import { abandon, answer, complete, type Unconfirmed } from "../crypto/answer.ts";
import { fromBase64Url } from "../crypto/base64.ts";
import { remoteDevice } from "../crypto/bundle.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { kindOf } from "../crypto/handshake_message.ts";
import { sha256 } from "../crypto/primitives.ts";
import { accept, type AcceptedOffer, OFFER_CLOCK_SKEW_MS, refuse } from "../crypto/x3dh.ts";
import { type RingFrame } from "../wire/frames.ts";
import {
  type HangupReason,
  type Payload,
  payloadFromBytes,
  payloadToBytes,
} from "../wire/payload.ts";
import { opaqueFromWire } from "../wire/server_frame.ts";
import { type MediaAdapter } from "./adapter.ts";
import { type Call, LiveCall } from "./call.ts";
import { lookUp } from "./directory.ts";
import { ClientError, toClientError } from "./error.ts";
import { checkDescription, describe } from "./fingerprint.ts";
import { type Peer, peerOf } from "./peer.ts";
import { findPrekeys, spendPrekeys } from "./prekeys.ts";
import { Room } from "./room.ts";
import { type Contact } from "./contact.ts";
import { withinStackTime } from "./within.ts";
import { type World } from "./world.ts";

/** How long the caller may take to confirm an answer, in milliseconds. */
const CONFIRM_TIMEOUT_MS = 15_000;

/** A call that rings here. */
export interface IncomingCall {
  /** Who calls: proven by the log and by the offer. */
  readonly peer: Peer;
  /** Settles when it rings no more without having been answered. */
  readonly cancelled: Promise<void>;
  /** Takes the call on this stack. @throws ClientError `cancelled`, `media_failed`, `network` */
  answer(adapter: MediaAdapter): Promise<Call>;
  /** Turns the call down and tells the caller. */
  decline(): Promise<void>;
}

type Offer = Extract<Payload, { readonly kind: "offer" }>;

/**
 * Opens the offer of a ring. Only an offer that opened spends its one-time prekey, makes its caller a
 * known person, and rings.
 *
 * @throws ClientError `offer_replayed`, `handshake_refused`, `fingerprint_mismatch`, and those of a
 * lookup
 */
export async function takeCall(world: World, frame: RingFrame): Promise<Ringing> {
  const stranger = await lookUp(world, parseAccountLabel(frame.from), "stranger");
  const [common, sealed] = [opaqueFromWire(frame.common), opaqueFromWire(frame.offer)];
  const prekeys = await findPrekeys(world.store, sealed);
  const peer = remoteDevice(stranger.record, frame.device);
  const message = { common, offer: sealed, nowMs: world.now() };
  const { payload, accepted } = await accept(world.account.self, prekeys, peer, message);
  try {
    await spendPrekeys(world.store, sealed, world.now());
    const offer = offerOf(payload, accepted);
    const contact = await world.trust.pin(stranger);
    const ringing = new Ringing(world, contact, offer, accepted, common.length + sealed.length);
    await ringing.join(frame);
    return ringing;
  } catch (error) {
    abandon(accepted);
    throw error;
  }
}

function offerOf(payload: Bytes, accepted: AcceptedOffer): Offer {
  const offer = payloadFromBytes(payload);
  if (offer.kind !== "offer") throw new ClientError("handshake_refused", "Not an offer");
  const room = fromBase64Url(offer.room);
  if (room === null || !equal(sha256(room), accepted.call.room)) {
    throw new ClientError("handshake_refused", "The offer is for another room");
  }
  checkDescription(offer);
  return offer;
}

/** The callee, from the ring to the confirm and after; applications see `IncomingCall`. */
class Ringing implements IncomingCall {
  readonly peer: Peer;
  readonly cancelled: Promise<void>;
  /** Settles when it rings no more, for whatever reason. */
  readonly settled: Promise<void>;
  readonly #world: World;
  readonly #offer: Offer;
  readonly #accepted: AcceptedOffer;
  readonly #offerBytes: number;
  #cancel: () => void = () => {};
  #settle: () => void = () => {};
  #stopExpiry: () => void = () => {};
  #state: "ringing" | "answered" | "over" = "ringing";
  #room: Room | null = null;
  #caller: string | null = null;
  #adapter: MediaAdapter | null = null;
  #call: LiveCall | null = null;
  #unconfirmed: Unconfirmed | null = null;
  #queue: Promise<void> = Promise.resolve();

  constructor(
    world: World,
    contact: Contact,
    offer: Offer,
    accepted: AcceptedOffer,
    offerBytes: number,
  ) {
    this.peer = peerOf(contact, world.account.record);
    this.cancelled = new Promise((resolve) => this.#cancel = resolve);
    this.settled = new Promise((resolve) => this.#settle = resolve);
    this.#world = world;
    this.#offer = offer;
    this.#accepted = accepted;
    this.#offerBytes = offerBytes;
  }

  /** Joins the caller's room, and learns there when the caller gives up. */
  async join(frame: RingFrame): Promise<void> {
    this.#room = await Room.join(this.#world.socket(), this.#offer.room, {
      onMessage: (message) => this.#receive(message),
      onLeave: ({ mid }) => {
        if (mid !== this.#caller) return;
        if (this.#state === "ringing") this.#over();
        else this.#call?.left();
      },
    });
    const caller = this.#room.members().find(({ account, device }) =>
      account === frame.from && device === frame.device
    );
    if (caller === undefined) return this.#over();
    this.#caller = caller.mid;
    const { sentMs, ttlS } = this.#accepted.call;
    const leftMs = sentMs + ttlS * 1000 + OFFER_CLOCK_SKEW_MS - this.#world.now();
    const expiry = setTimeout(() => {
      if (this.#state === "ringing") this.#over();
    }, leftMs);
    this.#stopExpiry = () => clearTimeout(expiry);
  }

  async answer(adapter: MediaAdapter): Promise<Call> {
    if (this.#state !== "ringing") {
      // A second click must not end the first one's call.
      if (adapter !== this.#adapter) adapter.close();
      throw new ClientError("cancelled", "The call rings no more");
    }
    this.#state = "answered";
    this.#adapter = adapter;
    this.#settle();
    this.#stopExpiry();
    const call = new LiveCall(this.peer, adapter, "connecting");
    this.#call = call;
    call.attach(this.#room!);
    call.note("received", "offer", this.#offerBytes);
    void call.ended.then(() => abandon(this.#unconfirmed ?? this.#accepted));
    try {
      const sdp = await withinStackTime(adapter.createAnswer(this.#offer.sdp));
      const payload = payloadToBytes({ kind: "answer", ...describe(sdp) });
      const sealed = await answer(this.#accepted, payload);
      this.#unconfirmed = sealed.unconfirmed;
      this.#expectConfirm(call);
      await this.#room!.send(sealed.answer, this.#caller!);
      call.note("sent", "answer", sealed.answer.length);
      return call;
    } catch (error) {
      const failure = toClientError(error, "media_failed");
      const isGone = failure.problem === "no_such_member" || failure.problem === "not_in_room";
      const said = isGone ? new ClientError("cancelled", "The call was given up") : failure;
      if (!isGone && this.#unconfirmed === null) await this.#refuse("failed");
      call.fail(said);
      throw said;
    }
  }

  async decline(): Promise<void> {
    if (this.#state !== "ringing") return;
    this.#state = "over";
    await this.#refuse("declined");
    this.#over();
  }

  async #refuse(reason: HangupReason): Promise<void> {
    try {
      const payload = payloadToBytes({ kind: "hangup", reason });
      await this.#room!.send(await refuse(this.#accepted, payload), this.#caller!);
    } catch {
      // A caller that left meanwhile needs no telling.
    }
  }

  #over(): void {
    this.#state = "over";
    this.#settle();
    this.#stopExpiry();
    this.#cancel();
    abandon(this.#accepted);
    void this.#room?.leave();
  }

  #expectConfirm(call: LiveCall): void {
    const timer = setTimeout(() => {
      if (this.#unconfirmed !== null) {
        call.fail(new ClientError("no_answer", "The caller did not confirm"));
      }
    }, CONFIRM_TIMEOUT_MS);
    void call.ended.then(() => clearTimeout(timer));
  }

  /** One message at a time; one that is refused is reported and changes nothing. */
  #receive(message: Bytes): void {
    this.#queue = this.#queue.then(async () => {
      const call = this.#call;
      if (call === null || call.state === "ended") return;
      try {
        if (this.#unconfirmed === null) await call.receive(message);
        else await this.#takeConfirm(call, this.#unconfirmed, message);
      } catch (error) {
        this.#world.refused(toClientError(error, "handshake_refused"));
      }
    });
  }

  async #takeConfirm(call: LiveCall, unconfirmed: Unconfirmed, message: Bytes): Promise<void> {
    if (kindOf(message) !== "confirm") {
      throw new ClientError("handshake_refused", "An unexpected message arrived");
    }
    const { session } = await complete(unconfirmed, message);
    this.#unconfirmed = null;
    call.note("received", "confirm", message.length);
    // Not awaited: messages of the session, a hangup above all, must be taken meanwhile.
    void call.secure(session, this.#offer);
  }
}
