/**
 * One epoch of a session in use: a chain each way, and what the next epoch begins with.
 *
 * An epoch that was left opens what was still under way, and nothing else of it is kept.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { type Epoch, exporterOf, wipeEpoch } from "./epoch.ts";
import { ReceiveChain, SendChain } from "./ratchet.ts";
import { type Exporter } from "./schedule.ts";

/** One epoch of a session, 1 or later. */
export class SessionEpoch {
  /** Its number. */
  readonly number: number;
  /** Its secrets. */
  readonly secrets: Epoch;
  /** One's own messages. */
  readonly send: SendChain;
  /** The other side's messages. */
  readonly receive: ReceiveChain;
  /** Derives keys of this epoch. */
  readonly exporter: Exporter;

  /** Takes ownership of the secrets. @param self 0 for the caller, 1 for the callee */
  constructor(number: number, secrets: Epoch, self: 0 | 1) {
    const { th, ckA, ckB } = secrets;
    this.number = number;
    this.secrets = secrets;
    this.send = new SendChain(number, th, self === 0 ? ckA : ckB);
    this.receive = new ReceiveChain(number, th, self === 0 ? ckB : ckA);
    this.exporter = exporterOf(secrets);
  }

  /** Pads and seals. @throws CryptoError `malformed`, `spent` */
  seal(payload: Uint8Array): Promise<Bytes> {
    return this.send.seal(payload);
  }

  /** Erases all but the chain of what is still under way, and gives that. */
  leave(): ReceiveChain {
    this.send.wipe();
    for (const secret of [this.secrets.root, this.secrets.kc, this.secrets.exp]) secret.wipe();
    return this.receive;
  }

  /** Erases everything. */
  wipe(): void {
    this.send.wipe();
    this.receive.wipe();
    wipeEpoch(this.secrets);
  }
}
