/**
 * Every refusal of a handshake message looks alike: one code, and no secrets left behind.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { confirmationTag, type OfferEpoch, wipeEpoch } from "./epoch.ts";
import { CryptoError } from "./error.ts";
import { constantTimeEqual } from "./primitives.ts";

/** Refuses the message unless it holds. @throws CryptoError `bad_handshake` */
export function ensure(condition: boolean): void {
  if (!condition) throw refused();
}

/** Runs the reading of a message; whatever it refuses becomes `bad_handshake`. */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CryptoError) throw refused();
    throw error;
  }
}

function refused(): CryptoError {
  return new CryptoError("bad_handshake", "The handshake message was refused");
}

/** Checks an epoch's tag, then opens what it vouches for; an epoch that failed leaves no secrets. */
export async function checked(
  epoch: OfferEpoch,
  label: "offer-confirm" | "answer-confirm",
  tag: Bytes,
  open: () => Promise<Bytes>,
): Promise<Bytes> {
  try {
    ensure(constantTimeEqual(tag, confirmationTag(epoch, label)));
    return await open();
  } catch (error) {
    wipeEpoch(epoch);
    throw error;
  }
}
