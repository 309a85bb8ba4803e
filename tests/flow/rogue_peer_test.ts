/**
 * A caller with a genuine account and a client of their own making: what they sign is authentic, and
 * still it must not get them anywhere they may not go.
 *
 * @module
 */

import assert from "node:assert/strict";
import { registerAccount } from "../../client/account.ts";
import { describe } from "../../client/fingerprint.ts";
import { Http } from "../../client/http.ts";
import { newRoomId, Room } from "../../client/room.ts";
import { Socket } from "../../client/socket.ts";
import { memoryStore } from "../../client/store.ts";
import { Trust } from "../../client/trust.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { sha256 } from "../../crypto/primitives.ts";
import { initiate } from "../../crypto/x3dh.ts";
import { bundlesFromWire } from "../../wire/directory.ts";
import { bundlePath } from "../../wire/paths.ts";
import { type Payload, payloadToBytes } from "../../wire/payload.ts";
import { type Stage, stage } from "../support/stage.ts";
import { weriftPeer } from "../support/werift.ts";

/** What a rogue seals, and which room its offer names in the clear. */
interface Rogue {
  readonly payload: (room: string, sdp: string) => Payload | Bytes;
  readonly namedRoom?: (room: string) => Bytes;
  readonly ageMs?: number;
  readonly joins?: boolean;
}

function honest(room: string, sdp: string): Payload {
  return { kind: "offer", room, ...describe(sdp) };
}

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
      namedRoom: () => sha256(fromBase64Url(newRoomId())!),
    }],
    ["promises another certificate than its SDP names", "fingerprint_mismatch", {
      payload: (room, sdp) => ({ kind: "offer", room, sdp, fingerprints: ["00".repeat(32)] }),
    }],
    ["promises two certificates", "fingerprint_mismatch", {
      payload: (room, sdp) => ({
        kind: "offer",
        room,
        sdp,
        fingerprints: [...describe(sdp).fingerprints, "00".repeat(32)],
      }),
    }],
    ["is an answer", "handshake_refused", {
      payload: (_room, sdp) => ({ kind: "answer", ...describe(sdp) }),
    }],
    ["is not JSON", "bad_answer", { payload: () => utf8("{") }],
    ["is not UTF-8", "bad_answer", { payload: () => new Uint8Array([0xff, 0xfe]) }],
    ["names a room that is none", "handshake_refused", {
      payload: (_room, sdp) => ({ kind: "offer", room: "%", ...describe(sdp) }),
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

interface RogueCaller extends AsyncDisposable {
  /** Rings Bob; gives the room where it was joined. */
  ring(attempt: Rogue): Promise<Room | null>;
}

async function rogue(play: Stage): Promise<RogueCaller> {
  const http = new Http(play.liar.url, Date.now);
  const store = memoryStore();
  const trust = await Trust.open(http, store, null);
  const label = parseAccountLabel("mallory");
  const account = await registerAccount({ store, http, trust }, label, "");
  const signer = { label, signing: account.self.keys.signing };
  const socket = await Socket.open(http, signer, { onRing: () => {}, onLost: () => {} });
  const stack = weriftPeer().adapter;
  return {
    async ring({ payload, namedRoom, ageMs = 0, joins = true }) {
      const id = newRoomId();
      const quiet = { onMessage: () => {}, onLeave: () => {} };
      const room = joins ? await Room.join(socket, id, quiet) : null;
      const bob = parseAccountLabel("bob");
      const { contact, answer } = await trust.learn(
        bob,
        async (from) =>
          bundlesFromWire(await http.signed(signer, "POST", bundlePath(bob), { from })),
      );
      const bundle = await trust.verifyBundle(contact, answer.bundles[0]!);
      const sealed = payload(id, await stack.createOffer());
      const { common, offer } = await initiate(account.self, bundle, {
        room: namedRoom?.(id) ?? sha256(fromBase64Url(id)!),
        nowMs: Date.now() - ageMs,
        ttlS: 60,
        payload: sealed instanceof Uint8Array ? sealed : payloadToBytes(sealed),
      });
      await socket.request({
        t: "ring",
        to: "bob",
        common: toBase64Url(common),
        offers: [{ device: 1, offer: toBase64Url(offer) }],
      });
      return room;
    },
    [Symbol.asyncDispose]() {
      stack.close();
      socket.close();
      return Promise.resolve();
    },
  };
}
