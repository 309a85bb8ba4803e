/**
 * One comparison of a short code, as one side goes through it: the order of its messages, and what is
 * refused.
 *
 *     initiator:  begin -> committed -- nonce --> done
 *     responder:  -- commitment --> asked -- agree --> replied -- reveal --> done
 *
 * Nothing is answered before this side's person agreed: every try is seen. Where both begin at once, the
 * commitment of the lower place in the roster stands, and the other, never revealed, is forgotten. Whatever is
 * refused ends the exchange, and there is one for an epoch.
 *
 * @module
 */

import { type Bytes, equal } from "./bytes.ts";
import { CryptoError, type CryptoErrorCode } from "./error.ts";
import { constantTimeEqual, randomBytes } from "./primitives.ts";
import { SAS_NONCE_BYTES, type SasBase, sasCode, sasCommitment } from "./sas.ts";

/** Where an exchange stands. */
export type SasState = "idle" | "committed" | "asked" | "replied" | "done" | "refused";

/** One side of one exchange. */
export class SasExchange {
  readonly #base: SasBase;
  readonly #self: number;
  readonly #peer: number;
  readonly #nonce: Bytes = randomBytes(SAS_NONCE_BYTES);
  /** The other side's commitment. */
  #commitment: Bytes | null = null;
  #state: SasState = "idle";

  /** Takes ownership of the base. @param self one's own place in the roster @param peer the other's */
  constructor(base: SasBase, self: number, peer: number) {
    this.#base = base;
    this.#self = self;
    this.#peer = peer;
  }

  /** Where it stands. */
  get state(): SasState {
    return this.#state;
  }

  /** Begins: the commitment to send. @throws CryptoError `sas_order` */
  begin(): Bytes {
    this.#require("idle");
    this.#state = "committed";
    return sasCommitment(this.#base, this.#self, this.#nonce);
  }

  /**
   * Takes the other side's commitment.
   *
   * @returns false where one's own stands, because both began at once
   * @throws CryptoError `sas_repeated`, `sas_order`
   */
  takeCommitment(commitment: Bytes): boolean {
    if (this.#commitment !== null) {
      throw this.#refused("sas_repeated", "A second commitment came for one comparison");
    }
    if (this.#state !== "idle") this.#require("committed");
    this.#commitment = commitment;
    if (this.#state === "committed" && this.#self < this.#peer) return false;
    this.#state = "asked";
    return true;
  }

  /** Agrees to compare: one's own nonce, to send. @throws CryptoError `sas_order` */
  agree(): Bytes {
    this.#require("asked");
    this.#state = "replied";
    // A fresh one where this side had committed to the other: two uses of it would be one too many.
    this.#nonce.set(randomBytes(SAS_NONCE_BYTES));
    return this.#nonce.slice();
  }

  /**
   * Takes the responder's nonce: the reveal to send, and the code to show.
   *
   * @throws CryptoError `sas_order`, `sas_reflected`
   */
  takeNonce(nonce: Bytes): { readonly reveal: Bytes; readonly code: Bytes } {
    this.#require("committed");
    this.#requireOther(nonce);
    this.#state = "done";
    const nonces = { initiatorNonce: this.#nonce, responderNonce: nonce };
    const roles = { initiator: this.#self, responder: this.#peer };
    return { reveal: this.#nonce.slice(), code: sasCode(this.#base, { ...roles, ...nonces }) };
  }

  /**
   * Takes the initiator's nonce: the code to show.
   *
   * @throws CryptoError `sas_order`, `sas_reflected`, `sas_reveal` where it is not what was committed to
   */
  takeReveal(nonce: Bytes): Bytes {
    this.#require("replied");
    this.#requireOther(nonce);
    if (!constantTimeEqual(this.#commitment!, sasCommitment(this.#base, this.#peer, nonce))) {
      throw this.#refused("sas_reveal", "What was revealed is not what was committed to");
    }
    this.#state = "done";
    const nonces = { initiatorNonce: nonce, responderNonce: this.#nonce };
    return sasCode(this.#base, { initiator: this.#peer, responder: this.#self, ...nonces });
  }

  /** Erases what it could still derive a code from. */
  wipe(): void {
    this.#base.secret.fill(0);
    this.#state = "refused";
  }

  #require(state: SasState): void {
    if (this.#state === state) return;
    throw this.#refused("sas_order", "A message of a comparison came out of its order");
  }

  #requireOther(nonce: Bytes): void {
    if (nonce.length === SAS_NONCE_BYTES && !equal(nonce, this.#nonce)) return;
    throw this.#refused("sas_reflected", "A comparison got its own nonce back, or none");
  }

  #refused(code: CryptoErrorCode, message: string): CryptoError {
    this.#state = "refused";
    return new CryptoError(code, message);
  }
}
