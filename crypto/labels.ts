/**
 * Domain separation: every signed, MACed, hashed or expanded input of this protocol is
 * `label || 0x00 || body`, and every label stands in this one table.
 *
 * Changing a label changes the protocol; the version in front is then raised for all of them.
 *
 * @module
 */

import { type Bytes, concat, utf8 } from "./bytes.ts";

const NAMES = [
  "record",
  "record-signature",
  "device-binding",
  "device-entry",
  "prekey-set",
  "opk",
  "call",
  "offer",
  "offer-confirm",
  "epoch0",
  "answer",
  "answer-confirm",
  "confirm",
  "epoch",
  "rekey",
  "rekey-offer",
  "exp",
  "sender",
  "media-export",
  "roster",
  "commit",
  "step",
  "auth",
  "ack",
  "switch",
  "heartbeat",
  "safety-number",
  "service-key",
  "auth-subject",
  "oidc-nonce",
  "link-slot",
  "link-commit",
  "link",
  "link-keys",
  "recovery-code",
  "store-key",
  "store-file",
  "invite",
  "invite-key",
  "room-meta",
  "room-psk",
  "room-identity",
  "receipt",
  "room-message",
  "room-envelope",
  "sas-context",
  "sas-commit",
  "sas",
] as const;

/** What an input is for. */
export type LabelName = typeof NAMES[number];

const PREFIXES = new Map<LabelName, Bytes>(
  NAMES.map((name) => [name, utf8(`countersign/1 ${name}\0`)]),
);

/** `"countersign/1 <name>" || 0x00 || body`. */
export function labelled(name: LabelName, ...body: readonly Uint8Array[]): Bytes {
  return concat(PREFIXES.get(name)!, ...body);
}
