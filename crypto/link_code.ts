/**
 * The code that a new device shows and an old one takes: a secret, and what follows from it.
 *
 *     scanned   "countersign-link:" || base64url(u8 1 || secret[16])
 *     typed     8 characters of Crockford's base32 in two groups, secret[5]
 *     slot      H("link-slot" || secret)[0..16)            names the rendezvous; all that a service sees
 *
 * Whoever knows a scanned code's secret is the other device: nobody can search 128 bits. The secret of a
 * typed one is short, so a service may find it in its slot's name; then the digits that both devices
 * show are what tells (`link.ts`). Either way nobody else finds the slot.
 *
 * @module
 */

import { fromBase32, toBase32 } from "./base32.ts";
import { fromBase64Url, toBase64Url } from "./base64.ts";
import { type Bytes, concat } from "./bytes.ts";
import { CryptoError } from "./error.ts";
import { labelled } from "./labels.ts";
import { randomBytes, sha256 } from "./primitives.ts";

/** Length of a slot's name in bytes. */
export const LINK_SLOT_BYTES = 16;

const PREFIX = "countersign-link:";
const VERSION = 1;
const SCANNED_BYTES = 16;
const TYPED_BYTES = 5;

/** Whether a code is for a camera, or for fingers. */
export type LinkCodeKind = "scanned" | "typed";

/** A fresh code with its secret. */
export function newLinkCode(kind: LinkCodeKind): { readonly code: string; readonly secret: Bytes } {
  const secret = randomBytes(kind === "scanned" ? SCANNED_BYTES : TYPED_BYTES);
  const code = kind === "scanned"
    ? PREFIX + toBase64Url(concat(Uint8Array.of(VERSION), secret))
    : toBase32(secret);
  return { code, secret };
}

/**
 * The secret of a code that somebody scanned or typed; spaces, dashes and case do not matter in a
 * typed one.
 *
 * @throws CryptoError `malformed`
 */
export function parseLinkCode(text: string): Bytes {
  const trimmed = text.trim();
  const secret = trimmed.startsWith(PREFIX)
    ? fromScanned(trimmed.slice(PREFIX.length))
    : fromTyped(trimmed);
  if (secret === null) throw new CryptoError("malformed", "This is not a code of a new device");
  return secret;
}

/** The name of the rendezvous that belongs to a secret. */
export function linkSlot(secret: Bytes): Bytes {
  return sha256(labelled("link-slot", secret)).slice(0, LINK_SLOT_BYTES);
}

function fromScanned(text: string): Bytes | null {
  const bytes = fromBase64Url(text);
  const isOne = bytes !== null && bytes.length === 1 + SCANNED_BYTES && bytes[0] === VERSION;
  return isOne ? bytes.slice(1) : null;
}

function fromTyped(text: string): Bytes | null {
  const secret = fromBase32(text);
  return secret?.length === TYPED_BYTES ? secret : null;
}
