import assert from "node:assert/strict";
import { concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { labelled, type LabelName } from "../../crypto/labels.ts";

// The table again, by hand: a label that changes here changes the protocol.
const NAMES: readonly LabelName[] = [
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
  "room-message",
  "room-envelope",
  "sas-context",
  "sas-commit",
  "sas",
];

Deno.test("every label is its name behind the protocol's version, closed by a zero", () => {
  for (const name of NAMES) {
    const expected = concat(utf8(`countersign/1 ${name}`), Uint8Array.of(0), Uint8Array.of(1, 2));
    assert.deepEqual(labelled(name, Uint8Array.of(1), Uint8Array.of(2)), expected);
  }
});

Deno.test("no label is the beginning of another, whatever follows it", () => {
  const prefixes = NAMES.map((name) => toHex(labelled(name)));
  for (const a of prefixes) {
    assert.deepEqual(prefixes.filter((b) => b.startsWith(a)), [a]);
  }
});
