/**
 * The offers of one call, one a device of the callee: how they ring, which may still be answered, and what
 * those that may not are told.
 *
 * A withdrawal is sealed in the offer's own epoch, so a device stops ringing with proof. It is kept for
 * a device that joins the room late. The devices that the service names are hints only: the keys decide.
 *
 * @module
 */

import { abandon } from "../crypto/answer.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { withdraw } from "../crypto/offer_end.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import { type PendingOffer, type SealedOffer } from "../crypto/x3dh.ts";
import { type Member } from "../wire/frames.ts";
import { hangup, type HangupReason, payloadToBytes } from "../wire/payload.ts";
import { type Connection } from "./connection.ts";
import { ClientError, toClientError } from "./error.ts";
import { type LiveCall } from "./live_call.ts";
import { type Room } from "./room.ts";

/** The offers of one call. */
export class Offers {
  readonly #call: LiveCall;
  readonly #open = new Map<number, PendingOffer>();
  readonly #withdrawn = new Map<number, Promise<Bytes>>();
  #room: Room | null = null;

  /** None was made yet. */
  constructor(call: LiveCall) {
    this.#call = call;
  }

  /** How many may still be answered. */
  get size(): number {
    return this.#open.size;
  }

  /** Takes in the offers that were made; what is left of them when the call ends is erased. */
  open(room: Room, offers: readonly PendingOffer[]): void {
    this.#room = room;
    for (const pending of offers) this.#open.set(pending.peer.entry.deviceId, pending);
    void this.#call.ended.then(() => offers.forEach(abandon));
  }

  /**
   * Rings with the offers, one frame a device, since a frame does not hold all.
   *
   * @throws ClientError where none rings
   */
  async ring(
    connection: Connection,
    { account: { label }, devices }: VerifiedRecord,
    common: Bytes,
    offers: readonly SealedOffer[],
  ): Promise<void> {
    const rung = await Promise.allSettled(offers.map(async ({ offer, pending: { peer } }) => {
      const device = peer.entry.deviceId;
      try {
        await connection.request({
          t: "ring",
          to: label,
          common: toBase64Url(common),
          devices: devices.map(({ entry }) => entry.deviceId),
          offers: [{ device, offer: toBase64Url(offer) }],
        });
      } catch (error) {
        const failure = toClientError(error, "network");
        // Where only the answer was lost, the device may ring all the same.
        if (failure.problem !== null) this.drop(device);
        throw failure;
      }
      this.#call.note("sent", "offer", common.length + offer.length);
    }));
    const [first] = rung;
    const isRinging = rung.some(({ status }) => status === "fulfilled");
    if (!isRinging && first?.status === "rejected") throw first.reason;
  }

  /** The open offer to a device. @throws ClientError `handshake_refused` where there is none */
  of(device: number | null): PendingOffer {
    const pending = device === null ? undefined : this.#open.get(device);
    if (pending !== undefined) return pending;
    throw new ClientError("handshake_refused", "The message is from nobody who was called");
  }

  /** Whether this device may still answer. */
  isOpen(device: number | null): boolean {
    return device !== null && this.#open.has(device);
  }

  /** Whether this device was told that it is too late. */
  isWithdrawn(device: number | null): boolean {
    return device !== null && this.#withdrawn.has(device);
  }

  /** Whether a device that may still answer is in the room. */
  isSomeoneThere(): boolean {
    return this.#room?.members().some(({ device }) => this.isOpen(device)) ?? false;
  }

  /** Ends one offer without a word: it was answered, refused, or never arrived. */
  drop(device: number): void {
    const pending = this.#open.get(device);
    this.#open.delete(device);
    if (pending !== undefined) abandon(pending);
  }

  /** Withdraws every open offer, and tells the devices that are there. */
  async withdraw(reason: HangupReason): Promise<void> {
    const payload = payloadToBytes(hangup(reason));
    const open = [...this.#open];
    this.#open.clear();
    // All are sealed in this very step: the end of the call erases their keys.
    await Promise.all(open.map(async ([device, pending]) => {
      this.#withdrawn.set(device, withdraw(pending, payload));
      const there = this.#room!.members().filter((member) => member.device === device);
      await Promise.all(there.map((member) => this.tell(member)));
    }));
  }

  /** Tells a device whose offer was withdrawn; a device whose offer was not is told nothing. */
  async tell({ device, mid }: Pick<Member, "device" | "mid">): Promise<void> {
    const withdrawn = device === null ? undefined : this.#withdrawn.get(device);
    if (withdrawn === undefined) return;
    try {
      const box = await withdrawn;
      this.#call.note("sent", "message", box.length);
      await this.#room?.send(box, mid);
    } catch {
      // Whoever left meanwhile needs no telling.
    }
  }
}
