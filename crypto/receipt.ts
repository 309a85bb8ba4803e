/**
 * The service's word that it took a message of a member for others.
 *
 *     receipt = Ed25519(receipts key, "receipt" || room[16] || v8(from) || v8(id) || v16(to)
 *                                     || SHA-256(ct)[32] || u64 ts)
 *
 * `from` is the sender's member id, `to` the receivers' with commas between them as the frame had them,
 * or `*`; `ct` is the sealed message, decoded; `ts` is Unix milliseconds.
 *
 * @module
 */

import { type Bytes, utf8 } from "./bytes.ts";
import { Writer } from "./codec.ts";
import { type SigningKeyPair, type VerifyingKey } from "./keys.ts";
import { labelled } from "./labels.ts";
import { ed25519Sign, ed25519Verify, sha256 } from "./primitives.ts";

/** What is acknowledged. */
export interface ReceivedMessage {
  /** The room, 16 bytes. */
  readonly room: Uint8Array;
  /** The sender's member id. */
  readonly from: string;
  /** The frame's id. */
  readonly id: string;
  /** As in the frame. */
  readonly to: string | readonly string[];
  /** The sealed message. */
  readonly ct: Uint8Array;
  /** When it was taken, Unix milliseconds. */
  readonly ts: number;
}

/** Signs a receipt. */
export function signReceipt(
  { privateKey }: SigningKeyPair,
  message: ReceivedMessage,
): Promise<Bytes> {
  return ed25519Sign(privateKey, bodyOf(message));
}

/** Whether a receipt is the service's for exactly this message. */
export function verifyReceipt(
  key: VerifyingKey,
  message: ReceivedMessage,
  signature: Bytes,
): Promise<boolean> {
  return ed25519Verify(key, bodyOf(message), signature);
}

function bodyOf({ room, from, id, to, ct, ts }: ReceivedMessage): Bytes {
  const receivers = typeof to === "string" ? to : to.join(",");
  const body = new Writer().raw(room).v8(utf8(from)).v8(utf8(id)).v16(utf8(receivers));
  return labelled("receipt", body.raw(sha256(ct)).u64(ts).bytes());
}
