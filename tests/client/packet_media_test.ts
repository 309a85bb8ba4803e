import assert from "node:assert/strict";
import { packetMedia } from "../../client/adapters/packet_media.ts";
import { MEDIA } from "../../client/adapters/rtp_payload.ts";
import { FrameCryptor } from "../../crypto/frame_cryptor.ts";
import { CTX } from "../../crypto/schedule.ts";
import { rosterKeys } from "../support/roster_keys.ts";
import { eventually } from "../support/werift.ts";

const [AUDIO] = MEDIA;

Deno.test("of several connections on one cryptor each counts its own frames", async () => {
  const shared = new FrameCryptor();
  const ignore = () => {};
  const heard: number[] = [];
  const toBob = packetMedia({ onFrame: ignore, cryptor: shared }, ignore);
  const toCarol = packetMedia({ onFrame: ignore, cryptor: shared }, ignore);
  const bob = packetMedia({ onFrame: (frame) => heard.push(frame.length) }, ignore);
  await toBob.start(rosterKeys("call", 0), 1);
  await toCarol.start(rosterKeys("call", 0), 2);
  await bob.start(rosterKeys("call", 1), 0);
  const receive = bob.receiver(AUDIO);
  const frame = new Uint8Array(80).fill(7);
  for (const media of [toBob, toBob, toCarol]) {
    const { packets } = (await media.protect(CTX.mic, frame, "key"))!;
    if (media === toBob) { for (const packet of packets) receive(packet); }
  }
  await eventually(() => heard.length === 2);
  // What another says under this one's name, and what says nothing.
  const meddled = (await toBob.protect(CTX.mic, frame, "key"))!.packets[0]!;
  meddled.payload[meddled.payload.length - 1]! ^= 1;
  receive(meddled);
  receive({ ...meddled, payload: new Uint8Array(0) });
  await eventually(() => bob.stats().refused["bad_frame"] === 1);
  assert.deepEqual(
    [toBob, toCarol, bob].map((media) => media.stats()).map((stats) => [
      stats.framesProtected,
      stats.framesOpened,
      stats.refused,
    ]),
    [[3, 0, {}], [1, 0, {}], [0, 2, { bad_frame: 1 }]],
  );
  assert.ok(toBob.stats().bytesProtected > 3 * frame.length);
});
