/**
 * A caller with a genuine account and a client of their own making: what they sign is authentic, and
 * still it must not get them anywhere they may not go.
 *
 * @module
 */

import assert from "node:assert/strict";
import { describe } from "../../client/fingerprint.ts";
import { openRoomId } from "../../wire/room_id.ts";
import { fromBase64Url } from "../../crypto/base64.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { sha256 } from "../../crypto/primitives.ts";
import { NO_GOSSIP } from "../../wire/payload.ts";
import { honest, type Rogue, rogue } from "../support/rogue.ts";
import { stage } from "../support/stage.ts";

Deno.test("an offer of a client of one's own making rings, if it keeps the rules", async () => {
  await using play = await stage();
  await using mallory = await rogue(play);
  await mallory.ring({ payload: honest });
  assert.equal((await play.nextRing()).peer.label, "mallory");
});

for (
  const [what, code, attempt] of [
    ["names two rooms", "handshake_refused", {
      payload: honest,
      namedRoom: () => sha256(fromBase64Url(openRoomId())!),
    }],
    ["promises another certificate than its SDP names", "fingerprint_mismatch", {
      payload: (room, sdp) => ({
        kind: "offer",
        room,
        replaces: "",
        sdp,
        fingerprints: ["00".repeat(32)],
        ...NO_GOSSIP,
      }),
    }],
    ["promises two certificates", "fingerprint_mismatch", {
      payload: (room, sdp) => ({
        kind: "offer",
        room,
        replaces: "",
        sdp,
        fingerprints: [...describe(sdp).fingerprints, "00".repeat(32)],
        ...NO_GOSSIP,
      }),
    }],
    ["is an answer", "handshake_refused", {
      payload: (_room, sdp) => ({ kind: "answer", ...describe(sdp), ...NO_GOSSIP }),
    }],
    ["is not JSON", "bad_answer", { payload: () => utf8("{") }],
    ["is not UTF-8", "bad_answer", { payload: () => new Uint8Array([0xff, 0xfe]) }],
    ["names a room that is none", "handshake_refused", {
      payload: (_room, sdp) => ({
        kind: "offer",
        room: "%",
        replaces: "",
        ...describe(sdp),
        ...NO_GOSSIP,
      }),
    }],
    ["is two minutes old", "handshake_refused", { payload: honest, ageMs: 120_000 }],
    ["is two minutes ahead", "handshake_refused", { payload: honest, ageMs: -120_000 }],
  ] as readonly [string, string, Rogue][]
) {
  Deno.test(`an offer that ${what} is refused: ${code}`, async () => {
    await using play = await stage();
    await using mallory = await rogue(play);
    const refusal = play.nextRefusal("bob");
    await mallory.ring(attempt);
    assert.equal((await refusal).code, code);
    assert.equal(play.ringsOf("bob"), 0);
  });
}

Deno.test("a caller who is not in the room of the offer gave up: nothing stays ringing", async () => {
  await using play = await stage();
  await using mallory = await rogue(play);
  await mallory.ring({ payload: honest, joins: false });
  await (await play.nextRing()).cancelled;
});

Deno.test("what else a caller sends into the room before it was answered changes nothing", async () => {
  await using play = await stage();
  await using mallory = await rogue(play);
  const room = await mallory.ring({ payload: honest });
  const ring = await play.nextRing();
  for (const junk of [utf8("hello"), new Uint8Array([0x13]), new Uint8Array([0x30, 0, 0, 0, 1])]) {
    await room!.send(junk);
  }
  await ring.decline();
});
