/**
 * Rooms as people use them: a link, a lobby, messages that only members read, and a host who keeps order.
 *
 * @module
 */

import assert from "node:assert/strict";
import { joinAsGuest, type Meeting } from "../../client/mod.ts";
import { fromBase64Url } from "../../crypto/base64.ts";
import { fromUtf8, utf8 } from "../../crypto/bytes.ts";
import { parseVerifyingKey } from "../../crypto/keys.ts";
import { verifyReceipt } from "../../crypto/receipt.ts";
import { refuses } from "../support/refuses.ts";
import { attend } from "../support/room_talk.ts";
import { stage } from "../support/stage.ts";
import { eventually } from "../support/werift.ts";

const textOf = (meta: Meeting["meta"]): string | null => meta === null ? null : fromUtf8(meta);

Deno.test("people meet in a room by its link, and say things that are proven to be theirs", async () => {
  await using play = await stage();
  const host = attend(await play.alice.createRoom({ meta: utf8("the plan") }));
  await host.next("entered");
  const link = await host.meeting.invite({ uses: 2 });
  const bob = attend(await play.bob.joinRoom(link));
  assert.equal(textOf(bob.meeting.meta), "the plan");
  assert.deepEqual(bob.meeting.members().map(({ account, role }) => [account, role]), [
    ["alice", "host"],
  ]);
  const { member } = await host.next("join");
  assert.deepEqual([member.account, member.role], ["bob", "member"]);
  await host.say("hello");
  await bob.say("hello, too");
  await bob.say("for you", bob.meeting.members()[0]!.id);
  await bob.heard(1);
  await host.heard(2);
  assert.deepEqual(bob.texts(), ["hello"]);
  assert.equal(bob.messages[0]!.peer?.label, "alice");
  assert.deepEqual(host.texts(), ["hello, too", "for you"]);
  assert.deepEqual(host.messages.map(({ isForMe }) => isForMe), [false, true]);
  await bob.meeting.setMeta(utf8("hand raised"));
  assert.equal(textOf((await host.next("meta")).member.meta), "hand raised");
  await bob.meeting.leave();
  await host.next("leave");
  // Whom the room knows comes back by its id.
  const again = await play.bob.joinRoom(host.meeting.id);
  assert.equal(again.self?.role, "member");
});

Deno.test("who is in a room is refused a second time, and the first time hears all that is said", async () => {
  await using play = await stage();
  const host = attend(await play.alice.createRoom());
  const link = await host.meeting.invite({ uses: 2 });
  const bob = attend(await play.bob.joinRoom(link));
  for (const target of [link, host.meeting.id]) {
    await refuses(play.bob.joinRoom(target), "refused");
  }
  await host.say("hello");
  await bob.heard(1);
  assert.deepEqual(bob.texts(), ["hello"]);
});

Deno.test("a guest comes by a link, knocks, is let in, talks, is put out, and comes again", async () => {
  await using play = await stage();
  const host = attend(await play.alice.createRoom());
  const link = await host.meeting.invite({ role: "knocker", uses: 1 });
  const guest = attend(await joinAsGuest({ link }));
  assert.deepEqual([guest.meeting.state, guest.meeting.members()], ["waiting", []]);
  await refuses(guest.say("let me"), "not_in_room");
  await guest.meeting.knock(utf8("it is me"));
  const knock = await host.next("knock");
  assert.deepEqual([fromUtf8(knock.payload), knock.peer], ["it is me", null]);
  assert.ok(knock.member.guest!.startsWith("~"));
  await host.meeting.admit(knock.member.id);
  await guest.meeting.entered;
  assert.equal(guest.meeting.state, "inside");
  await host.next("join");
  await host.say("welcome");
  await guest.say("thanks");
  await Promise.all([host.heard(1), guest.heard(1)]);
  assert.deepEqual([host.texts(), guest.texts()], [["thanks"], ["welcome"]]);
  await host.meeting.kick(host.meeting.members()[0]!.id);
  const { reason, error } = await guest.next("removed");
  assert.deepEqual([reason, error.code, guest.meeting.state], ["kicked", "entry_denied", "over"]);
  await refuses(guest.say("but"), "not_in_room");
  // Its one use is used up: the room let that key in.
  await refuses(joinAsGuest({ link }), "invite_invalid");
});

Deno.test("whoever is turned away at the door hears so, and sees nothing", async () => {
  await using play = await stage();
  const host = attend(await play.alice.createRoom());
  const link = await host.meeting.invite({ role: "knocker" });
  const bob = attend(await play.bob.joinRoom(link));
  await bob.meeting.knock(utf8("bob"));
  const { member, peer } = await host.next("knock");
  assert.equal(peer?.label, "bob");
  await host.meeting.deny(member.id);
  await refuses(bob.meeting.entered, "entry_denied");
  assert.equal((await bob.next("removed")).reason, "denied");
});

Deno.test("a host gives roles, locks, bans and ends a room", async () => {
  await using play = await stage();
  const host = attend(await play.alice.createRoom());
  const link = await host.meeting.invite({ uses: 2 });
  const bob = attend(await play.bob.joinRoom(link));
  const idOfBob = bob.meeting.self!.id;
  await refuses(bob.meeting.lock(), "refused");
  await host.meeting.setRole(idOfBob, "cohost");
  await eventually(() => bob.meeting.self?.role === "cohost");
  await bob.meeting.lock();
  await host.next("lock");
  assert.equal(host.meeting.locked, true);
  await refuses(play.carol.joinRoom(link), "room_locked");
  await bob.meeting.unlock();
  await host.next("unlock");
  const carol = attend(await play.carol.joinRoom(link));
  await host.meeting.ban(carol.meeting.self!.id);
  assert.equal((await carol.next("removed")).reason, "banned");
  await refuses(play.carol.joinRoom(link), "invite_invalid");
  await refuses(bob.meeting.end(), "refused");
  await host.meeting.end();
  assert.equal((await bob.next("removed")).error.code, "room_ended");
  await eventually(() => host.meeting.state === "over");
});

Deno.test("a host sees their rooms and invites, and withdraws one", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  assert.deepEqual((await play.alice.rooms()).map(({ id, people }) => [id, people]), [[
    room.id,
    1,
  ]]);
  const link = await room.invite({ uses: 3, role: "listener", expiresMs: 60_000 });
  const bob = await play.bob.joinRoom(link);
  assert.equal(bob.self?.role, "listener");
  await refuses(bob.send(utf8("hello")), "refused");
  const [invite] = await room.invites();
  assert.deepEqual([invite!.role, invite!.uses, invite!.used], ["listener", 3, 1]);
  await room.withdraw(invite!.id);
  assert.deepEqual(await room.invites(), []);
  await refuses(play.carol.joinRoom(link), "invite_invalid");
  await refuses(bob.invites(), "refused");
  await room.end();
  assert.deepEqual(await play.alice.rooms(), []);
});

Deno.test("the service's word that it took a message is checked, and one that is not its word is none", async () => {
  await using play = await stage();
  const host = await play.alice.createRoom();
  const bob = attend(await play.bob.joinRoom(await host.invite()));
  const receipt = await host.sendForReceipt(utf8("hello"));
  assert.deepEqual([receipt.room, receipt.from, receipt.to], [host.id, host.self!.id, "*"]);
  const message = { ...receipt, room: fromBase64Url(receipt.room)! };
  const key = parseVerifyingKey(receipt.key);
  assert.equal(await verifyReceipt(key, message, receipt.signature), true);
  await bob.heard(1);
  play.liar.frameLie = (direction, frame) =>
    direction === "down" && "receipt" in frame
      ? [{ ...frame, receipt: { ...frame["receipt"] as object, ts: 1 } }]
      : [frame];
  await refuses(host.sendForReceipt(utf8("hello")), "proof_invalid");
});

Deno.test("what is no invite, or no room, is refused with its code", async () => {
  await using play = await stage();
  await refuses(play.alice.joinRoom("https://calls.example/#nothing"), "invite_invalid");
  await refuses(play.alice.joinRoom("gAAAAAAAAAAAAAAAAAAAAA"), "room_not_found");
  const room = await play.alice.createRoom();
  await refuses(room.invite({ uses: 0 }), "bad_option");
  await refuses(room.send(new Uint8Array(15_901)), "bad_option");
  await refuses(room.send(new Uint8Array(1), "nobody"), "no_such_member");
  play.alice.goOffline();
  await refuses(play.alice.createRoom(), "not_online");
});
