/**
 * The client that `/docs` walks through: one file of plain JavaScript, which knows nothing of this
 * project but what the page says.
 *
 * @module
 */

import assert from "node:assert/strict";
import * as stranger from "../../examples/docs/client.js";
import { type ServerFrame } from "../../wire/frames.ts";
import { registered } from "../support/dpop.ts";
import { attend } from "../support/room_talk.ts";
import { startService } from "../support/service.ts";
import { stage } from "../support/stage.ts";

Deno.test("a stranger's client comes into a room by its invite, is understood, and understands", async () => {
  await using play = await stage();
  const host = attend(await play.alice.createRoom());
  const link = await host.meeting.invite({ uses: 1 });
  const heard: string[] = [];
  const reply = Promise.withResolvers<void>();
  const invite = stranger.readInvite(link);
  const socket = await stranger.say(link, "hello from nowhere", async (frame: ServerFrame) => {
    if (frame.t === "error") heard.push(`${frame.code}`);
    if (frame.t !== "signal") return;
    heard.push((await stranger.open(invite, frame.ct)).text);
    reply.resolve();
  });
  await host.heard(1);
  assert.deepEqual(host.texts(), ["hello from nowhere"]);
  await host.say("welcome, nobody");
  await reply.promise;
  assert.deepEqual(heard, ["welcome, nobody"]);
  socket.close();
  await host.next("leave");
});

Deno.test("the same client waits at the door where its invite is for knocking", async () => {
  await using play = await stage();
  const link = await (await play.alice.createRoom()).invite({ role: "knocker" });
  const lobby = Promise.withResolvers<void>();
  const socket = await stranger.say(link, "hello", (frame: ServerFrame) => {
    if (frame.t === "lobby") lobby.resolve();
  });
  await lobby.promise;
  socket.close();
  await socket.closed;
});

Deno.test("the same client signs in as an account's device", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const { privateKey, publicKey } = alice.keys.signing;
  const key = await stranger.described(privateKey, publicKey);
  const token = await stranger.signIn(service.url, key, "alice");
  const frames: string[] = [];
  const socket = await stranger.connect(service.url, key, token, (frame: ServerFrame) => {
    frames.push(frame.t);
  });
  assert.deepEqual(frames, ["welcome"]);
  const answer = await stranger.ask(service.url, key, "GET", "/v1/rooms", { token });
  assert.deepEqual(answer, { rooms: [] });
  await assert.rejects(stranger.signIn(service.url, key, "bob"), /unknown_device/);
  socket.close();
  await socket.closed;
});
