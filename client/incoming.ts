/**
 * Taking a call: look the caller up, open the offer, ring, answer, wait for the confirm.
 *
 * @module
 */

import { type AccountLabel, parseAccountLabel } from "../crypto/account_label.ts";
import { fromBase64Url } from "../crypto/base64.ts";
import { remoteDevice } from "../crypto/bundle.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { sha256 } from "../crypto/primitives.ts";
import { answer, complete, type Unconfirmed } from "../crypto/answer.ts";
import { accept, type AcceptedOffer, refuse } from "../crypto/x3dh.ts";
import { lookupFromWire } from "../wire/directory.ts";
import { type RingFrame } from "../wire/frames.ts";
import { opaqueFromWire } from "../wire/server_frame.ts";
import { proofPath } from "../wire/paths.ts";
import {
  type Description,
  type Payload,
  payloadFromBytes,
  payloadToBytes,
} from "../wire/payload.ts";
import { type MediaAdapter } from "./adapter.ts";
import { asClientError, type Call, LiveCall, type Peer, peerOf } from "./call.ts";
import { ClientError, ofAnswer } from "./error.ts";
import { checkDescription, describe } from "./fingerprint.ts";
import { takePrekeys } from "./prekeys.ts";
import { Room } from "./room.ts";
import { signerOf, type World } from "./world.ts";
import { type Contact } from "./trust.ts";

const CONFIRM = 0x13;
/** How long the caller may take to confirm an answer, in milliseconds. */
const CONFIRM_TIMEOUT_MS = 15_000;

/** A call that rings here. */
export interface IncomingCall {
  /** Who calls: proven by the log and by the offer. */
  readonly peer: Peer;
  /** Settles when the caller gave up, or another answer ended the ringing. */
  readonly cancelled: Promise<void>;
  /** Takes the call on this stack. @throws ClientError `cancelled`, `media_failed`, `network` */
  answer(adapter: MediaAdapter): Promise<Call>;
  /** Turns the call down and tells the caller. */
  decline(): Promise<void>;
}

type Offer = Extract<Payload, { readonly kind: "offer" }>;

/**
 * Opens the offer of a ring.
 *
 * @throws ClientError `offer_replayed`, `handshake_refused`, `fingerprint_mismatch`, and those of a
 * lookup
 */
export async function takeCall(world: World, frame: RingFrame): Promise<IncomingCall> {
  const contact = await lookupContact(world, parseAccountLabel(frame.from));
  const [common, sealed] = [opaqueFromWire(frame.common), opaqueFromWire(frame.offer)];
  const prekeys = await takePrekeys(world.store, sealed, world.http.now());
  const peer = remoteDevice(contact.record, frame.device);
  const message = { common, offer: sealed, nowMs: world.http.now() };
  const { payload, accepted } = await accept(world.account.self, prekeys, peer, message);
  const offer = offerOf(payload, accepted);
  const ringing = new Ringing(world, contact, offer, accepted, common.length + sealed.length);
  await ringing.join(frame);
  return ringing;
}

/** Looks a person up and verifies the answer. @throws ClientError */
export async function lookupContact(world: World, label: AccountLabel): Promise<Contact> {
  const { contact } = await world.trust.learn(label, async (from) => {
    const path = `${proofPath(label)}?from=${from}`;
    const value = await world.http.signed(signerOf(world), "GET", path);
    try {
      return { lookup: lookupFromWire(value) };
    } catch (error) {
      throw ofAnswer(error);
    }
  });
  return contact;
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

/** The callee, from the ring to the confirm and after. */
class Ringing implements IncomingCall {
  readonly peer: Peer;
  readonly cancelled: Promise<void>;
  readonly #world: World;
  readonly #offer: Offer;
  readonly #accepted: AcceptedOffer;
  readonly #offerBytes: number;
  #cancel: () => void = () => {};
  #state: "ringing" | "answered" | "over" = "ringing";
  #room: Room | null = null;
  #caller: string | null = null;
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
        if (mid === this.#caller && this.#state === "ringing") this.#over();
      },
    });
    const caller = this.#room.members().find(({ account, device }) =>
      account === frame.from && device === frame.device
    );
    this.#caller = caller?.mid ?? null;
    if (caller === undefined) this.#over();
  }

  async answer(adapter: MediaAdapter): Promise<Call> {
    if (this.#state !== "ringing") {
      adapter.close();
      throw new ClientError("cancelled", "The call was given up");
    }
    this.#state = "answered";
    const call = new LiveCall(this.peer, adapter);
    this.#call = call;
    call.attach(this.#room!);
    call.note("received", "offer", this.#offerBytes);
    call.move("connecting");
    try {
      const sdp = await adapter.createAnswer(this.#offer.sdp);
      const payload = payloadToBytes({ kind: "answer", ...describe(sdp) });
      const sealed = await answer(this.#accepted, payload);
      this.#unconfirmed = sealed.unconfirmed;
      this.#expectConfirm(call);
      await this.#room!.send(sealed.answer, this.#caller!);
      call.note("sent", "answer", sealed.answer.length);
      return call;
    } catch (error) {
      const failure = asClientError(error);
      call.fail(failure);
      throw failure;
    }
  }

  async decline(): Promise<void> {
    if (this.#state !== "ringing") return;
    const box = await refuse(
      this.#accepted,
      payloadToBytes({ kind: "hangup", reason: "declined" }),
    );
    try {
      await this.#room!.send(box, this.#caller!);
    } catch {
      // A caller that left meanwhile needs no telling.
    }
    this.#over();
  }

  #over(): void {
    this.#state = "over";
    this.#cancel();
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
        this.#world.refused(asClientError(error));
      }
    });
  }

  async #takeConfirm(call: LiveCall, unconfirmed: Unconfirmed, message: Bytes): Promise<void> {
    if (message[0] !== CONFIRM) {
      throw new ClientError("handshake_refused", "An unexpected message arrived");
    }
    const { session } = await complete(unconfirmed, message);
    this.#unconfirmed = null;
    call.note("received", "confirm", message.length);
    const theirs: Description = this.#offer;
    void call.secure(session, theirs);
  }
}
