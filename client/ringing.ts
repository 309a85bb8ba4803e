/**
 * A call that rings here: answered, declined, or withdrawn by its caller; then the confirm.
 *
 * That another device took the call, or that the caller gave up, is sealed inside the offer's own epoch.
 * The service can end the ringing by saying that the caller left, and is shown as having said so.
 *
 * @module
 */

import { abandon, answer, complete, type Unconfirmed } from "../crypto/answer.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { kindOf } from "../crypto/handshake_message.ts";
import { openWithdrawal, refuse } from "../crypto/offer_end.ts";
import { type AcceptedOffer, OFFER_CLOCK_SKEW_MS } from "../crypto/x3dh.ts";
import { type Member, type RingFrame } from "../wire/frames.ts";
import {
  type GossipWire,
  hangup,
  hangupOf,
  type HangupReason,
  NO_GOSSIP,
  type OfferPayload,
  payloadToBytes,
} from "../wire/payload.ts";
import { type MediaAdapter } from "./adapter.ts";
import { takeAdapter } from "./argument.ts";
import { type Call } from "./call.ts";
import { type Contact } from "./contact.ts";
import { ClientError, toClientError } from "./error.ts";
import { describe } from "./fingerprint.ts";
import { LiveCall } from "./live_call.ts";
import { type Peer, peerOf } from "./peer.ts";
import { Room, type RoomChange } from "./room.ts";
import { withinStackTime } from "./within.ts";
import { type World } from "./world.ts";

/** How long the caller may take to confirm an answer, in milliseconds. */
const CONFIRM_TIMEOUT_MS = 15_000;

/** Why a call rings no more without having been answered here. */
export type RingEnd =
  /** Another device of this account took or declined it: proven by the caller. */
  | "elsewhere"
  /** The caller gave up: proven by the caller. */
  | "ended"
  /** The caller is not there any more: the service's word. */
  | "gone"
  /** Its time is over. */
  | "expired"
  /** It was declined here. */
  | "declined";

/** A call that rings here. */
export interface IncomingCall {
  /** Who calls: proven by the log and by the offer. */
  readonly peer: Peer;
  /**
   * The call of this client that it takes the place of, or null: they called in the same moment, or come
   * back after they lost theirs. Answer at once, without asking anybody. It may have failed already, up to
   * a minute ago; else it ends as `replaced` once the new one is confirmed.
   */
  readonly continues: Call | null;
  /** Settles when it rings no more without having been answered, with the reason. */
  readonly cancelled: Promise<RingEnd>;
  /** Takes the call on this stack. @throws ClientError `cancelled`, `media_failed`, `bad_option`, `network` */
  answer(adapter: MediaAdapter): Promise<Call>;
  /**
   * Turns the call down and tells the caller.
   *
   * @param reason `declined` is for the person, so that their other devices stop ringing too; `busy`, for who
   * is in a call on this device, for the device alone
   */
  decline(reason?: "declined" | "busy"): Promise<void>;
}

/** The callee, from the ring to the confirm and after; applications see `IncomingCall`. */
export class Ringing implements IncomingCall {
  readonly peer: Peer;
  readonly continues: LiveCall | null;
  readonly cancelled: Promise<RingEnd>;
  /** Settles when it rings no more, for whatever reason. */
  readonly settled: Promise<void>;
  readonly #world: World;
  readonly #contact: Contact;
  readonly #offer: OfferPayload;
  readonly #accepted: AcceptedOffer;
  readonly #offerBytes: number;
  #cancel: (why: RingEnd) => void = () => {};
  #settle: () => void = () => {};
  #stopExpiry: () => void = () => {};
  #state: "ringing" | "answered" | "over" = "ringing";
  #room: Room | null = null;
  #caller: string | null = null;
  #adapter: MediaAdapter | null = null;
  #call: LiveCall | null = null;
  #unconfirmed: Unconfirmed | null = null;
  #isConfirmed = false;
  #queue: Promise<void> = Promise.resolve();

  constructor(
    world: World,
    contact: Contact,
    offer: OfferPayload,
    accepted: AcceptedOffer,
    offerBytes: number,
    continues: LiveCall | null,
  ) {
    this.peer = peerOf(contact, world.account.record);
    this.continues = continues;
    this.cancelled = new Promise((resolve) => this.#cancel = resolve);
    this.settled = new Promise((resolve) => this.#settle = resolve);
    this.#world = world;
    this.#contact = contact;
    this.#offer = offer;
    this.#accepted = accepted;
    this.#offerBytes = offerBytes;
  }

  /** Joins the caller's room, and learns there when the caller gives up. */
  async join(frame: RingFrame): Promise<void> {
    const isCaller = ({ account, device }: Member): boolean =>
      account === frame.from && device === frame.device;
    this.#room = await Room.join(this.#world.connection(), this.#offer.room, {
      onMessage: (message) => this.#receive(message),
      onChange: (change) => this.#changed(change, isCaller),
    });
    const caller = this.#room.members().find(isCaller);
    if (caller === undefined) return this.#over("gone");
    this.#caller = caller.mid;
    const { sentMs, ttlS } = this.#accepted.call;
    const leftMs = sentMs + ttlS * 1000 + OFFER_CLOCK_SKEW_MS - this.#world.now();
    const expiry = setTimeout(() => {
      if (this.#state === "ringing") this.#over("expired");
    }, leftMs);
    this.#stopExpiry = () => clearTimeout(expiry);
  }

  #changed(change: RoomChange, isCaller: (member: Member) => boolean): void {
    if (change.event === "removed") return this.#call?.left();
    if (!("member" in change) || change.member === null) return;
    const { event, member: { mid } } = change;
    if (event === "join" && this.#caller !== null && isCaller(change.member)) {
      // The caller is there again, in another place; the session says whether it is they.
      this.#caller = mid;
      if (this.#call !== null) this.#call.addressee = mid;
      this.#call?.watch("back");
    } else if (mid === this.#caller && event === "leave") {
      // Behind what they sent before they left: it may say why.
      this.#queue = this.#queue.then(() => {
        if (mid !== this.#caller) return;
        if (this.#state === "ringing") this.#over("gone");
        else this.#call?.left();
      });
    } else if (mid === this.#caller) this.#call?.watch(event);
  }

  async answer(adapter: MediaAdapter): Promise<Call> {
    if (this.#state !== "ringing") {
      // A second click must not end the first one's call.
      if (adapter !== this.#adapter) adapter.close();
      throw new ClientError("cancelled", "The call rings no more");
    }
    takeAdapter(adapter);
    this.#state = "answered";
    this.#adapter = adapter;
    this.#settle();
    this.#stopExpiry();
    const call = new LiveCall(this.peer, adapter, "connecting");
    this.#call = call;
    call.id = toBase64Url(this.#accepted.callId);
    this.#world.ongoing.hold(call, this.#contact.record.account.label);
    call.attach(this.#room!);
    call.addressee = this.#caller!;
    call.note("received", "offer", this.#offerBytes);
    void call.ended.then(() => abandon(this.#unconfirmed ?? this.#accepted));
    try {
      await this.#world.trust.people.pin(this.#contact);
      const sdp = await withinStackTime(adapter.createAnswer(this.#offer.sdp));
      const gossip = await this.#world.gossip.say(this.#world.account);
      const said = { ...describe(sdp), ...gossip };
      const record = { ...this.#world.account.record, hash: this.#accepted.call.recordB };
      call.sides = {
        own: { record, said },
        peer: { record: this.#contact.record, said: this.#offer },
        world: this.#world,
      };
      const payload = payloadToBytes({ kind: "answer", ...said });
      const sealed = await answer(this.#accepted, payload);
      this.#unconfirmed = sealed.unconfirmed;
      if (call.hasEnded) {
        // While it was sealed: nobody else erases it, and nobody is to take it.
        abandon(sealed.unconfirmed);
        throw new ClientError("cancelled", "The call was given up");
      }
      this.#expectConfirm(call);
      await this.#room!.send(sealed.answer, this.#caller!);
      call.note("sent", "answer", sealed.answer.length);
      return call;
    } catch (error) {
      const failure = toClientError(error, "media_failed");
      const isGone = call.hasEnded || failure.problem === "no_such_member" ||
        failure.problem === "not_in_room";
      const said = isGone ? new ClientError("cancelled", "The call was given up") : failure;
      if (!isGone && this.#unconfirmed === null) await this.#refuse("failed");
      call.fail(said);
      throw said;
    }
  }

  async decline(reason: "declined" | "busy" = "declined"): Promise<void> {
    await this.turnDown(reason);
  }

  /** Tells the caller why it does not ring here, or no more. */
  async turnDown(reason: HangupReason): Promise<void> {
    if (this.#state !== "ringing") return;
    this.#state = "over";
    await this.#refuse(reason);
    this.#over("declined");
  }

  /** Ends a call whose caller was shown another log; one that rings still is told of ours. */
  async refuteLog(error: ClientError): Promise<void> {
    this.#call?.fail(error);
    if (this.#state !== "ringing") return;
    this.#state = "over";
    await this.#refuse("failed", await this.#world.gossip.say(this.#world.account));
    this.#over("gone");
  }

  async #refuse(reason: HangupReason, gossip: GossipWire = NO_GOSSIP): Promise<void> {
    try {
      const payload = payloadToBytes(hangup(reason, gossip));
      await this.#room!.send(await refuse(this.#accepted, payload), this.#caller!);
    } catch {
      // A caller that left meanwhile needs no telling.
    }
  }

  #over(why: RingEnd): void {
    this.#state = "over";
    this.#settle();
    this.#stopExpiry();
    this.#cancel(why);
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
      if (this.#state === "over" || this.#call?.hasEnded) return;
      try {
        await this.#take(message);
      } catch (error) {
        // What was under way when the call ended is nobody's fault.
        if (this.#call?.hasEnded) return;
        this.#world.refused(toClientError(error, "handshake_refused"));
      }
    });
  }

  async #take(message: Bytes): Promise<void> {
    const call = this.#call;
    if (call !== null && this.#isConfirmed) return await call.receive(message);
    const kind = kindOf(message);
    if (kind === "box") return await this.#takeWithdrawal(message);
    if (kind === "confirm" && call !== null && this.#unconfirmed !== null) {
      return await this.#takeConfirm(call, this.#unconfirmed, message);
    }
    throw new ClientError("handshake_refused", "An unexpected message arrived");
  }

  /** The caller gave up, or another device was first. */
  async #takeWithdrawal(box: Bytes): Promise<void> {
    const bytes = await openWithdrawal(this.#unconfirmed ?? this.#accepted, box);
    // Authentic, so the offer has ended, whatever it says.
    const why = hangupOf(bytes).reason === "elsewhere" ? "elsewhere" : "ended";
    if (this.#call !== null) this.#call.endByPeer(why);
    else if (this.#state === "ringing") this.#over(why);
  }

  async #takeConfirm(call: LiveCall, unconfirmed: Unconfirmed, message: Bytes): Promise<void> {
    const { session } = await complete(unconfirmed, message);
    this.#isConfirmed = true;
    this.#unconfirmed = null;
    call.note("received", "confirm", message.length);
    // Only now: whoever stole a prekey makes offers, and must not end a call with one.
    this.continues?.giveWay();
    // Not awaited: messages of the session, a hangup above all, must be taken meanwhile.
    void call.secure(session, this.#offer);
  }
}
