/**
 * Placing a call: verify whom it is for, seal an offer for each of their devices, ring, take the
 * first answer, confirm.
 *
 * The devices that did not answer are told so inside their own offers (`offers.ts`), which the service
 * cannot forge. A person who declines on one device declines; a device that fails fails alone.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { abandon, confirm, finish } from "../crypto/answer.ts";
import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { type VerifiedBundle } from "../crypto/bundle.ts";
import { type Bytes } from "../crypto/bytes.ts";
import {
  CALL_ID_BYTES,
  commonHash,
  decodeAnswer,
  kindOf,
  MAX_TTL_S,
} from "../crypto/handshake_message.ts";
import { openRefusal } from "../crypto/offer_end.ts";
import { sha256 } from "../crypto/primitives.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import { initiate, type PendingOffer } from "../crypto/x3dh.ts";
import { type Member } from "../wire/frames.ts";
import { hangupOf, type HangupReason, payloadFromBytes, payloadToBytes } from "../wire/payload.ts";
import { openRoomId } from "../wire/room_id.ts";
import { type MediaAdapter } from "./adapter.ts";
import { takeAdapter } from "./argument.ts";
import { type Call } from "./call.ts";
import { type Contact } from "./contact.ts";
import { type Connection } from "./connection.ts";
import { takeBundles } from "./directory.ts";
import { ClientError, toClientError } from "./error.ts";
import { type CallOptions } from "./options.ts";
import { checkDescription, describe } from "./fingerprint.ts";
import { LiveCall } from "./live_call.ts";
import type { CallSide } from "./live_comparison.ts";
import { Offers } from "./offers.ts";
import { peerOf } from "./peer.ts";
import { Room, type RoomChange } from "./room.ts";
import { withinStackTime } from "./within.ts";
import { type World } from "./world.ts";

/** How long a call waits for another device when all that rang are gone, in milliseconds. */
const PATIENCE_MS = 3_000;

/**
 * Calls a person. Resolves when the call rings; how it goes on is in the call's states.
 *
 * @throws ClientError when it could not be made to ring
 */
export async function placeCall(
  world: World,
  label: AccountLabel,
  adapter: MediaAdapter,
  { replaces = "" }: CallOptions,
): Promise<Call> {
  takeAdapter(adapter);
  try {
    if (label === world.account.label) {
      throw new ClientError("self_call", "Nobody calls themselves");
    }
    if (replaces !== "" && fromBase64Url(replaces)?.length !== CALL_ID_BYTES) {
      throw new ClientError("bad_option", "That is no id of a call");
    }
    // First: whoever is not online must not use up somebody's prekeys.
    const connection = world.connection();
    // An offer names the caller's newest record, which only other devices of theirs can have changed.
    if (world.account.record.devices.length > 1) await world.refresh();
    const { contact, bundles } = await takeBundles(world, label);
    return await new Caller(world, contact, adapter).ring(connection, bundles, replaces);
  } catch (error) {
    adapter.close();
    throw toClientError(error, "media_failed");
  }
}

/** The caller, from the offers to the confirm and after. */
class Caller {
  readonly #world: World;
  readonly #callee: VerifiedRecord;
  readonly #call: LiveCall;
  readonly #adapter: MediaAdapter;
  readonly #offers: Offers;
  /** The call of this client that the new one takes the place of. */
  #continues: LiveCall | null = null;
  /** The member that answered, and its device. */
  #winner: string | null = null;
  #winnerDevice: number | null = null;
  /** Why the last device that refused did. */
  #refusal: HangupReason | null = null;
  #missing: ReturnType<typeof setTimeout> | undefined;
  #room: Room | null = null;
  /** What was offered, and under which record. */
  #own: CallSide | null = null;
  #queue: Promise<void> = Promise.resolve();

  constructor(world: World, contact: Contact, adapter: MediaAdapter) {
    this.#world = world;
    this.#callee = contact.record;
    this.#call = new LiveCall(peerOf(contact, world.account.record), adapter, "calling");
    this.#adapter = adapter;
    this.#offers = new Offers(this.#call);
  }

  /** Seals the offers and rings; a failure ends the call and leaves its room. */
  async ring(
    connection: Connection,
    bundles: readonly VerifiedBundle[],
    replaces: string,
  ): Promise<Call> {
    const id = openRoomId();
    const { ongoing } = this.#world;
    const { label } = this.#callee.account;
    // One's own side of it, where this client has it still.
    this.#continues = ongoing.find(replaces, label);
    ongoing.place(this.#call, label);
    try {
      this.#room = await Room.join(connection, id, {
        onMessage: (message, from) => this.#receive(message, from),
        onChange: (change) => this.#changed(change),
      });
      this.#call.attach(this.#room);
      void connection.ended.then(() => this.#unreachable());
      const sdp = await withinStackTime(this.#adapter.createOffer());
      const { account } = this.#world;
      const said = { ...describe(sdp), ...await this.#world.gossip.say(account) };
      this.#own = { record: account.record, said };
      const { common, offers } = await initiate(account.self, bundles, {
        room: sha256(fromBase64Url(id)!),
        nowMs: this.#world.now(),
        ttlS: MAX_TTL_S,
        payload: payloadToBytes({ kind: "offer", room: id, replaces, ...said }),
      });
      this.#await(this.#room, offers.map(({ pending }) => pending));
      if (this.#call.hasEnded) {
        throw (await this.#call.ended).error ?? new ClientError("cancelled", "They call, too");
      }
      this.#call.id = toBase64Url(offers[0]!.pending.callId);
      ongoing.offered(this.#call, commonHash(common));
      await this.#offers.ring(connection, this.#callee, common, offers);
      this.#call.move("ringing");
      return this.#call;
    } catch (error) {
      const failure = toClientError(error, "media_failed");
      this.#call.fail(failure);
      throw failure;
    }
  }

  #await(room: Room, offers: readonly PendingOffer[]): void {
    this.#offers.open(room, offers);
    const unanswered = setTimeout(() => {
      if (this.#winner !== null) return;
      this.#call.fail(new ClientError("no_answer", "Nobody answered"));
    }, MAX_TTL_S * 1000);
    this.#call.onEnd = ({ by }) => this.#offers.withdraw(by === "peer" ? "elsewhere" : "ended");
    void this.#call.ended.then(() => {
      clearTimeout(unanswered);
      clearTimeout(this.#missing);
    });
  }

  /** An answer could no longer arrive. */
  #unreachable(): void {
    if (this.#call.state !== "ringing") return;
    this.#call.fail(new ClientError("network", "The connection to the service was lost"));
  }

  #changed(change: RoomChange): void {
    if (change.event === "removed") return this.#call.left();
    if (!("member" in change) || change.member === null) return;
    const { event, member } = change;
    if (event === "join") this.#came(member);
    else if (event === "leave") this.#left(member);
    else if (this.#winner === member.mid) this.#call.watch(event);
  }

  #came(member: Member): void {
    void this.#offers.tell(member);
    const { account: { label } } = this.#callee;
    const isWinner = member.account === label && member.device === this.#winnerDevice;
    if (this.#winner === null || !isWinner) return;
    // Who answered is there again, in another place; the session says whether it is they.
    this.#winner = this.#call.addressee = member.mid;
    this.#call.watch("back");
  }

  #left({ mid, device }: Member): void {
    if (this.#winner === mid) this.#call.left();
    else if (this.#offers.isOpen(device)) this.#expectAnother();
  }

  /** The call ends when no device that could still answer is there, and none comes. */
  #expectAnother(): void {
    clearTimeout(this.#missing);
    this.#missing = setTimeout(() => {
      if (this.#winner !== null || this.#offers.isSomeoneThere()) return;
      if (this.#refusal !== null) return this.#call.endByPeer(this.#refusal);
      this.#call.fail(new ClientError("peer_offline", "The person is not there any more"));
    }, PATIENCE_MS);
  }

  /** One message at a time; one that is refused is reported and changes nothing. */
  #receive(message: Bytes, from: string): void {
    // Who it is from has to be looked up now: the sender may leave before it is their turn.
    const device = this.#room?.member(from)?.device ?? null;
    this.#queue = this.#queue.then(async () => {
      if (this.#call.hasEnded) return;
      try {
        await this.#take(message, from, device);
      } catch (error) {
        // What was under way when the call ended is nobody's fault.
        if (this.#call.hasEnded) return;
        this.#world.refused(toClientError(error, "handshake_refused"));
      }
    });
  }

  /** @param device the service's word: it says which key to try, and proves nothing */
  async #take(message: Bytes, from: string, device: number | null): Promise<void> {
    if (this.#winner !== null) {
      // A device that was told of the winner had answered or declined in the same moment, or did not
      // hear it: once more, then.
      if (from !== this.#winner && this.#offers.isWithdrawn(device)) {
        return await this.#offers.tell({ mid: from, device });
      }
      return await this.#call.receive(message);
    }
    switch (kindOf(message)) {
      case "answer":
        return await this.#takeAnswer(message, from);
      case "box":
        return await this.#takeRefusal(this.#offers.of(device), message);
      default:
        throw new ClientError("handshake_refused", "An unexpected message arrived");
    }
  }

  async #takeRefusal(pending: PendingOffer, box: Bytes): Promise<void> {
    const end = hangupOf(await openRefusal(pending, box));
    const { reason } = end;
    // Authentic, so this offer has ended, whatever it says.
    this.#offers.drop(pending.peer.entry.deviceId);
    this.#call.note("received", "message", box.length);
    this.#refusal = reason;
    try {
      await this.#world.gossip.hear(this.#callee, end, this.#world.refused);
    } catch (error) {
      return this.#call.fail(toClientError(error, "log_forked"));
    }
    if (reason === "declined" || this.#offers.size === 0) this.#call.endByPeer(reason);
    else this.#expectAnother();
  }

  async #takeAnswer(message: Bytes, from: string): Promise<void> {
    const pending = this.#offers.of(decodeAnswer(message).header.deviceB);
    const { payload: bytes, unconfirmed } = await finish(pending, message);
    // From here on the answer is authentic: what is wrong with it ends the call.
    this.#winner = from;
    this.#winnerDevice = pending.peer.entry.deviceId;
    this.#world.ongoing.answered(this.#call);
    this.#continues?.giveWay();
    this.#call.addressee = from;
    this.#offers.drop(pending.peer.entry.deviceId);
    void this.#offers.withdraw("elsewhere");
    void this.#call.ended.then(() => abandon(unconfirmed));
    this.#call.note("received", "answer", message.length);
    this.#call.move("connecting");
    try {
      const payload = payloadFromBytes(bytes);
      if (payload.kind !== "answer") throw new ClientError("bad_answer", "Not an answer");
      checkDescription(payload);
      await this.#world.gossip.hear(this.#callee, payload, (error) => this.#call.fail(error));
      await withinStackTime(this.#adapter.acceptAnswer(payload.sdp));
      const peer = { record: this.#callee, said: payload };
      this.#call.sides = { own: this.#own!, peer, world: this.#world };
      const ready = payloadToBytes({ kind: "ready" });
      const { confirm: sealed, session } = await confirm(unconfirmed, ready);
      // Not awaited: messages of the session, a hangup above all, must be taken meanwhile.
      void this.#call.secure(session, payload);
      this.#call.note("sent", "confirm", sealed.length);
      await this.#room!.send(sealed, from);
    } catch (error) {
      this.#call.fail(toClientError(error, "media_failed"));
    }
  }
}
