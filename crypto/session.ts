/**
 * A confirmed session between two devices: sealed messages both ways, and an exporter.
 *
 * One per call and device pair; it lives in memory only and ends with `wipe`.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { type Epoch, exporterOf, wipeEpoch } from "./epoch.ts";
import { type ReceiveChain, type SendChain } from "./ratchet.ts";
import { type CallKeys, callKeys } from "./schedule.ts";

/** A confirmed session. */
export class Session {
  /** The call's id: 16 bytes. */
  readonly callId: Bytes;
  /** The keys of the call's media. */
  readonly keys: CallKeys;
  readonly #epoch: Epoch;
  readonly #send: SendChain;
  readonly #receive: ReceiveChain;

  /** Takes ownership of the epoch and its chains. @param self 0 for the caller, 1 for the callee */
  constructor(
    parts: { callId: Bytes; epoch1: Epoch; send: SendChain; receive: ReceiveChain },
    self: 0 | 1,
  ) {
    this.callId = parts.callId;
    this.keys = callKeys(exporterOf(parts.epoch1), self);
    this.#epoch = parts.epoch1;
    this.#send = parts.send;
    this.#receive = parts.receive;
  }

  /** Seals a message. @throws CryptoError `malformed` when it is too long, `spent` */
  seal(payload: Uint8Array): Promise<Bytes> {
    return this.#send.seal(payload);
  }

  /** Opens a message of the other side, once. @throws CryptoError `bad_message`, `spent` */
  open(box: Bytes): Promise<Bytes> {
    return this.#receive.open(box);
  }

  /** Erases every secret; nothing can be sealed, opened or exported afterwards. */
  wipe(): void {
    this.#send.wipe();
    this.#receive.wipe();
    wipeEpoch(this.#epoch);
  }
}
