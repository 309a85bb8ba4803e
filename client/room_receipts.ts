/**
 * The service's word that it took a message of a room, checked as soon as it is given.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { parseVerifyingKey, type VerifyingKey } from "../crypto/keys.ts";
import { verifyReceipt } from "../crypto/receipt.ts";
import { keyFromWire } from "../wire/key_set.ts";
import { JWKS } from "../wire/paths.ts";
import { ClientError } from "./error.ts";
import { type Http } from "./http.ts";
import { type MessageReceipt } from "./meeting.ts";
import { reading } from "./reading.ts";
import { type Room } from "./room.ts";

/** The receipts of one room. */
export class Receipts {
  readonly #http: Http;
  #key: VerifyingKey | null = null;

  /** The service's key is asked for by the first. */
  constructor(http: Http) {
    this.#http = http;
  }

  /**
   * Sends a message, and keeps what the service says to that.
   *
   * @throws ClientError those of `Meeting.send`; `proof_invalid` where what it says is not its word
   */
  async send(room: Room, ct: Bytes, to: string, signal?: AbortSignal): Promise<MessageReceipt> {
    const key = this.#key ??= await this.#keyOfService();
    const before = room.self?.mid ?? "";
    const answer = await room.request(
      { t: "signal", room: room.id, to, ct: toBase64Url(ct), receipt: true },
      signal,
    );
    const receipt = answer.t === "ack" ? answer.receipt : undefined;
    const signature = fromBase64Url(receipt?.sig ?? "=");
    if (answer.t !== "ack" || receipt === undefined || signature === null) throw noReceipt();
    // It may have been said from another place than it was first meant to.
    for (const from of new Set([before, room.self?.mid ?? ""])) {
      const said = { room: fromBase64Url(room.id)!, from, id: answer.id, to, ct, ts: receipt.ts };
      if (await verifyReceipt(key, said, signature)) {
        return { ...said, room: room.id, key, signature };
      }
    }
    throw noReceipt();
  }

  async #keyOfService(): Promise<VerifyingKey> {
    const keyOf = (answer: unknown) => parseVerifyingKey(keyFromWire(answer, "receipts"));
    return reading(keyOf, await this.#http.open("GET", JWKS));
  }
}

function noReceipt(): ClientError {
  return new ClientError("proof_invalid", "The service took the message and does not stand to it");
}
